"""Status × tier × role × move against a table written by hand, apart from disputes.moves.

The expectation is a product: a new status, tier or move that is missing here fails the test.
"""

import itertools

import pytest

from disputes.models import Dispute, NotYours
from disputes.moves import MOVES, Status, Tier
from tests.factories import NOW, register
from villages.models import Role, User

STATUSES = ["waiting", "mediating", "settled", "closed", "referred", "withdrawn", "merged", "voided"]

#: move → (statuses it starts from, tiers, who): who is desk, lead, desk+supervisor. Copied from product.md by hand.
EXPECTED = {
    "take_up": ("waiting", "123", "desk"),
    "settle": ("waiting mediating", "123", "desk"),
    "escalate": ("waiting mediating", "12", "desk"),
    "return": ("waiting", "23", "desk"),
    "hand_down": ("waiting mediating", "23", "desk"),
    "refer": ("waiting mediating", "123", "desk"),
    "end": ("mediating", "123", "desk"),
    "withdraw": ("waiting mediating", "123", "desk"),
    "reopen": ("settled closed withdrawn referred", "123", "desk+supervisor"),
    "close": ("settled", "123", "desk"),
    "pause": ("waiting mediating", "123", "desk"),
    "resume": ("waiting mediating", "123", "desk"),
    "extend": ("waiting mediating", "123", "desk"),
    "merge": ("waiting mediating", "123", "desk"),
    "unmerge": ("merged", "123", "desk"),
    "split": ("waiting mediating", "123", "desk"),
    "void": ("waiting", "123", "desk"),
    "assign": ("waiting mediating settled", "123", "lead"),
}
#: What the guards say in the plain situation of this test, whatever status, tier and role.
REFUSED_HERE = {
    "resume": {"案件没有中止，不用恢复"},
    "void": {"作废要两个人：先由一人提请作废，再由本单位另一人办理"},
}
DESK_ROLES = {"assistant", "grid", "mediator", "officer", "centre"}
#: username of the world → the tiers whose desk of 石门村 they sit at, those they lead, whether they supervise it
PEOPLE = {
    "assistant": ({1}, {1}, False),
    "grid": ({1}, set(), False),
    "village_mediator": ({1}, set(), False),
    "officer": ({2}, {2}, False),
    "second_officer": ({2}, set(), False),
    "centre": ({3}, set(), False),
    "centre_lead": ({3}, {3}, False),
    "mediator": ({3}, set(), False),
    "sister_assistant": (set(), set(), False),
    "far_officer": (set(), set(), False),
    "foreign_officer": (set(), set(), False),
    "supervisor": (set(), set(), True),
    "town_supervisor": (set(), set(), True),
    "department": (set(), set(), False),
    "counsellor": (set(), set(), False),
    "sysadmin": (set(), set(), False),
    "secadmin": (set(), set(), False),
    "auditor": (set(), set(), False),
    "nobody": (set(), set(), False),
}


def expected(move: str, status: str, tier: int, person: str, role: str) -> str:
    """never (403), no (409) or yes, from the hand-written table."""
    starts, tiers, who = EXPECTED[move]
    has_role = role in DESK_ROLES or (role == "supervisor" and "supervisor" in who)
    if not has_role:
        return "never"
    desks, leads, supervises = PEOPLE[person]
    turn = tier in leads if who == "lead" else tier in desks or ("supervisor" in who and supervises)
    if status not in starts.split() or str(tier) not in tiers or not turn or move in REFUSED_HERE:
        return "no"
    if move == "settle" and status == "waiting" and tier != 1:
        return "no"
    if move == "close":
        return "no"  # no visit was made yet
    return "yes"


def test_the_expected_table_is_total(w):
    assert set(EXPECTED) == set(MOVES)
    assert set(STATUSES) == set(Status.values)
    assert {1, 2, 3} == set(Tier.values)
    assert set(Role.values) == {
        role for name in PEOPLE for role in User.objects.get(username=name).postings.values_list("role", flat=True)
    }


@pytest.mark.parametrize("status", STATUSES)
def test_every_cell(w, status):
    cells = 0
    people = {name: getattr(w, name) for name in PEOPLE}
    roles = {name: next(iter(user.scope.roles), "") for name, user in people.items()}
    desks = {1: w.committee, 2: w.room, 3: w.centre_office}
    for tier in (1, 2, 3):
        case = register(w)
        # an in-memory situation: why_not asks the case alone
        case.status, case.tier, case.desk = status, tier, desks[tier]
        case.left_at = None if status in ("waiting", "mediating") else NOW
        for move, (name, user) in itertools.product(MOVES, people.items()):
            try:
                sentence = case.why_not(move, by=user, at=NOW)
                found = "no" if sentence else "yes"
            except NotYours:
                found = "never"
            assert found == expected(move, status, tier, name, roles[name]), (move, status, tier, name)
            cells += 1
    assert cells == 3 * len(MOVES) * len(PEOPLE)


def test_the_clock_alone_only_escalates(w):
    case = register(w)
    assert [name for name in MOVES if case.why_not(name, by=None, at=NOW) is None] == ["escalate"]


def test_where_a_move_leads():
    """The `to` column, by hand."""
    to = {
        "take_up": "mediating",
        "settle": "settled",
        "escalate": "waiting",
        "return": "waiting",
        "hand_down": "waiting",
        "refer": "referred",
        "end": "withdrawn",
        "withdraw": "withdrawn",
        "reopen": "waiting",
        "close": "closed",
        "merge": "merged",
        "void": "voided",
    }
    assert {name: row.to for name, row in MOVES.items() if row.to} == to
    assert {name: row.step for name, row in MOVES.items() if row.step} == {"escalate": 1, "return": -1, "hand_down": -1}


def test_every_status_is_reachable():
    reached = {"waiting"} | {row.to for row in MOVES.values() if row.to}
    assert reached == set(Status.values)


def test_while_paused_only_these_remain(w):
    case = register(w)
    case.perform("take_up", by=w.assistant, at=NOW, handler=w.assistant)
    case.perform("pause", by=w.assistant, at=NOW, reason="等鉴定")
    allowed = {n for n in MOVES if "mediating" in MOVES[n].from_ and case.why_not(n, by=w.assistant, at=NOW) is None}
    assert allowed == {"resume", "settle", "refer", "end", "withdraw", "assign"}


def test_refusing_writes_nothing(w):
    case = register(w)
    before = Dispute.objects.values().get(pk=case.pk)
    events = case.events.count()
    for move in MOVES:
        if case.why_not(move, by=w.assistant, at=NOW):
            with pytest.raises(Exception):  # noqa: B017 - MoveRefused, whatever the sentence
                case.perform(move, by=w.assistant, at=NOW)
    assert Dispute.objects.values().get(pk=case.pk) == before
    assert case.events.count() == events
