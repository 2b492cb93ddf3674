"""What a person must do: cases to take up, limits that run out, visits to make; overdue first.

Kinds of which a desk may have thousands are read as keys and dates only, sorted and counted; words are loaded for the
rows that a page shows. So every count is that of the list it opens, and a page costs the same whatever lies behind it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from disputes.clock import time_left
from disputes.codes import Names, type_name
from disputes.codes import names as code_names
from disputes.field.models import SORTERS, Capture, Visit
from disputes.filters import COUNTED
from disputes.inbox.models import Instruction
from disputes.models import Dispute, Event, Party
from disputes.moves import Status
from disputes.referrals.models import Referral
from disputes.safe.models import Slip, Task, lifts_in_area
from disputes.sessions.models import INVITED_ROLES, Session
from disputes.sessions.page import url_of
from disputes.whistles.models import Call, Whistle
from followups.counselling.models import CounsellingReferral, State
from followups.handing.doors import people_of_desks
from followups.handing.models import Deferral
from followups.models import ReturnVisit
from followups.relapse import open_checks
from villages.models import Area, Draft, Role, User
from villages.policy import policy_on
from villages.workdays import WorkCalendar, load_calendar

KINDS = {
    "alarm": gettext_lazy("可能激化"),
    "accept": gettext_lazy("待受理"),
    "limit": gettext_lazy("化解时限"),
    "visit": gettext_lazy("回访"),
    "session": gettext_lazy("联调会"),
    "whistle": gettext_lazy("吹哨支援"),
    "referral": gettext_lazy("移送对接"),
    "answer": gettext_lazy("督办交办"),
    "task": gettext_lazy("履行和保障"),
    "check": gettext_lazy("核实反弹"),
    "sort": gettext_lazy("待分流"),
    "close": gettext_lazy("待结案"),
    "void": gettext_lazy("作废复核"),
    "grade": gettext_lazy("风险重评"),
    "leaver": gettext_lazy("重新指派"),
    "slip": gettext_lazy("意见处理"),
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
    "deferred": gettext_lazy("已推迟"),
}
#: Grades of danger that cannot wait.
HIGH = frozenset({Dispute.Danger.RED, Dispute.Danger.ORANGE})
#: A meeting is somebody's work from this long before it.
MEETINGS_AHEAD = dt.timedelta(days=7)


@dataclass(slots=True)
class Todo:
    """One thing to do: what, by when, and the one button that does it."""

    kind: str
    when: str  # overdue, today, week, later, deferred
    due_on: dt.date
    left: int | None = None  # working days left, where the rule counts them
    title: str = ""
    case_no: str = ""  # empty for an office that was asked for help: it knows no case
    village: str = ""
    tag: str = ""
    note: str = ""
    url: str = ""
    action: str = ""
    primary: bool = True
    family: bool = False  # such a case stands on no printed list (domain.md 6.5)
    key: str = ""  # names the thing; without one it cannot be put off
    stamp: dt.date | None = None  # what a deferral was made for, where `due_on` is merely today
    urgent: bool = False  # danger is never put off
    hand_url: str = ""  # where it is given to a colleague
    until: dt.date | None = None  # put off to this day
    why_later: str = ""
    pk: int = 0  # of what `fill` loads

    @property
    def unit(self) -> str:
        return "work" if self.left is not None else "day"

    @property
    def deferred_for(self) -> dt.date:
        """The date that a deferral remembers: when it changes, the deferral falls away."""
        return self.stamp or self.due_on


def when_of(due_on: dt.date, today: dt.date) -> str:
    """Weeks end on Sunday."""
    if due_on < today:
        return "overdue"
    if due_on == today:
        return "today"
    return "week" if due_on <= today + dt.timedelta(days=6 - today.weekday()) else "later"


def has_todos(user: User) -> bool:
    """Whether this person's postings ever give them something to do here."""
    return bool(user.scope.responds) or user.scope.has(Role.SUPERVISOR, Role.COUNSELLOR)


def todos(user: User, today: dt.date) -> list[Todo]:
    """Everything `user` must do, overdue first, then by due date, with words; a fixed number of queries."""
    work = Work(user, today)
    return work.fill(work.rows)


