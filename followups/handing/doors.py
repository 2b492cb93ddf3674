"""The doors of one's own work: put a to-do off, take that back, hand over visits, hand over everything of a leaver."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.locks import locked, once
from audit.models import NO_COUNTY, record
from disputes.facts import people_at
from disputes.inbox.models import Instruction
from disputes.models import Dispute, Event, FactsMissing, MoveRefused, NotYours
from disputes.moves import Status
from disputes.safe.models import Task
from disputes.sessions.models import Session
from followups.handing.models import Deferral, HandedItem, HandOver
from followups.models import ReturnVisit
from villages.models import DESK_ROLES, Office, Posting, User, in_force
from villages.policy import policy_on
from villages.workdays import load_calendar

Kind, State = HandedItem.Kind, HandedItem.State
SHORTEST = 2  # characters of a reason
LEFT_WITHIN = dt.timedelta(days=90)
#: A request hands over for this long; what is left is done by 继续, each case in a transaction of its own.
PATIENCE = 6.0
#: Statuses in which a case has somebody who handles it.
HANDLED = (Status.WAITING, Status.MEDIATING, Status.SETTLED)


# --- putting off ------------------------------------------------------------------------------------------------------
def cannot_wait() -> str:
    """Why danger is never put off."""
    return _("可能激化和高风险的事不能推迟，今天就办。办不了的，交给同事或者上报")


def latest_day(since: dt.date) -> dt.date:
    """The last day to which something first put off on `since` may be put off."""
    return load_calendar(since).add(since, policy_on(since)["defer_days"])


def put_off(
    *, by: User, at: dt.datetime, key: str, due_on: dt.date, until: dt.date | None, reason: str,
    urgent: bool = False, case_no: str = "", request: Any = None,
) -> Deferral:  # fmt: skip
    """Hold a to-do of `by` back until a later day. Again with other words it is changed, with the same nothing happens.

    Raises MoveRefused for what cannot wait, FactsMissing for a day or a reason that cannot be.
    """
    if urgent:
        raise MoveRefused(cannot_wait())
    today = timezone.localdate(at)
    with transaction.atomic():
        locked(User.objects.filter(pk=by.pk)).get()  # of two tabs of one person the second sees what the first wrote
        row = Deferral.objects.filter(user=by, key=key).first()
        since = row.since if row and row.due_on == due_on else today
        last = latest_day(since)
        errors = {}
        if until is None:
            errors["until"] = _("填写推迟到哪一天")
        elif until <= today:
            errors["until"] = _("推迟到明天或以后，今天的事今天还在")
        elif until > last and since < today:
            errors["until"] = _("%(since)s 起已经推迟过，最晚到 %(last)s") % {"since": since, "last": last}
        elif until > last:
            errors["until"] = _("最晚推迟到 %(last)s") % {"last": last}
        if not SHORTEST <= len(reason.strip()) <= 100:
            errors["reason"] = _("用 2 到 100 个字写明为什么推迟")
        if errors:
            raise FactsMissing(errors)
        assert until is not None
        wanted = {"due_on": due_on, "until": until, "reason": reason.strip(), "since": since, "undone_at": None}
        if row and all(getattr(row, name) == value for name, value in wanted.items()):
            return row
        row, _made = Deferral.objects.update_or_create(user=by, key=key, defaults={**wanted, "at": at})
        _log(by, at, case_no, request, did="defer", key=key, until=until.isoformat())
    return row


def take_back(*, by: User, at: dt.datetime, key: str, case_no: str = "", request: Any = None) -> bool:
    """A to-do that was put off stands in the list again; False when it was not held back."""
    with transaction.atomic():
        if not Deferral.objects.filter(user=by, key=key).take_back(at):
            return False
        _log(by, at, case_no, request, did="defer_undone", key=key)
    return True


def _log(by: User, at: dt.datetime, case_no: str, request: Any, **detail: Any) -> None:
    offices = by.scope.offices
    county = case_no[:6] or (offices[0].area.county_code if offices else "") or NO_COUNTY
    record(
        action="note", actor=by, county=county, subject=case_no or f"user:{by.pk}", detail=detail, at=at,
        request=request,
    )  # fmt: skip


# --- the visits of one case -------------------------------------------------------------------------------------------
def visits_to_make(case: Dispute, by: User) -> QuerySet[ReturnVisit]:
    """Planned visits of this case that a desk of `by` must make."""
    return ReturnVisit.objects.planned().for_offices_of(by).filter(dispute=case)


def colleagues(case: Dispute, by: User) -> QuerySet[User]:
    """Who may take over these visits: people with a desk role at the offices that make them, `by` among them."""
    return people_at(Q(pk__in=visits_to_make(case, by).values("office")))


def why_not_hand_visits(case: Dispute, by: User) -> str | None:
    """Why `by` cannot hand over the visits of this case; None when they can. Raises NotYours."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_("回访由责任单位转交。需要的联系责任单位"))
    if not visits_to_make(case, by).exists():
        return _("本单位没有要做的这件案件的回访，不用转交")
    return None


