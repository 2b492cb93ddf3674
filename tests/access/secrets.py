"""What must not stand in an answer: sealed values, hidden names, numbers of cases out of scope (T-01, T-05)."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

from tests.access.county import HIDDEN, PLAIN_NAMES, SEALED, County
from tests.access.inventory import Address

#: Drafts and issued papers.
PRINTS = re.compile(r"papers/new/|papers/preview/|papers/<uid>/(pdf|docx)/|/dossier/$")
NUMBER = re.compile(rb"6[0-9]{5}-[0-9]{3}-20[0-9]{2}-[0-9]{4}")

#: Where somebody's cases may be read: by the rule of product.md ("The people"), written by hand.
VILLAGE = {"own_village", "own_room", "own_centre"}
TOWN = VILLAGE | {"sister_village", "sister_centre", "handed_down"}
READABLE = {
    **dict.fromkeys(["assistant", "assistant_lead", "grid", "village_mediator"], VILLAGE),
    **dict.fromkeys(["officer", "officer_lead", "centre", "centre_lead", "town_supervisor"], TOWN),
    "mediator": {"own_centre", "sister_centre"},
    "supervisor": TOWN | {"other_township"},
}
#: Who reads a minor's or a family case's names: the desk on which it lies.
NAMED_TO = {
    "own_room": {"officer", "officer_lead"},
    "sister_village": set(),  # nobody of these tests works there
    "sister_centre": {"centre", "centre_lead", "mediator"},
}
#: Everybody who reads cases, but for those to whom a person is 张*.
PLAIN_TO = READABLE.keys() - {"supervisor", "town_supervisor"}


def text_of(content: bytes) -> bytes:
    """The words of an answer; of an xlsx those of every part in it."""
    if not content.startswith(b"PK\x03\x04"):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return b"\n".join(archive.read(name) for name in archive.namelist())


def readable(county: County, actor: str) -> set[str]:
    """The numbers of every case that this person may know of."""
    places = READABLE.get(actor, set())
    sessions = {name: session.dispute for name, session in county.sessions.items()}
    kinds = (county.cases, county.settled, sessions)
    found = {case.case_no for kept in kinds for n, case in kept.items() if n in places}
    return found | ({county.target.case_no} if "own_village" in places else set())


def referred_to(county: County, actor: str) -> set[str]:
    """The numbers of the cases that were referred to this person's office: it learns the number, and no more."""
    return {county.cases["own_centre"].case_no} if actor == "department" else set()


def told_to_counsel(address: Address, actor: str) -> set[str]:
    """The one person who was referred to the counsellor of these tests, where counselling is shown."""
    shown = "counselling/" in address.route or address.route in ("", "todo/", "api/v1/todo/")
    return {PLAIN_NAMES[0]} if actor == "counsellor" and shown else set()


def names_hidden_from(actor: str) -> set[str]:
    hidden = {name for place, names in HIDDEN.items() if actor not in NAMED_TO[place] for name in names}
    return hidden | (set() if actor in PLAIN_TO else set(PLAIN_NAMES))


def leaks(county: County, address: Address, method: str, actor: str, content: bytes) -> Iterator[str]:
    """What this answer tells that it must not."""
    words = text_of(content)
    # a paper is made to hold them; the policy says who gets one
    if "reveal" not in address.route and not PRINTS.search(address.route):
        yield from (f"holds the {name}" for name, value in SEALED.items() if value.encode() in words)
    hidden = names_hidden_from(actor) - told_to_counsel(address, actor)
    yield from (f"names {name}" for name in sorted(hidden) if name.encode() in words)
    # A list tells of no case out of scope. The auditor's log does: that somebody acted in it, and nothing of what.
    if method == "GET" and "<" not in address.route and address.route != "manage/audit/":
        numbers = {number.decode() for number in NUMBER.findall(words)}
        yield from (
            f"lists {number}" for number in sorted(numbers - readable(county, actor) - referred_to(county, actor))
        )
