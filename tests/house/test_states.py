"""The table of moves is whole: drawn, reachable, reacted to, and each fact asked for where the move is made."""

from __future__ import annotations

import itertools

import pytest
from django.urls import get_resolver

from disputes import drawing, facts, moves, panels
from disputes.api import BODIES
from disputes.forms import MoveForm
from disputes.models import OTHER_EVENTS
from disputes.moves import LEAVES, MOVES, OPEN, Status, Tier, registered_guards
from followups.reactions import REACTIONS
from tests.factories import at_room, register, world
from tests.house.tree import ROOT
from villages import panels as village_panels


def test_the_drawing_in_the_docs_is_the_table() -> None:
    """After a change of MOVES: manage.py draw_states."""
    assert (ROOT / "docs" / "states.md").read_text(encoding="utf-8") == drawing.draw()


def test_every_event_has_a_reaction_entry() -> None:
    assert REACTIONS.keys() == MOVES.keys() | OTHER_EVENTS.keys()


def test_every_status_and_tier_is_reached_from_registration() -> None:
    reached, before = {(Status.WAITING, Tier.VILLAGE)}, set()
    while reached != before:
        before = set(reached)
        for (status, tier), (name, row) in itertools.product(before, MOVES.items()):
            if status in row.from_ and tier in row.tiers:
                ends = drawing.DEPENDS.get(name) or (row.to or status,)
                reached |= {(end, Tier(tier + row.step)) for end in ends}
    assert reached == set(itertools.product(Status, Tier))


def test_a_round_that_leaves_is_counted() -> None:
    """Every move out of the open statuses is 办结, but for 作废, which stands below the table."""
    out = {name: row.to for name, row in MOVES.items() if set(row.from_) & set(OPEN) and row.to and row.to not in OPEN}
    assert out == {**LEAVES, "void": Status.VOIDED}


def test_every_fact_is_in_the_catalogue() -> None:
    assert {name for row in MOVES.values() for name in row.facts} == facts.FACTS.keys()


@pytest.mark.parametrize("name", MOVES)
def test_every_fact_is_in_the_body_of_the_api(name: str) -> None:
    fields = BODIES[name]().fields
    assert set(fields) == {*MOVES[name].facts, "version"}
    assert {field for field in fields if fields[field].required} == set(MOVES[name].needs)


@pytest.mark.django_db
def test_every_fact_is_on_the_form_of_the_page() -> None:
    """What is needed on every form; what is asked of some cases only, on the form of such a case."""
    w = world()
    family = at_room(w, type_l1="01", type_l2="0101")
    plain = register(w)
    for name, row in MOVES.items():
        shown = [set(MoveForm(name, case, user).names) for case, user in [(family, w.officer), (plain, w.assistant)]]
        assert set(row.needs) <= set.intersection(*shown), name
        assert set(row.facts) == set.union(*shown), name


def test_what_upper_rooms_registered() -> None:
    """Pinned: a guard or a section that is registered twice, or not at all, is seen here."""
    assert get_resolver().url_patterns
    assert registered_guards() == {"close": ["why_visits_missing"]}
    first = ["safeguards", "sessions", "instructions", "whistles"]
    sections = [*first, "papers", "visits", "counselling", "referrals", "sources", "outcomes", "links", "reminders"]
    assert [key for _order, key in panels.register_list()] == sections
    leaving = ["call_off_with_the_case", "settle_instructions", "settle_whistles", "settle_pending"]
    assert [function.__name__ for function in moves._leaving] == leaving
    assert list(village_panels.registered) == ["open_cases", "last_walk"]
