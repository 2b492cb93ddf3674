"""Counselling 心理疏导: referrals, sessions, sealed notes, and the doors through which they change.

It accompanies mediation and is no diagnosis (精神卫生法 23). What was said in a session stands in a table of its own,
sealed, and is read by who wrote it and by the one supervisor whom the referral names; everyone else learns how often
there was a session. The doors hold the case's row first, as the moves do, and then the referral.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import BooleanField, Count, ExpressionWrapper, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit import keyring
from audit.locks import locked, once
from audit.models import record, record_read_once
from disputes import masking
from disputes.models import Conflict, Dispute, Event, FactsMissing, MoveRefused, NotYours, Party
from disputes.moves import Status
from disputes.safeguards import lacks_guardian, needs_guardian
from villages.models import DESK_ROLES, Coverage, Office, Posting, Role, User, in_force

if TYPE_CHECKING:
    from django.http import HttpRequest

NOTE_LENGTH = 5000
#: What a row of the list and the page read beside the referral.
SHOWN = (
    "dispute__village__parent", "dispute__desk", "party", "desk", "by", "counsellor", "office", "supervisor",
    "to_person", "to_office", "answered_by",
)  # fmt: skip
#: Where a case that is none any more stands: nobody is referred out of it.
GONE = (Status.VOIDED, Status.MERGED)


# --- who ---------------------------------------------------------------------------------------------------------
def counsellors_for(case: Dispute) -> models.QuerySet[Posting]:
    """Postings of counsellors whose office serves the case's village, township or county."""
    areas = [case.village_id, case.township_id, case.county_id]
    serving = Coverage.objects.filter(in_force(), area__in=areas).values("office")
    return (
        Posting.objects.filter(in_force(), in_force(prefix="office__"), role=Role.COUNSELLOR, user__is_active=True)
        .filter(Q(office__in=serving) | Q(office__area__in=areas))
        .select_related("user", "office")
        .order_by("office__code", "user__name", "pk")
    )


def supervisors_for(case: Dispute) -> models.QuerySet[User]:
    """People who supervise the case's township or county: one of them is named for the notes."""
    areas = [case.township_id, case.county_id]
    serving = Coverage.objects.filter(in_force(), area__in=areas).values("office")
    held = Posting.objects.filter(in_force(), in_force(prefix="office__"), role=Role.SUPERVISOR).filter(
        Q(office__in=serving) | Q(office__area__in=areas)
    )
    return User.objects.filter(is_active=True, pk__in=held.values("user")).order_by("name", "pk")


def _offices_of(user: User, **more: Any) -> list[int]:
    """Where this person counsels today; with mark="lead" where they lead."""
    rows = Posting.objects.filter(in_force(), in_force(prefix="office__"), user=user, role=Role.COUNSELLOR, **more)
    return list(rows.values_list("office_id", flat=True))


def _serves(user: User) -> Q:
    """The cases whose area an office serves where this person counsels."""
    offices = Office.objects.filter(pk__in=_offices_of(user))
    covered = set(Coverage.objects.filter(in_force(), office__in=offices).values_list("area", flat=True))
    areas = sorted(covered | set(offices.values_list("area", flat=True)))
    return Q(dispute__village__in=areas) | Q(dispute__township__in=areas) | Q(dispute__county__in=areas)