def hand_visits(
    *, case: Dispute, to: User | None, by: User, at: dt.datetime, reason: str = "", only: User | None = None,
    request: Any = None,
) -> Event | None:  # fmt: skip
    """The planned visits of this case are `to`'s from now on; None when they were already.

    `only` moves those alone that are assigned to this person. Raises NotYours, MoveRefused or FactsMissing.
    """
    with transaction.atomic():
        case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
        sentence = why_not_hand_visits(case, by)
        if sentence:
            raise MoveRefused(sentence)
        if to is None:
            raise FactsMissing({"to": _("选由谁回访")})
        rows = visits_to_make(case, by)
        rows = rows.filter(assignee=only) if only else rows
        offices = set(rows.values_list("office", flat=True))
        if not offices <= set(to.scope.desks) or not to.is_active:
            names = "、".join(Office.objects.filter(pk__in=offices).values_list("name", flat=True))
            raise MoveRefused(_("%(name)s 不在%(office)s任职，选本单位的人") % {"name": to.name, "office": names})
        moving = list(rows.exclude(assignee=to).values_list("pk", flat=True))
        if not moving:
            return None
        ReturnVisit.objects.filter(pk__in=moving).give(to)
        return case.append_event(
            "visit_handed", by=by, at=at, text=reason, facts={"assignee": to.pk, "visits": moving}, request=request
        )


# --- everything of a leaver -------------------------------------------------------------------------------------------
def offices_to_hand_over(by: User) -> QuerySet[Office]:
    """The offices whose people's work `by` may hand over: those that `by` leads."""
    return Office.objects.filter(pk__in=sorted(by.scope.leads)).order_by("pk")


def leavers(office: Office, today: dt.date) -> QuerySet[User]:
    """People with a desk role here, or whose posting here ended within the last 90 days."""
    posted = Posting.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=today - LEFT_WITHIN),
        office=office,
        role__in=DESK_ROLES,
        valid_from__lte=today,
    )
    return User.objects.filter(pk__in=posted.values("user")).order_by("name", "pk")


def staff(office: Office) -> QuerySet[User]:
    """Who may take work over here."""
    return people_at(Q(pk=office.pk))


def open_work(office: Office, person: User) -> dict[str, QuerySet[Any]]:
    """Everything at this office that waits for this person, by kind of item."""
    return {
        Kind.CASE: Dispute.objects.filter(desk=office, handler=person, status__in=HANDLED).order_by("due_on", "pk"),
        Kind.VISIT: Dispute.objects.filter(
            pk__in=ReturnVisit.objects.planned().filter(office=office, assignee=person).values("dispute")
        ).order_by("pk"),
        Kind.SESSION: Session.objects.planned().filter(office=office, chair=person).order_by("starts_at", "pk"),
    }


def count_open_work(office: Office, person: User) -> int:
    """How many things at this office wait for this person; a number only, for whoever ends the posting."""
    return sum(rows.count() for rows in open_work(office, person).values())


def begin_hand_over(
    *, office: Office, leaver: User, to: Mapping[str, User], reason: str, uid: uuid.UUID, by: User, at: dt.datetime,
    request: Any = None,
) -> HandOver:  # fmt: skip
    """Write down what is to be handed over, and to whom; the same `uid` twice gives the same hand-over.

    `to` maps each kind of item to its receiver. Raises NotYours, MoveRefused or FactsMissing.
    """
    if office.pk not in by.scope.leads:
        raise NotYours(_("整批交接由本单位负责人办理。需要的联系他们"))
    errors = {}
    if not SHORTEST <= len(reason.strip()) <= 200:
        errors["reason"] = _("用 2 到 200 个字写明为什么交接")
    people = set(staff(office))
    for kind in Kind.values:
        person = to.get(kind)
        if person is None or person not in people or person == leaver:
            errors["to" if kind == Kind.CASE else f"to_{kind}"] = _("选本单位在岗的另一个人接手")
    if errors:
        raise FactsMissing(errors)

    def make() -> HandOver:
        with transaction.atomic():
            row = HandOver.objects.create(uid=uid, office=office, leaver=leaver, reason=reason.strip(), by=by, at=at)
            found = open_work(office, leaver)
            items = [
                HandedItem(hand_over=row, kind=kind, dispute_id=pk, to=to[kind])
                for kind in (Kind.CASE, Kind.VISIT)
                for pk in found[kind].values_list("pk", flat=True)
            ]
            items += [
                HandedItem(hand_over=row, kind=Kind.SESSION, dispute_id=case, session_id=pk, to=to[Kind.SESSION])
                for pk, case in found[Kind.SESSION].values_list("pk", "dispute")
            ]
            if not items:
                raise MoveRefused(_("%(name)s 在本单位没有要交接的事") % {"name": leaver.name})
            HandedItem.objects.write_down(items)
            detail = {"did": "hand_over", "from": leaver.username, "items": len(items), "uid": str(uid)}
            county = office.area.county_code or NO_COUNTY
            record(action="move", actor=by, county=county, subject=office.code, detail=detail, at=at, request=request)
        return row

    return once(HandOver.objects.filter(uid=uid, by=by), make)


