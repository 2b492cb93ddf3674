"""A dispute and everything that hangs on it; the querysets that say who sees what; the doors through which it changes.

One door per change: `Dispute.objects.register()`, `Dispute.perform()` for every move, and beside them `add_note`,
`edit`, `grade`, `set_consent`, `ask_void` and `attach` (disputes.attachments). Each locks the row, asks why not,
writes conditionally on version, appends the Event and one AccessLog row with the Event's hash, in one transaction.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit import keyring
from audit.locks import locked, once
from audit.models import record
from disputes import clock, masking, safeguards
from disputes.moves import LEAVES, MOVES, OPEN, Status, Tier, guards_of, run_after, run_on_leave
from villages.models import DESK_ROLES, Area, Coverage, Office, Role, User
from villages.policy import policy_on
from villages.workdays import load_calendar

if TYPE_CHECKING:
    from django.http import HttpRequest

MINOR_UNDER = 18  # years; APR 181, PSA 12
CHILD_UNDER = 14  # years; PIPL 31
WAGES_FROM = 16  # years; APR 181
FAMILY_L1 = "01"
PROPERTY_L2 = ("0102", "0103")  # family matters about money and property: 抚养赡养, 分家与继承


class MoveRefused(Exception):
    """A move that may not be made now; `sentence` says the fact and the way out. API 409."""

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = sentence


class NotYours(MoveRefused):
    """A move that this role never has. 403."""


class Conflict(MoveRefused):
    """Somebody else was first; `event` is what they did. API 409, page: both versions side by side."""

    def __init__(self, sentence: str, event: Event | None = None):
        super().__init__(sentence)
        self.event = event


class FactsMissing(Exception):
    """Facts that the move needs were not given; `errors` maps fact name to sentence. API 400, page 422."""

    def __init__(self, errors: Mapping[str, str]):
        super().__init__("; ".join(errors))
        self.errors = dict(errors)


class Counter(models.Model):
    """The last serial given out per county, township and year; taken under a row lock, so no gap and no duplicate."""

    key = models.CharField(max_length=20, unique=True)
    last = models.PositiveIntegerField(default=0)

    @classmethod
    def take(cls, key: str, count: int = 1) -> int:
        """The next serial of `key`, held until the transaction ends; rolled back with it. Of several, the last."""
        Counter.objects.bulk_create([Counter(key=key)], ignore_conflicts=True)
        row = locked(cls.objects.filter(key=key)).get()
        row.last += count
        row.save(update_fields=["last"])
        return row.last


def names_open_to(user: User) -> Q:
    """The cases whose names `user` may read, as a condition: the rule of `Dispute.names_hidden_from`.

    A search or a suggestion by name asks it too: whose name one cannot read, one does not find by it either.
    """
    scope = user.scope
    return Q(pk__in=[]) if scope.masked else Q(protected=False) | Q(desk__in=sorted(scope.desks))


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def visible_to(self, user: User) -> DisputeQuerySet:
        """The cases that `user` may read: the one scope rule of list, detail, search, count, chart, export and API.

        Cases of a ledger import that is not released yet, and cases for department contacts, counsellors and
        administrators, are in nobody's area scope.
        """
        condition = user.scope.cases()
        return self.none() if condition is None else self.filter(condition)

    def on_desk_of(self, user: User) -> DisputeQuerySet:
        """Cases whose turn is at an office where `user` holds a desk role."""
        return self.filter(desk_id__in=sorted(user.scope.desks))

    def open(self) -> DisputeQuerySet:
        """Waiting or mediating; no clock runs for an import that is not released yet."""
        return self.filter(status__in=OPEN, hidden=False)

    def overdue(self, today: dt.date) -> DisputeQuerySet:
        return self.open().filter(due_on__lt=today)

    def for_list(self) -> DisputeQuerySet:
        """Loaded with everything that a list row shows."""
        return self.select_related("village__parent", "desk", "handler")

    def reclock(self, rules: clock.Rules) -> int:
        """Compute the due dates of these cases anew, e.g. with a holiday table that was missing; how many changed."""
        changed = 0
        for pk in list(self.open().values_list("pk", flat=True)):
            with transaction.atomic():  # one case each: nobody waits for a whole township
                case = locked(Dispute.objects.filter(pk=pk)).get()
                before = [getattr(case, field) for field in Dispute.CLOCK]
                case.reclock(rules)
                if before != [getattr(case, field) for field in Dispute.CLOCK]:
                    case.save(update_fields=Dispute.CLOCK)
                    changed += 1
        return changed

    def for_page(self) -> DisputeQuerySet:
        """Loaded with everything that the case page shows in its head."""
        return self.select_related("village__parent", "township", "county", "desk__area", "handler", "registered_by")


class DisputeManager(models.Manager.from_queryset(DisputeQuerySet)):  # type: ignore[misc]
    def register(
        self,
        *,
        by: User,
        at: dt.datetime,
        facts: Mapping[str, Any],
        parties: Iterable[Mapping[str, Any]],
        submission: uuid.UUID | None = None,
        rules: clock.Rules | None = None,
        request: HttpRequest | None = None,
    ) -> Dispute:
        """A new case with its number, its parties, its first round and its `register` event.

        `facts` are field values of Dispute (village, type_l1, type_l2, source, occurred_on, found_on, tier, place, …)
        plus an optional `danger` mapping for `grade`. The same `submission` twice gives the same case (double submit).
        Raises MoveRefused when no office serves the village at that tier.
        """
        mine = self.filter(submission=submission, registered_by=by) if submission else self.none()
        return once(mine, lambda: self._register(by, at, facts, parties, submission, rules, request))

    def _register(
        self,
        by: User,
        at: dt.datetime,
        facts: Mapping[str, Any],
        parties: Iterable[Mapping[str, Any]],
        submission: uuid.UUID | None,
        rules: clock.Rules | None,
        request: HttpRequest | None,
    ) -> Dispute:
        from disputes.search import index  # its entries are made of rows of this module

        facts = dict(facts)
        danger = facts.pop("danger", None)
        village: Area = facts["village"]
        township = village.parent
        if village.level != Area.Level.VILLAGE or township is None or township.parent is None:
            raise MoveRefused(_g("选到村（社区）一级"))
        tier = facts.pop("tier", Tier.VILLAGE)
        desk = Coverage.objects.desk_for(village, tier)
        if desk is None:
            raise MoveRefused(
                _g("没有单位在%(tier)s这一级负责%(village)s，先在“村与警务助理”里设好")
                % {"tier": Tier(tier).label, "village": village.full_name}
            )
        rules = rules or rules_on(timezone.localdate(at))
        party_rows = [Party.build(**party) for party in parties]
        with transaction.atomic():
            year = timezone.localdate(at).year
            key = f"{village.county_code}-{township.code[6:9]}-{year}"
            case = Dispute(
                **facts,
                county=township.parent,
                township=township,
                tier=tier,
                status=Status.WAITING,
                desk=desk,
                registered_by=by,
                registered_at=at,
                arrived_at=at,
                opened_at=at,
                submission=submission,
                case_no=f"{key}-{Counter.take(key):04d}",
            )
            case.summarise(party_rows, timezone.localdate(at))
            case.reclock(rules)
            case.save()
            Round.objects.create(
                dispute=case, no=1, opened_at=at, county=case.county, township=township, village=village
            )
            for row in party_rows:
                row.dispute = case
                row.save_with_secrets()
            index.keep([(case, party_rows)])
            if danger:
                case._grade(by=by, at=at, rules=rules, **danger)
            case._append("register", by=by, at=at, text=case.narrative, request=request)
        return case


def rules_on(day: dt.date) -> clock.Rules:
    """The policy and the calendar in force on `day`; two queries."""
    return clock.Rules(policy=policy_on(day), calendar=load_calendar(day))


class Dispute(models.Model):
    """One dispute from the village to the closed file."""

    class Complexity(models.TextChoices):
        SIMPLE = "simple", _("简易")
        ORDINARY = "ordinary", _("一般")
        COMPLEX = "complex", _("疑难复杂")
        MAJOR = "major", _("重大")

    class Danger(models.TextChoices):
        """Grade of the dispute, never of a person (domain.md 4.5)."""

        NONE = "", _("未评")
        BLUE = "blue", _("蓝 平稳")
        YELLOW = "yellow", _("黄 关注")
        ORANGE = "orange", _("橙 突出")
        RED = "red", _("红 紧急")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    case_no = models.CharField(_("案号"), max_length=24, unique=True)
    submission = models.UUIDField(null=True, blank=True, editable=False)

    # where
    county = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    township = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False, verbose_name=_("乡镇"))
    village = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False, verbose_name=_("村（社区）"))
    place = models.CharField(_("发生地点"), max_length=200, blank=True)

    # what
    type_l1 = models.CharField(_("纠纷大类"), max_length=2)
    type_l2 = models.CharField(_("纠纷类型"), max_length=4, blank=True)
    source = models.CharField(_("来源"), max_length=2)
    narrative = models.TextField(_("简要情况"), max_length=20000)
    demands = models.TextField(_("诉求"), max_length=5000, blank=True)
    people_count = models.PositiveIntegerField(_("涉及人数"), null=True, blank=True)
    amount = models.DecimalField(_("涉及金额（元）"), max_digits=14, decimal_places=2, null=True, blank=True)
    complexity = models.CharField(_("难易程度"), max_length=10, choices=Complexity.choices, default=Complexity.ORDINARY)
    crime_suspected = models.BooleanField(_("涉嫌犯罪"), default=False)
    bullying = models.BooleanField(_("学生欺凌"), default=False)

    # three dates: it happened, it was found and written down, it was typed in
    occurred_on = models.DateField(_("发生日期"), null=True, blank=True)
    found_on = models.DateField(_("排查日期"))
    registered_at = models.DateTimeField(_("录入时间"))
    registered_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)

    # where it stands
    tier = models.PositiveSmallIntegerField(_("层级"), choices=Tier.choices)
    status = models.CharField(_("状态"), max_length=10, choices=Status.choices)
    desk = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False, verbose_name=_("责任单位"))
    handler = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True, verbose_name=_("经办人"))
    round = models.PositiveSmallIntegerField(_("轮次"), default=1)
    version = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField()  # this round
    arrived_at = models.DateTimeField()  # at this desk: the tier's clock starts here
    accepted_at = models.DateTimeField(null=True, blank=True)  # first 受理 of this round: the case's clock starts here
    left_at = models.DateTimeField(null=True, blank=True)  # this round left waiting/mediating
    settled_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(_("结果"), max_length=12, blank=True)

    # the clock, stored so that sweeps and lists read an index; `reclock` recomputes it from scratch
    due_on = models.DateField(_("化解时限"), null=True, blank=True)
    due_kind = models.CharField(max_length=8, blank=True)
    due_provisional = models.BooleanField(default=False)
    case_due_on = models.DateField(null=True, blank=True)
    escalate_on = models.DateField(null=True, blank=True)
    given_until = models.DateField(null=True, blank=True)
    extended_until = models.DateField(null=True, blank=True)
    is_paused = models.BooleanField(_("中止"), default=False)

    # derived from parties and grades, so that a list row reads no other table
    side_a = models.CharField(_("甲方"), max_length=200, blank=True)
    side_b = models.CharField(_("乙方"), max_length=200, blank=True)
    name_keys = models.CharField(max_length=800, blank=True)  # names, pinyin and initials of every party
    protected = models.BooleanField(default=False)  # a minor or a family case: names stay off titles and lists
    danger = models.CharField(_("风险等级"), max_length=8, choices=Danger.choices, blank=True, default=Danger.NONE)
    danger_until = models.DateField(null=True, blank=True)

    # indexed where they are set: an index full of nulls looks useless to a planner, which then reads every case
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="merged_from", db_index=False
    )
    split_from = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="parts", db_index=False)

    # 补录: which ledger import wrote it (a number of ledgers', a room above); hidden until all of that is there
    entered_from = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    hidden = models.BooleanField(default=False, db_default=False, editable=False)

    objects = DisputeManager()

    #: Fields that a move may change; `perform` writes these and nothing else.
    STATE = (
        "tier status desk handler round opened_at arrived_at accepted_at left_at settled_at closed_at result due_on "
        "due_kind due_provisional case_due_on escalate_on given_until extended_until is_paused merged_into"
    ).split()
    #: What `reclock` computes.
    CLOCK = "due_on due_kind due_provisional case_due_on escalate_on is_paused".split()
    #: Fields of the registration that `edit` may change.
    FACTS = (
        "place type_l1 type_l2 source narrative demands people_count amount complexity crime_suspected bullying "
        "occurred_on found_on"
    ).split()

    class Meta:
        indexes = [  # the scope leads every composite index
            models.Index(fields=["county", "id"], name="case_by_county"),
            models.Index(fields=["township", "id"], name="case_by_township"),
            models.Index(fields=["village", "id"], name="case_by_village"),
            models.Index(fields=["county", "status", "id"], name="case_by_county_status"),
            models.Index(fields=["township", "status", "id"], name="case_by_township_status"),
            models.Index(fields=["village", "status", "id"], name="case_by_village_status"),
            models.Index(fields=["desk", "status", "arrived_at", "id"], name="case_by_desk_status_arrival"),
            models.Index(fields=["township", "status", "due_on"], name="case_by_township_due"),
            models.Index(
                fields=["escalate_on"], condition=Q(status__in=["waiting", "mediating"]), name="case_to_escalate"
            ),
            models.Index(fields=["due_on"], condition=Q(status__in=["waiting", "mediating"]), name="case_open_by_due"),
            models.Index(fields=["merged_into"], condition=Q(merged_into__isnull=False), name="case_by_merged_into"),
            models.Index(fields=["split_from"], condition=Q(split_from__isnull=False), name="case_by_split_from"),
            models.Index(fields=["entered_from"], condition=Q(entered_from__isnull=False), name="case_by_import"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["registered_by", "submission"],
                condition=Q(submission__isnull=False),
                name="one_case_per_submission",
            ),
            models.UniqueConstraint(
                fields=["submission"], condition=Q(entered_from__isnull=False), name="a_ledger_row_is_entered_once"
            ),
            models.CheckConstraint(condition=Q(tier__in=[1, 2, 3]), name="a_case_stands_at_one_of_three_tiers"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="a_case_has_a_known_status"),
            models.CheckConstraint(
                condition=(Q(status__in=["waiting", "mediating"]) & Q(left_at=None))
                | (~Q(status__in=["waiting", "mediating"]) & Q(left_at__isnull=False)),
                name="a_round_has_left_if_and_only_if_it_is_not_open",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "mediating"]) | Q(due_on=None),
                name="the_clock_runs_only_while_open",
            ),
            models.CheckConstraint(
                condition=~Q(status="mediating") | Q(handler__isnull=False), name="a_mediated_case_has_a_handler"
            ),
            models.CheckConstraint(
                condition=~Q(status="merged") | Q(merged_into__isnull=False), name="a_merged_case_names_its_target"
            ),
        ]

    def __str__(self) -> str:
        return self.case_no

    # --- reading ----------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_family(self) -> bool:
        return self.type_l1 == FAMILY_L1

    def names_hidden_from(self, viewer: User | None) -> bool:
        """Supervisors see 张*; a minor's or a family case's names show only to the desk that handles it."""
        if viewer is None:
            return True
        if viewer.scope.masked:
            return True
        return self.protected and self.desk_id not in viewer.scope.desks

    def sides_for(self, viewer: User | None) -> tuple[str, str]:
        """Party A and B as this viewer may read them."""
        if not self.names_hidden_from(viewer):
            return self.side_a, self.side_b
        return (
            "、".join(masking.mask_name(n) for n in self.side_a.split("、") if n),
            "、".join(masking.mask_name(n) for n in self.side_b.split("、") if n),
        )

    def title_for(self, viewer: User | None, type_name: str) -> str:
        """马文林与王世昌草场界线纠纷, built per viewer. For notices and file names pass viewer=None."""
        a, b = self.sides_for(viewer)
        kind = type_name if type_name.endswith(("纠纷", "争议")) else _g("%(kind)s纠纷") % {"kind": type_name}
        if a and b:
            return _g("%(a)s与%(b)s%(kind)s") % {"a": a, "b": b, "kind": kind}
        return f"{a or b}{kind}"

    def rules(self, at: dt.datetime) -> clock.Rules:
        """The numbers and the calendar of the day, loaded once per instance."""
        if "_rules" not in self.__dict__:
            self.__dict__["_rules"] = rules_on(timezone.localdate(at))
        return self.__dict__["_rules"]

    def attempts_at_this_tier(self) -> models.QuerySet[Event]:
        """Recorded mediation attempts of this round at the tier where the case stands."""
        kinds = ("note", "session")
        return self.events.filter(kind__in=kinds, round=self.round, tier_from=self.tier, is_attempt=True)

    def principal_parties(self) -> list[Party]:
        return [p for p in self.parties.all() if p.side in (Party.Side.A, Party.Side.B)]

    def refusing_parties(self) -> list[str]:
        return [p.name for p in self.principal_parties() if p.consent == Party.Consent.REFUSED]

    # --- asking -----------------------------------------------------------------------------------------------------

    def why_not(
        self, name: str, *, by: User | None, at: dt.datetime, facts: Mapping[str, Any] | None = None
    ) -> str | None:
        """The sentence that refuses this move now, or None. `by` None is the clock.

        With `facts` None the answer is for a button: judged by the case alone. Raises NotYours for a role that never
        has the move, KeyError for a move that does not exist.
        """
        row = MOVES[name]
        if by is None:
            if not row.automatic:
                return _g("%(move)s只能由人办理") % {"move": row.label}
        elif by.scope.roles.isdisjoint(row.roles):
            raise NotYours(_g("你的岗位不办理“%(move)s”。需要的联系责任单位") % {"move": row.label})
        if self.status not in row.from_:
            return _g("案件现在是“%(status)s”，不能%(move)s") % {
                "status": self.get_status_display(),
                "move": row.label,
            }
        if self.tier not in row.tiers:
            return (
                _g("已经在%(tier)s，没有上一级可以上报。可以延期、吹哨或调解不成") % {"tier": self.get_tier_display()}
                if row.step > 0
                else _g("%(tier)s没有下一级，不能%(move)s") % {"tier": self.get_tier_display(), "move": row.label}
            )
        if by is not None and not self._is_whose_turn(row.by, by):
            if row.by == "lead" and self.desk_id in by.scope.desks:
                return _g("只有%(desk)s的负责人可以%(move)s") % {"desk": self.desk.name, "move": row.label}
            return _g("这个案件现在由%(desk)s办理，你不能%(move)s。可以记进展") % {
                "desk": self.desk.name,
                "move": row.label,
            }
        if self.is_paused and not row.while_paused:
            return _g("案件已中止，先恢复再%(move)s") % {"move": row.label}
        for function in guards_of(name):
            sentence = function(self, by, facts, at)
            if sentence:
                return sentence
        return None

    def _is_whose_turn(self, who: str, by: User) -> bool:
        scope = by.scope
        if who == "lead":
            return self.desk_id in scope.leads
        if self.desk_id in scope.desks:
            return True
        return who == "desk_or_supervisor" and scope.has(Role.SUPERVISOR) and self.is_in_supervision_of(by)

    def is_in_supervision_of(self, user: User) -> bool:
        scope = user.scope
        return self.county_id in scope.counties or self.township_id in scope.townships

    def moves_for(self, user: User, at: dt.datetime) -> dict[str, str | None]:
        """Every move this role ever has from this status → None, or the sentence why not now. Detail page only."""
        answers: dict[str, str | None] = {}
        for name, row in MOVES.items():
            if self.status in row.from_ and not user.scope.roles.isdisjoint(row.roles):
                answers[name] = self.why_not(name, by=user, at=at)
        return answers

    # --- changing ---------------------------------------------------------------------------------------------------

    def perform(
        self,
        name: str,
        *,
        by: User | None,
        at: dt.datetime,
        version: int | None = None,
        rules: clock.Rules | None = None,
        request: HttpRequest | None = None,
        **facts: Any,
    ) -> Event:
        """Make a move: lock, ask why not, write, append the Event and its AccessLog row, in one transaction.

        Raises FactsMissing, NotYours, Conflict (the case changed since `version` was read) or MoveRefused; then
        nothing was written. The instance itself is refreshed only on success.
        """
        from disputes import effects  # effects build rows of this module

        row = MOVES[name]
        with transaction.atomic():
            target = facts.get("target")
            if isinstance(target, Dispute):  # both rows, in one order: two cases merged into each other do not deadlock
                list(locked(Dispute.objects.filter(pk__in=[self.pk, target.pk]).order_by("pk")))
            case = locked(Dispute.objects.for_page().filter(pk=self.pk)).get()
            if rules:
                case.__dict__["_rules"] = rules
            if version is not None and version != case.version:
                raise Conflict(*case._told_who_was_first(version))
            sentence = case.why_not(name, by=by, at=at)
            if sentence:
                raise MoveRefused(sentence)
            if by is not None:
                missing = {n: effects.needed_sentence(n) for n in row.needs if facts.get(n) in (None, "", [], {})}
                if missing:
                    raise FactsMissing(missing)
            sentence = case.why_not(name, by=by, at=at, facts=facts)
            if sentence:
                raise MoveRefused(sentence)

            before = (case.status, case.tier, case.version)
            case.tier += row.step
            if row.to:
                case.status = row.to
            if row.step:
                effects.arrive(case, name, at)
            kept, text = effects.EFFECTS[name](case, by, at, facts)
            if name in LEAVES:
                effects.leave(case, at)
            case.reclock(case.rules(at))
            case.version += 1
            changed = Dispute.objects.filter(pk=case.pk, status=before[0], version=before[2]).update(
                version=case.version, **{f: getattr(case, f) for f in self.STATE}
            )
            if changed != 1:  # only reachable where the lock above is taken away
                raise Conflict(*case._told_who_was_first(before[2]))
            event = case._append(
                name, by=by, at=at, text=text, facts=kept, status_from=before[0], tier_from=before[1], request=request
            )
            if before[0] in OPEN and not case.is_open:
                run_on_leave(case, event)
        for field in [*self.STATE, "version"]:
            setattr(self, field, getattr(case, field))
        self._prefetched_objects_cache: dict[str, Any] = {}
        self.forget()
        return event

    def forget(self) -> None:
        """Read anew what `safeguards.latest` and `safe.models.standing` keep on this instance."""
        for name in ("_standing", "_answered"):
            self.__dict__.pop(name, None)

    def _told_who_was_first(self, version: int) -> tuple[str, Event | None]:
        event = self.events.filter(version__gt=version).order_by("-pk").first()
        if event is None:
            return _g("案件刚被改动，核对后再办"), None
        return (
            _g("%(who)s 在 %(when)s 已经办了“%(what)s”，现在是“%(status)s”。核对后再办，你写的内容还在")
            % {
                "who": event.by_name or _g("系统"),
                "when": timezone.localtime(event.at).strftime("%m-%d %H:%M"),
                "what": event.label,
                "status": self.get_status_display(),
            },
            event,
        )

    def add_note(
        self,
        *,
        by: User,
        at: dt.datetime,
        text: str,
        way: str = "",
        happened_on: dt.date | None = None,
        is_attempt: bool = False,
        request: HttpRequest | None = None,
    ) -> Event:
        """A progress note in the timeline; kind 调解 (`is_attempt`) counts as an attempt. Needs a desk role."""
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不记进展。需要的联系责任单位"))
        if self.status in (Status.VOIDED, Status.MERGED):
            raise MoveRefused(_g("案件已%(status)s，不能再记进展") % {"status": self.get_status_display()})
        sentence = safeguards.why_no_note(self, by, at, way, is_attempt)
        if sentence:
            raise MoveRefused(sentence)
        facts: dict[str, Any] = {"way": way} if way else {}
        if happened_on:
            facts["happened_on"] = happened_on.isoformat()
        with transaction.atomic():
            return self._append("note", by=by, at=at, text=text, facts=facts, is_attempt=is_attempt, request=request)

    def may_edit(self, by: User) -> str | None:
        """Why `by` cannot change registration facts, parties, consent or grade now; None when they can."""
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_g("你的岗位不修改案件。需要的联系责任单位"))
        if self.desk_id not in by.scope.desks:
            return _g("这个案件现在由%(desk)s办理，由他们修改。可以记进展") % {"desk": self.desk.name}
        if self.status in (Status.CLOSED, Status.VOIDED, Status.MERGED):
            return _g("案件现在是“%(status)s”，不能修改") % {"status": self.get_status_display()}
        return None

    def edit(
        self,
        *,
        by: User,
        at: dt.datetime,
        version: int,
        facts: Mapping[str, Any] | None = None,
        parties: Iterable[Mapping[str, Any]] | None = None,
        request: HttpRequest | None = None,
    ) -> Event | None:
        """Change registration facts and parties. A party mapping with `pk` changes that party, without adds one.

        Returns None when nothing differs. Raises Conflict when the case changed since `version` was read.
        """
        from disputes.search import index

        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=self.pk)).get()
            sentence = case.may_edit(by)
            if sentence:
                raise MoveRefused(sentence)
            if version != case.version:
                raise Conflict(*case._told_who_was_first(version))
            changed = [f for f, value in (facts or {}).items() if f in self.FACTS and getattr(case, f) != value]
            sentence = safeguards.stays_registered(case, facts or {})
            if sentence:
                raise MoveRefused(sentence)
            for name in changed:
                setattr(case, name, (facts or {})[name])
            touched = [row for row in (Party.change(case, dict(p), at=at) for p in parties or ()) if row]
            if not changed and not touched:
                return None
            case.summarise(list(case.parties.all()), timezone.localdate(at))
            case.version += 1
            case.save(update_fields=[*changed, "version", "side_a", "side_b", "name_keys", "protected"])
            index.index_cases([case.pk])
            event = case._append("edit", by=by, at=at, facts={"fields": changed, "parties": touched}, request=request)
        self.refresh_from_db()
        return event

    @cached_property
    def tied_ids(self) -> list[int]:
        """Cases merged into this one or split off it, and what it was split from; asked once for a page."""
        rows = Dispute.objects.filter(Q(merged_into=self) | Q(split_from=self)).values_list("pk", flat=True)
        return [*rows, *([self.split_from_id] if self.split_from_id else [])]

    def suspect_crime(self, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> None:
        """A capture that joins this case tells of a suspected crime: it stops the case, whoever has it (PSA 3)."""
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=self.pk)).get()
            if case.crime_suspected or not case.is_open:
                return
            case.crime_suspected = True
            case.version += 1
            case.save(update_fields=["crime_suspected", "version"])
            case._append("edit", by=by, at=at, facts={"fields": ["crime_suspected"], "parties": []}, request=request)

    def grade(
        self,
        *,
        by: User,
        at: dt.datetime,
        level: str,
        reason: str,
        expires_on: dt.date | None = None,
        request: HttpRequest | None = None,
    ) -> Event:
        """Grade the danger of the dispute, with reason and expiry (default and at most as the policy says)."""
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=self.pk)).get()
            sentence = case.may_edit(by)
            if sentence:
                raise MoveRefused(sentence)
            case._grade(by=by, at=at, level=level, reason=reason, expires_on=expires_on, rules=case.rules(at))
            event = case._append("grade", by=by, at=at, text=reason, facts={"level": level}, request=request)
        self.refresh_from_db()
        return event

    def grade_with(
        self, *, by: User, at: dt.datetime, level: str, reason: str, expires_on: dt.date | None = None
    ) -> None:
        """Grade the danger as part of another change of the locked case, whose event says so."""
        self._grade(by=by, at=at, level=level, reason=reason, expires_on=expires_on, rules=self.rules(at))

    def _grade(
        self,
        *,
        by: User,
        at: dt.datetime,
        level: str,
        reason: str,
        rules: clock.Rules,
        expires_on: dt.date | None = None,
    ) -> None:
        today = timezone.localdate(at)
        expires_on = expires_on or today + dt.timedelta(days=rules.policy["danger_days"])
        if not today < expires_on <= today + dt.timedelta(days=90):
            raise MoveRefused(_g("风险等级的有效期要在明天到 90 天之内"))
        DangerGrade.objects.create(dispute=self, level=level, reason=reason, by=by, at=at, expires_on=expires_on)
        self.danger, self.danger_until = level, expires_on
        self.save(update_fields=["danger", "danger_until"])

    def set_consent(
        self,
        party: Party,
        *,
        by: User,
        at: dt.datetime,
        consent: str,
        way: str = "",
        on: dt.date | None = None,
        asked_by: User | None = None,
        taken_back: bool = False,
        request: HttpRequest | None = None,
    ) -> Event:
        """Record that a party agreed to mediation or clearly refused: on which day, how, and who asked (PMA 3, 17, 23).

        A refusal is taken back by the party itself and by nobody else: `taken_back` says so, and `way` how.
        """
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=self.pk)).get()
            sentence = case.may_edit(by)
            if sentence:
                raise MoveRefused(sentence)
            row, today = case.parties.get(pk=party.pk), timezone.localdate(at)
            back = row.consent == Party.Consent.REFUSED and consent == Party.Consent.AGREED
            if back and not (taken_back and way):
                raise MoveRefused(
                    _g("%(name)s 明确拒绝过，要由本人撤回拒绝。勾选“本人撤回拒绝”，写明怎么确认的") % {"name": row.name}
                )
            if on and on > today:
                raise FactsMissing({"on": _g("日期 %(day)s 在今天之后，写实际发生的那天") % {"day": on}})
            row.answer(consent, by=by, at=at, way=way, on=on or today, asked_by=asked_by or by, taken_back=back)
            kept = {"party": row.pk, "side": row.side, "consent": consent, "on": (on or today).isoformat()}
            if back:
                kept["taken_back"] = True
            return case._append("consent", by=by, at=at, facts=kept, request=request)

    def act(
        self,
        name: str,
        *,
        by: User,
        at: dt.datetime,
        submission: uuid.UUID | None = None,
        request: HttpRequest | None = None,
        **facts: Any,
    ) -> Event:
        """Do one of the acts of `disputes.safe.acts`: answer a safeguard, or say what was kept of an agreement.

        The same `submission` twice gives the same event. Raises FactsMissing, NotYours or MoveRefused; then nothing was
        written.
        """
        from disputes.safe import acts  # acts build rows that hang on this module's

        return acts.perform(self, name, by=by, at=at, facts=facts, submission=submission, request=request)

    def ask_void(self, *, by: User, at: dt.datetime, reason: str, request: HttpRequest | None = None) -> Event:
        """The first of the two people that voiding a number takes."""
        with transaction.atomic():
            case = locked(Dispute.objects.for_page().filter(pk=self.pk)).get()
            sentence = case.may_edit(by)
            if sentence:
                raise MoveRefused(sentence)
            return case._append("void_asked", by=by, at=at, text=reason, request=request)

    def append_event(
        self,
        kind: str,
        *,
        by: User | None,
        at: dt.datetime,
        text: str = "",
        facts: Mapping[str, Any] | None = None,
        is_attempt: bool = False,
        office: Office | None = None,
        request: HttpRequest | None = None,
    ) -> Event:
        """What another room did to this case, as an event; called last in that room's transaction.

        `office` is for which one the person acted, where it is not their first.
        """
        assert kind in OTHER_EVENTS and kind not in MOVES
        with transaction.atomic(savepoint=False):
            return self._append(
                kind, by=by, at=at, text=text, facts=facts, is_attempt=is_attempt, office=office, request=request
            )

    # --- inside -----------------------------------------------------------------------------------------------------

    def summarise(self, parties: list[Party], today: dt.date) -> None:
        """Write the columns that lists read from the parties."""
        from villages.pinyin import person_keys

        names = {side: [p.name for p in parties if p.side == side] for side in ("A", "B")}
        self.side_a, self.side_b = ("、".join(names[side])[:200] for side in ("A", "B"))
        keys = []
        for party in parties:
            for name in filter(None, (party.name, party.alias)):
                keys += [name.replace("·", ""), *person_keys(name)]
        self.name_keys = " ".join(dict.fromkeys(" ".join(keys).split()))[:800]
        self.protected = self.is_family or any(p.is_minor(today) for p in parties)

    def reclock(self, rules: clock.Rules) -> None:
        """Recompute the due date from scratch: start, limit, calendar and pauses."""
        if not self.is_open:
            self.due_on = self.case_due_on = self.escalate_on = None
            self.due_kind, self.due_provisional, self.is_paused = "", False, False
            return
        pauses = [] if self.pk is None else [p.days() for p in self.pauses.all() if p.round == self.round]
        day = timezone.localdate
        found = clock.deadline(
            clock.Course(
                waiting=self.status == Status.WAITING,
                tier=self.tier,
                arrived_on=day(self.arrived_at),
                accepted_on=day(self.accepted_at) if self.accepted_at else None,
                given_until=self.given_until,
                extended_until=self.extended_until,
                pauses=pauses,
            ),
            rules,
        )
        self.is_paused = any(p.end is None for p in pauses)
        self.due_on, self.due_kind, self.due_provisional = found.on, found.kind, found.provisional
        self.case_due_on, self.escalate_on = found.case_on, found.escalate_on

    def _append(
        self,
        kind: str,
        *,
        by: User | None,
        at: dt.datetime,
        text: str = "",
        facts: Mapping[str, Any] | None = None,
        status_from: str | None = None,
        tier_from: int | None = None,
        is_attempt: bool = False,
        office: Office | None = None,
        request: HttpRequest | None = None,
    ) -> Event:
        """History and outbox in one: the Event, its text in a row of its own, and the AccessLog row with its hash.

        Its reactions run right after the commit; those that die in between are the pump's.
        """
        event = Event(
            dispute=self,
            kind=kind,
            at=at,
            by=by,
            by_name=by.name if by else "",
            office=office or self._office_of(by),
            desk_id=self.desk_id,
            status_from=status_from or self.status,
            status_to=self.status,
            tier_from=tier_from or self.tier,
            tier_to=self.tier,
            round=self.round,
            version=self.version,
            is_attempt=is_attempt,
            facts=dict(facts or {}),
        )
        event.hash = event.compute_hash()
        event.save(force_insert=True)
        if text:
            EventText.objects.create(event=event, body=text)
        record(
            action="create" if kind == "register" else "move" if kind in MOVES else kind_to_action(kind),
            actor=by,
            county=self.case_no[:6],
            subject=self.case_no,
            detail={"kind": kind, "event": event.pk},
            event_hash=event.hash,
            at=at,
            request=request,
        )
        transaction.on_commit(lambda: run_after(event.pk), robust=True)
        return event

    def _office_of(self, by: User | None) -> Office | None:
        if by is None:
            return None
        offices = by.scope.offices
        return next((o for o in offices if o.pk == self.desk_id), offices[0] if offices else None)


def kind_to_action(kind: str) -> str:
    """The AccessLog action of an event that is not a move."""
    return {"note": "note", "attach": "attach"}.get(kind, "edit")


class Round(models.Model):
    """One opening of a case: registration opens round 1, every reopening a new one. The month counts rounds."""

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="rounds")
    no = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)
    left_as = models.CharField(max_length=10, choices=Status.choices, blank=True)
    # as they were when the round opened: a later move of the village leaves past ledgers unchanged
    county = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    township = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    village = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False)
    on_time = models.BooleanField(null=True)  # left on or before its due date

    class Meta:
        ordering = ["dispute", "no"]
        constraints = [models.UniqueConstraint(fields=["dispute", "no"], name="a_round_is_opened_once")]
        indexes = [
            models.Index(fields=[level, column], name=f"round_by_{level}_{column[:6].rstrip('_')}")
            for level in ("county", "township", "village")
            for column in ("opened_at", "left_at")
        ]


class Party(models.Model):
    """One side of one case; belongs to this case only, so there is no page of a person's cases."""

    class Side(models.TextChoices):
        A = "A", _("甲方")
        B = "B", _("乙方")
        THIRD = "C", _("第三方")

    class Kind(models.TextChoices):
        PERSON = "person", _("个人")
        ORGANISATION = "org", _("单位")

    class Sex(models.TextChoices):
        """GB/T 2261.1."""

        UNKNOWN = "0", _("未知")
        MALE = "1", _("男")
        FEMALE = "2", _("女")
        NOT_STATED = "9", _("未说明")

    class Consent(models.TextChoices):
        ASKED_NOT = "", _("未问")
        AGREED = "agreed", _("同意调解")
        REFUSED = "refused", _("明确拒绝")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # made before the insert: the AAD
    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="parties")
    side = models.CharField(_("哪一方"), max_length=1, choices=Side.choices)
    kind = models.CharField(_("个人或单位"), max_length=6, choices=Kind.choices, default=Kind.PERSON)
    name = models.CharField(_("姓名或名称"), max_length=80)
    alias = models.CharField(_("别名、绰号"), max_length=50, blank=True)
    sex = models.CharField(_("性别"), max_length=1, choices=Sex.choices, blank=True)
    birth_on = models.DateField(_("出生日期"), null=True, blank=True)
    guardian_name = models.CharField(_("监护人"), max_length=50, blank=True)
    guardian_relation = models.CharField(_("监护关系"), max_length=20, blank=True)
    agent_name = models.CharField(_("代理人"), max_length=50, blank=True)
    agent_scope = models.CharField(_("代理权限"), max_length=100, blank=True)
    contact_name = models.CharField(_("单位联系人"), max_length=50, blank=True)
    language_help = models.CharField(_("需要翻译的语言"), max_length=20, blank=True)
    # the guardian's own consent to what is kept about a child under 14 (PIPL 31)
    guardian_consent_on = models.DateField(_("监护人同意的日期"), null=True, blank=True)
    own_wages = models.BooleanField(_("已满 16 周岁，靠自己的劳动收入生活，本人同意"), default=False)  # APR 181
    agent_in_writing = models.BooleanField(_("有书面授权"), default=False)
    read_aloud = models.BooleanField(_("需要宣读"), default=False)
    safe_to_call = models.CharField(_("方便联系的方式"), max_length=100, blank=True)
    consent = models.CharField(_("是否同意调解"), max_length=8, choices=Consent.choices, blank=True)
    consent_on = models.DateField(null=True, blank=True)
    consent_way = models.CharField(_("确认方式"), max_length=20, blank=True)
    # the masked forms stand here, so that lists and exports decrypt nothing
    phone_masked = models.CharField(max_length=20, blank=True)
    id_masked = models.CharField(max_length=24, blank=True)
    address_masked = models.CharField(max_length=40, blank=True)
    # village and sound of the name, by which disputes.matching finds those that are almost the same
    name_front = models.CharField(max_length=60, blank=True, editable=False)
    name_back = models.CharField(max_length=60, blank=True, editable=False)

    #: Values that live sealed in PartySecret.
    SECRETS = ("phone", "id_number", "address", "guardian_phone")

    class Meta:
        ordering = ["dispute", "side", "pk"]
        indexes = [
            models.Index(fields=["name_front"], name="party_by_front_of_name"),
            models.Index(fields=["name_back"], name="party_by_back_of_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def name_keys(village: int, name: str) -> tuple[str, str]:
        """What `name_front` and `name_back` hold for a name in the village with this id."""
        from villages.pinyin import near_keys

        front, back = (f"{village}:{key}"[:60] for key in near_keys(name))
        return front, back

    def age(self, today: dt.date) -> int | None:
        """Whole years on `today`; None for organisations and unknown birth dates."""
        if self.birth_on is None or self.kind != self.Kind.PERSON:
            return None
        had_birthday = (today.month, today.day) >= (self.birth_on.month, self.birth_on.day)
        return today.year - self.birth_on.year - (not had_birthday)

    def is_minor(self, today: dt.date) -> bool:
        """Under 18 on `today`; unknown birth dates are not minors."""
        age = self.age(today)
        return age is not None and age < MINOR_UNDER

    def answer(
        self,
        consent: str,
        *,
        by: User,
        at: dt.datetime,
        way: str,
        on: dt.date,
        asked_by: User,
        taken_back: bool = False,
    ) -> None:
        """Keep an answer to mediation: here the latest, in its history each. Called on the locked case."""
        self.consent, self.consent_on, self.consent_way = consent, on, way
        self.save(update_fields=["consent", "consent_on", "consent_way"])
        self.consents.create(answer=consent, on=on, way=way, taken_back=taken_back, asked_by=asked_by, by=by, at=at)

    @classmethod
    def build(cls, **values: Any) -> Party:
        """An unsaved party whose secrets wait for `save_with_secrets`."""
        secrets = {name: values.pop(name, "") or "" for name in cls.SECRETS}
        values.pop("pk", None)
        party = cls(**values)
        party._secrets = secrets  # type: ignore[attr-defined]
        return party

    def save_with_secrets(self) -> None:
        """Write the party, its masked forms and name's keys, and its sealed values with their blind indexes."""
        is_new = self._state.adding
        sealed = self.seal()
        self.save()
        if is_new:  # one insert instead of a search, two savepoints and an insert
            PartySecret.objects.create(party=self, **sealed)
        else:
            PartySecret.objects.update_or_create(party=self, defaults=sealed)

    def seal(self) -> dict[str, str]:
        """Set the masked forms and the name's keys; returns the columns of the PartySecret that belongs here."""
        secrets: dict[str, str] = self._secrets  # type: ignore[attr-defined]
        self.name_front, self.name_back = self.name_keys(self.dispute.village_id, self.name)
        self.phone_masked = masking.mask_phone(secrets["phone"])
        self.id_masked = masking.mask_id(secrets["id_number"])
        self.address_masked = masking.mask_address(secrets["address"])
        return PartySecret.sealed(self.uid, secrets)

    @classmethod
    def change(cls, case: Dispute, values: dict[str, Any], *, at: dt.datetime) -> dict[str, Any] | None:
        """Apply one mapping of `Dispute.edit`; what changed without the values, or None. An empty secret stays."""
        pk = values.pop("pk", None)
        if pk is None:
            party = cls.build(**values, dispute=case)
            party.save_with_secrets()
            PartyPast.objects.create(party=party, until=at)
            return {"party": party.pk, "added": True}
        party = case.parties.get(pk=pk)
        given = {name: values.pop(name) for name in cls.SECRETS if values.get(name)}
        values = {name: value for name, value in values.items() if name not in cls.SECRETS}
        changed = [name for name, value in values.items() if getattr(party, name) != value]
        if not changed and not given:
            return None
        before = PartyPast.of(party)
        for name in changed:
            setattr(party, name, values[name])
        secret = PartySecret.objects.filter(party=party).first()
        old = {name: secret.open(name) if secret else "" for name in cls.SECRETS}
        party._secrets = {**old, **given}  # type: ignore[attr-defined]
        party.save_with_secrets()
        if PartyPast.of(party) != before:
            PartyPast.keep(party, before, until=at)
        return {"party": party.pk, "fields": [*changed, *given]}

    def may_reveal(self, field: str, by: User) -> str | None:
        """Why `by` cannot see the value in clear; None when they can. Raises NotYours for roles that never can."""
        if by.scope.masked:
            raise NotYours(_g("你的岗位只能看到隐去的电话和证件号。确需了解的联系责任单位"))
        handler = self.dispute.handler
        if not self.dispute.is_family or (handler and handler.pk == by.pk):
            return None
        if handler is None:
            return _g("婚恋家庭纠纷的电话和住址只有经办人能看，还没有经办人。先由%(desk)s受理") % {
                "desk": self.dispute.desk.name
            }
        return _g("婚恋家庭纠纷的电话和住址只有经办人能看。联系%(who)s") % {"who": handler.name}

    def reveal(self, field: str, *, by: User, at: dt.datetime, reason: str, request: HttpRequest | None = None) -> str:
        """The value in clear; the AccessLog row is written before it is returned."""
        if field not in self.SECRETS:
            raise KeyError(field)
        sentence = self.may_reveal(field, by)
        if sentence:
            raise MoveRefused(sentence)
        with transaction.atomic():
            record(
                action="reveal",
                actor=by,
                county=self.dispute.case_no[:6],
                subject=self.dispute.case_no,
                detail={"party": self.pk, "field": field, "reason": reason},
                at=at,
                request=request,
            )
        secret = PartySecret.objects.filter(party=self).first()
        return secret.open(field) if secret else ""


class PartyPast(models.Model):
    """What a party was called until it was changed: a month that was signed before goes on saying it.

    Sealed, and gone with the party, so that whoever lawfully destroys a party's data has nothing else to look for.
    """

    uid = models.UUIDField(default=uuid.uuid4, editable=False)
    party = models.ForeignKey(Party, models.CASCADE, related_name="past")
    until = models.DateTimeField()
    sealed = models.TextField(blank=True)  # empty: the party did not stand in the case before

    TABLE = "disputes_partypast"
    #: What a ledger tells of a party.
    TOLD = ("side", "name", "alias", "guardian_name", "agent_name", "contact_name", "phone_masked")

    class Meta:
        ordering = ["until", "pk"]

    @classmethod
    def of(cls, party: Party) -> dict[str, str]:
        """What a ledger tells of this party as it stands."""
        return {name: getattr(party, name) for name in cls.TOLD}

    @classmethod
    def keep(cls, party: Party, told: Mapping[str, str], *, until: dt.datetime) -> None:
        row = cls(party=party, until=until)
        text = json.dumps(told, ensure_ascii=False)
        row.sealed = keyring.seal(text, table=cls.TABLE, column="sealed", uid=row.uid)
        row.save(force_insert=True)

    @classmethod
    def told_at(cls, parties: Iterable[int], at: dt.datetime) -> dict[int, dict[str, str] | None]:
        """What was told of these parties at a moment, by id: None for one that came later, none for a destroyed one."""
        parties = list(parties)
        found: dict[int, dict[str, str] | None] = {
            row["pk"]: {name: row[name] for name in cls.TOLD}
            for row in Party.objects.filter(pk__in=parties).order_by().values("pk", *cls.TOLD)
        }
        later = cls.objects.filter(party__in=parties, until__gt=at).order_by("-until", "-pk")
        for row in later:  # the earliest change after that moment comes last and holds what was true then
            told = keyring.unseal(row.sealed, table=cls.TABLE, column="sealed", uid=row.uid) if row.sealed else ""
            found[row.party_id] = json.loads(told) if told else None
        return found


class PartySecret(models.Model):
    """Phone, ID number and addresses, sealed per value, with keyed blind indexes for exact search."""

    party = models.OneToOneField(Party, models.CASCADE, related_name="secret")
    phone = models.TextField(blank=True)
    id_number = models.TextField(blank=True)
    address = models.TextField(blank=True)
    guardian_phone = models.TextField(blank=True)
    phone_index = models.CharField(max_length=64, blank=True, db_index=True)
    phone_last4_index = models.CharField(max_length=64, blank=True, db_index=True)
    id_index = models.CharField(max_length=64, blank=True, db_index=True)

    TABLE = "disputes_partysecret"

    @classmethod
    def sealed(cls, uid: uuid.UUID, values: Mapping[str, str]) -> dict[str, str]:
        row = {
            name: keyring.seal(value, table=cls.TABLE, column=name, uid=uid) if value else ""
            for name, value in values.items()
        }
        phone, number = values.get("phone", ""), values.get("id_number", "")
        row["phone_index"] = keyring.blind_index("phone", phone)
        row["phone_last4_index"] = keyring.blind_index("phone4", phone[-4:]) if len(phone) >= 7 else ""
        row["id_index"] = keyring.blind_index("id", number)
        return row

    def open(self, name: str) -> str:
        """The value in clear. Callers are `Party.reveal`, `Party.change`, the papers of the case and the ledger's
        unmasked kind, which log it."""
        value = getattr(self, name)
        return keyring.unseal(value, table=self.TABLE, column=name, uid=self.party.uid) if value else ""


class Event(models.Model):
    """What happened, once and for all: history and outbox in one. Personal text lives in EventText."""

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=16)  # a move's name, or one of OTHER_EVENTS
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)  # None: the clock
    by_name = models.CharField(max_length=50, blank=True)
    office = models.ForeignKey(Office, models.PROTECT, null=True, related_name="+", db_index=False)
    desk = models.ForeignKey(Office, models.PROTECT, related_name="+", db_index=False)  # whose turn afterwards
    status_from = models.CharField(max_length=10)
    status_to = models.CharField(max_length=10)
    tier_from = models.PositiveSmallIntegerField()
    tier_to = models.PositiveSmallIntegerField()
    round = models.PositiveSmallIntegerField()
    version = models.PositiveIntegerField()
    is_attempt = models.BooleanField(default=False)
    facts = models.JSONField(default=dict)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["dispute", "-id"], name="event_of_a_case_newest_first"),
            models.Index(fields=["at", "id"], condition=Q(kind="lift"), name="lifted_stops"),
        ]

    @property
    def label(self) -> str:
        name = str(MOVES[self.kind].label if self.kind in MOVES else OTHER_EVENTS[self.kind])
        return _g("%(what)s（补录）") % {"what": name} if self.facts.get("entered_late") else name

    def compute_hash(self) -> str:
        """SHA-256 over what happened, with the time in UTC microseconds; the AccessLog row keeps it."""
        content = {
            "case": self.dispute.case_no,
            "kind": self.kind,
            "at": self.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
            "by": self.by_id,
            "desk": self.desk_id,
            "status": [self.status_from, self.status_to],
            "tier": [self.tier_from, self.tier_to],
            "round": self.round,
            "version": self.version,
            "attempt": self.is_attempt,
            "facts": self.facts,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


#: Events that are not moves.
OTHER_EVENTS = {
    "register": _("登记"),
    "note": _("进展"),
    "edit": _("修改"),
    "grade": _("评定风险等级"),
    "consent": _("确认调解意愿"),
    "attach": _("上传附件"),
    "void_asked": _("提请作废"),
    "visit": _("回访"),
    "waive": _("书面免访"),
    "source": _("走访线索"),
    "session_plan": _("约定联调会"),
    "session_change": _("联调会改期或变动"),
    "session_off": _("取消联调会"),
    "session": _("联调会记录"),
    "paper": _("出具文书"),
    "paper_void": _("作废文书"),
    "whistle": _("吹哨"),
    "whistle_answer": _("吹哨答复"),
    "whistle_off": _("撤回吹哨"),
    "whistle_close": _("结束吹哨"),
    "supervise": _("督办"),
    "hand_over": _("交办"),
    "answer": _("答复督办、交办"),
    "referral_sent": _("移送"),
    "referral_taken": _("移送已接收"),
    "referral_back": _("移送被退回"),
    "referral_done": _("移送有结果"),
    "referral_over": _("移送已了结"),
    "referral_in": _("收到移送"),
    "acceptance": _("受理核对"),
    "screen": _("安全问题"),
    "police": _("治安调解适用核对"),
    "police_session": _("治安调解"),
    "police_terms": _("治安调解协议内容"),
    "police_failed": _("治安调解未成或不履行"),
    "police_dealt": _("治安案件依法处理"),
    "no_penalty": _("申请不予处罚"),
    "no_penalty_done": _("审批不予处罚"),
    "letter": _("告诫书"),
    "letter_visit": _("告诫书查访"),
    "signed": _("签名盖章"),
    "confirm": _("司法确认"),
    "confirm_ruled": _("司法确认裁定"),
    "performance": _("履行情况"),
    "dissuade": _("劝阻"),
    "lift": _("解除登记"),
    "relapse_check": _("核实反弹"),
    "visit_handed": _("回访转交"),
    "counsel_asked": _("转介心理疏导"),
    "counsel_taken": _("疏导员接下"),
    "counsel_declined": _("疏导员不能接"),
    "counsel_off": _("撤回心理疏导转介"),
    "counsel_session": _("心理疏导"),
    "counsel_advice": _("疏导员给建议"),
    "counsel_risk": _("疏导员提示风险"),
    "counsel_calm": _("疏导员解除风险提示"),
    "counsel_passed": _("心理疏导转交"),
    "counsel_over": _("心理疏导结束"),
    "urge": _("催办"),
    "outcome": _("登记统计标志"),
    "outcome_off": _("撤销统计标志"),
    "danger_seen": _("已知悉危险"),
}


class EventText(models.Model):
    """The words of an event, apart from it, so that they can be erased without touching history."""

    event = models.OneToOneField(Event, models.CASCADE, related_name="text")
    body = models.TextField()


class PauseInterval(models.Model):
    """中止 … 恢复 of one round."""

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="pauses")
    round = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dispute"], condition=Q(ended_at=None), name="one_running_pause_per_case")
        ]

    def days(self) -> clock.Pause:
        return clock.Pause(
            timezone.localdate(self.started_at), timezone.localdate(self.ended_at) if self.ended_at else None
        )