def why_not_ask(case: Dispute, by: User) -> str | None:
    """Why `by` cannot refer somebody of this case now; None when they can. Raises NotYours for other roles."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_g("你的岗位不转介心理疏导。需要的联系责任单位"))
    if case.desk_id not in by.scope.desks:
        return _g("这个案件现在由%(desk)s办理，由他们转介心理疏导。可以记进展") % {"desk": case.desk.name}
    if case.status in GONE:
        return _g("案件现在是“%(status)s”，不能转介心理疏导") % {"status": case.get_status_display()}
    return None


class ReferralQuerySet(models.QuerySet["CounsellingReferral"]):
    def visible_to(self, user: User) -> ReferralQuerySet:
        """Those of the cases in scope; for a counsellor what waits for an answer of theirs, is or was theirs.

        Department contacts and administrators have none. What each may read of one stands in `page.py`.
        """
        area = user.scope.cases("dispute__")
        condition = Q(pk__in=[]) if area is None else area
        if user.scope.has(Role.COUNSELLOR):
            condition |= self.own_of(user) | self.offered_to(user)
            leads = _offices_of(user, mark=Posting.Mark.LEAD)
            if leads:
                condition |= Q(office__in=leads)
        return self.filter(condition)

    @staticmethod
    def own_of(user: User) -> Q:
        """Taken by this person, declined by them, or with sessions of theirs."""
        held = CounsellingSession.objects.filter(by=user).values("referral")
        return Q(counsellor=user) | Q(state=State.DECLINED, answered_by=user) | Q(pk__in=held)

    @staticmethod
    def offered_to(user: User) -> Q:
        """Asked for, and this person may take it."""
        anyone = Q(to_person=None) & (Q(to_office__in=_offices_of(user)) | (Q(to_office=None) & _serves(user)))
        return Q(state=State.ASKED) & (Q(to_person=user) | anyone)

    def live(self) -> ReferralQuerySet:
        return self.filter(state__in=[State.ASKED, State.ACCEPTED])

    def to_do_by(self, user: User) -> ReferralQuerySet:
        """What waits for this counsellor: to answer, to meet again, to end."""
        if not user.scope.has(Role.COUNSELLOR):
            return self.none()
        return self.live().filter(Q(state=State.ACCEPTED, counsellor=user) | self.offered_to(user))

    def for_list(self, user: User) -> ReferralQuerySet:
        """Loaded with everything that a row shows, and `done`: how many sessions; `offered`: `user` may take it."""
        held = CounsellingSession.objects.filter(referral=OuterRef("pk")).order_by().values("referral")
        offered = self.offered_to(user) if user.scope.has(Role.COUNSELLOR) else Q(pk__in=[])
        rows = self.select_related(*SHOWN).prefetch_related("dispute__parties")
        return rows.annotate(
            done=Subquery(held.annotate(n=Count("pk")).values("n")),
            offered=ExpressionWrapper(offered, BooleanField()),
        )

    def ask(
        self,
        case: Dispute,
        *,
        by: User,
        at: dt.datetime,
        facts: Mapping[str, Any],
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> CounsellingReferral:
        """Refer one party of a case, with their consent; the same `submission` twice is one referral.

        `facts` are party, consented, consent_by, consent_way, consent_on, why, supervisor, and to_person or to_office.
        Raises NotYours, FactsMissing, MoveRefused.
        """
        mine = self.filter(submission=submission, by=by) if submission else self.none()
        return once(mine, lambda: self._ask(case, by, at, facts, submission, request))

    def _ask(
        self, case: Dispute, by: User, at: dt.datetime, facts: Mapping[str, Any], submission: Any, request: Any
    ) -> CounsellingReferral:
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
            sentence = why_not_ask(case, by)
            if sentence:
                raise MoveRefused(sentence)
            _check(case, facts, at)
            names = ("party", "consent_by", "consent_way", "consent_on", "why", "supervisor", "to_person", "to_office")
            row = CounsellingReferral(
                dispute=case, desk=case.desk, by=by, at=at, submission=submission,
                **{name: facts.get(name) for name in names},
            )  # fmt: skip
            row.save(force_insert=True)
            row.tell("counsel_asked", by=by, at=at, request=request)
        return row


def _check(case: Dispute, facts: Mapping[str, Any], at: dt.datetime) -> None:
    """The facts of a referral, judged on the locked case."""
    errors = {name: str(sentence) for name, sentence in NEEDED.items() if not facts.get(name)}
    today, party = timezone.localdate(at), facts.get("party")
    if party and (party.dispute_id != case.pk or party.kind != Party.Kind.PERSON):
        errors["party"] = _g("只能转介本案的当事人本人，在列出的里面选")
    elif party:
        minor = needs_guardian(party, today)
        if minor and lacks_guardian(party, today):
            errors["party"] = _g("%(name)s 未满 18 周岁，还没有登记监护人。先在“当事人”里补上监护人") % {
                "name": party.name
            }
        elif facts.get("consent_by") and minor != (facts["consent_by"] == ConsentBy.GUARDIAN):
            told = _g("未成年人要监护人同意，选“监护人”") if minor else _g("成年人由本人同意，选“本人”")
            errors["consent_by"] = told
        if CounsellingReferral.objects.live().filter(party=party).exists():
            errors["party"] = _g("%(name)s 已经转介，正在疏导或等人接。看案件页的心理疏导") % {"name": party.name}
    if not facts.get("consented"):
        errors["consented"] = _g("没有本人（未成年人的监护人）同意，不能转介。先说明心理疏导是什么，问过再办")
    if facts.get("consent_on") and facts["consent_on"] > today:
        errors["consent_on"] = _g("同意的日期在今天之后，写实际同意的那天")
    supervisor = facts.get("supervisor")
    if supervisor and not supervisors_for(case).filter(pk=supervisor.pk).exists():
        errors["supervisor"] = _g("这个人不是本地的督导，在列出的里面选")
    person, office = facts.get("to_person"), facts.get("to_office")
    open_to = counsellors_for(case)
    if person:
        open_to = open_to.filter(user=person)
    elif office:
        open_to = open_to.filter(office=office)
    if person and office:
        errors["to"] = _g("单位和疏导员只选一个")
    elif not open_to.exists():
        errors["to"] = _g("没有在岗的疏导员可以接，换一个，或者联系县里安排疏导员")
    if errors:
        raise FactsMissing(errors)


NEEDED = {
    "party": _("选转介哪一个当事人"),
    "consent_by": _("选是谁同意的"),
    "consent_way": _("选怎么同意的"),
    "consent_on": _("填写同意的日期，今天的写“今天”"),
    "why": _("写明为什么转介，一两句话"),
    "supervisor": _("指定一名督导，只有这名督导和疏导员本人能看疏导记录"),
}


class State(models.TextChoices):
    ASKED = "asked", _("等疏导员接")
    ACCEPTED = "accepted", _("疏导中")
    ENDED = "ended", _("已结束")
    DECLINED = "declined", _("不能接")
    WITHDRAWN = "withdrawn", _("已撤回")


class How(models.TextChoices):
    """How it ended."""

    DONE = "done", _("已完成")
    UNWILLING = "unwilling", _("本人不愿继续")
    ELSEWHERE = "elsewhere", _("转介专业机构")


class ConsentBy(models.TextChoices):
    SELF = "self", _("本人")
    GUARDIAN = "guardian", _("监护人")


class ConsentWay(models.TextChoices):
    SPOKEN = "spoken", _("当面口头")
    WRITTEN = "written", _("书面")
    PHONE = "phone", _("电话")


class CounsellingReferral(models.Model):
    """One person on the way to, or with, a counsellor: why, with whose consent, who reads the notes, how it ended."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    submission = models.UUIDField(null=True, blank=True, editable=False)
    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="counselling")
    party = models.ForeignKey(Party, models.PROTECT, related_name="counselling", verbose_name=_("转介谁"))
    desk = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False)  # that asked
    by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(_("转介时间"))
    why = models.CharField(_("为什么转介"), max_length=500)
    consent_by = models.CharField(_("谁同意的"), max_length=8, choices=ConsentBy.choices)
    consent_way = models.CharField(_("怎么同意的"), max_length=8, choices=ConsentWay.choices)
    consent_on = models.DateField(_("同意日期"))
    to_person = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    to_office = models.ForeignKey(Office, models.PROTECT, null=True, blank=True, related_name="+")
    supervisor = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("能看记录的督导"))

    state = models.CharField(_("状态"), max_length=10, choices=State.choices, default=State.ASKED)
    counsellor = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    office = models.ForeignKey(Office, models.PROTECT, null=True, blank=True, related_name="+")  # of the counsellor
    taken_at = models.DateTimeField(null=True, blank=True)
    next_on = models.DateField(_("下次日期"), null=True, blank=True)
    risk_at = models.DateTimeField(null=True, blank=True)  # set while the counsellor holds that somebody must act
    reason = models.CharField(_("原因"), max_length=500, blank=True)  # of declining or withdrawing
    how = models.CharField(_("怎么结束的"), max_length=10, choices=How.choices, blank=True)
    ended_on = models.DateField(_("结束日期"), null=True, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    answered_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = ReferralQuerySet.as_manager()

    #: What a door writes.
    WRITES = (
        "state counsellor office to_person to_office taken_at next_on risk_at reason how ended_on answered_by "
        "answered_at version"
    ).split()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["counsellor", "state"], name="counselling_by_counsellor")]
        constraints = [
            models.UniqueConstraint(
                fields=["by", "submission"],
                condition=Q(submission__isnull=False),
                name="one_counselling_per_submission",
            ),
            models.UniqueConstraint(
                fields=["party"],
                condition=Q(state__in=["asked", "accepted"]),
                name="a_person_is_referred_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="accepted") | Q(counsellor__isnull=False), name="counselling_has_a_counsellor"
            ),
            models.CheckConstraint(
                condition=~Q(state="ended") | (~Q(how="") & Q(ended_on__isnull=False)), name="counselling_ends_somehow"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["declined", "withdrawn"]) | ~Q(reason=""), name="what_was_not_taken_says_why"
            ),
        ]

    def __str__(self) -> str:
        return str(self.uid)

    # --- reading ----------------------------------------------------------------------------------------------------
    def is_open_to(self, user: User) -> bool:
        """Whether this person counsels and may take it; a row of `for_list` knows already."""
        if "offered" in self.__dict__:
            return bool(self.__dict__["offered"])
        return CounsellingReferral.objects.filter(ReferralQuerySet.offered_to(user), pk=self.pk).exists()

    def is_led_by(self, user: User) -> bool:
        """Whether this person leads the counsellors of the office that has it."""
        return self.office_id is not None and self.office_id in _offices_of(user, mark=Posting.Mark.LEAD)

    def is_supervised_by(self, user: User) -> bool:
        """Whether this is the one supervisor named here, who still supervises the area."""
        named = self.supervisor_id == user.pk and user.scope.has(Role.SUPERVISOR)
        return named and self.dispute.is_in_supervision_of(user)

    def is_read_by_desk(self, user: User) -> bool:
        """Whether this person works at a desk that reads the case: they read why, and the advice."""
        return bool(user.scope.desks) and Dispute.objects.visible_to(user).filter(pk=self.dispute_id).exists()

    def names_hidden_from(self, user: User) -> bool:
        """The counsellor who has it or may take it knows the person; for the others the rule of the case holds."""
        if user.scope.has(Role.COUNSELLOR) and (self.counsellor_id == user.pk or self.is_open_to(user)):
            return False
        return self.dispute.names_hidden_from(user)

    def veil(self, text: str, viewer: User) -> str:
        """`text` as this viewer may read it."""
        if not self.names_hidden_from(viewer):
            return text
        people: Iterable[Party] = self.dispute.parties.all()
        return masking.mask_in(text, [n for p in people for n in (p.name, p.alias, p.guardian_name, p.agent_name) if n])

    def log(self, action: str, *, by: User, at: dt.datetime, detail: Mapping[str, Any], request: Any = None) -> None:
        """A row of the access log, without a word of what was written."""
        record(
            action=action, actor=by, county=self.dispute.case_no[:6], subject=str(self.uid), detail=dict(detail), at=at,
            request=request,
        )  # fmt: skip

    def tell(self, kind: str, *, by: User, at: dt.datetime, request: Any = None, **facts: Any) -> Event:
        """The event of the case: that something happened, never what was said."""
        told = {"referral": str(self.uid), **facts}
        return self.dispute.append_event(kind, by=by, at=at, facts=told, request=request)

    # --- the doors --------------------------------------------------------------------------------------------------
    def why_not(self, name: str, by: User) -> str | None:
        """Why `by` cannot do this now; None when they can. `name` is one of ACTS."""
        act = ACTS[name]
        if by.scope.roles.isdisjoint(act.roles):
            raise NotYours(str(act.others))
        sentence = act.whose(self, by)
        if sentence:
            return sentence
        if self.state in act.from_:
            return None
        who = self.answered_by or self.by
        return _g("%(who)s 在 %(when)s 已经办过，现在是“%(state)s”。核对后再办") % {
            "who": who.name,
            "when": timezone.localtime(self.answered_at or self.at).strftime("%m-%d %H:%M"),
            "state": self.get_state_display(),
        }

    def acts_for(self, user: User) -> list[str]:
        """What this person may do now, in the order of the page."""
        return [
            name
            for name, act in ACTS.items()
            if not user.scope.roles.isdisjoint(act.roles) and self.why_not(name, user) is None
        ]

    def act(
        self, name: str, *, by: User, at: dt.datetime, version: int, request: HttpRequest | None = None, **facts: Any
    ) -> None:
        """One of ACTS with its facts.

        Raises NotYours, FactsMissing, Conflict (somebody acted since `version` was read) or MoveRefused; then nothing
        was written.
        """
        with transaction.atomic():
            case = locked(Dispute.objects.select_related("desk").filter(pk=self.dispute_id)).get()
            row = locked(CounsellingReferral.objects.filter(pk=self.pk)).get()
            row.dispute = case
            if row.version != version:
                if facts.get("submission") and row.sessions.filter(submission=facts["submission"], by=by).exists():
                    return  # the same session sent a second time
                who = row.answered_by or row.by
                raise Conflict(
                    _g("%(who)s刚办过这次疏导，现在是“%(state)s”。核对后再办，你写的内容还在")
                    % {"who": who.name, "state": row.get_state_display()}
                )
            sentence = row.why_not(name, by)
            if sentence:
                raise MoveRefused(sentence)
            needs = ACTS[name].needs
            errors = {need: str(words) for need, words in needs.items() if facts.get(need) in (None, "", [])}
            if errors:
                raise FactsMissing(errors)
            row.answered_by, row.answered_at, row.version = by, at, row.version + 1
            kind = ACTS[name].change(row, by, at, facts)
            row.save(update_fields=self.WRITES)
            if kind:
                row.tell(kind, by=by, at=at, request=request)
            else:
                row.log("edit", by=by, at=at, detail={"counselling": name}, request=request)
        self.refresh_from_db()

    def _accept(self, by: User, at: dt.datetime, facts: Mapping[str, Any]) -> str:
        self.state, self.counsellor, self.taken_at = State.ACCEPTED, by, at
        self.office = _office_for(self.dispute, by)
        return "counsel_taken"

    def _decline(self, by: User, at: dt.datetime, facts: Mapping[str, Any]) -> str:
        self.state, self.reason = State.DECLINED, facts["reason"]
        return "counsel_declined"

    def _withdraw(self, by: User, at: dt.datetime, facts: Mapping[str, Any]) -> str:
        self.state, self.reason = State.WITHDRAWN, facts["reason"]
        return "counsel_off"

    def _end(self, by: User, at: dt.datetime, facts: Mapping[str, Any]) -> str:
        today, first = timezone.localdate(at), timezone.localdate(self.taken_at or self.at)
        if not first <= facts["ended_on"] <= today:
            raise FactsMissing({"ended_on": _g("结束日期要在接下之后、今天以前")})
        self.state, self.how, self.ended_on = State.ENDED, facts["how"], facts["ended_on"]
        self.next_on = self.risk_at = None
        return "counsel_over"

    def _pass(self, by: User, at: dt.datetime, facts: Mapping[str, Any]) -> str:
        """To another counsellor. Earlier notes stay with who wrote them and with the named supervisor."""
        person: User = facts["to_person"]
        if person.pk == (self.counsellor_id or self.to_person_id):
            raise FactsMissing({"to_person": _g("已经在这名疏导员手里，选另一名")})
        office = _office_for(self.dispute, person)
        if office is None:
            raise FactsMissing({"to_person": _g("这个人不是本地在岗的疏导员，在列出的里面选")})
        if self.state == State.ACCEPTED:
            self.counsellor, self.office = person, office
        else:
            self.to_person, self.to_office = person, None
        return "counsel_passed"

    def _session(self, by: User, at: dt.datetime, facts: Mapping[str, Any]) -> str:
        today, starts = timezone.localdate(at), facts["starts_at"]
        errors = {}
        if starts > at or timezone.localdate(starts) < timezone.localdate(self.at):
            errors["starts_at"] = _g("疏导的时间要在转介之后、现在以前，写实际的时间")
        if bool(facts.get("next_on")) == bool(facts.get("no_more")):
            errors["next_on"] = _g("填下次日期，或者勾选不再安排")
        elif facts.get("next_on") and facts["next_on"] < today:
            errors["next_on"] = _g("下次日期已经过了，写今天以后的")
        if errors:
            raise FactsMissing(errors)
        names = ("starts_at", "place", "way", "before", "after", "next_on", "submission")
        session = CounsellingSession(referral=self, by=by, at=at, **{name: facts.get(name) for name in names})
        session.place = session.place or ""
        session.save(force_insert=True)
        self.next_on = session.next_on
        if facts.get("note"):
            session.write(facts["note"], by=by, at=at)
        return "counsel_session"

    def _note(self, by: User, at: dt.datetime, facts: Mapping[str, Any]) -> str:
        session = self.sessions.filter(pk=facts["session"], by=by).first()
        if session is None:
            raise MoveRefused(_g("只有做这次疏导的人能补充它的记录"))
        session.write(facts["note"], by=by, at=at)
        return ""

    def _risk(self, by: User, at: dt.datetime, facts: Mapping[str, Any]) -> str:
        self.risk_at = at
        return "counsel_risk"

    def _risk_off(self, by: User, at: dt.datetime, facts: Mapping[str, Any]) -> str:
        self.risk_at = None
        return "counsel_calm"

    def _advise(self, by: User, at: dt.datetime, facts: Mapping[str, Any]) -> str:
        self.advices.create(text=facts["advice"], by=by, at=at)
        return "counsel_advice"

    # --- the person -------------------------------------------------------------------------------------------------
    def may_reveal(self, by: User) -> str | None:
        """Why `by` cannot see the phone here; None when they can. Desks have their way on the case page."""
        if not by.scope.has(Role.COUNSELLOR):
            raise NotYours(_g("电话在这里只给接下的疏导员看，其他人从案件页查看"))
        if self.counsellor_id != by.pk or self.state != State.ACCEPTED:
            return _g("接下以后才能看电话；结束或转交以后不再提供")
        return None

    def reveal(self, *, by: User, at: dt.datetime, reason: str, request: HttpRequest | None = None) -> dict[str, str]:
        """Phones in clear, the person's and (of a minor) the guardian's; the log row is written before."""
        sentence = self.may_reveal(by)
        if sentence:
            raise MoveRefused(sentence)
        if not reason:
            raise FactsMissing({"reason": _g("写明为什么要看")})
        with transaction.atomic():
            self.log("reveal", by=by, at=at, detail={"field": "phone", "reason": reason}, request=request)
        secret = getattr(self.party, "secret", None)
        if secret is None:
            return {}
        return {name: value for name in ("phone", "guardian_phone") if (value := secret.open(name))}

    # --- the notes --------------------------------------------------------------------------------------------------
    def why_no_notes(self, by: User) -> str | None:
        """Why `by` reads no note here; None for the named supervisor. Who wrote notes reads their own."""
        if by.scope.roles.isdisjoint({Role.SUPERVISOR, Role.COUNSELLOR}):
            raise NotYours(_g("疏导记录只有写它的疏导员和指定的督导能看"))
        if self.is_supervised_by(by):
            return None
        if by.scope.has(Role.COUNSELLOR) and self.sessions.filter(by=by).exists():
            return None
        return _g("疏导记录只有写它的疏导员和转介时指定的督导（%(who)s）能看") % {"who": self.supervisor.name}

    def read_notes(
        self, *, by: User, at: dt.datetime, reason: str = "", request: HttpRequest | None = None
    ) -> dict[int, list[CounsellingNote]]:
        """Session → its notes with `text` in clear: one's own, or with a reason all of them for the named supervisor.

        The log row is written before anything is opened.
        """
        sentence = self.why_no_notes(by)
        if sentence:
            raise MoveRefused(sentence)
        supervises = self.is_supervised_by(by)
        rows = CounsellingNote.objects.filter(session__referral=self).select_related("by").order_by("pk")
        subject, county = f"{self.uid} notes", self.dispute.case_no[:6]
        if supervises:
            if not reason:
                raise FactsMissing({"reason": _g("写明为什么要看")})
            with transaction.atomic():
                told = {"notes": rows.count(), "reason": reason}
                record(action="reveal", actor=by, county=county, subject=subject, detail=told, at=at, request=request)
        else:
            rows = rows.filter(by=by)
            with transaction.atomic():
                record_read_once(actor=by, county=county, subject=subject, at=at, request=request)
        found: dict[int, list[CounsellingNote]] = {}
        for row in rows:
            row.text = keyring.unseal(row.sealed, uid=row.uid, **CounsellingNote.CELL)
            found.setdefault(row.session_id, []).append(row)
        return found