class Work:
    """One person's to-dos of one day."""

    def __init__(self, user: User, today: dt.date) -> None:
        self.user, self.today = user, today

    @cached_property
    def names(self) -> Names:
        return code_names()

    @cached_property
    def calendar(self) -> WorkCalendar:
        return load_calendar(self.today)

    @cached_property
    def rows(self) -> list[Todo]:
        """Everything, what was put off last; rows of the numerous kinds have no words yet."""
        user, today = self.user, self.today
        scope, found = user.scope, []
        if not has_todos(user):
            return []
        if scope.responds:
            found += [*_calls(user, today, self.calendar), *_referrals(user, today)]
        found += _counselling(user, today, self.calendar)
        if scope.has(*INVITED_ROLES):
            found += _meetings(user, today)
        if scope.has(Role.OFFICER):
            found += _alarms(user, today)
        if not scope.roles.isdisjoint(SORTERS):
            found += _captures(user, today, self.calendar)
        if scope.has(Role.SUPERVISOR):
            found += _slips(user, today)
        if scope.desks:
            found += [*_cases(user, today), *_visits(user, today), *_tasks(user, today), *_to_close(user, today)]
            found += [*_sessions(user, today, self.names, self.calendar), *_whistles(user, today, self.names)]
            found += [*_instructions(user, today, self.names), *_voids(user, today, self.names)]
            found += [*_expired_grades(user, today, self.names), *_checks(user, today, self.names)]
        self._hold_back(found)
        return sorted(found, key=lambda row: (row.when == "deferred", row.until or row.due_on, row.case_no, row.key))

    def _hold_back(self, rows: Iterable[Todo]) -> None:
        held = {row.key: row for row in Deferral.objects.in_force(self.today).filter(user=self.user)}
        if not held:
            return
        for row in rows:
            put_off = held.get(row.key)
            if put_off and put_off.due_on == row.deferred_for and not row.urgent:
                row.when, row.until, row.why_later = "deferred", put_off.until, put_off.reason

    @cached_property
    def now(self) -> list[Todo]:
        """What was not put off."""
        return [row for row in self.rows if row.when != "deferred"]

    def chosen(self, kind: str = "", when: str = "") -> list[Todo]:
        """The rows of one kind and one time; without a time those that were not put off."""
        return [
            row
            for row in (self.rows if when else self.now)
            if (not kind or row.kind == kind) and (not when or row.when == when)
        ]

    def find(self, key: str) -> Todo | None:
        """The to-do of that key, with its words; None where this person has none."""
        row = next((row for row in self.rows if row.key and row.key == key), None)
        return self.fill([row])[0] if row else None

    def fill(self, rows: Sequence[Todo]) -> list[Todo]:
        """The same rows with their words; per kind one query, whatever their number."""
        for kinds, load in LOADERS:
            lacking = [row for row in rows if row.kind in kinds and not row.title and row.pk]
            if lacking:
                load(self, lacking)
        return list(rows)


# --- kinds of which a desk may have thousands: keys first, words later ------------------------------------------------
def _cases(user: User, today: dt.date) -> Iterator[Todo]:
    """Cases of the desk that nobody, this person, or somebody under this person's lead handles; and of who left."""
    staff, led = people_of_desks(sorted(user.scope.desks))
    at_work = Q()
    for office, people in staff.items():
        at_work |= Q(desk=office, handler__in=people)
    orphaned = Q(handler__isnull=False) & ~at_work
    mine = Q(status=Status.WAITING) | Q(handler=user) | Q(handler=None) | Q(desk__in=sorted(user.scope.leads))
    mine |= orphaned & ~Q(desk__in=sorted(led))
    cases = Dispute.objects.visible_to(user).on_desk_of(user).open().filter(mine, due_on__isnull=False)
    fields = ("pk", "case_no", "due_on", "status", "desk_id", "handler_id", "round", "danger", "danger_until")
    for pk, no, due_on, status, desk, handler, nth, danger, until in cases.order_by().values_list(*fields):
        left = handler is not None and handler not in staff[desk]
        kind = "accept" if status == Status.WAITING else "limit"
        if left and desk in user.scope.leads:
            kind = "leaver"
        yield Todo(
            kind=kind,
            when=when_of(due_on, today),
            due_on=due_on,
            case_no=no,
            key=f"{kind}:{pk}:{nth}",
            urgent=danger in HIGH and bool(until and until >= today),
            pk=pk,
        )


