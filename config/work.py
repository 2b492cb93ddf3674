"""What a person must do: cases to take up, limits that run out, visits to make; overdue first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from disputes.clock import time_left
from disputes.codes import Names, type_name
from disputes.codes import names as code_names
from disputes.field.models import SORTERS, Capture
from disputes.filters import COUNTED
from disputes.inbox.models import Instruction
from disputes.models import Dispute
from disputes.moves import Status
from disputes.safe.models import Slip, Task, lifts_in_area
from disputes.sessions.models import Session
from disputes.sessions.page import url_of
from disputes.whistles.models import Call, Whistle
from followups.counselling.models import CounsellingReferral, State
from followups.models import ReturnVisit
from villages.models import Draft, Role, User
from villages.workdays import WorkCalendar, load_calendar

KINDS = {
    "accept": gettext_lazy("待受理"),
    "limit": gettext_lazy("化解时限"),
    "visit": gettext_lazy("回访"),
    "session": gettext_lazy("联调会"),
    "whistle": gettext_lazy("吹哨支援"),
    "answer": gettext_lazy("督办交办"),
    "task": gettext_lazy("履行和保障"),
    "counselling": gettext_lazy("心理疏导"),
}
#: What a task is done with: the act, and the words of its button.
TASK_ACTS = {
    Task.Kind.PERFORM: ("performance", gettext_lazy("记履行情况")),
    Task.Kind.CONFIRM: ("confirm", gettext_lazy("司法确认")),
    Task.Kind.LETTER: ("letter_visit", gettext_lazy("登记查访")),
    Task.Kind.POLICE: ("police_dealt", gettext_lazy("登记处理日期")),
}
WHENS = {
    "overdue": gettext_lazy("已逾期"),
    "today": gettext_lazy("今天"),
    "week": gettext_lazy("本周"),
    "later": gettext_lazy("以后"),
}


@dataclass(frozen=True)
class Todo:
    """One thing to do: what, by when, and the one button that does it."""

    kind: str
    when: str  # overdue, today, week, later
    due_on: dt.date
    left: int | None  # working days left, where the rule counts them
    title: str
    case_no: str  # empty for an office that was asked for help: it knows no case
    village: str
    tag: str
    note: str
    url: str
    action: str
    primary: bool
    family: bool = False  # such a case stands on no printed list (domain.md 6.5)

    @property
    def unit(self) -> str:
        return "work" if self.left is not None else "day"


def when_of(due_on: dt.date, today: dt.date) -> str:
    """Weeks end on Sunday."""
    if due_on < today:
        return "overdue"
    if due_on == today:
        return "today"
    return "week" if due_on <= today + dt.timedelta(days=6 - today.weekday()) else "later"


def todos(user: User, today: dt.date) -> list[Todo]:
    """Everything `user` must do, overdue first, then by due date; a fixed number of queries."""
    if not user.scope.responds and not user.scope.has(Role.COUNSELLOR):
        return []
    calendar = load_calendar(today)
    rows = _calls(user, today, calendar) if user.scope.responds else []
    rows += _counselling(user, today, calendar)
    if user.scope.desks:
        names = code_names()
        rows += [*_cases(user, today, names, calendar), *_visits(user, today, names), *_tasks(user, today, names)]
        rows += [*_sessions(user, today, names, calendar), *_whistles(user, today, names)]
        rows += _instructions(user, today, names)
    return sorted(rows, key=lambda row: (row.due_on, row.case_no))


def _cases(user: User, today: dt.date, names: Names, calendar: WorkCalendar) -> list[Todo]:
    mine = Q(status=Status.WAITING) | Q(handler=user) | Q(handler=None) | Q(desk__in=sorted(user.scope.leads))
    cases = (
        Dispute.objects.visible_to(user)
        .on_desk_of(user)
        .open()
        .filter(mine, due_on__isnull=False)
        .select_related("village__parent", "handler")
        .order_by("due_on", "pk")
    )
    found = []
    for case in cases:
        left = time_left(case.due_on, case.due_kind, today, calendar)
        waiting = case.status == Status.WAITING
        found.append(
            Todo(
                kind="accept" if waiting else "limit",
                when=when_of(case.due_on, today),
                due_on=case.due_on,
                left=left.days if left.unit == "workdays" else None,
                title=case.title_for(user, type_name(names, case.type_l1, case.type_l2)),
                case_no=case.case_no,
                village=case.village.short_name,
                tag=case.get_status_display() if waiting else case.get_tier_display(),
                note="" if waiting or case.handler is None or case.handler == user else case.handler.name,
                url=f"/disputes/{case.case_no}/moves/take_up/" if waiting else f"/disputes/{case.case_no}/#note",
                action=_("受理") if waiting else _("记进展"),
                primary=waiting,
                family=case.is_family,
            )
        )
    return found


def _visits(user: User, today: dt.date, names: Names) -> list[Todo]:
    visits = (
        ReturnVisit.objects.visible_to(user)
        .planned()
        .for_offices_of(user)
        .select_related("dispute__village__parent", "party")
        .order_by("due_on", "pk")
    )
    by_case: dict[int, list[ReturnVisit]] = {}
    for visit in visits:
        by_case.setdefault(visit.dispute_id, []).append(visit)
    found = []
    for rows in by_case.values():
        first, case = rows[0], rows[0].dispute
        sides = "、".join(dict.fromkeys(str(row.party.get_side_display()) for row in rows))
        title = case.title_for(user, type_name(names, case.type_l1, case.type_l2))
        found.append(
            Todo(
                kind="visit",
                when=when_of(first.due_on, today),
                due_on=first.due_on,
                left=None,
                title=_("回访：%(title)s") % {"title": title},
                case_no=case.case_no,
                village=case.village.short_name,
                tag=str(first.get_reason_display()),
                note=sides,
                url=f"/followups/{case.case_no}/",
                action=_("登记回访"),
                primary=True,
                family=case.is_family,
            )
        )
    return found


def _tasks(user: User, today: dt.date, names: Names) -> list[Todo]:
    """What a law wants done by a day; of several alike in one case the earliest, with how many they are."""
    rows = Task.objects.visible_to(user).for_offices_of(user, today).select_related("dispute__village__parent")
    alike: dict[tuple[int, str], list[Task]] = {}
    for row in rows.order_by("due_on", "pk"):
        alike.setdefault((row.dispute_id, row.kind), []).append(row)
    found = []
    for (_case, kind), tasks in alike.items():
        first, case = tasks[0], tasks[0].dispute
        act, words = TASK_ACTS[Task.Kind(kind)]
        title = case.title_for(user, type_name(names, case.type_l1, case.type_l2))
        found.append(
            Todo(
                kind="task",
                when=when_of(first.due_on, today),
                due_on=first.due_on,
                left=None,
                title=_("%(what)s：%(title)s") % {"what": first.get_kind_display(), "title": title},
                case_no=case.case_no,
                village=case.village.short_name,
                tag=str(first.get_kind_display()),
                note=_("%(n)d 项") % {"n": len(tasks)} if len(tasks) > 1 else "",
                url=f"/disputes/{case.case_no}/acts/{act}/",
                action=str(words),
                primary=True,
                family=case.is_family,
            )
        )
    return found


def _sessions(user: User, today: dt.date, names: Names, calendar: WorkCalendar) -> list[Todo]:
    """Joint sessions whose outcome nobody wrote down by the next working day."""
    rows = Session.objects.to_record_by(user).planned().filter(starts_at__date__lt=today)
    found = []
    for session in rows.select_related("dispute__village__parent", "office").order_by("starts_at", "pk"):
        due_on = calendar.next_workday(timezone.localdate(session.starts_at) + dt.timedelta(days=1))
        if due_on > today:
            continue
        case = session.dispute
        found.append(
            Todo(
                kind="session",
                when=when_of(due_on, today),
                due_on=due_on,
                left=None,
                title=_("联调会还没有结果：%(title)s")
                % {"title": case.title_for(user, type_name(names, case.type_l1, case.type_l2))},
                case_no=case.case_no,
                village=case.village.short_name,
                tag=_("联调会"),
                note=session.office.name,
                url=url_of(session),
                action=_("填结果"),
                primary=True,
            )
        )
    return found


def captures_on_home(user: User, today: dt.date) -> dict[str, Any]:
    """可能激化 that nobody took note of, for officers; what waits to be sorted, for sorters; what waits longer than one
    working day, and slips that wait for an answer, for supervisors."""
    scope = user.scope
    visible = Capture.objects.visible_to(user).select_related("village__parent", "desk").order_by("at")
    found: dict[str, Any] = {}
    if scope.has(Role.OFFICER):
        found["alarms"] = list(visible.unacknowledged()[:10])
    if not scope.roles.isdisjoint(SORTERS):
        found |= {"sorts": True, "to_sort": visible.to_sort(today).count()}
    elif scope.has(Role.SUPERVISOR):
        calendar = load_calendar(today)
        waiting = visible.filter(state=Capture.State.NEW)[:200]
        late = [row for row in waiting if calendar.between(timezone.localdate(row.at), today) > 1]
        found["unsorted"] = late[:20]
    if scope.has(Role.SUPERVISOR):
        slips = Slip.objects.readable_by(user).filter(answered_at=None).select_related("dispute").order_by("pk")
        found["slips"] = list(slips[:20])
        found["lifted"] = lifts_in_area(user).order_by()[: COUNTED + 1].count()
        found["most"] = COUNTED
    return found


def drafts_of(user: User) -> list[Draft]:
    """Forms begun and not submitted, newest first."""
    return list(Draft.objects.filter(user=user).order_by("-updated_at")[:20])


def month_progress(user: User, today: dt.date) -> list[dict[str, Any]]:
    """This month so far: visits made of those due, cases settled of those open or opened. Counts, no rates."""
    first = today.replace(day=1)
    visits = ReturnVisit.objects.visible_to(user).filter(due_on__gte=first, due_on__lte=today)
    visits = visits.exclude(state__in=[ReturnVisit.State.CANCELLED, ReturnVisit.State.FAILED])
    made = visits.exclude(state=ReturnVisit.State.PLANNED).count()
    cases = Dispute.objects.visible_to(user).exclude(status=Status.VOIDED)
    left = cases.filter(left_at__date__gte=first).count()
    still_open = cases.open().count()
    return [
        {"label": _("一事一回访"), "done": made, "all": visits.count(), "kind": "g"},
        {"label": _("办结（含在办）"), "done": left, "all": left + still_open, "kind": "b"},
    ]


def villages_of(user: User) -> list[dict[str, Any]]:
    """The villages that this person's desks serve by name, with what is open and what must be visited."""
    from django.db.models import Count

    ids = sorted(user.scope.villages)[:40]
    if not ids:
        return []
    open_cases = dict(
        Dispute.objects.visible_to(user)
        .open()
        .filter(village__in=ids)
        .order_by()
        .values_list("village")
        .annotate(n=Count("pk"))
    )
    to_visit = dict(
        ReturnVisit.objects.visible_to(user)
        .planned()
        .filter(dispute__village__in=ids)
        .order_by()
        .values_list("dispute__village")
        .annotate(n=Count("dispute", distinct=True))
    )
    from villages.models import Area

    return [
        {"area": area, "open": open_cases.get(area.pk, 0), "visits": to_visit.get(area.pk, 0)}
        for area in Area.objects.filter(pk__in=ids).select_related("parent")
    ]


