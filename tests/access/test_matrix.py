"""Every address × method × person × place against policy_expect.csv, which is written by hand (T-01).

The left side is generated from the URLconf, so a new view without a row in the policy is red; so is a row whose view is
gone. An answer about something outside one's scope is compared byte by byte with the answer about something that does
not exist. Every answer, files too, is searched for what is sealed, for names hidden from this person and, where it is
a list, for numbers of cases that are not theirs (T-05).

The rule is the same code on both databases, and `make test-full` asks everything on each of the two. From day to day
people to whom the policy promises the same answers at an address, and from whom the same is hidden, are one voice
there: one of them asks, at the next address another. So every line of the policy is asked, two thirds by `make test`
(SQLite), the other third by `make test-services` (PostgreSQL).
"""

from __future__ import annotations

import functools
import zlib

import pytest
from django.db import connection

from tests.access.asking import Asker, questions, relations_of
from tests.access.county import ACTORS, HIDDEN, PLAIN_NAMES, RELATIONS, County
from tests.access.inventory import READ, WRITE, Address, addresses, count
from tests.access.policy import Cell, policy
from tests.access.secrets import READABLE, leaks, names_hidden_from, readable


def cells() -> set[Cell]:
    return {
        Cell(address.route, method, actor, relation)
        for address in questions()
        for method in address.methods
        if method != "HEAD"  # answered as GET, which the run below checks
        for actor in ACTORS
        for relation in relations_of(address)
    }


def test_the_policy_covers_the_urlconf_and_nothing_else() -> None:
    asked, written = cells(), policy().status
    assert policy().problems == []
    assert summed(asked - written.keys()) == [], "in the URLconf, without a row in policy_expect.csv"
    assert summed(written.keys() - asked) == [], "in policy_expect.csv, without an address"
    assert len(addresses()) == count()


def summed(cells: set[Cell]) -> list[str]:
    return sorted({f"{cell.method} {cell.route} {cell.relation}" for cell in cells})


@pytest.fixture(scope="module")
def asker(county: County) -> Asker:
    return Asker(county)


#: What each person reads of the cases below, to know that hidden names were looked for where they could stand.
ALWAYS = ("disputes/<case_no>/", "disputes/")


#: Which thirds of the voices are asked in the daily run on this database.
THIRDS = {"sqlite": {0, 1}, "postgresql": {2}}


Promise = tuple[tuple[str | None, ...], frozenset[str], frozenset[str]]


def promised(actor: str, address: Address, method: str) -> Promise:
    """What this person gets here, over all places, which names stay hidden from them, and where they read cases."""
    asked = "GET" if method == "HEAD" else method
    words = (policy().status.get(Cell(address.route, asked, actor, place)) for place in relations_of(address))
    return tuple(words), frozenset(names_hidden_from(actor)), frozenset(READABLE.get(actor, ()))


@functools.cache
def voices(address: Address, method: str) -> dict[str, int]:
    """Who asks this address from day to day: of everybody with the same promise one, and which third has it."""
    turn = zlib.crc32(f"{method} {address.route}".encode())
    alike: dict[Promise, list[str]] = {}
    for actor in ACTORS:
        alike.setdefault(promised(actor, address, method), []).append(actor)
    return {group[turn % len(group)]: (turn + n) % 3 for n, group in enumerate(alike.values())}


def falls_to(actor: str, address: Address, method: str, thirds: set[int]) -> bool:
    """Whether this person asks this address in these thirds; in all three everybody asks everything."""
    everything = thirds == {0, 1, 2}
    return everything or address.route in ALWAYS or voices(address, method).get(actor) in thirds


@pytest.mark.parametrize("actor", ACTORS)
def test_everybody_gets_what_the_policy_says(asker: Asker, actor: str, record_property) -> None:
    everybody_asks(asker, actor, record_property, THIRDS[connection.vendor])


@pytest.mark.full
@pytest.mark.parametrize("actor", ACTORS)
def test_everybody_asks_everything(asker: Asker, actor: str, record_property) -> None:
    everybody_asks(asker, actor, record_property, {0, 1, 2})


def test_the_two_databases_ask_every_line_of_the_policy_between_them() -> None:
    assert sorted(third for thirds in THIRDS.values() for third in thirds) == [0, 1, 2]
    for address in questions():
        for method in address.methods:
            asked = {promised(actor, address, method) for actor in voices(address, method)}
            assert asked == {promised(actor, address, method) for actor in ACTORS}


def everybody_asks(asker: Asker, actor: str, record_property, thirds: set[int]) -> None:
    wrong: list[str] = []
    asked, seen = 0, b""
    for address in questions():
        for method in address.methods:
            if not falls_to(actor, address, method, thirds):
                continue
            answers = {}
            for relation in relations_of(address):
                answer = asker.ask(address, method, actor, relation)
                asked += 1
                answers[relation] = answer
                cell = Cell(address.route, "GET" if method == "HEAD" else method, actor, relation)
                expected = policy().status.get(cell, "no row")
                if answer.word != expected:
                    wrong.append(f"{method} /{address.route} {relation}: {answer.word}, the policy says {expected}")
                told = leaks(asker.county, address, method, actor, answer.content)
                wrong += [f"{method} /{address.route} {relation}: {leak}" for leak in told]
                if address.route in ALWAYS:
                    seen += answer.content
            nothing = answers.get("missing")
            if nothing is None or nothing.status not in (403, 404):
                continue
            for relation, answer in answers.items():
                if answer.status == nothing.status and answer != nothing:
                    wrong.append(f"{method} /{address.route} {relation}: {answer.difference(nothing)}")
    record_property(
        "access matrix",
        {
            "patterns": len(addresses()),
            "urlconf": count(),
            "actor": actor,
            "relations": len({name for names in RELATIONS.values() for name in names}),
            "requests": asked,
            "mismatches": len(wrong),
        },
    )
    assert not wrong, "\n".join(wrong)
    # What is hidden from some is shown to others: else nothing above would have been looked for where it could stand.
    assert all(case_no.encode() in seen for case_no in readable(asker.county, actor))
    if actor in READABLE:
        shown = {*PLAIN_NAMES, *(name for names in HIDDEN.values() for name in names)} - names_hidden_from(actor)
        reached = {name for place in READABLE[actor] for name in HIDDEN.get(place, PLAIN_NAMES)}
        assert {name for name in shown & reached if name.encode() not in seen} == set()


def test_no_view_takes_another_method(asker: Asker) -> None:
    """405 for a person who may open the page; before any right is asked, so that it tells nothing."""
    taken = []
    for address in questions():
        relation = relations_of(address)[0]
        for method in {*READ, *WRITE} - set(address.methods):
            for actor in ("officer_lead", "sysadmin"):
                answer = asker.ask(address, method, actor, relation)
                if answer.status not in (405, 403, 404) and address.route != "login/":  # whoever is in is sent on
                    taken.append(f"{method} /{address.route} as {actor}: {answer.status}")
    assert not taken, "\n".join(taken)
