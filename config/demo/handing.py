"""Work that changes hands, for whoever looks at the to-dos: something put off, and a colleague who has left."""

from __future__ import annotations

from config import work
from config.demo import people
from config.demo.history import History
from disputes.models import Dispute
from disputes.moves import Status
from followups.handing import doors
from followups.models import ReturnVisit
from villages.models import Office, Posting, Role, User
from villages.pinyin import person_keys

LEFT = "officer1-left"


def leave_behind(history: History) -> None:
    """Of officer1's room: one visit put off until the next working day, and a case and visits of somebody who left."""
    officer, at = history.county.accounts["officer1"], history.end
    officer.forget_scope()
    room = Office.objects.get(postings__user=officer)
    cases = Dispute.objects.filter(desk=room, status=Status.MEDIATING, type_l1__gt="01").order_by("-pk")[:1]
    visits = ReturnVisit.objects.planned().filter(office=room, due_on__gt=history.today).order_by("-due_on", "pk")
    name = people.name(history.rng("left"), male=True)
    pinyin, initials = person_keys(name)
    away = User(username=LEFT, name=name, pinyin=pinyin, initials=initials)
    away.set_unusable_password()
    away.save()
    since = officer.postings.get().valid_from
    posting = Posting.objects.create(user=away, office=room, role=Role.OFFICER, valid_from=since)
    for case in cases:
        history.told(case.perform("assign", by=officer, at=at, person=away, reason="熟悉这几户"))
    for visit in visits.select_related("dispute")[:1]:
        event = doors.hand_visits(case=visit.dispute, to=away, by=officer, at=at, reason="约好了时间")
        if event:
            history.told(event)
    posting.valid_to, posting.handover = history.today, "调到县局，手上的案件和回访没有交完"
    posting.save(update_fields=["valid_to", "handover"])
    days = work.Work(officer, history.today)
    for row in [row for row in days.now if row.kind == "visit" and not row.urgent][:1]:
        doors.put_off(
            by=officer, at=at, key=row.key, due_on=row.deferred_for, until=doors.latest_day(history.today),
            reason="男方外出务工，约好回来再访", case_no=row.case_no,
        )  # fmt: skip