class DangerGrade(models.Model):
    """A grade of the dispute with reason, author and expiry; a new grade is a new row."""

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="grades")
    level = models.CharField(max_length=8, choices=Dispute.Danger.choices)
    reason = models.CharField(_("评级理由"), max_length=500)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    expires_on = models.DateField(_("有效期至"))

    class Meta:
        ordering = ["-pk"]


class Agreement(models.Model):
    """What one round was settled with: who mediated, how, when, and what was agreed (PMA 28–30, APR 184)."""

    class Result(models.TextChoices):
        WRITTEN = "written", _("调解成功（书面协议）")
        ORAL = "oral", _("调解成功（口头协议）")
        SELF = "self", _("自行和解")

    class Track(models.TextChoices):
        PEOPLE = "people", _("人民调解")
        POLICE = "police", _("治安调解")
        NONE = "", _("无")

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="agreements")
    round = models.PositiveSmallIntegerField()
    result = models.CharField(max_length=8, choices=Result.choices)
    track = models.CharField(max_length=8, choices=Track.choices, blank=True)
    organisation = models.ForeignKey(Office, models.PROTECT, related_name="+")
    chair = models.ForeignKey(User, models.PROTECT, related_name="+")
    agreed_on = models.DateField()
    on_the_spot = models.BooleanField(default=False)
    signed_on = models.DateField(_("最后签名盖章的日期"), null=True, blank=True)
    text = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dispute", "round"], name="one_agreement_per_round")]

    @property
    def effective_on(self) -> dt.date:
        """Written: the last signature or seal, where that day is known; oral: the day of agreement (PMA 28-30)."""
        written = self.result == self.Result.WRITTEN
        return self.signed_on if written and self.signed_on else self.agreed_on

    @property
    def may_be_confirmed(self) -> bool:
        """People's mediation alone, and nothing about identity, adoption or marriage (司法确认规定 4)."""
        case = self.dispute
        status_matter = case.is_family and case.type_l2 not in PROPERTY_L2
        return self.track == self.Track.PEOPLE and self.result != self.Result.SELF and not status_matter