def _load_cases(work: Work, rows: list[Todo]) -> None:
    user, today = work.user, work.today
    cases = Dispute.objects.select_related("village__parent", "handler").in_bulk([row.pk for row in rows])
    for row in rows:
        case = cases[row.pk]
        left = time_left(case.due_on, case.due_kind, today, work.calendar)
        row.left = left.days if left.unit == "workdays" else None
        _name(row, case, user, work.names)
        if row.kind == "accept":
            row.tag, row.url, row.action = str(case.get_status_display()), _move(case, "take_up"), _("受理")
        elif row.kind == "leaver":
            row.tag, row.url, row.action = _("经办人已离岗，要重新指派"), _move(case, "assign"), _("指派")
            row.note = case.handler.name if case.handler else ""
        else:
            row.tag, row.url, row.action = str(case.get_tier_display()), f"/disputes/{case.case_no}/#note", _("记进展")
            row.note = "" if case.handler is None or case.handler == user else case.handler.name
        row.primary = row.kind != "limit"
        if row.kind == "limit" and case.desk_id in user.scope.leads:
            row.hand_url = _move(case, "assign")


def my_visits(user: User, today: dt.date) -> Any:
    """Planned visits of one's offices: a colleague's show only when overdue, to a lead all of them."""
    mine = Q(assignee=user) | Q(assignee=None) | Q(due_on__lt=today) | Q(office__in=sorted(user.scope.leads))
    return ReturnVisit.objects.visible_to(user).planned().for_offices_of(user).filter(mine)


def _visits(user: User, today: dt.date) -> Iterator[Todo]:
    rows = my_visits(user, today).order_by().values("dispute", "dispute__case_no").annotate(due=Min("due_on"))
    for pk, no, due_on in rows.values_list("dispute", "dispute__case_no", "due"):
        yield Todo(kind="visit", when=when_of(due_on, today), due_on=due_on, case_no=no, key=f"visit:{pk}", pk=pk)


def _load_visits(work: Work, rows: list[Todo]) -> None:
    user = work.user
    visits = my_visits(user, work.today).filter(dispute__in=[row.pk for row in rows])
    by_case: dict[int, list[ReturnVisit]] = {}
    for visit in visits.select_related("dispute__village__parent", "party", "assignee").order_by("due_on", "pk"):
        by_case.setdefault(visit.dispute_id, []).append(visit)
    for row in rows:
        planned = by_case[row.pk]
        first, case = planned[0], planned[0].dispute
        _name(row, case, user, work.names)
        row.title = _("回访：%(title)s") % {"title": row.title}
        row.tag, row.url, row.action = str(first.get_reason_display()), f"/followups/{case.case_no}/", _("登记回访")
        who = {visit.assignee for visit in planned if visit.assignee}
        sides = "、".join(dict.fromkeys(str(visit.party.get_side_display()) for visit in planned))
        names = "、".join(_("分给你") if person == user else person.name for person in who)
        row.note = " · ".join(filter(None, (sides, names)))
        row.hand_url = f"/followups/{case.case_no}/hand/"


def _tasks(user: User, today: dt.date) -> Iterator[Todo]:
    """What a law wants done by a day; of several alike in one case the earliest, with how many they are."""
    rows = Task.objects.visible_to(user).for_offices_of(user, today).order_by()
    alike = rows.values("dispute", "kind", "dispute__case_no").annotate(due=Min("due_on"), n=Count("pk"))
    for pk, kind, no, due_on, n in alike.values_list("dispute", "kind", "dispute__case_no", "due", "n"):
        note = _("%(n)d 项") % {"n": n} if n > 1 else ""
        key = f"task:{pk}:{kind}"
        yield Todo("task", when_of(due_on, today), due_on, case_no=no, tag=kind, note=note, key=key, pk=pk)


def _load_tasks(work: Work, rows: list[Todo]) -> None:
    cases = Dispute.objects.select_related("village__parent").in_bulk([row.pk for row in rows])
    for row in rows:
        case, kind = cases[row.pk], Task.Kind(row.tag)
        act, words = TASK_ACTS[kind]
        _name(row, case, work.user, work.names)
        row.title = _("%(what)s：%(title)s") % {"what": kind.label, "title": row.title}
        row.tag, row.url, row.action = str(kind.label), f"/disputes/{case.case_no}/acts/{act}/", str(words)