def _office_for(case: Dispute, person: User) -> Office | None:
    """The office from which this counsellor serves the case."""
    posting = counsellors_for(case).filter(user=person).first()
    return posting.office if posting else None


class CounsellingSession(models.Model):
    """One meeting: when, where, how, and how the person felt before and after, in plain words."""

    class Way(models.TextChoices):
        MEETING = "meeting", _("面谈")
        PHONE = "phone", _("电话")
        HOME = "home", _("入户")
        VIDEO = "video", _("视频")

    class Feeling(models.IntegerChoices):
        """Five plain steps; no measure of health."""

        VERY_BAD = 1, _("很难受")
        BAD = 2, _("有些难受")
        MIDDLING = 3, _("一般")
        BETTER = 4, _("比较平静")
        CALM = 5, _("平静")

    referral = models.ForeignKey(CounsellingReferral, models.CASCADE, related_name="sessions")
    submission = models.UUIDField(null=True, blank=True, editable=False)
    starts_at = models.DateTimeField(_("时间"))
    place = models.CharField(_("地点"), max_length=100, blank=True)
    way = models.CharField(_("方式"), max_length=8, choices=Way.choices)
    before = models.PositiveSmallIntegerField(_("疏导前"), choices=Feeling.choices)
    after = models.PositiveSmallIntegerField(_("疏导后"), choices=Feeling.choices)
    next_on = models.DateField(_("下次日期"), null=True, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["by", "submission"],
                condition=Q(submission__isnull=False),
                name="one_counselling_session_per_submission",
            ),
            models.CheckConstraint(
                condition=Q(before__in=[1, 2, 3, 4, 5], after__in=[1, 2, 3, 4, 5]), name="feelings_have_five_steps"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.referral_id} {self.starts_at:%Y-%m-%d}"

    def write(self, text: str, *, by: User, at: dt.datetime) -> None:
        """Add a sealed note; what was written before stays as it is."""
        note = CounsellingNote(session=self, by=by, at=at)
        note.sealed = keyring.seal(text, uid=note.uid, **CounsellingNote.CELL)
        note.save(force_insert=True)


