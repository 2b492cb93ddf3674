"""Referrals, and the doors through which they change (诉调、警调、访调对接; PMA 18).

Out: a case's desk hands the matter, or a part of it, to another body and waits for the outcome. An office of the
directory answers for itself and sees what was shared with it, never the case; for a court or any other body outside,
the sender's people write down what came back. In: a matter received becomes a case, or joins one, by the doors that
every case comes through, and its outcome is reported back.

The doors lock the case first and then the referral, as a move does, so that answering and leaving meet in one order.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from audit.locks import locked, once
from audit.models import record
from disputes import masking
from disputes.field.models import Place, PlaceQuerySet, parties_of
from disputes.models import Conflict, Dispute, Event, FactsMissing, MoveRefused, NotYours, Party
from disputes.moves import Status
from villages.models import DESK_ROLES, Area, Coverage, Office, Posting, Role, User, in_force

if TYPE_CHECKING:
    from django.http import HttpRequest

#: Who answers for an office to which something was referred.
ANSWERING = DESK_ROLES | {Role.DEPARTMENT}


class ReferralQuerySet(PlaceQuerySet["Referral"]):
    def visible_to(self, user: User) -> ReferralQuerySet:
        """The scope rule of cases, what one sent oneself, and what was referred to an office where one answers."""
        received = Q(to_office__in=sorted(user.scope.responds))
        condition = user.scope.q()
        return self.filter(received if condition is None else condition | Q(by=user) | received)

    def pending(self) -> ReferralQuerySet:
        """Sent or received, and without an outcome yet."""
        return self.filter(state__in=[Referral.State.SENT, Referral.State.ACCEPTED])

    def waiting_for(self, user: User) -> ReferralQuerySet:
        """Those on which an office of `user` must act: what came to it, and what it received from outside."""
        mine = Q(direction=Referral.Direction.IN, desk__in=sorted(user.scope.desks))
        return self.pending().filter(mine | Q(to_office__in=sorted(user.scope.responds)))

    def sent_by_desks_of(self, user: User) -> ReferralQuerySet:
        """Those for whose outcome a desk of `user` waits."""
        return self.pending().filter(direction=Referral.Direction.OUT, desk__in=sorted(user.scope.desks))

    def for_list(self) -> ReferralQuerySet:
        """Loaded with everything that a row shows."""
        return self.select_related(*SHOWN).prefetch_related("dispute__parties")

    def send(
        self,
        case: Dispute,
        *,
        by: User,
        at: dt.datetime,
        facts: Mapping[str, Any],
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> Referral:
        """Hand a case, or a part of it, to another body; the same `submission` twice is one referral.

        `facts` are kind, mode, to_office or other, text, sent_on, consents (party id → answer) and, where the whole
        matter goes there, `leaves` with what the move 引导其他途径 needs. Raises NotYours, FactsMissing, MoveRefused.
        """
        mine = self.filter(submission=submission, by=by) if submission else self.none()
        return once(mine, lambda: self._send(case, by, at, facts, submission, request))

    def _send(
        self, case: Dispute, by: User, at: dt.datetime, facts: Mapping[str, Any], submission: Any, request: Any
    ) -> Referral:
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
            sentence = why_not_send(case, by)
            if sentence:
                raise MoveRefused(sentence)
            _check(case, facts, at)
            leaves = facts.get("leaves")
            if leaves:  # first: what was pending before is settled by the move, this referral goes with the case
                case.perform("refer", by=by, at=at, request=request, way=WAY_OF[facts["kind"]], **leaves)
            office = facts.get("to_office")
            row = self.create(
                submission=submission, county_id=case.county_id, township_id=case.township_id,
                village_id=case.village_id, desk_id=case.desk_id, by=by, at=at, direction=Referral.Direction.OUT,
                dispute=case, kind=facts["kind"], mode=facts["mode"], to_office=office,
                other="" if office else facts["other"], text=facts["text"], sent_on=facts["sent_on"],
                consents={str(pk): answer for pk, answer in (facts.get("consents") or {}).items()},
                consented_on=timezone.localdate(at) if facts["mode"] in BY_CONSENT else None,
            )  # fmt: skip
            row.tell("referral_sent", by=by, at=at, text=row.text, request=request)
        return row

    def receive(
        self,
        *,
        by: User,
        at: dt.datetime,
        facts: Mapping[str, Any],
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> Referral:
        """Record what another body handed to a desk of `by`; the same `submission` twice is one referral.

        `facts` are village, kind, mode, other, doc_no, side_a, side_b, text, sent_on (the day it arrived) and, for
        委派 and 委托, consented_on. Raises NotYours, FactsMissing, MoveRefused.
        """
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不登记移送。需要的联系责任单位"))
        mine = self.filter(submission=submission, by=by) if submission else self.none()
        return once(mine, lambda: self._receive(by, at, facts, submission, request))

    def _receive(self, by: User, at: dt.datetime, facts: Mapping[str, Any], submission: Any, request: Any) -> Referral:
        village: Area = facts["village"]
        own = [office for office in by.scope.offices if office.pk in by.scope.desks]
        if not own or village.parent is None or village.parent.parent is None:
            raise MoveRefused(_g("选到村（社区）一级"))
        serving = Coverage.objects.desks_for(village, Office.KIND_OF_TIER).values()
        desk = next((office for office in serving if office in own), own[0])
        today, errors = timezone.localdate(at), {}
        if facts["sent_on"] > today:
            errors["sent_on"] = _g("收到日期在今天之后，写实际收到的那天")
        if facts["mode"] in BY_CONSENT:
            if facts.get("consented_on") is None:
                errors["consented_on"] = _g("委派、委托调解要双方当事人同意，填写同意的日期")
            elif facts["consented_on"] > today:
                errors["consented_on"] = _g("同意的日期在今天之后，写实际同意的那天")
        if errors:
            raise FactsMissing(errors)
        plain = ("kind", "mode", "other", "doc_no", "side_a", "side_b", "text", "sent_on")
        with transaction.atomic():
            row = self.create(
                submission=submission, county=village.parent.parent, township=village.parent, village=village,
                desk=desk, by=by, at=at, direction=Referral.Direction.IN,
                consented_on=facts.get("consented_on") if facts["mode"] in BY_CONSENT else None,
                **{name: facts.get(name) or "" for name in plain},
            )  # fmt: skip
            row.log("create", by=by, at=at, detail={"referral": "received"}, request=request)
        return row


class Referral(Place):
    """One matter on its way between two bodies: what was handed over, who took it, what came of it."""

    class Direction(models.TextChoices):
        OUT = "out", _("转出")
        IN = "in", _("转入")

    class Kind(models.TextChoices):
        """Which body is on the other side; the first three are the 三调对接."""

        COURT = "court", _("诉调对接（人民法院）")
        POLICE = "police", _("警调对接（公安机关）")
        PETITION = "petition", _("访调对接（信访部门）")
        ARBITRAL = "arbitral", _("仲裁机构")
        ADMIN = "admin", _("行政主管部门")
        OTHER = "other", _("其他调解组织或单位")

    class Mode(models.TextChoices):
        """委派 before a suit is filed and 委托 after it both need the parties' agreement."""

        TRANSFER = "transfer", _("移送")
        DELEGATE = "delegate", _("委派调解")
        ENTRUST = "entrust", _("委托调解")

    class State(models.TextChoices):
        SENT = "sent", _("待接收")
        ACCEPTED = "accepted", _("已接收")
        RETURNED = "returned", _("已退回")
        DONE = "done", _("已有结果")
        OVER = "over", _("已了结")  # the case left before anything came back

    class Outcome(models.TextChoices):
        MEDIATED = "mediated", _("调解成功")
        FILED = "filed", _("立案")
        TAKEN = "taken", _("受理")
        DECLINED = "declined", _("不予受理")
        BACK = "back", _("退回")
        OTHER = "other", _("其他")

    direction = models.CharField(_("方向"), max_length=3, choices=Direction.choices)
    kind = models.CharField(_("对接类别"), max_length=8, choices=Kind.choices)
    mode = models.CharField(_("方式"), max_length=8, choices=Mode.choices)
    dispute = models.ForeignKey(Dispute, models.CASCADE, null=True, blank=True, related_name="referrals")
    to_office = models.ForeignKey(
        Office, models.PROTECT, null=True, blank=True, related_name="+", db_index=False, verbose_name=_("接收单位")
    )
    other = models.CharField(_("对方单位"), max_length=80, blank=True)  # a body that is not in the directory
    text = models.TextField(_("移送内容"), max_length=2000)  # all that the other side reads of the case
    side_a = models.CharField(_("甲方"), max_length=100, blank=True)  # of what was received, until it is a case
    side_b = models.CharField(_("乙方"), max_length=100, blank=True)
    sent_on = models.DateField(_("移送日期"))
    at = models.DateTimeField()
    consents = models.JSONField(default=dict)  # party id → answer
    consented_on = models.DateField(_("双方同意的日期"), null=True, blank=True)

    state = models.CharField(_("状态"), max_length=8, choices=State.choices, default=State.SENT)
    doc_no = models.CharField(_("文号或回执编号"), max_length=60, blank=True)
    taken_on = models.DateField(_("接收日期"), null=True, blank=True)
    reason = models.CharField(_("退回或了结的原因"), max_length=500, blank=True)
    outcome = models.CharField(_("结果"), max_length=8, choices=Outcome.choices, blank=True)
    outcome_text = models.CharField(_("结果说明"), max_length=500, blank=True)
    outcome_on = models.DateField(_("结果日期"), null=True, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    answered_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = ReferralQuerySet.as_manager()

    #: What an answer writes.
    ANSWER = (
        "dispute state doc_no taken_on reason outcome outcome_text outcome_on answered_by answered_at version"
    ).split()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["county", "id"], name="referral_by_county"),
            models.Index(fields=["township", "id"], name="referral_by_township"),
            models.Index(fields=["village", "id"], name="referral_by_village"),
            models.Index(fields=["desk", "id"], name="referral_by_desk"),
            models.Index(fields=["to_office", "id"], name="referral_by_receiver"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["by", "submission"], condition=Q(submission__isnull=False), name="one_referral_per_submission"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["sent", "accepted", "returned", "done", "over"]),
                name="a_referral_has_a_known_state",
            ),
            models.CheckConstraint(
                condition=~Q(direction="out") | Q(dispute__isnull=False), name="what_is_referred_is_a_case"
            ),
            models.CheckConstraint(
                condition=Q(to_office__isnull=False) ^ ~Q(other=""), name="a_referral_has_one_other_side"
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | (~Q(outcome="") & Q(outcome_on__isnull=False)),
                name="an_outcome_says_what_and_when",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["returned", "over"]) | ~Q(reason=""), name="what_came_back_says_why"
            ),
            models.CheckConstraint(
                condition=Q(mode="transfer") | Q(consented_on__isnull=False), name="delegated_mediation_was_agreed_to"
            ),
        ]

    def __str__(self) -> str:
        return str(self.uid)

    # --- reading ----------------------------------------------------------------------------------------------------
    @property
    def is_in(self) -> bool:
        return self.direction == self.Direction.IN

    @property
    def is_pending(self) -> bool:
        return self.state in (self.State.SENT, self.State.ACCEPTED)

    @property
    def other_side(self) -> str:
        """The name of the body on the other side."""
        return self.to_office.name if self.to_office else self.other

    def is_received_by(self, user: User) -> bool:
        return self.to_office_id in user.scope.responds

    def veil(self, text: str, viewer: User) -> str:
        """`text` as this viewer may read it: what was shared with an office it reads whole."""
        if self.is_received_by(viewer):
            return text
        if self.dispute:
            if not self.dispute.names_hidden_from(viewer):
                return text
            people: Iterable[Party] = self.dispute.parties.all()
            names = [n for p in people for n in (p.name, p.alias, p.guardian_name, p.agent_name)]
        elif viewer.scope.masked:
            names = []
        else:
            return text
        return masking.mask_in(text, [*names, *self.names()])

    def names(self) -> list[str]:
        return [name for side in (self.side_a, self.side_b) for name in side.split("、") if name]

    def log(self, action: str, *, by: User, at: dt.datetime, detail: Mapping[str, Any], request: Any = None) -> None:
        """The AccessLog row of a change that no event of a case tells; inside its transaction, last."""
        record(
            action=action, actor=by, county=self.village.county_code, subject=str(self.uid), detail=dict(detail), at=at,
            request=request,
        )  # fmt: skip

    def tell(self, kind: str, *, by: User, at: dt.datetime, text: str = "", request: Any = None) -> Event:
        """The event of the case that tells what happened here."""
        assert self.dispute is not None
        facts = {"referral": str(self.uid), "kind": self.kind, "direction": self.direction}
        if self.outcome:
            facts["outcome"] = self.outcome
        return self.dispute.append_event(kind, by=by, at=at, text=text, facts=facts, request=request)

    # --- answering --------------------------------------------------------------------------------------------------
    def acts_for(self, user: User) -> list[str]:
        """What this person may do with it now, in the order of the page."""
        if user.scope.roles.isdisjoint(ANSWERING):
            return []
        return [name for name in ACTS if self.why_not(name, user) is None]

    def why_not(self, name: str, by: User) -> str | None:
        """Why `by` cannot do this now; None when they can. `name` is one of ACTS."""
        if by.scope.roles.isdisjoint(ANSWERING):
            raise NotYours(_g("你的岗位不办理移送。需要的联系责任单位"))
        if self.to_office_id:
            if not self.is_received_by(by):
                return _g("这次移送由%(office)s答复。结果会显示在案件页") % {"office": self.other_side}
        elif self.desk_id not in by.scope.desks and (
            self.dispute is None or self.dispute.desk_id not in by.scope.desks
        ):
            return _g("这次移送由%(desk)s办理，你不能改。可以在案件里记进展") % {"desk": self.desk.name}
        if name in ("new", "join") and not self.is_in:
            return _g("这次移送是转出的，案件已经有了")
        if name == "accept" and self.is_in:
            return _g("收到的移送新立一件案件，或者并入已有案件")
        if name == "report" and self.is_in and self.state == self.State.SENT:
            return _g("先立案或并入案件，办完再反馈结果；不收的退回")
        if self.state in ACTS[name].from_:
            return None
        who = self.answered_by.name if self.answered_by else ""
        return _g("%(who)s 在 %(when)s 已经办过，现在是“%(state)s”。核对后再办") % {
            "who": who,
            "when": timezone.localtime(self.answered_at or self.at).strftime("%m-%d %H:%M"),
            "state": self.get_state_display(),
        }

    def answer(
        self,
        name: str,
        *,
        by: User,
        at: dt.datetime,
        version: int,
        request: HttpRequest | None = None,
        **facts: Any,
    ) -> None:
        """Take it, return it, report its outcome, make it a case or let it join one: one of ACTS with its facts.

        Raises NotYours, FactsMissing, Conflict (somebody answered since `version` was read) or MoveRefused; then
        nothing was written.
        """
        with transaction.atomic():
            wanted = [pk for pk in (self.dispute_id, getattr(facts.get("target"), "pk", None)) if pk]
            # the case first, as a move locks it: leaving and answering wait for one another in one order
            cases = {case.pk: case for case in locked(Dispute.objects.filter(pk__in=wanted).order_by("pk"))}
            row = locked(Referral.objects.select_related("desk", "village").filter(pk=self.pk)).get()
            if row.dispute_id:
                row.dispute = cases.get(row.dispute_id) or row.dispute
            if row.version != version:
                who = row.answered_by or row.by
                raise Conflict(
                    _g("%(who)s刚办过这次移送，现在是“%(state)s”。核对后再办，你写的内容还在")
                    % {"who": who.name, "state": row.get_state_display()}
                )
            sentence = row.why_not(name, by)
            if sentence:
                raise MoveRefused(sentence)
            missing = {
                need: str(words) for need, words in ACTS[name].needs.items() if facts.get(need) in (None, "", [])
            }
            late = {
                day: _g("日期要在移送之后、今天以前")
                for day in ("taken_on", "outcome_on")
                if facts.get(day) and not row.sent_on <= facts[day] <= timezone.localdate(at)
            }
            if missing or late:
                raise FactsMissing(missing | late)
            row.answered_by, row.answered_at, row.version = by, at, row.version + 1
            if "target" in facts and facts["target"]:
                facts["target"] = cases[facts["target"].pk]
            kind, text = getattr(row, f"_{name}")(by, at, facts, request)
            row.save(update_fields=self.ANSWER)
            if kind:
                row.tell(kind, by=by, at=at, text=text, request=request)
            else:
                row.log("edit", by=by, at=at, detail={"referral": name}, request=request)
        self.refresh_from_db()

    def _accept(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> tuple[str, str]:
        self.state = self.State.ACCEPTED
        self.taken_on = facts.get("taken_on") or timezone.localdate(at)
        self.doc_no = facts.get("doc_no") or self.doc_no
        return "referral_taken", ""

    def _return(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> tuple[str, str]:
        self.state, self.reason = self.State.RETURNED, facts["reason"]
        return ("referral_back" if self.dispute_id else ""), self.reason

    def _report(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> tuple[str, str]:
        self.state, self.outcome, self.outcome_on = self.State.DONE, facts["outcome"], facts["outcome_on"]
        self.outcome_text = facts.get("outcome_text") or ""
        self.doc_no = facts.get("doc_no") or self.doc_no
        return "referral_done", self.outcome_text

    def _new(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> tuple[str, str]:
        """A case by the one door of registration, with the source that this kind of referral stands for."""
        kind = facts["kind"]
        given = {
            "village": self.village, "tier": int(facts["tier"]), "type_l1": kind[:2],
            "type_l2": kind if len(kind) == 4 else "", "source": SOURCE_OF[self.kind], "found_on": self.sent_on,
            "narrative": self.text,
        }  # fmt: skip
        parties = parties_of(self.side_a, self.side_b)
        if not parties:
            raise FactsMissing({"kind": _g("移送里没写当事人，先在“登记纠纷”里立案，再选并入那一件")})
        self.dispute = Dispute.objects.register(by=by, at=at, facts=given, parties=parties, request=request)
        return self._take(at)

    def _join(self, by: User, at: dt.datetime, facts: Mapping[str, Any], request: Any) -> tuple[str, str]:
        case: Dispute = facts["target"]
        if case.status in (Status.VOIDED, Status.MERGED):
            raise MoveRefused(_g("案件已%(status)s，不能并入。换一件") % {"status": case.get_status_display()})
        self.dispute = case
        return self._take(at)

    def _take(self, at: dt.datetime) -> tuple[str, str]:
        self.state, self.taken_on = self.State.ACCEPTED, timezone.localdate(at)
        return "referral_in", self.text


class Act:
    """One answer: from which states, and the sentence for each fact without which it is not taken."""

    def __init__(self, label: Any, *from_: str, **needs: Any) -> None:
        self.label, self.from_, self.needs = label, from_, needs


_SENT, _ACCEPTED = Referral.State.SENT, Referral.State.ACCEPTED
ACTS: dict[str, Act] = {
    "accept": Act(_("接收"), _SENT),
    "new": Act(_("新立一件案件"), _SENT, kind=_("选什么事，拿不准选大类"), tier=_("选由哪一级办理")),
    "join": Act(_("并入已有案件"), _SENT, target=_("填写并入哪一件的案号")),
    "report": Act(_("反馈结果"), _SENT, _ACCEPTED, outcome=_("选结果"), outcome_on=_("填写结果日期，今天的写“今天”")),
    "return": Act(_("退回"), _SENT, reason=_("写明为什么退回")),
}
#: What a row of a list and the page read beside the referral.
SHOWN = ("dispute", "desk", "to_office", "by", "answered_by", "village__parent")
BY_CONSENT = (Referral.Mode.DELEGATE, Referral.Mode.ENTRUST)
#: The way of the move 引导其他途径 that a kind of referral goes with, where the whole matter leaves.
WAY_OF = {"court": "court", "arbitral": "arbitral", "police": "police", "petition": "admin", "admin": "admin"}
#: The source of a case that was received (domain.md 4.4, case_source).
SOURCE_OF = {"court": "04", "police": "03", "petition": "05", "arbitral": "99", "admin": "99", "other": "99"}


def why_not_send(case: Dispute, by: User) -> str | None:
    """Why `by` cannot refer this case now; None when they can. Raises NotYours for roles that never can."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_g("你的岗位不办理移送。需要的联系责任单位"))
    if not case.is_open:
        return _g("案件现在是“%(status)s”，不能移送。需要的先重启案件") % {"status": case.get_status_display()}
    if case.desk_id not in by.scope.desks:
        return _g("这个案件现在由%(desk)s办理，由他们移送。可以记进展") % {"desk": case.desk.name}
    return None


def receivers(case: Dispute) -> models.QuerySet[Office]:
    """Offices with people that may receive this case: of its township and county, and the neighbours' centres.

    Not the three desks of the village: a case goes to them by 上报 and 下派.
    """
    served = Coverage.objects.filter(
        in_force(), in_force(prefix="office__"), area__in=[case.village_id, case.township_id],
        office__kind__in=list(Office.TIER),
    )  # fmt: skip
    peopled = Posting.objects.filter(in_force(), role__in=ANSWERING, user__is_active=True).values("office")
    near = Q(area=case.township_id) | Q(area=case.county_id)
    wide = Q(area__parent=case.county_id, kind__in=[Office.Kind.CENTRE, Office.Kind.STATION])
    found = Office.objects.filter(in_force(), near | wide, pk__in=peopled)
    return found.exclude(pk__in=served.values("office")).exclude(pk=case.desk_id).order_by("code")


def _check(case: Dispute, facts: Mapping[str, Any], at: dt.datetime) -> None:
    """The facts of a referral out, judged on the locked case."""
    errors: dict[str, str] = {}
    if facts["sent_on"] > timezone.localdate(at):
        errors["sent_on"] = _g("移送日期在今天之后，写实际移送的那天")
    office = facts.get("to_office")
    if not office and not facts.get("other"):
        errors["other"] = _g("选接收单位；名录里没有的写对方单位名称")
    elif office and facts.get("other"):
        errors["other"] = _g("接收单位和对方单位只写一个")
    elif office and not receivers(case).filter(pk=office.pk).exists():
        errors["to_office"] = _g("%(office)s没有人可以接收，换一个单位或写对方单位名称") % {"office": office.name}
    if facts["mode"] in BY_CONSENT:
        if case.refusing_parties():
            raise MoveRefused(_g("有一方明确拒绝调解，不能委派或委托调解。可以移送或引导其他途径"))
        answers = facts.get("consents") or {}
        if any(answers.get(party.pk) == Party.Consent.REFUSED for party in case.principal_parties()):
            errors["consents"] = _g("有一方不同意，不能委派或委托调解。可以移送或引导其他途径")
        elif any(answers.get(party.pk) != Party.Consent.AGREED for party in case.principal_parties()):
            errors["consents"] = _g("委派、委托调解要每一方同意，逐一问过再选")
    if facts.get("leaves") and facts["kind"] not in WAY_OF:
        errors["kind"] = _g("交给其他调解组织的，案件仍由本单位跟办，不能引导其他途径")
    if errors:
        raise FactsMissing(errors)


def settle_pending(case: Dispute, event: Event) -> None:
    """The case leaves its desk: nobody owes an answer about it any more. In the transaction of the move.

    What was received stays: its sender outside still waits for an outcome, which somebody must report.
    """
    rows = Referral.objects.pending().filter(dispute=case, direction=Referral.Direction.OUT)
    for row in locked(rows.order_by("pk")):
        assert event.by is not None  # the clock moves a case to another desk, never away from all
        row.dispute, row.state, row.version = case, Referral.State.OVER, row.version + 1
        with override(settings.LANGUAGE_CODE):  # the file speaks Chinese, whoever writes into it
            row.reason = _g("案件已办理“%(what)s”") % {"what": event.label}
        row.answered_by, row.answered_at = event.by, event.at
        row.save(update_fields=Referral.ANSWER)
        row.tell("referral_over", by=event.by, at=event.at, text=row.reason)