def _to_close(user: User, today: dt.date) -> Iterator[Todo]:
    """Settled cases of the desk of which every party was visited and no visit is left: 结案 has no day of its own."""
    visits = ReturnVisit.objects.filter(dispute=OuterRef("pk"), round=OuterRef("round"))
    reached = ReturnVisit.objects.filter(
        dispute=OuterRef("dispute"), round=OuterRef("dispute__round"), party=OuterRef("pk"),
        state__in=[ReturnVisit.State.DONE, ReturnVisit.State.WAIVED],
    )  # fmt: skip
    unreached = Party.objects.filter(~Exists(reached), dispute=OuterRef("pk"), side__in=[Party.Side.A, Party.Side.B])
    cases = Dispute.objects.visible_to(user).on_desk_of(user).filter(status=Status.SETTLED)
    cases = cases.filter(~Exists(visits.filter(state=ReturnVisit.State.PLANNED)), Exists(visits), ~Exists(unreached))
    if policy_on(today)["close_not_by_handler"]:
        cases = cases.exclude(handler=user, tier__gt=1)
    for pk, no, nth, settled_at in cases.order_by().values_list("pk", "case_no", "round", "settled_at"):
        stamp = timezone.localdate(settled_at)
        yield Todo("close", "today", today, case_no=no, key=f"close:{pk}:{nth}", stamp=stamp, pk=pk)


def _load_to_close(work: Work, rows: list[Todo]) -> None:
    cases = Dispute.objects.select_related("village__parent").in_bulk([row.pk for row in rows])
    for row in rows:
        case = cases[row.pk]
        _name(row, case, work.user, work.names)
        row.tag, row.url, row.action = _("各方都已回访"), _move(case, "close"), _("结案")


def _name(row: Todo, case: Dispute, user: User, names: Names) -> None:
    """What every row about a case says of it, as this person may read it."""
    row.title = case.title_for(user, type_name(names, case.type_l1, case.type_l2))
    row.case_no, row.village, row.family = case.case_no, case.village.short_name, case.is_family


def _move(case: Dispute, name: str) -> str:
    return f"/disputes/{case.case_no}/moves/{name}/"


LOADERS: tuple[tuple[frozenset[str], Callable[[Work, list[Todo]], None]], ...] = (
    (frozenset({"accept", "limit", "leaver"}), _load_cases),
    (frozenset({"visit"}), _load_visits),
    (frozenset({"task"}), _load_tasks),
    (frozenset({"close"}), _load_to_close),
)


# --- kinds of which there are a few: whole at once --------------------------------------------------------------------
def _voids(user: User, today: dt.date, names: Names) -> Iterator[Todo]:
    """Numbers that a colleague asked to void: a second person decides."""
    asked = Event.objects.filter(dispute=OuterRef("pk"), kind="void_asked").order_by("-pk")
    cases = Dispute.objects.visible_to(user).on_desk_of(user).filter(status=Status.WAITING)
    cases = cases.annotate(asked_by=Subquery(asked.values("by")[:1]), asked_at=Subquery(asked.values("at")[:1]))
    for case in cases.filter(asked_by__isnull=False).exclude(asked_by=user.pk).select_related("village__parent"):
        day = timezone.localdate(case.asked_at)
        row = Todo("void", "today", today, tag=_("等第二个人"), url=_move(case, "void"), action=_("核对作废"))
        row.key, row.stamp = f"void:{case.pk}", day
        _name(row, case, user, names)
        row.title = _("提请作废：%(title)s") % {"title": row.title}
        yield row


def _expired_grades(user: User, today: dt.date, names: Names) -> Iterator[Todo]:
    """Open cases whose grade of danger has run out: without a new one nobody sees how dangerous they are."""
    mine = Q(handler=user) | Q(handler=None) | Q(desk__in=sorted(user.scope.leads))
    cases = Dispute.objects.visible_to(user).on_desk_of(user).open().filter(mine, danger_until__lt=today)
    cases = cases.exclude(danger__in=[Dispute.Danger.NONE, Dispute.Danger.BLUE])
    for case in cases.select_related("village__parent").order_by("danger_until", "pk"):
        row = Todo("grade", "today", today, url=f"/disputes/{case.case_no}/grade/", action=_("重新评估"))
        row.key, row.urgent, row.tag = f"grade:{case.pk}", True, _("风险等级已到期")
        row.note = str(case.get_danger_display())
        _name(row, case, user, names)
        yield row


