"""Whistles, the calls to each office in them, and the doors through which they change (吹哨—响应—支援).

A whistle asks several offices in one step; each answers by itself and has its own clock. Desk, tier and clock of the
case stay as they are. An asked office reads what was written and ticked for it here, never the case (ADR 8). Every
door holds the case's row first, as the moves do: an answer and a settlement that meet follow each other.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit.locks import locked, once
from audit.models import record
from disputes import attachments as files
from disputes.models import Attachment, Dispute, Event, FactsMissing, MoveRefused, NotYours, Party
from villages.models import DESK_ROLES, RESPONDER_ROLES, Office, Posting, User, in_force

if TYPE_CHECKING:
    from django.core.files.base import File
    from django.http import HttpRequest

MOST_OFFICES = 20  # more is a circular, not a call for help
MOST_DAYS = 90  # nobody waits longer for an answer
MOBILE = re.compile(r"(?<!\d)1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)")
ID_NUMBER = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")


def offices_to_ask(case: Dispute) -> models.QuerySet[Office]:
    """Every office of the county's directory but the case's own desk; `answers` says whether anybody is there."""
    there = Posting.objects.filter(
        in_force(), office=OuterRef("pk"), role__in=RESPONDER_ROLES, user__is_active=True
    )  # fmt: skip
    county = case.county.county_code
    return (
        Office.objects.filter(in_force(), area__code__startswith=county)
        .exclude(pk=case.desk_id)
        .annotate(answers=Exists(there))
        .order_by("code")
    )


def why_not_blow(case: Dispute, by: User) -> str | None:
    """Why `by` cannot ask other offices for help with this case now; None when they can."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_g("你的岗位不吹哨。需要支援的联系责任单位"))
    if case.desk_id not in by.scope.desks:
        return _g("这个案件现在由%(desk)s办理，由他们吹哨。可以记进展") % {"desk": case.desk.name}
    if not case.is_open:
        return _g("案件现在是“%(status)s”，不能吹哨") % {"status": case.get_status_display()}
    if case.is_paused:
        return _g("案件已中止，先恢复再吹哨")
    return None


class WhistleQuerySet(models.QuerySet["Whistle"]):
    def visible_to(self, user: User) -> WhistleQuerySet:
        """Those of the cases in scope; and those in which an office of `user` was asked, while it may read them."""
        heard = Q(pk__in=Call.objects.heard_by(user).values("whistle"))
        condition = user.scope.cases("dispute__")
        return self.filter(heard if condition is None else condition | heard)

    def live(self) -> WhistleQuerySet:
        """Not closed yet."""
        return self.filter(closed_at=None)

    def for_page(self) -> WhistleQuerySet:
        """Loaded with everything that a whistle shows."""
        return self.select_related("dispute__village__parent", "dispute__desk", "desk", "by").prefetch_related(
            "attachments",
            "calls__office",
            "calls__answered_by",
            "calls__done_by",
            "calls__file",
            "dispute__parties",
        )

    def blow(
        self,
        *,
        case: Dispute,
        by: User,
        at: dt.datetime,
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
        **facts: Any,
    ) -> Whistle:
        """Ask several offices in one step; the same `submission` twice gives the same whistle.

        Facts: offices, kind, what, summary; also answer_by (default: the policy's working days), share_place,
        share_names, share_phones, attachments, and for a protected case knowingly. Raises NotYours, MoveRefused, or
        FactsMissing with a sentence per fact; an office without people is named there, before anything is sent.
        """
        mine = self.filter(submission=submission, by=by) if submission else self.none()
        return once(mine, lambda: self._blow(case, by, at, submission, facts, request))

    def _blow(
        self,
        case: Dispute,
        by: User,
        at: dt.datetime,
        submission: uuid.UUID | None,
        facts: Mapping[str, Any],
        request: HttpRequest | None,
    ) -> Whistle:
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
            sentence = why_not_blow(case, by)
            if sentence:
                raise MoveRefused(sentence)
            today, rules = timezone.localdate(at), case.rules(at)
            answer_by = facts.get("answer_by") or rules.calendar.add(today, rules.policy["whistle_answer_days"])
            offices = list(facts.get("offices") or ())
            errors = _errors(case, by, facts, offices, answer_by, today)
            if errors:
                raise FactsMissing(errors)
            whistle = self.create(
                dispute=case, desk=case.desk, by=by, at=at, submission=submission, answer_by=answer_by,
                **{name: facts[name] for name in ("kind", "what", "summary")},
                **{name: bool(facts.get(name)) for name in Whistle.SHARES},
            )  # fmt: skip
            whistle.attachments.set(facts.get("attachments") or ())
            Call.objects.bulk_create(
                Call(whistle=whistle, office=office, asked_at=at, answer_due_on=answer_by, due_on=answer_by)
                for office in offices
            )
            told = {
                "whistle": str(whistle.uid),
                "kind": whistle.kind,
                "to": [office.name for office in offices],
                "answer_by": answer_by.isoformat(),
                "shared": whistle.shared(),
                **({"knowingly": True} if facts.get("knowingly") else {}),
            }
            case.append_event("whistle", by=by, at=at, text=whistle.what, facts=told, office=case.desk, request=request)
        return whistle