def go_on(row: HandOver, *, by: User, at: dt.datetime, request: Any = None, patience: float = PATIENCE) -> int:
    """Hand over what is still pending, one thing per transaction, so that nobody waits long; how many are left.

    Each goes through the door of its own kind: a refusal is written beside it and stops nothing else.
    """
    if row.office_id not in by.scope.leads:
        raise NotYours(_("整批交接由本单位负责人办理。需要的联系他们"))
    until = time.monotonic() + patience
    pending = row.items.filter(state=State.PENDING).select_related("dispute", "to")
    people: dict[int, User] = {}
    for item in pending:
        to = people.setdefault(item.to_id, item.to)  # one scope for all that goes to one person
        with transaction.atomic():
            held = locked(HandedItem.objects.filter(pk=item.pk, state=State.PENDING)).first()
            if held is None:
                continue  # somebody who pressed 继续 at the same time was first
            try:
                with transaction.atomic():
                    _move(held.kind, item, to, row, by, at, request)
                held.state = State.MOVED
            except (MoveRefused, FactsMissing) as refused:
                held.state, held.why = State.KEPT, str(getattr(refused, "sentence", refused))[:300]
            held.save(update_fields=["state", "why"])
        if time.monotonic() > until:
            break
    return row.items.filter(state=State.PENDING).count()


def _move(kind: str, item: HandedItem, to: User, row: HandOver, by: User, at: dt.datetime, request: Any) -> None:
    case = item.dispute
    if kind == Kind.CASE:
        if case.handler_id != row.leaver_id:
            raise MoveRefused(_("经办人已经换了别人，没有再动"))
        case.perform("assign", by=by, at=at, person=to, reason=row.reason, request=request)
    elif kind == Kind.VISIT:
        hand_visits(case=case, to=to, by=by, at=at, reason=row.reason, only=row.leaver, request=request)
    else:
        session = Session.objects.filter(pk=item.session_id).first()
        if session is None or session.chair_id != row.leaver_id:
            raise MoveRefused(_("主持人已经换了别人，没有再动"))
        session.give_chair(to=to, by=by, at=at, request=request)


def people_of_desks(offices: list[int]) -> tuple[dict[int, set[int]], set[int]]:
    """Per desk who works there today, so that a handler who left is seen; and the desks that have a lead."""
    found: dict[int, set[int]] = {office: set() for office in offices}
    led = set()
    rows = Posting.objects.filter(in_force(), office__in=offices, role__in=DESK_ROLES, user__is_active=True)
    for office, user, mark in rows.values_list("office", "user", "mark"):
        found[office].add(user)
        if mark == Posting.Mark.LEAD:
            led.add(office)
    return found, led


def along_with(office: Office, cases: QuerySet[Dispute]) -> dict[str, int]:
    """What belongs to the desk and goes along with these cases: instructions to answer, acts that a law wants."""
    return {
        "answers": Instruction.objects.pending().filter(dispute__in=cases.order_by().values("pk")).count(),
        "tasks": Task.objects.open().filter(office=office, dispute__in=cases.order_by().values("pk")).count(),
    }


def counts_of(hand_overs: list[int]) -> dict[int, dict[str, int]]:
    """hand-over id → state of an item → how many."""
    counts = {pk: {str(state): 0 for state in State.values} for pk in hand_overs}
    found = HandedItem.objects.filter(hand_over__in=hand_overs).order_by().values_list("hand_over", "state")
    for pk, state, n in found.annotate(n=Count("pk")):
        counts[pk][state] = n
    return counts
