"""Outcome flags: what mediation prevented, what a court made of it, what happened all the same; 件 and 人 each.

They are counted on the dispute for the official form. The number of people is a number: no flag names anybody.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit.locks import locked, once
from disputes.models import Dispute, FactsMissing, MoveRefused, NotYours
from disputes.moves import Status
from villages.models import DESK_ROLES, User

if TYPE_CHECKING:
    from django.http import HttpRequest

MOST_PEOPLE = 9_999


class OutcomeFlagQuerySet(models.QuerySet["OutcomeFlag"]):
    def visible_to(self, user: User) -> OutcomeFlagQuerySet:
        """Flags on the cases that `user` may read: the scope rule of the case."""
        condition = user.scope.cases("dispute__")
        return self.none() if condition is None else self.filter(condition)

    def standing(self) -> OutcomeFlagQuerySet:
        return self.filter(off_at=None)

    def raise_on(
        self,
        case: Dispute,
        *,
        by: User,
        at: dt.datetime,
        kind: str,
        on: dt.date,
        people: int,
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> OutcomeFlag:
        """A flag dated `on` that counts `people` persons; the same `submission` twice gives the same one.

        Raises NotYours, MoveRefused, or FactsMissing for a day to come or a number that counts nobody.
        """
        mine = self.filter(submission=submission, by=by) if submission else self.none()
        return once(mine, lambda: self._raise_on(case, by, at, kind, on, people, submission, request))

    def _raise_on(
        self,
        case: Dispute,
        by: User,
        at: dt.datetime,
        kind: str,
        on: dt.date,
        people: int,
        submission: uuid.UUID | None,
        request: HttpRequest | None,
    ) -> OutcomeFlag:
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
            sentence = why_not_flag(case, by)
            if sentence:
                raise MoveRefused(sentence)
            wrong = {}
            if on > timezone.localdate(at):
                wrong["on"] = _g("日期 %(day)s 在今天之后，写实际发生的那天") % {"day": on}
            if not 1 <= people <= MOST_PEOPLE:
                wrong["people"] = _g("人数写 1 到 %(most)s 的整数") % {"most": MOST_PEOPLE}
            if wrong:
                raise FactsMissing(wrong)
            row = self.create(dispute=case, kind=kind, on=on, people=people, by=by, at=at, submission=submission)
            facts = {"flag": row.pk, "outcome": kind, "on": on.isoformat(), "people": people}
            case.append_event("outcome", by=by, at=at, facts=facts, request=request)
        return row


class OutcomeFlag(models.Model):
    """One flag of one case. A wrong one is taken back and stays visible."""

    class Kind(models.TextChoices):
        SUICIDE = "suicide", _("防止民间纠纷引起自杀")
        CRIME = "crime", _("防止民转刑")
        BRAWL = "brawl", _("防止群体性事件（械斗）")
        PETITION = "petition", _("防止群体性上访")
        OVERTURNED = "overturned", _("协议被判决变更、撤销或确认无效")
        PAYMENT = "payment", _("申请支付令")
        HAPPENED = "happened", _("形成群体性事件或上访")

    #: 防止激化.
    PREVENTED = (Kind.SUICIDE, Kind.CRIME, Kind.BRAWL, Kind.PETITION)

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="outcomes")
    kind = models.CharField(_("统计标志"), max_length=12, choices=Kind.choices)
    on = models.DateField(_("日期"), db_index=True)
    people = models.PositiveIntegerField(_("人数"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    off_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    off_at = models.DateTimeField(null=True)
    submission = models.UUIDField(null=True, editable=False)

    objects = OutcomeFlagQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=Q(people__gte=1), name="a_flag_counts_somebody"),
            models.UniqueConstraint(
                fields=["by", "submission"], condition=Q(submission__isnull=False), name="one_flag_per_form"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.kind} {self.on}"

    def take_back(self, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> None:
        """It was a mistake: the flag no longer counts. Raises NotYours or MoveRefused."""
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=self.dispute_id)).get()
            row = locked(OutcomeFlag.objects.filter(pk=self.pk)).get()
            sentence = why_not_flag(case, by)
            if sentence is None and row.off_at:
                sentence = _g("这个标志已经撤销")
            if sentence:
                raise MoveRefused(sentence)
            row.off_by, row.off_at = by, at
            row.save(update_fields=["off_by", "off_at"])
            facts = {"flag": row.pk, "outcome": row.kind}
            case.append_event("outcome_off", by=by, at=at, facts=facts, request=request)
        self.refresh_from_db()


def why_not_flag(case: Dispute, by: User) -> str | None:
    """Why `by` cannot enter or take back flags of this case; None when they can. Raises NotYours for other roles."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_g("统计标志由责任单位登记。需要的联系责任单位"))
    if case.desk_id not in by.scope.desks:
        return _g("这个案件现在由%(desk)s办理，由他们登记统计标志") % {"desk": case.desk.name}
    if case.status in (Status.VOIDED, Status.MERGED):
        return _g("案件现在是“%(status)s”，不能登记统计标志") % {"status": case.get_status_display()}
    return None