def _alarms(user: User, today: dt.date) -> Iterator[Todo]:
    """可能激化 that no officer took note of: due on the day on which it was heard."""
    rows = Capture.objects.visible_to(user).unacknowledged().select_related("village__parent").order_by("at", "pk")
    for heard in rows:
        day = timezone.localdate(heard.at)
        row = Todo("alarm", when_of(day, today), day, tag=_("可能激化"), url=f"/captures/{heard.uid}/")
        row.action, row.key, row.urgent = _("确认"), f"alarm:{heard.pk}", True
        row.title = _("可能激化，等民警确认：%(title)s") % {"title": heard.sides_for(user)}
        row.village, row.family = heard.village.short_name, True  # what it is about is not known yet: not on paper
        yield row


def _captures(user: User, today: dt.date, calendar: WorkCalendar) -> Iterator[Todo]:
    """What waits to be sorted, as one row: late when the oldest waits longer than one working day."""
    found = Capture.objects.visible_to(user).to_sort(today).order_by().aggregate(n=Count("pk"), first=Min("at"))
    if found["n"]:
        due_on = calendar.add(timezone.localdate(found["first"]), 1)
        row = Todo("sort", when_of(due_on, today), due_on, url="/triage/", action=_("去分流"), tag=_("待分流"))
        row.title = _("走访记录待分流 %(n)d 条") % {"n": found["n"]}
        yield row


def _referrals(user: User, today: dt.date) -> Iterator[Todo]:
    """Matters referred to one's offices, until they are taken and their outcome is told; no law sets a day."""
    rows = Referral.objects.waiting_for(user).select_related("desk", "dispute", "village__parent")
    for sent in rows.order_by("sent_on", "pk"):
        received = sent.direction == Referral.Direction.IN
        row = Todo("referral", "today", today, url=f"/referrals/{sent.uid}/", tag=str(sent.get_state_display()))
        row.action = _("接收") if sent.state == Referral.State.SENT else _("填结果")
        row.title = _("%(kind)s：%(body)s移送") % {
            "kind": sent.get_kind_display(),
            "body": sent.other if received else sent.desk.name,
        }
        row.key, row.stamp = f"referral:{sent.pk}:{sent.state}", sent.sent_on
        row.village = sent.village.short_name
        row.family = bool(sent.dispute and sent.dispute.is_family)
        yield row


def _meetings(user: User, today: dt.date) -> Iterator[Todo]:
    """Joint sessions of the coming week to which this person goes; a meeting cannot be put off here.

    Whoever does not read the case learns time and place, and nothing by which the case is known.
    """
    seen = Exists(Dispute.objects.visible_to(user).filter(pk=OuterRef("dispute")))
    rows = Session.objects.attended_by(user).planned().annotate(seen=seen)
    rows = rows.filter(starts_at__date__range=(today, today + MEETINGS_AHEAD)).select_related(
        "dispute", "venue__office"
    )
    for session in rows.order_by("starts_at", "pk"):
        day = timezone.localdate(session.starts_at)
        url = url_of(session) if session.seen else f"/sessions/{session.uid}/"
        row = Todo("session", when_of(day, today), day, url=url, action=_("打开会议"), primary=False)
        row.title = _("联调会 %(time)s，%(where)s") % {
            "time": timezone.localtime(session.starts_at).strftime("%H:%M"),
            "where": session.where,
        }
        row.tag, row.note = _("联调会"), _("你主持") if session.chair_id == user.pk else ""
        row.family = session.dispute.is_family
        yield row


def _slips(user: User, today: dt.date) -> Iterator[Todo]:
    """What people wrote about a mediator, for the supervisor to deal with."""
    slips = Slip.objects.readable_by(user).filter(answered_at=None).select_related("dispute__village__parent")
    for slip in slips.order_by("received_on", "pk"):
        case = slip.dispute
        row = Todo("slip", "today", today, url=f"/disputes/{case.case_no}/slips/", action=_("处理"))
        row.title, row.tag = _("对调解员的意见"), _("待处理")
        row.case_no, row.village, row.family = case.case_no, case.village.short_name, case.is_family
        row.key, row.stamp = f"slip:{slip.pk}", slip.received_on
        yield row


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
                family=case.is_family,
                key=f"record:{session.pk}",
            )
        )
    return found


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
            key=f"call:{call.pk}:{call.state}",
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
                family=case.is_family,
                key=f"whistle:{row.pk}" if row.late else "",
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
            family=row.dispute.is_family,
            key=f"answer:{row.pk}",
        )
        for row in rows
    ]