class Obligation(models.Model):
    """One line of an agreement: who, what, how much, by when."""

    agreement = models.ForeignKey(Agreement, models.CASCADE, related_name="obligations")
    debtor = models.ForeignKey(Party, models.PROTECT, related_name="+")
    what = models.CharField(_("履行内容"), max_length=300)
    amount = models.DecimalField(_("金额（元）"), max_digits=14, decimal_places=2, null=True, blank=True)
    due_on = models.DateField(_("履行期限"))

    class Performance(models.TextChoices):
        """domain.md 4.6."""

        ON_THE_SPOT = "1", _("当场履行")
        DONE = "2", _("已履行完毕")
        PARTLY = "3", _("部分履行")
        NOT_DUE = "4", _("未到期")
        OVERDUE = "5", _("逾期未履行")
        RETRACTED = "6", _("反悔/起诉")

    performance = models.CharField(_("履行情况"), max_length=1, choices=Performance.choices, blank=True)
    performed_on = models.DateField(_("履行日期"), null=True, blank=True)
    paid = models.DecimalField(_("已付金额（元）"), max_digits=14, decimal_places=2, null=True, blank=True)
    reported_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    reported_at = models.DateTimeField(null=True, blank=True)

    #: Nothing more is expected: kept, or taken to court.
    FINAL = (Performance.ON_THE_SPOT, Performance.DONE, Performance.RETRACTED)

    class Meta:
        ordering = ["due_on", "pk"]


