"""The masked forms of names, phones, ID numbers and addresses: 张*, 138****1234, 620623********1234."""

from collections.abc import Iterable


def mask_name(name: str) -> str:
    """The first character and one star, whatever the length: the number of characters would narrow a village down."""
    return f"{name[:1]}*" if name else ""


def mask_phone(phone: str) -> str:
    """First three and last four digits of a mobile; the last four of anything shorter than eleven."""
    if not phone:
        return ""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else f"****{phone[-2:]}"


def mask_id(number: str) -> str:
    """Region code and last four of an 18-digit number."""
    if not number:
        return ""
    return f"{number[:6]}********{number[-4:]}" if len(number) >= 15 else f"****{number[-2:]}"


def mask_address(address: str) -> str:
    """The first six characters, as a rule the village; the house stays hidden."""
    return f"{address[:6]}****" if address else ""


def mask_side(names: str) -> str:
    """One side of a case, names joined by 、, each masked by itself."""
    return "、".join(mask_name(name) for name in names.split("、") if name)


def mask_in(text: str, names: Iterable[str]) -> str:
    """Free text with every one of `names` masked: a name that is hidden does not stand in the story either."""
    for name in sorted(set(filter(None, names)), key=len, reverse=True):
        text = text.replace(name, mask_name(name))
    return text
