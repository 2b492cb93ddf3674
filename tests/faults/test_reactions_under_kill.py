"""A server that dies between the commit and the reaction, and pumps that run at once, leave the same rows."""

from __future__ import annotations

import os
import signal

import pytest

from disputes.models import Dispute, Event
from followups.models import Handled, Notice, Reminder
from followups.pump import pump_once
from followups.reactions import reacting_kinds
from tests import factories as f
from tests.factories import NOW, moment
from tests.faults import processes


def test_a_reaction_killed_after_the_commit_is_repaired_by_the_sweep(w):
    case = f.mediating(w)

    def settle_and_die() -> None:
        import disputes.models

        disputes.models.run_after = lambda event_id: os.kill(os.getpid(), signal.SIGKILL)
        again = Dispute.objects.get(pk=case.pk)
        facts = f.settlement(w, again, organisation=w.committee, chair=w.village_mediator)
        again.perform("settle", by=w.assistant, at=NOW, **facts)

    process = processes.start(settle_and_die)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    case.refresh_from_db()
    assert case.status == "settled" and not case.visits.exists()
    assert "还在安排" in case.why_not("close", by=w.assistant, at=NOW)
    pump_once(now=NOW)
    assert case.visits.count() == 4


def test_a_reaction_killed_in_its_middle_leaves_nothing_and_is_repaired(w):
    from followups import reactions

    def die(event: Event) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    case = f.mediating(w)

    def settle_and_die() -> None:
        reactions.REACTIONS["settle"].append(die)
        again = Dispute.objects.get(pk=case.pk)
        facts = f.settlement(w, again, organisation=w.committee, chair=w.village_mediator)
        again.perform("settle", by=w.assistant, at=NOW, **facts)

    process = processes.start(settle_and_die)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert not case.visits.exists() and not Handled.objects.filter(event__kind="settle").exists()
    pump_once(now=NOW)
    assert case.visits.count() == 4


@pytest.mark.parametrize("pumps", [0, 1, 2, 5])
def test_any_number_of_pumps_at_once_leaves_the_same_rows(w, pumps):
    now = moment("2026-03-17 09:00")
    late = f.mediating(w)  # due 5 March: goes up
    settled = f.settled(w)  # first visits on the 17th
    due = f.register(w, at=moment("2026-03-16 09:00"))  # to be taken up by the 17th
    top = f.at_centre(w, at=moment("2026-02-02 09:00"))  # overdue, cannot go up
    Handled.objects.all().delete()
    Notice.objects.all().delete()
    settled.visits.all().delete()

    answers = processes.together(pumps, lambda number: pump_once(now=now)) if pumps else []
    assert all(isinstance(answer, dict) for answer in answers), answers
    pump_once(now=now)  # whoever comes later finds nothing to do, or does all of it

    found = Reminder.objects.values_list("dispute", "kind", "slot", "recipient__username", "state")
    village, centre = ("assistant", "grid", "village_mediator"), ("centre", "centre_lead", "mediator")
    assert sorted(found) == sorted(
        (case.pk, kind, f"2026-{day}/{office.pk}", who, "sent")
        for case, kind, day, office, people in (
            (late, "due_soon", "03-18", w.room, ("officer", "second_officer")),
            (due, "due", "03-17", w.committee, village),
            (top, "overdue", str(top.due_on)[5:], w.centre_office, centre),
            (settled, "visit_due", "03-17", w.committee, village),
        )
        for who in people
    )
    assert Notice.objects.filter(reminder__isnull=False).count() == 11
    assert settled.visits.count() == 4
    assert late.events.filter(kind="escalate").count() == 1
    assert sorted(late.notices.values_list("kind", "user__username")) == [
        ("due_soon", "officer"),
        ("due_soon", "second_officer"),
        ("escalate", "officer"),
        ("escalate", "second_officer"),
        ("take_up", "grid"),
        ("take_up", "village_mediator"),
    ]
    assert not Event.objects.filter(handled=None, kind__in=reacting_kinds()).exists()
