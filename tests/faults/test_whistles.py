"""Answers at the same moment: two offices both count, two colleagues of one office do not, a settlement ends all."""

from __future__ import annotations

from disputes.models import Dispute, Event, MoveRefused
from disputes.whistles.models import Call, Whistle
from tests import factories as f
from tests.factories import NOW
from tests.faults import processes


def answer_all(number: int, pks: list[int], barrier, people) -> list[str]:
    """Each whistle in turn: both processes read it, wait for one another, and answer."""
    answers, by = [], people[number]
    for pk in pks:
        whistle = Whistle.objects.get(pk=pk)
        by.forget_scope()
        barrier.wait(60)
        try:
            if number:
                whistle.answer("decline", by=by, at=NOW, reply="人手不够")
            else:
                whistle.answer("accept", by=by, at=NOW, who_comes=by.name, coming_on=NOW.date())
            answers.append("won")
        except MoveRefused as refused:
            answers.append(refused.sentence)
    return answers


def blown(w, count: int, *offices) -> list[int]:
    case = f.mediating(w)
    return [f.blow(case, w.assistant, *offices).pk for _ in range(count)]


def test_two_offices_that_answer_at_once_both_count(w):
    f.departments(w)
    pks = blown(w, 20, w.land_office, w.justice_office)
    barrier = processes.CONTEXT.Barrier(2)
    answers = processes.together(2, answer_all, pks, barrier, (w.land, w.justice))
    assert answers == [["won"] * 20, ["won"] * 20]
    assert set(Call.objects.values_list("office", "state")) == {
        (w.land_office.pk, "accepted"), (w.justice_office.pk, "declined"),
    }  # fmt: skip
    assert Event.objects.filter(kind="whistle_answer").count() == 40


def test_of_two_colleagues_who_answer_at_once_one_wins(w):
    f.departments(w)
    pks = blown(w, 25, w.land_office)
    barrier = processes.CONTEXT.Barrier(2)
    for a, b in zip(*processes.together(2, answer_all, pks, barrier, (w.land, w.second_land)), strict=True):
        assert (a == "won") != (b == "won"), (a, b)
        assert any(name in (a, b)[a == "won"] for name in ("甘延平", "鲁海燕")), (a, b)
    assert Event.objects.filter(kind="whistle_answer").count() == len(pks)  # one event each: the loser left none


def answer_or_settle(number: int, pks: list[int], barrier, w) -> list[str]:
    """One process accepts, the other withdraws the case at the same moment."""
    answers = []
    for pk in pks:
        whistle = Whistle.objects.select_related("dispute").get(pk=pk)
        barrier.wait(60)
        try:
            if number:
                whistle.dispute.perform("withdraw", by=w.assistant, at=NOW, asked_by="双方", reason="自行说和")
            else:
                whistle.answer("accept", by=w.land, at=NOW, who_comes="甘延平", coming_on=NOW.date())
            answers.append("won")
        except MoveRefused as refused:
            answers.append(refused.sentence)
    return answers


def test_an_answer_and_a_settlement_that_meet_leave_nothing_pending(w):
    f.departments(w)
    pks = [f.blow(f.mediating(w), w.assistant, w.land_office).pk for _ in range(20)]
    accepted, left = processes.together(2, answer_or_settle, pks, processes.CONTEXT.Barrier(2), w)
    assert left == ["won"] * 20  # the case goes its way, whoever answers
    assert all(answer == "won" or "结束" in answer for answer in accepted)
    assert not Call.objects.pending().exists() and not Whistle.objects.live().exists()
    assert set(Dispute.objects.values_list("status", flat=True)) == {"withdrawn"}