def _calls(user: User, today: dt.date, calendar: WorkCalendar) -> list[Todo]:
    """What other desks asked of this person's offices: to answer, then to report done."""
    return [
        Todo(
            kind="whistle",
            when=when_of(call.due_on, today),
            due_on=call.due_on,
            left=calendar.between(today, call.due_on),
            title=_("支援%(desk)s：%(what)s") % {"desk": call.whistle.desk.name, "what": call.whistle.what[:40]},
            case_no="",
            village="",
            tag=str(call.get_state_display()),
            note=str(call.whistle.get_kind_display()),
            url=f"/whistles/{call.whistle.uid}/",
            action=_("答复") if call.state == Call.State.ASKED else _("报办结"),
            primary=True,
        )
        for call in Call.objects.heard_by(user).pending().for_list().order_by("due_on", "pk")
        if call.due_on
    ]


def _whistles(user: User, today: dt.date, names: Names) -> list[Todo]:
    """What this person's desks asked of others and must see to: somebody is late, or all have answered."""
    late, waiting = Call.objects.overdue(today), Call.objects.pending()
    mine = (
        Whistle.objects.visible_to(user)
        .live()
        .filter(desk__in=sorted(user.scope.desks))
        .annotate(
            late=Min("calls__due_on", filter=Q(calls__in=late)), waits=Count("calls", filter=Q(calls__in=waiting))
        )
        .filter(Q(late__isnull=False) | Q(waits=0))
        .select_related("dispute__village__parent")
        .order_by("answer_by", "pk")
    )
    found = []
    for row in mine:
        case, due_on = row.dispute, row.late or today
        title = case.title_for(user, type_name(names, case.type_l1, case.type_l2))
        found.append(
            Todo(
                kind="whistle",
                when=when_of(due_on, today),
                due_on=due_on,
                left=None,
                title=_("吹哨：%(title)s") % {"title": title},
                case_no=case.case_no,
                village=case.village.short_name,
                tag=_("有单位逾期") if row.late else _("都有了结果"),
                note="",
                url=f"/whistles/{row.uid}/",
                action=_("看答复") if row.late else _("结束吹哨"),
                primary=False,
            )
        )
    return found


