"""What is compared when somebody searches: plain runs of characters, their pairs, and what a query asks for.

Any two neighbouring characters of a text find it. Dots inside names, widths and capitals make no difference; every
other sign ends a run, so that no pair reaches across two sentences.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from audit import keyring
from disputes import parsing

LIMIT = 60  # characters of a query
WORDS = 6  # of a query
#: A run of so many digits is a phone or an ID number: it is found by its keyed fingerprint or not at all.
SECRET_DIGITS = 7
_IN_NAMES = frozenset("·•・‧∙⋅･")
_SECRET = re.compile(rf"[0-9]{{{SECRET_DIGITS},}}[x]?")


class BadQuery(Exception):
    """A query that cannot be asked; `sentence` says why and what to write instead."""

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = sentence


def plain(text: str) -> tuple[str, list[int]]:
    """The runs of a text, one blank between them, and for each character the place in `text` that it comes from."""
    out: list[str] = []
    places: list[int] = []
    for place, raw in enumerate(text):
        for character in unicodedata.normalize("NFKC", raw).lower():
            if character.isalnum() or unicodedata.category(character)[0] == "M":
                out.append(character)
                places.append(place)
            elif character in _IN_NAMES or unicodedata.category(character) == "Cf":
                continue
            elif out and out[-1] != " ":
                out.append(" ")
                places.append(place)
    return "".join(out), places


def searchable(text: str) -> tuple[str, list[int]]:
    """`plain` without phones and ID numbers, which blanks of the same length stand for."""
    runs, places = plain(text)
    return _SECRET.sub(lambda found: " " * len(found[0]), runs), places


def pairs(runs: str) -> set[str]:
    """Every two neighbouring characters inside the runs."""
    return {runs[n : n + 2] for n in range(len(runs) - 1) if runs[n] != " " and runs[n + 1] != " "}


@dataclass(frozen=True)
class Number:
    """A case number as far as it was typed: whole, its beginning, or (township,) year and serial."""

    whole: str = ""
    begins: str = ""
    tail: str = ""  # what a shorter form ends with: 103-2026-0001 is kept as 103, year and serial
    year: str = ""
    serial: str = ""

    @property
    def token(self) -> str:
        return number_token(self.year, self.serial)


def number_token(year: str, serial: str) -> str:
    """How a year and a serial, or a serial alone, stand in the index; leading zeros make no difference."""
    letters = re.match(r"[a-z]*", serial.lower())[0]  # type: ignore[index]  # L0001 of a ledger's old cases
    digits = serial[len(letters) :].lstrip("0") or "0"
    return f"n{year}y{letters}{digits}" if year else f"n{letters}{digits}"


@dataclass(frozen=True)
class Word:
    """One word of a query: its runs, and the fingerprints and spellings that it may stand for."""

    text: str
    exact: tuple[str, ...] = ()  # what only those who may read the names find
    number: str = ""  # what it would be as a serial

    @property
    def is_secret(self) -> bool:
        """Whether it may be a phone, its last four or an ID number."""
        return any(token.startswith("h") for token in self.exact)

    @property
    def pairs(self) -> tuple[str, ...]:
        return () if _SECRET.fullmatch(self.text) else tuple(sorted(pairs(self.text)))


@dataclass(frozen=True)
class Query:
    """What somebody asks for; `ignored` are single characters beside longer words."""

    raw: str
    number: Number | None = None
    words: tuple[Word, ...] = ()
    ignored: tuple[str, ...] = ()


_BRACKETS = re.compile(r"[〔〕（）()\[\]【】﹝﹞{}「」]")
_FULL = re.compile(r"([0-9]{6})-([0-9]{3})-([0-9]{4})-(l?[0-9]{1,8})")
_SHORT = re.compile(r"(?:([0-9]{3})-)?((?:19|20)[0-9]{2})[-年]第?(l?[0-9]{1,8})号?")
_SERIAL = re.compile(r"第?(l?[0-9]{1,8})号")


def read(raw: object) -> Query | None:
    """What a typed query asks for; None for an empty one. Raises BadQuery."""
    try:
        typed = parsing.text(raw, limit=LIMIT)
    except ValidationError as error:
        raise BadQuery(" ".join(error.messages)) from None
    if not typed:
        return None
    number = _number(typed)
    if number:
        return Query(typed, number)
    secret = _secret(re.sub(r"\s", "", unicodedata.normalize("NFKC", typed)))
    if secret:
        return Query(typed, words=(Word(plain(typed)[0].replace(" ", ""), (secret,)),))
    found = list(dict.fromkeys(plain(typed)[0].split()))
    words = [word for word in found if len(word) > 1]
    if not found:
        raise BadQuery(_("没有能查的字。写案号、姓名、拼音、村名、电话后四位或者经过里的几个字"))
    if not words:
        raise BadQuery(_("至少写两个连着的字，一个字查出来的太多"))
    if len(words) > WORDS:
        raise BadQuery(_("一次最多查 %(n)s 个词，先去掉几个") % {"n": WORDS})
    return Query(typed, words=tuple(map(_word, words)), ignored=tuple(word for word in found if len(word) == 1))


def _number(typed: str) -> Number | None:
    """A case number in any form: 620623-103-2026-0001 or its beginning, 〔2026〕1号, 2026年第1号, 2026-1, 1号."""
    value = re.sub(r"\s", "", unicodedata.normalize("NFKC", typed)).lower()
    value = re.sub(r"^[^0-9(\[【〔﹝]*(?=[(\[【〔﹝])", "", value)  # 天政调〔2026〕1号: whose number it is
    value = re.sub(r"-+", "-", re.sub(r"[‐‑‒–—―－_−]", "-", _BRACKETS.sub("-", value))).lstrip("-")
    if re.fullmatch(r"[0-9]{6}-[0-9-]*l?[0-9]*", value) and not _FULL.fullmatch(value):
        return Number(begins=value.upper())
    value = value.rstrip("-")
    full = _FULL.fullmatch(value.removesuffix("号").replace("-第", "-"))
    if full:
        serial, head = full[4].upper(), f"{full[1]}-{full[2]}-{full[3]}-"
        begins = f"{head}{serial}" if serial.startswith("0") and len(serial) < 4 else ""  # 00 is how 0001 begins
        return Number(whole=head + (serial.zfill(4) if serial.isdigit() else serial), begins=begins)
    short = _SHORT.fullmatch(value.replace("-第", "-").replace("年-", "年"))
    if short:
        return Number(tail=short[1] or "", year=short[2], serial=short[3])
    serial = _SERIAL.fullmatch(value)
    return Number(serial=serial[1]) if serial else None


def _secret(value: str) -> str:
    """The token of a whole phone or ID number; nothing for anything else."""
    if re.fullmatch(r"[0-9]{17}[0-9Xx]", value):
        return secret_token(keyring.blind_index("id", value))
    digits = re.sub(r"[^0-9]", "", value)
    if len(digits) < SECRET_DIGITS or re.search(r"[^0-9+()\-–—]", value):
        return ""
    try:
        return secret_token(keyring.blind_index("phone", parsing.phone(value)))
    except ValidationError:
        return ""


def secret_token(index: str) -> str:
    """How the keyed fingerprint of a phone, its last four or an ID number stands in the index."""
    return f"h{index[:24]}" if index else ""


def _word(text: str) -> Word:
    if text.isascii() and text.isdigit():
        last4 = (secret_token(keyring.blind_index("phone4", text)),) if len(text) == 4 else ()
        return Word(text, last4, number_token("", text) if len(text) < SECRET_DIGITS else "")
    letters = text.replace("ü", "v")
    return Word(text, (f"p{letters}",) if letters.isascii() and letters.isalpha() else ())