class Check(models.Model):
    """A safeguard that somebody answered. Family answers are sealed; exclusions keep the outcome only (domain 6.4)."""

    class Kind(models.TextChoices):
        FAMILY = "family", _("安全问题")
        EXCLUSIONS = "exclusions", _("不适用治安调解的情形")
        TOLD = "told", _("告知其他途径")
        ACCEPTANCE = "acceptance", _("受理核对")

    uid = models.UUIDField(default=uuid.uuid4, editable=False)
    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="checks")
    round = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    version = models.CharField(max_length=20, blank=True)
    outcome = models.CharField(max_length=60)
    sealed = models.TextField(blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def of(self, case: Dispute) -> AttachmentQuerySet:
        """The files of a case: its own, and the photos of the captures that are its sources now."""
        captures = case.sources.filter(undone_at=None).values("capture")
        return self.filter(Q(dispute=case) | Q(capture__in=captures))


class Attachment(models.Model):
    """A file of one case or a photo of one capture; sealed on disk under a server-made name, served by its owner only.

    A photo stays with its capture whatever that becomes: the cases show it because the capture is their source.
    """

    PREVIEWS = THUMB, LARGE = 320, 1280

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    dispute = models.ForeignKey(Dispute, models.CASCADE, null=True, blank=True, related_name="attachments")
    capture = models.ForeignKey("disputes.Capture", models.PROTECT, null=True, blank=True, related_name="photos")
    event = models.ForeignKey(Event, models.PROTECT, null=True, blank=True, related_name="attachments")
    name = models.CharField(_("文件名"), max_length=120)
    content_type = models.CharField(max_length=80)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    has_preview = models.BooleanField(default=False)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(dispute__isnull=False, capture=None) | Q(dispute=None, capture__isnull=False, event=None),
                name="a_file_belongs_to_one_case_or_to_one_capture",
            )
        ]

    def __str__(self) -> str:
        return str(self.uid)

    @property
    def sizes(self) -> tuple[int, ...]:
        """What can be asked for: 0 is the original, the others are previews by their longer side in pixels."""
        return (0, *self.PREVIEWS) if self.has_preview else (0,)

    @property
    def subject(self) -> tuple[str, str]:
        """County and number of what it belongs to, as the AccessLog knows it."""
        if self.dispute is not None:
            return self.dispute.case_no[:6], self.dispute.case_no
        assert self.capture is not None
        return self.capture.village.county_code, str(self.capture.uid)


class SavedFilter(models.Model):
    """A list condition that somebody named."""

    user = models.ForeignKey(User, models.CASCADE, related_name="saved_filters")
    name = models.CharField(_("名称"), max_length=30)
    query = models.CharField(max_length=500)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="a_saved_filter_has_its_own_name")]


# Django finds a room's tables through this module.
from disputes.field import models as _field  # noqa: E402, F401
from disputes.inbox import models as _inbox  # noqa: E402, F401
from disputes.outcomes import models as _outcomes  # noqa: E402, F401
from disputes.papers import dossier as _papers  # noqa: E402, F401
from disputes.referrals import models as _referrals  # noqa: E402, F401
from disputes.safe import models as _safe  # noqa: E402, F401
from disputes.search import models as _search  # noqa: E402, F401
from disputes.sessions import models as _sessions  # noqa: E402, F401
from disputes.whistles import models as _whistles  # noqa: E402, F401