def _instructions(user: User, today: dt.date, names: Names) -> list[Todo]:
    """督办 and 交办 that this person's desks have not answered yet."""
    rows = (
        Instruction.objects.visible_to(user)
        .pending()
        .filter(dispute__desk__in=sorted(user.scope.desks))
        .select_related("dispute__village__parent")
        .order_by("due_on", "pk")
    )
    return [
        Todo(
            kind="answer",
            when=when_of(row.due_on, today),
            due_on=row.due_on,
            left=None,
            title=row.dispute.title_for(user, type_name(names, row.dispute.type_l1, row.dispute.type_l2)),
            case_no=row.dispute.case_no,
            village=row.dispute.village.short_name,
            tag=str(row.get_kind_display()),
            note=row.source,
            url=f"/disputes/{row.dispute.case_no}/instructions/{row.pk}/answer/",
            action=_("答复"),
            primary=True,
        )
        for row in rows
    ]


def _counselling(user: User, today: dt.date, calendar: WorkCalendar) -> list[Todo]:
    """What waits for a counsellor: to take or decline within a working day, the next meeting, or the end."""
    if not user.scope.has(Role.COUNSELLOR):
        return []
    found = []
    for row in CounsellingReferral.objects.to_do_by(user).for_list(user).order_by("pk"):
        asked = row.state == State.ASKED
        since = timezone.localdate(row.at if asked else row.taken_at or row.at)
        due_on = calendar.add(since, 1) if asked else row.next_on or calendar.add(since, 5)
        met = row.done and not row.next_on  # type: ignore[attr-defined]
        found.append(
            Todo(
                kind="counselling",
                when=when_of(due_on, today),
                due_on=due_on,
                left=None,
                title=_("心理疏导：%(who)s") % {"who": row.party.name},
                case_no="",  # a counsellor knows the person, not the case
                village=row.dispute.village.short_name,
                tag=str(row.get_state_display()),
                note=row.dispute.village.full_name,
                url=f"/counselling/{row.uid}/",
                action=_("接不接") if asked else _("结束疏导") if met else _("记疏导"),
                primary=asked,
                family=row.dispute.is_family,
            )
        )
    return found