def _errors(
    case: Dispute, by: User, facts: Mapping[str, Any], offices: list[Office], answer_by: dt.date, today: dt.date
) -> dict[str, str]:
    """What must be put right before anything is sent, by fact."""
    errors = {name: str(sentence) for name, sentence in NEEDED.items() if not facts.get(name)}
    known = {office.pk: office for office in offices_to_ask(case).filter(pk__in=[row.pk for row in offices])}
    if offices and len(known) < len({row.pk for row in offices}):
        errors["offices"] = _g("只能吹哨给本县名录里的其他单位，在列出的里面选")
    elif len(offices) > MOST_OFFICES:
        errors["offices"] = _g("一次最多吹哨给 %(n)d 个单位") % {"n": MOST_OFFICES}
    elif empty := [row for row in known.values() if not row.answers]:  # type: ignore[attr-defined]
        errors["offices"] = _g("%(names)s现在没有在岗人员，收不到吹哨。去掉再发，或者打值班电话") % {
            "names": "、".join(f"{row.name} {row.phone}".strip() for row in empty)
        }
    if not today <= answer_by <= today + dt.timedelta(days=MOST_DAYS):
        errors["answer_by"] = _g("最迟答复日期要在今天到 %(n)d 天之内") % {"n": MOST_DAYS}
    if any(row.dispute_id != case.pk for row in facts.get("attachments") or ()):
        errors["attachments"] = _g("只能选本案的附件")
    return errors | _share_errors(case, by, facts)


def _share_errors(case: Dispute, by: User, facts: Mapping[str, Any]) -> dict[str, str]:
    """Names, phones and numbers go out by a tick, never by the way (个人信息保护法 6)."""
    errors: dict[str, str] = {}
    names, phones = facts.get("share_names"), facts.get("share_phones")
    if phones and not names:
        errors["share_phones"] = _g("共享电话要同时勾选当事人姓名，否则不知道是谁的电话")
    elif phones and (sentence := _why_no_phones(case, by)):
        errors["share_phones"] = sentence
    if case.protected and (names or phones or facts.get("attachments")) and not facts.get("knowingly"):
        errors["knowingly"] = _g("本案涉及未成年人或婚恋家庭，姓名和附件不随便给。确需共享的，勾选确认")
    for name in ("what", "summary"):
        text = facts.get(name) or ""
        told = sorted({word for party in case.parties.all() for word in names_of(party) if word in text})
        if told and not names:
            errors[name] = _g("这里写了当事人姓名（%(names)s）。改成甲方、乙方，或者勾选共享姓名") % {
                "names": "、".join(told)
            }
        elif ID_NUMBER.search(text):
            errors[name] = _g("这里写了身份证号，支援单位用不着，删掉再发")
        elif MOBILE.search(text) and not phones:
            errors[name] = _g("这里写了手机号。删掉，或者勾选共享电话")
    return errors


def _why_no_phones(case: Dispute, by: User) -> str | None:
    """Nobody passes on what they may not see themselves."""
    return next(filter(None, (party.may_reveal("phone", by) for party in case.parties.all())), None)


def names_of(party: Party) -> list[str]:
    """Every name that stands for people of this party."""
    named = (party.name, party.alias, party.guardian_name, party.agent_name, party.contact_name)
    return [name for name in named if name]


NEEDED = {
    "offices": _("选吹哨给哪些单位"),
    "kind": _("选要到场还是出具意见"),
    "what": _("写明请他们做什么"),
    "summary": _("写一段给支援单位看的情况"),
}