class CounsellingNote(models.Model):
    """What a counsellor wrote down: sealed, never changed; a correction is one more row."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # made before the insert: the AAD
    session = models.ForeignKey(CounsellingSession, models.CASCADE, related_name="notes")
    sealed = models.TextField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    CELL = {"table": "followups_counsellingnote", "column": "sealed"}
    text: str  # in clear, where `read_notes` opened it

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.uid)


class CounsellingAdvice(models.Model):
    """What the counsellor lets the handler know: how to speak with the person, what to look after."""

    referral = models.ForeignKey(CounsellingReferral, models.CASCADE, related_name="advices")
    text = models.CharField(_("给经办人的建议"), max_length=500)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.referral_id} {self.at:%Y-%m-%d}"


# --- the table of acts -----------------------------------------------------------------------------------------------
def _taker(row: CounsellingReferral, by: User) -> str | None:
    may = row.is_open_to(by) if row.state == State.ASKED else row.counsellor_id == by.pk
    return None if may else _theirs(row)


def _decliner(row: CounsellingReferral, by: User) -> str | None:
    """Who was asked by name, or is the only one there: of several the others may still take it."""
    sentence = _taker(row, by)
    if sentence or row.state != State.ASKED or row.to_person_id == by.pk:
        return sentence
    others = counsellors_for(row.dispute).exclude(user=by)
    if (others.filter(office=row.to_office_id) if row.to_office_id else others).exists():
        return _g("这次转介别的疏导员也能接，你不接就不用管它")
    return None


def _theirs(row: CounsellingReferral) -> str:
    who = row.counsellor or row.to_person
    return _g("这次疏导由%(who)s办理") % {"who": who.name if who else _g("被转介的疏导员")}


def _counsellor(row: CounsellingReferral, by: User) -> str | None:
    return None if row.counsellor_id in (None, by.pk) else _theirs(row)


def _not_marked(row: CounsellingReferral, by: User) -> str | None:
    return _counsellor(row, by) or (_g("已经标记了风险，办案单位和指定的督导都收到了提醒") if row.risk_at else None)


def _marked(row: CounsellingReferral, by: User) -> str | None:
    return _counsellor(row, by) or (None if row.risk_at else _g("现在没有风险标记"))


def _author(row: CounsellingReferral, by: User) -> str | None:
    if row.counsellor_id == by.pk or row.sessions.filter(by=by).exists():
        return None
    return _theirs(row)


def _desk(row: CounsellingReferral, by: User) -> str | None:
    if by.scope.desks.keys() & {row.desk_id, row.dispute.desk_id}:
        return None
    return _g("这次转介由%(desk)s发起，由他们撤回") % {"desk": row.desk.name}


def _passer(row: CounsellingReferral, by: User) -> str | None:
    if row.is_supervised_by(by) or (by.scope.has(Role.COUNSELLOR) and row.is_led_by(by)):
        return None
    return _g("转交由指定的督导（%(who)s）或疏导员的负责人办理") % {"who": row.supervisor.name}


@dataclass(frozen=True)
class Act:
    """One door: who ever has it, whose it is here, from which states, what it needs, and what it changes."""

    label: Any
    roles: frozenset[str]
    others: Any  # what everybody else is told
    whose: Callable[[CounsellingReferral, User], str | None]
    from_: tuple[str, ...]
    needs: Mapping[str, Any]
    change: Callable[[CounsellingReferral, User, dt.datetime, Mapping[str, Any]], str]


_COUNSELS = frozenset({Role.COUNSELLOR})
_BY_COUNSELLOR = _("心理疏导由疏导员办理")
_A, _B, _C = State.ASKED, State.ACCEPTED, State.ENDED
R = CounsellingReferral
_WHY = _("写明原因")
ACTS: dict[str, Act] = {
    "accept": Act(_("接下"), _COUNSELS, _BY_COUNSELLOR, _taker, (_A,), {}, R._accept),
    "decline": Act(_("不能接"), _COUNSELS, _BY_COUNSELLOR, _decliner, (_A,), {"reason": _WHY}, R._decline),
    "session": Act(
        _("记一次疏导"), _COUNSELS, _BY_COUNSELLOR, _counsellor, (_B,),
        {
            "starts_at": _("填写疏导的日期和时间"), "way": _("选疏导方式"), "before": _("选疏导前的感受"),
            "after": _("选疏导后的感受"),
        },
        R._session,
    ),
    "note": Act(
        _("补充记录"), _COUNSELS, _BY_COUNSELLOR, _author, (_B, _C),
        {"session": _("选补充哪一次"), "note": _("写下要补充的")}, R._note,
    ),
    "advise": Act(
        _("给经办人建议"), _COUNSELS, _BY_COUNSELLOR, _counsellor, (_B,), {"advice": _("写下给经办人的建议")}, R._advise
    ),
    "risk": Act(_("标记风险"), _COUNSELS, _BY_COUNSELLOR, _not_marked, (_B,), {}, R._risk),
    "calm": Act(_("解除风险标记"), _COUNSELS, _BY_COUNSELLOR, _marked, (_B,), {}, R._risk_off),
    "end": Act(
        _("结束疏导"), _COUNSELS, _BY_COUNSELLOR, _counsellor, (_B,),
        {"how": _("选怎么结束的"), "ended_on": _("填写结束日期，今天的写“今天”")}, R._end,
    ),
    "withdraw": Act(
        _("撤回转介"), DESK_ROLES, _("转介由转介的单位撤回"), _desk, (_A,), {"reason": _WHY}, R._withdraw
    ),
    "pass": Act(
        _("转交给另一名疏导员"), frozenset({Role.COUNSELLOR, Role.SUPERVISOR}),
        _("转交由指定的督导或疏导员的负责人办理"), _passer, (_A, _B), {"to_person": _("选转交给谁")}, R._pass,
    ),
}  # fmt: skip
del R
