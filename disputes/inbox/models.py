"""督办 and 交办: a dated instruction on one case, its answer, and the doors of both.

督办 presses a case that is already worked on; 交办 hands it over from above, with the date on the paper it came with.
Either asks for an answer by a day. What is still unanswered when the case leaves waiting/mediating is settled in the
transaction of that move, and comes back when a merge is undone.
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
from disputes.models import Dispute, Event, MoveRefused, NotYours
from disputes.moves import Tier
from villages.models import DESK_ROLES, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest

WORDS = 1000  # characters of an instruction and of its answer


class InstructionQuerySet(models.QuerySet["Instruction"]):
    def visible_to(self, user: User) -> InstructionQuerySet:
        """Instructions on the cases that `user` may read: the scope rule of the case."""
        condition = user.scope.cases("dispute__")
        return self.none() if condition is None else self.filter(condition)

    def pending(self) -> InstructionQuerySet:
        return self.filter(state=Instruction.State.PENDING)

    def give(
        self,
        case: Dispute,
        kind: str,
        *,
        by: User,
        at: dt.datetime,
        words: str,
        due_on: dt.date,
        given_on: dt.date | None = None,
        source: str = "",
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
    ) -> Instruction:
        """A new instruction; the same `submission` twice gives the same one.

        `given_on` is the day on the paper, at the latest today; `due_on` the day by which the desk answers. Raises
        NotYours for roles that never instruct, MoveRefused for whoever may not on this case.
        """
        mine = self.filter(submission=submission, by=by) if submission else self.none()
        return once(mine, lambda: self._give(case, kind, by, at, words, due_on, given_on, source, submission, request))

    def _give(
        self,
        case: Dispute,
        kind: str,
        by: User,
        at: dt.datetime,
        words: str,
        due_on: dt.date,
        given_on: dt.date | None,
        source: str,
        submission: uuid.UUID | None,
        request: HttpRequest | None,
    ) -> Instruction:
        today = timezone.localdate(at)
        given_on = given_on or today
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
            sentence = why_not_instruct(case, kind, by) or _why_not_these_days(given_on, due_on, today)
            if sentence:
                raise MoveRefused(sentence)
            row = self.create(
                dispute=case, kind=kind, by=by, at=at, words=words, due_on=due_on, given_on=given_on,
                source=source, submission=submission,
            )  # fmt: skip
            case.append_event(kind, by=by, at=at, text=words, facts={"instruction": row.pk}, request=request)
        return row


class Instruction(models.Model):
    """One 督办 or 交办 of one case; the case page keeps every one of them, answered or not."""

    class Kind(models.TextChoices):
        SUPERVISE = "supervise", _("督办")
        HAND_OVER = "hand_over", _("交办")

    class State(models.TextChoices):
        PENDING = "pending", _("待答复")
        ANSWERED = "answered", _("已答复")
        SETTLED = "settled", _("随案件了结")

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="instructions", db_index=False)
    kind = models.CharField(_("督办或交办"), max_length=10, choices=Kind.choices)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    given_on = models.DateField(_("督办、交办日期"))
    source = models.CharField(_("哪个单位交办"), max_length=60, blank=True)
    words = models.TextField(_("理由和要求"), max_length=WORDS)
    due_on = models.DateField(_("答复期限"))
    state = models.CharField(_("状态"), max_length=8, choices=State.choices, default=State.PENDING)
    answer = models.TextField(_("答复"), max_length=WORDS, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(Event, models.PROTECT, null=True, blank=True, related_name="+")
    submission = models.UUIDField(null=True, blank=True, editable=False)

    objects = InstructionQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["dispute", "id"], name="instructions_of_a_case"),
            models.Index(fields=["due_on"], condition=Q(state="pending"), name="instructions_unanswered"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["by", "submission"], condition=Q(submission__isnull=False), name="one_instruction_per_form"
            ),
            models.CheckConstraint(
                condition=~Q(state="answered")
                | (Q(answered_by__isnull=False) & Q(answered_at__isnull=False) & ~Q(answer="")),
                name="an_answer_says_what_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(due_on__gte=models.F("given_on")), name="an_answer_is_due_after_it_was_asked"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.kind} {self.given_on}"

    def why_not_answer(self, by: User) -> str | None:
        """Why `by` cannot answer; None when they can. The desk answers whose turn the case is today."""
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("督办和交办由责任单位答复。需要的联系责任单位"))
        if self.state != self.State.PENDING:
            return _g("这一条%(state)s，不用再答复") % {"state": self.get_state_display()}
        if self.dispute.desk_id not in by.scope.desks:
            return _g("案件现在由%(desk)s办理，由他们答复。可以记进展") % {"desk": self.dispute.desk.name}
        return None

    def reply(self, *, by: User, at: dt.datetime, words: str, request: HttpRequest | None = None) -> None:
        """The desk's answer; of two who answer at once, the second is told that it is answered."""
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=self.dispute_id)).get()
            row = locked(Instruction.objects.filter(pk=self.pk)).get()
            row.dispute = case
            sentence = row.why_not_answer(by)
            if sentence:
                raise MoveRefused(sentence)
            row.answer, row.answered_by, row.answered_at = words, by, at
            row.state = self.State.ANSWERED
            row.save(update_fields=["answer", "answered_by", "answered_at", "state"])
            case.append_event("answer", by=by, at=at, text=words, facts={"instruction": row.pk}, request=request)
        self.refresh_from_db()


def why_not_instruct(case: Dispute, kind: str, by: User) -> str | None:
    """Why `by` cannot give this instruction now; None when they can.

    Supervisors of the area give both. The lead of the township's centre presses a case (督办), and whoever works there
    enters what was handed over on paper (交办). Raises NotYours for every other role.
    """
    scope = by.scope
    centre = {office.pk for office in scope.offices if office.tier == Tier.TOWNSHIP} & scope.desks.keys()
    if not scope.has(Role.SUPERVISOR) and not (scope.has(Role.CENTRE) and centre):
        raise NotYours(_g("督办由督导和综治中心负责人办理。需要的联系乡镇综治中心"))
    if not case.is_open:
        return _g("案件现在是“%(status)s”，没有要督促的。反弹的先重启") % {"status": case.get_status_display()}
    if not case.is_in_supervision_of(by):
        return _g("案件不在你督导的地方。联系%(desk)s") % {"desk": case.desk.name}
    if scope.has(Role.SUPERVISOR) or kind == Instruction.Kind.HAND_OVER or centre & scope.leads:
        return None
    return _g("综治中心的督办由负责人作出。你可以登记上级交办")


def _why_not_these_days(given_on: dt.date, due_on: dt.date, today: dt.date) -> str | None:
    if given_on > today:
        return _g("督办、交办日期在今天之后，写文件上的日期")
    if due_on < today:
        return _g("答复期限在今天以前，写今天或以后的一天")
    return None


def settle_instructions(case: Dispute, event: Event) -> None:
    """The case has left the desk: nobody waits for an answer any more. Called in the transaction of the move."""
    Instruction.objects.filter(dispute=case).pending().update(state=Instruction.State.SETTLED, settled_by=event)


def wake_instructions(case: Dispute, event: Event) -> None:
    """The merge `event` was undone: what it settled waits again."""
    Instruction.objects.filter(dispute=case, settled_by=event).update(state=Instruction.State.PENDING, settled_by=None)