class Whistle(models.Model):
    """One call for help to several offices: what is asked, by when, and which part of the case they may read."""

    class Kind(models.TextChoices):
        ON_SITE = "on_site", _("到场")
        ADVICE = "advice", _("出具意见")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    submission = models.UUIDField(null=True, blank=True, editable=False)
    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="whistles")
    desk = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False, verbose_name=_("吹哨单位"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(_("吹哨时间"))
    kind = models.CharField(_("要什么支援"), max_length=8, choices=Kind.choices)
    what = models.TextField(_("请他们做什么"), max_length=2000)
    summary = models.TextField(_("给支援单位看的情况"), max_length=5000)
    answer_by = models.DateField(_("最迟答复"))
    share_place = models.BooleanField(_("地点"), default=False)
    share_names = models.BooleanField(_("当事人姓名"), default=False)
    share_phones = models.BooleanField(_("当事人电话"), default=False)
    attachments = models.ManyToManyField(Attachment, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_with = models.ForeignKey(Event, models.PROTECT, null=True, related_name="+")  # its own end, or the case's
    close_reason = models.CharField(_("结束说明"), max_length=500, blank=True)

    objects = WhistleQuerySet.as_manager()

    SHARES = ("share_place", "share_names", "share_phones")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["desk", "-id"], condition=Q(closed_at=None), name="live_whistles_by_desk"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["by", "submission"], condition=Q(submission__isnull=False), name="one_whistle_per_submission"
            ),
            models.CheckConstraint(
                condition=Q(share_phones=False) | Q(share_names=True), name="phones_are_shared_with_their_names"
            ),
        ]

    def __str__(self) -> str:
        return str(self.uid)

    # --- reading ----------------------------------------------------------------------------------------------------
    @property
    def is_live(self) -> bool:
        return self.closed_at is None

    def shared(self) -> list[str]:
        """What was ticked, as codes for the Event."""
        ticked = [name.removeprefix("share_") for name in self.SHARES if getattr(self, name)]
        return [*ticked, *(["attachments"] if self.attachments.exists() else [])]

    def calls_of(self, user: User, at: dt.datetime) -> list[Call]:
        """The calls that `user` answers for, while their office may read them."""
        return [
            call
            for call in self.calls.all()
            if call.office_id in user.scope.responds and (call.readable_until is None or call.readable_until > at)
        ]

    def call_to(self, user: User, at: dt.datetime, office: str = "") -> Call:
        """The call that `user` answers, with several offices of theirs the one with this code.

        Raises NotYours for roles that never answer, MoveRefused when no office of theirs was asked.
        """
        if user.scope.roles.isdisjoint(RESPONDER_ROLES):
            raise NotYours(_g("吹哨由被请的单位答复"))
        own = [call for call in self.calls_of(user, at) if not office or call.office.code == office]
        if not own:
            raise MoveRefused(_g("这次吹哨没有请你的单位，由被请的单位答复"))
        return next((call for call in own if call.is_pending), own[0])

    def why_not_lead(self, by: User) -> str | None:
        """Why `by` cannot call off or close; None when they can: the desk that asked, or the case's desk of today."""
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("吹哨由吹哨的单位撤回或结束"))
        if {self.desk_id, self.dispute.desk_id}.isdisjoint(by.scope.desks):
            return _g("这次吹哨由%(desk)s发起，由他们撤回或结束") % {"desk": self.desk.name}
        if not self.is_live:
            return _g("这次吹哨已经结束")
        return None

    # --- the asked offices ------------------------------------------------------------------------------------------
    def seen(self, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> None:
        """Somebody of an asked office has this whistle before their eyes; the first moment is kept per office."""
        fresh = [call.pk for call in self.calls_of(by, at) if call.first_seen_at is None]
        if not fresh:
            return
        with transaction.atomic():
            if Call.objects.filter(pk__in=fresh, first_seen_at=None).update(first_seen_at=at):
                self.log("read", by=by, at=at, detail={"first_seen": fresh}, request=request)

    def answer(
        self,
        name: str,
        *,
        by: User,
        at: dt.datetime,
        office: str = "",
        file: File | None = None,
        request: HttpRequest | None = None,
        **facts: Any,
    ) -> Call:
        """One office answers: `accept` (who_comes, coming_on), `decline` (reply) or `done` (done_note, perhaps a file).

        Of two colleagues who answer at once the first counts and the second is told. Raises NotYours, MoveRefused,
        FactsMissing or FileRefused; then nothing was written.
        """
        # looked at before the case is locked: that is the slow part
        with files.receiving([file] if file else []) as received, transaction.atomic():
            case, whistle = self._held()
            call = whistle.call_to(by, at, office)
            sentence = call.why_not(name)
            if sentence:
                raise MoveRefused(sentence)
            today = timezone.localdate(at)
            errors = {need: str(why) for need, why in ANSWERS[name].needs.items() if not facts.get(need)}
            coming_on = facts.get("coming_on")
            if coming_on and not today <= coming_on <= today + dt.timedelta(days=MOST_DAYS):
                errors["coming_on"] = _g("日期要在今天到 %(n)d 天之内") % {"n": MOST_DAYS}
            if errors:
                raise FactsMissing(errors)
            kept = ANSWERS[name].facts
            for field in kept:
                setattr(call, field, facts.get(field) or None if field == "coming_on" else facts.get(field) or "")
            call.state = ANSWERS[name].to
            call.first_seen_at = call.first_seen_at or at
            if call.answered_at is None:
                call.answered_at, call.answered_by = at, by
            if name == "done":
                call.done_at, call.done_by = at, by
            call.due_on = coming_on if call.is_pending else None
            event = case.append_event(
                "whistle_answer", by=by, at=at, text=call.said(), office=call.office, request=request,
                facts={"whistle": str(whistle.uid), "call": call.pk, "answer": call.state},
            )  # fmt: skip
            for one in received:
                call.file = files.keep(case, by, at, one, event=event, request=request)
            call.save(update_fields=["state", *Call.WRITTEN, *kept])
        return call

    def reveal_phones(
        self, *, by: User, at: dt.datetime, request: HttpRequest | None = None
    ) -> list[tuple[Party, str]]:
        """The parties' phones in clear for an office that still has to act; the AccessLog row is written before."""
        call = self.call_to(by, at)
        if not self.share_phones:
            raise MoveRefused(_g("吹哨单位没有提供电话。需要联系当事人的，找%(desk)s") % {"desk": self.desk.name})
        if not call.is_pending:
            raise MoveRefused(_g("你们的支援已经办结或结束，不再提供电话"))
        with transaction.atomic():
            self.log("reveal", by=by, at=at, detail={"field": "phone"}, request=request)
        parties = self.dispute.parties.select_related("secret")
        return [(p, p.secret.open("phone")) for p in parties if hasattr(p, "secret") and p.secret.phone]

    def file_for(self, user: User, uid: uuid.UUID, at: dt.datetime) -> Attachment | None:
        """A file that `user` may have through this whistle: their own, or a shared one while they have to act."""
        own = self.calls_of(user, at)
        condition = Q(pk__in=[call.file_id for call in own if call.file_id])
        if any(call.is_pending for call in own):
            condition |= Q(pk__in=self.attachments.values("pk"))
        return self.dispute.attachments.select_related("dispute").filter(condition, uid=uid).first()

    # --- the desk that asked ----------------------------------------------------------------------------------------
    def call_off(
        self, *, by: User, at: dt.datetime, office: str, reason: str, request: HttpRequest | None = None
    ) -> Call:
        """One office is not needed any more."""
        with transaction.atomic():
            case, whistle = self._held()
            sentence = whistle.why_not_lead(by)
            if sentence:
                raise MoveRefused(sentence)
            call = next((call for call in whistle.calls.all() if call.office.code == office), None)
            if call is None:
                raise FactsMissing({"office": _g("选撤回哪个单位的")})
            if not call.is_pending:
                raise MoveRefused(
                    _g("%(office)s已经是“%(state)s”，不用撤回")
                    % {"office": call.office.name, "state": call.get_state_display()}
                )
            if not reason:
                raise FactsMissing({"reason": _g("写明为什么不用他们了")})
            facts = {"whistle": str(whistle.uid), "call": call.pk, "to": [call.office.name]}
            event = case.append_event("whistle_off", by=by, at=at, text=reason, facts=facts, request=request)
            call.off_reason = reason
            call._end(event, at, case.rules(at).policy["whistle_read_days"], Call.State.OFF)
        return call

    def close(self, *, by: User, at: dt.datetime, reason: str = "", request: HttpRequest | None = None) -> None:
        """The chair ends it, and says why when somebody has not answered or not reported."""
        with transaction.atomic():
            case, whistle = self._held()
            sentence = whistle.why_not_lead(by)
            if sentence:
                raise MoveRefused(sentence)
            waiting = [call.office.name for call in whistle.calls.all() if call.is_pending]
            if waiting and not reason:
                raise FactsMissing(
                    {"reason": _g("%(names)s还没有答复或报办结，写明为什么就此结束") % {"names": "、".join(waiting)}}
                )
            facts = {"whistle": str(whistle.uid), "to": waiting}
            event = case.append_event("whistle_close", by=by, at=at, text=reason, facts=facts, request=request)
            whistle._close(event, at, case.rules(at).policy["whistle_read_days"], Call.State.SILENT, reason)
        self.refresh_from_db()

    # --- inside -----------------------------------------------------------------------------------------------------
    def _held(self) -> tuple[Dispute, Whistle]:
        """The case, locked, and this whistle as it stands under that lock."""
        case = locked(Dispute.objects.for_page().filter(pk=self.dispute_id)).get()
        whistle = Whistle.objects.select_related("desk").prefetch_related("calls__office", "calls__answered_by")
        found = whistle.get(pk=self.pk)
        found.dispute = case
        return case, found

    def _close(self, event: Event, at: dt.datetime, days: int, unanswered: str, reason: str = "") -> None:
        for call in self.calls.filter(ended_at=None):
            call._end(event, at, days, unanswered if call.state == Call.State.ASKED else call.state)
        self.closed_at, self.closed_with, self.close_reason = at, event, reason
        self.save(update_fields=["closed_at", "closed_with", "close_reason"])

    @property
    def subject(self) -> str:
        """What the AccessLog calls it: the case, and which whistle of it."""
        return f"{self.dispute.case_no} {self.uid}"

    def log(self, action: str, *, by: User, at: dt.datetime, detail: Mapping[str, Any], request: Any = None) -> None:
        """The AccessLog row of what somebody of an asked office read; last in its transaction."""
        record(
            action=action, actor=by, county=self.subject[:6], subject=self.subject, detail=dict(detail), at=at,
            request=request,
        )  # fmt: skip


def settle_whistles(case: Dispute, event: Event) -> None:
    """The case leaves waiting/mediating: nobody has to come or answer any more (`moves.on_leave`)."""
    for whistle in Whistle.objects.live().filter(dispute=case):
        whistle._close(event, event.at, case.rules(event.at).policy["whistle_read_days"], Call.State.OFF)


class CallQuerySet(models.QuerySet["Call"]):
    def pending(self) -> CallQuerySet:
        """Those whose clock runs: asked, or accepted and not yet reported done."""
        return self.filter(due_on__isnull=False)

    def overdue(self, today: dt.date) -> CallQuerySet:
        return self.filter(due_on__lt=today)

    def heard_by(self, user: User) -> CallQuerySet:
        """Calls to the offices for which `user` answers, while these may read them."""
        while_readable = Q(readable_until=None) | Q(readable_until__gt=timezone.now())
        return self.filter(while_readable, office__in=sorted(user.scope.responds))

    def for_list(self) -> CallQuerySet:
        return self.select_related("office", "whistle__desk", "whistle__dispute")


class Call(models.Model):
    """What one office was asked and what it answered; the moments of each step are kept for the ledger's rates."""

    class State(models.TextChoices):
        ASKED = "asked", _("等待答复")
        ACCEPTED = "accepted", _("已接受")
        DECLINED = "declined", _("不能支援")
        DONE = "done", _("已办结")
        OFF = "off", _("已撤回")
        SILENT = "silent", _("没有答复")

    whistle = models.ForeignKey(Whistle, models.CASCADE, related_name="calls", db_index=False)
    office = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(_("答复"), max_length=8, choices=State.choices, default=State.ASKED)
    asked_at = models.DateTimeField()
    first_seen_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    ended_at = models.DateTimeField(null=True, blank=True)  # called off, or closed with its whistle
    ended_with = models.ForeignKey(Event, models.PROTECT, null=True, related_name="released", db_index=True)
    readable_until = models.DateTimeField(null=True, blank=True)  # set when it ended
    answer_due_on = models.DateField()  # what the answer is measured by
    due_on = models.DateField(null=True, blank=True)  # the clock now: the answer's, then the promised day

    who_comes = models.CharField(_("谁来办"), max_length=100, blank=True)
    coming_on = models.DateField(_("哪天"), null=True, blank=True)
    reply = models.TextField(_("说明"), max_length=1000, blank=True)
    done_note = models.TextField(_("办了什么"), max_length=5000, blank=True)
    file = models.ForeignKey(Attachment, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    off_reason = models.CharField(_("撤回理由"), max_length=500, blank=True)

    objects = CallQuerySet.as_manager()

    #: What `Whistle.answer` writes besides the facts of the answer.
    WRITTEN = ("first_seen_at", "answered_at", "answered_by", "done_at", "done_by", "due_on", "file")

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["office", "due_on"], name="calls_by_office_and_clock"),
            models.Index(fields=["due_on"], condition=Q(due_on__isnull=False), name="calls_that_wait"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["whistle", "office"], name="an_office_is_asked_once_per_whistle"),
            models.CheckConstraint(
                condition=(Q(state__in=["asked", "accepted"], ended_at=None) & Q(due_on__isnull=False))
                | (~Q(state__in=["asked", "accepted"], ended_at=None) & Q(due_on=None)),
                name="the_clock_of_a_call_runs_only_while_it_waits",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["asked", "off", "silent"])
                | Q(answered_at__isnull=False, answered_by__isnull=False),
                name="an_answer_says_when_and_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, readable_until=None)
                | Q(ended_at__isnull=False, readable_until__isnull=False),
                name="a_call_that_ended_says_how_long_it_is_read",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.whistle_id} {self.office_id} {self.state}"

    @property
    def is_pending(self) -> bool:
        return self.state in (self.State.ASKED, self.State.ACCEPTED) and self.ended_at is None

    def in_time(self, today: dt.date) -> bool | None:
        """Whether it was answered by the day that was set; None where nothing can be said, yet or any more."""
        if self.answered_at:
            return timezone.localdate(self.answered_at) <= self.answer_due_on
        last = timezone.localdate(self.ended_at) if self.ended_at else today
        return False if last > self.answer_due_on else None

    def why_not(self, name: str) -> str | None:
        """Why this office cannot give that answer now; None when it can. `name` is one of ANSWERS."""
        if self.ended_at is not None:
            return _g("这次吹哨已经撤回或结束，不用再答复")
        if self.state not in ANSWERS[name].from_:
            who = self.done_by if self.state == self.State.DONE else self.answered_by
            when = self.done_at if self.state == self.State.DONE else self.answered_at
            return _g("%(who)s 在 %(when)s 已经答复“%(state)s”。有变化的打电话给%(desk)s，你写的内容还在") % {
                "who": who.name if who else "",
                "when": timezone.localtime(when).strftime("%m-%d %H:%M") if when else "",
                "state": self.get_state_display(),
                "desk": self.whistle.desk.name,
            }
        return None

    def said(self) -> str:
        """The words of the present answer, for the timeline."""
        if self.state == self.State.ACCEPTED:
            return "\n".join(filter(None, (f"{self.who_comes} {self.coming_on or ''}".strip(), self.reply)))
        return self.done_note if self.state == self.State.DONE else self.reply

    def _end(self, event: Event, at: dt.datetime, days: int, state: str) -> None:
        if self.is_pending:
            self.ended_with = event
        self.state, self.due_on, self.ended_at = state, None, at
        self.readable_until = at + dt.timedelta(days=days)
        self.save(update_fields=["state", "due_on", "ended_at", "readable_until", "ended_with", "off_reason"])


class Answer:
    """One kind of answer: from which states, to which, what must be said (fact → sentence) and what may be."""

    def __init__(self, label: Any, from_: Collection[str], to: str, needs: Mapping[str, Any], also: Iterable[str] = ()):
        self.label, self.from_, self.to, self.needs = label, from_, to, needs
        self.facts = (*needs, *also)


#: What an asked office may say.
ANSWERS = {
    "accept": Answer(
        _("接受"),
        (Call.State.ASKED,),
        Call.State.ACCEPTED,
        {"who_comes": _("写明谁来办"), "coming_on": _("填写哪天到场或给意见")},
        ("reply",),
    ),
    "decline": Answer(_("不能支援"), (Call.State.ASKED,), Call.State.DECLINED, {"reply": _("写明为什么不能支援")}),
    "done": Answer(
        _("报办结"), (Call.State.ASKED, Call.State.ACCEPTED), Call.State.DONE, {"done_note": _("写明办了什么")}
    ),
}