def _checks(user: User, today: dt.date, names: Names) -> list[Todo]:
    """Signs of relapse that a visit found and nobody has looked into yet."""
    return [
        Todo(
            kind="check",
            when=when_of(row.due_on, today),
            due_on=row.due_on,
            left=None,
            title=_("核实反弹：%(title)s")
            % {"title": row.dispute.title_for(user, type_name(names, row.dispute.type_l1, row.dispute.type_l2))},
            case_no=row.dispute.case_no,
            village=row.dispute.village.short_name,
            tag=_("反弹苗头"),
            note="",
            url=f"/followups/{row.dispute.case_no}/relapse/",
            action=_("核实"),
            primary=True,
            family=row.dispute.is_family,
        )
        for row in open_checks(user)
    ]


# --- the rest of the home page ----------------------------------------------------------------------------------------
def captures_on_home(user: User, today: dt.date) -> dict[str, Any]:
    """What waits to be sorted, for sorters; what waits longer than one working day, for supervisors."""
    scope = user.scope
    visible = Capture.objects.visible_to(user).select_related("village__parent", "desk").order_by("at")
    found: dict[str, Any] = {}
    if not scope.roles.isdisjoint(SORTERS):
        found |= {"sorts": True, "to_sort": visible.to_sort(today).count()}
    elif scope.has(Role.SUPERVISOR):
        calendar = load_calendar(today)
        waiting = visible.filter(state=Capture.State.NEW)[:200]
        late = [row for row in waiting if calendar.between(timezone.localdate(row.at), today) > 1]
        found |= {"unsorted": late[:20], "unsorted_count": len(late)}
    if scope.has(Role.SUPERVISOR):
        found["lifted"] = lifts_in_area(user).order_by()[: COUNTED + 1].count()
        found["most"] = COUNTED
    return found


def drafts_of(user: User) -> list[Draft]:
    """Forms begun and not submitted, newest first."""
    return list(Draft.objects.filter(user=user).order_by("-updated_at")[:20])


def month_progress(user: User, today: dt.date) -> list[dict[str, Any]]:
    """This month so far: visits made of those due, cases settled of those open or opened; this week: villages walked.
    Counts, no rates."""
    first = today.replace(day=1)
    began = timezone.make_aware(dt.datetime.combine(first, dt.time.min))
    visits = ReturnVisit.objects.visible_to(user).filter(due_on__gte=first, due_on__lte=today)
    visits = visits.exclude(state__in=[ReturnVisit.State.CANCELLED, ReturnVisit.State.FAILED])
    seen = visits.order_by().aggregate(all=Count("pk"), made=Count("pk", filter=~Q(state=ReturnVisit.State.PLANNED)))
    cases = Dispute.objects.visible_to(user).exclude(status=Status.VOIDED)
    left, still_open = cases.filter(left_at__gte=began).count(), cases.open().count()
    found = [
        {"label": _("一事一回访"), "done": seen["made"], "all": seen["all"], "kind": "g"},
        {"label": _("办结（含在办）"), "done": left, "all": left + still_open, "kind": "b"},
    ]
    if user.scope.villages:
        monday = today - dt.timedelta(days=today.weekday())
        walked = Visit.objects.filter(village__in=sorted(user.scope.villages), visited_on__gte=monday)
        done = walked.order_by().values("village").distinct().count()
        label = _("本周已排查的村（含零报告）")
        found.insert(0, {"label": label, "done": done, "all": len(user.scope.villages), "kind": "b"})
    return found


def villages_of(user: User) -> list[dict[str, Any]]:
    """The villages that this person's desks serve by name: what is open, what must be visited, the last walk."""
    ids = sorted(user.scope.villages)[:40]
    if not ids:
        return []
    open_cases = Dispute.objects.visible_to(user).open().filter(village__in=ids).order_by()
    to_visit = ReturnVisit.objects.visible_to(user).planned().filter(dispute__village__in=ids).order_by()
    walks = Visit.objects.filter(village__in=ids).order_by()
    n_open = dict(open_cases.values_list("village").annotate(n=Count("pk")))
    n_visits = dict(to_visit.values_list("dispute__village").annotate(n=Count("pk")))
    walked = dict(walks.values_list("village").annotate(last=Max("visited_on")))
    return [
        {
            "area": area,
            "open": n_open.get(area.pk, 0),
            "visits": n_visits.get(area.pk, 0),
            "walked": walked.get(area.pk),
        }
        for area in Area.objects.filter(pk__in=ids).select_related("parent")
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
