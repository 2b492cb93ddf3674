"""Random histories, possible and impossible ones: the sums, the lists and the recount agree on all of them."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from disputes.models import Agreement, Dispute, Event, Obligation, Party, Round
from disputes.whistles.models import Call, Whistle
from followups.models import ReturnVisit
from ledgers.dashboard import sums
from ledgers.periods import Period
from ledgers.rates import FIGURES, OF_RESOLUTION, Ref, Within, rates_on, rows_of
from tests.factories import moment
from tests.oracle.recount import Recount
from villages.policy import policy_on

pytestmark = pytest.mark.django_db
BEGIN, TODAY = moment("2026-01-25 00:00"), dt.date(2026, 3, 2)
EXAMPLES = 400 if os.environ.get("FULL_RESULTS") else 12
hours = st.integers(0, 24 * 45)  # from 25 January to 10 March: three months, the edges of two, and some days to come


def at(hour: int) -> dt.datetime:
    return BEGIN + dt.timedelta(hours=hour)


def day(hour: int) -> dt.date:
    return timezone.localdate(at(hour))


@st.composite
def rounds(draw: st.DrawFn) -> dict[str, Any]:
    opened = draw(hours)
    left_as = draw(st.sampled_from(["", "", "settled", "settled", "withdrawn", "referred", "merged", "voided"]))
    return {
        "opened": opened,
        "left_as": left_as,
        "left": opened + draw(st.integers(0, 24 * 20)) if left_as else None,
        "on_time": draw(st.booleans()),
        "events": draw(st.lists(st.sampled_from(["take_up", "try", "end", "escalate", "settle"]), max_size=4)),
        "tier": draw(st.integers(1, 3)),
        "result": draw(st.sampled_from(["", "written", "oral", "self"])),
        "duties": draw(st.lists(st.tuples(hours, st.sampled_from(["", "1", "2", "3", "4", "5", "6"])), max_size=2)),
        "visits": draw(
            st.lists(
                st.tuples(
                    st.sampled_from(["A", "B"]),
                    hours,
                    st.sampled_from(["planned", "done", "failed", "cancelled", "waived"]),
                    st.sampled_from(["first", ""]),
                    st.sampled_from(["yes", "mostly", "no", "not_stated", "refused", ""]),
                ),
                max_size=4,
                unique_by=lambda visit: (visit[0], visit[3], visit[2] == "planned"),
            )
        ),
        "calls": draw(st.lists(st.tuples(hours, st.sampled_from(["asked", "answered", "off"]), hours), max_size=1)),
    }


histories = st.lists(st.tuples(st.booleans(), hours, st.lists(rounds(), min_size=1, max_size=3)), max_size=3)


def build(w: SimpleNamespace, told: list[tuple[bool, int, list[dict[str, Any]]]], first: int) -> None:
    for n, (near, due, parts) in enumerate(told, first):
        village, desk = (w.village, w.committee) if near else (w.far_village, w.far_committee)
        last = parts[-1]
        status = "merged" if last["left_as"] == "merged" else last["left_as"] or "waiting"
        case = Dispute.objects.create(
            case_no=f"620623-103-2026-9{n:03d}", county=w.county, township=village.parent, village=village,
            type_l1="09", source="06", narrative="渠口", found_on=day(0), registered_at=at(0), registered_by=w.officer,
            tier=last["tier"], status=status if status != "merged" else "referred", desk=desk, round=len(parts),
            opened_at=at(last["opened"]), arrived_at=at(0), left_at=at(last["left"]) if last["left_as"] else None,
            due_on=None if last["left_as"] else day(due),
        )  # fmt: skip
        sides = {side: Party.objects.create(dispute=case, side=side, name=side) for side in "AB"}
        for no, part in enumerate(parts, 1):
            fill(w, case, sides, no, part, village, desk)


def fill(
    w: Any, case: Dispute, sides: dict[str, Party], no: int, part: dict[str, Any], village: Any, desk: Any
) -> None:
    Round.objects.create(
        dispute=case, no=no, opened_at=at(part["opened"]), county=w.county, township=village.parent, village=village,
        left_at=at(part["left"]) if part["left_as"] else None, left_as=part["left_as"],
        on_time=part["on_time"] if part["left_as"] else None,
    )  # fmt: skip
    for kind in part["events"]:
        Event.objects.create(
            dispute=case, kind="note" if kind == "try" else kind, at=at(part["opened"]), desk=desk, status_from="",
            status_to="", tier_from=part["tier"], tier_to=min(part["tier"] + (kind == "escalate"), 3), round=no,
            version=1, is_attempt=kind == "try", hash="",
        )  # fmt: skip
    if part["result"]:
        made = Agreement.objects.create(
            dispute=case, round=no, result=part["result"], organisation=desk, chair=w.officer, agreed_on=day(0)
        )
        for hour, performance in part["duties"]:
            Obligation.objects.create(
                agreement=made, debtor=sides["A"], what="付款", due_on=day(hour), performance=performance
            )
    for side, hour, state, slot, said in part["visits"]:
        done = state == "done"
        ReturnVisit.objects.create(
            dispute=case, round=no, party=sides[side], reason="first" if slot else "retry", due_on=day(hour), slot=slot,
            office=desk, state=state, satisfaction=said if done else "", visited_on=day(hour) if done else None,
            by=w.officer if done else None,
        )  # fmt: skip
    for hour, state, later in part["calls"]:
        whistle = Whistle.objects.create(
            dispute=case, desk=desk, by=w.officer, at=at(hour), kind="advice", what="看", summary="争",
            answer_by=day(hour), uid=uuid.uuid4(),
        )  # fmt: skip
        over = at(later) if state == "off" else None
        answered = {"answered_at": at(later), "answered_by": w.officer} if state == "answered" else {}
        Call.objects.create(
            whistle=whistle, office=w.department_office, asked_at=at(hour), answer_due_on=day(hour), **answered,
            state={"asked": "asked", "answered": "declined", "off": "off"}[state], ended_at=over, readable_until=over,
            due_on=day(hour) if state == "asked" else None,
        )  # fmt: skip


def agree(w: SimpleNamespace) -> None:
    for user, level, area in ((w.supervisor, "county", w.county.pk), (w.officer, "village", w.village.pk)):
        for text in ("2026-02", "2026-Q1", "2026-03"):
            period = Period.parse(text)
            told = sums.Sums(user, last=period.last, today=TODAY)
            last = period.day_after - dt.timedelta(days=1)
            areas = {area} if level == "county" else set(user.scope.villages)
            again = Recount(level=level, area=areas, first=period.first_day, last=last, today=TODAY)
            for rule in OF_RESOLUTION:
                rates = rates_on({**policy_on(TODAY), "resolution_rule": rule})
                ours = {k: (told.count(r.top, period), told.count(r.bottom, period)) for k, r in rates.items()}
                assert ours == again.rates(rule), (text, level)
            within = Within(user.scope.cases)
            for key in FIGURES:
                rows = rows_of(key, within, period, TODAY).count()
                assert told.count(Ref(key), period) == rows, (key, text, level)


@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # what failed is printed; making it smaller takes too long
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=histories, second=histories)
def test_sums_lists_and_recount_agree(w: SimpleNamespace, first: Any, second: Any) -> None:
    with transaction.atomic():
        build(w, first, 0)
        while sums.refresh():
            pass
        agree(w)
        build(w, second, 100)  # on top of what is stored
        agree(w)
        transaction.set_rollback(True)
