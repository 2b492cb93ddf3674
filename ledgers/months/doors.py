"""The doors of the month: hand in, sign, take back, remind; and the county's freeze, which nothing undoes."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.locks import locked
from audit.models import Action, record
from disputes.models import Event, FactsMissing, MoveRefused, NotYours, PartyPast, Round
from disputes.moves import Status
from disputes.outcomes.models import OutcomeFlag
from followups.models import Notice
from followups.reactions import people_at
from ledgers.columns import ALL
from ledgers.filters import areas_of
from ledgers.month import CHUNK, LEDGER_ROLES, Ledger, Month, Words, rounds_of
from ledgers.months.facts import GONE, changed, facts_of, outcome_words
from ledgers.months.frozen import kept
from ledgers.months.models import (
    Correction,
    FrozenFlag,
    FrozenRow,
    MonthlyLedger,
    MonthSubmission,
    facts_before,
    insert,
)
from villages.models import DESK_ROLES, Area, Coverage, Office, Posting, Role, User, in_force

if TYPE_CHECKING:
    from django.http import HttpRequest

State = MonthSubmission.State
SHORTEST = 2  # characters of a reason
#: Events of transactions that had not ended when a month was frozen have numbers near the newest one's.
SLACK = 1000
#: Who hands in the month of an area of this level.
KIND_OF = {Area.Level.VILLAGE: Office.Kind.VILLAGE, Area.Level.TOWNSHIP: Office.Kind.CENTRE}


class BrokenIdentity(MoveRefused):
    """上期结转 + 本期新收 = 本期办结 + 期末在办 does not hold; `cases` are the numbers that break it."""

    def __init__(self, sentence: str, cases: list[str]):
        super().__init__(sentence)
        self.cases = cases


# --- handing in -------------------------------------------------------------------------------------------------------
def offices_of(area: Area) -> list[int]:
    """The offices that hand in the month of this village or township."""
    kind = KIND_OF.get(Area.Level(area.level))
    served = Coverage.objects.filter(in_force(), in_force(prefix="office__"), area=area, office__kind=kind)
    return list(served.values_list("office_id", flat=True))


def areas_to_hand_in(user: User) -> QuerySet[Area]:
    """Villages and townships whose months this person sees: of their scope, with an office that hands them in."""
    if not user.scope.has(*LEDGER_ROLES):
        raise NotYours(_("你的岗位不看台账报送。需要的联系责任单位或督导"))
    served = Coverage.objects.filter(in_force(), in_force(prefix="office__"), area=OuterRef("pk"))
    villages = Q(Exists(served.filter(office__kind=Office.Kind.VILLAGE)), level=Area.Level.VILLAGE)
    townships = Q(Exists(served.filter(office__kind=Office.Kind.CENTRE)), level=Area.Level.TOWNSHIP)
    return areas_of(user).filter(villages | townships)


def works_for(user: User, offices: list[int]) -> bool:
    return any(user.scope.desks.get(office, frozenset()) & DESK_ROLES for office in offices)


def may_sign(user: User, offices: list[int]) -> bool:
    """负责人: who leads the office; where nobody does, whoever works there."""
    if user.scope.leads & set(offices):
        return True
    led = Posting.objects.filter(in_force(), office__in=offices, mark=Posting.Mark.LEAD, user__is_active=True)
    return works_for(user, offices) and not led.exists()


def stands_above(user: User, area: Area) -> bool:
    """A supervisor of the area, or for a village somebody at its township's centre."""
    scope = user.scope
    if scope.has(Role.SUPERVISOR) and (
        area.pk in scope.townships
        or area.parent_id in scope.townships | scope.counties
        or (area.parent and area.parent.parent_id in scope.counties)
    ):
        return True
    return area.level == Area.Level.VILLAGE and scope.has(Role.CENTRE) and area.parent_id in scope.townships


def county_area(area: Area) -> Area:
    while area.level > Area.Level.COUNTY and area.parent is not None:
        area = area.parent
    return area


def why_not_yet(month: Month, at: dt.datetime) -> str | None:
    if at < month.end:
        return _("%(month)s 还没有过完，%(day)s 起可以报送和定稿") % {
            "month": month,
            "day": timezone.localdate(month.end).isoformat(),
        }
    return None


def signed_month(county: Area, month: Month) -> MonthlyLedger | None:
    return MonthlyLedger.objects.filter(county=county, month=str(month)).first()


def _already(signed: MonthlyLedger) -> str:
    return _("%(month)s 已由%(who)s在 %(when)s 定稿，不能再动。以后的改动列在下一个月的更正里") % {
        "month": signed.month,
        "who": signed.by_name,
        "when": timezone.localtime(signed.at).strftime("%m-%d %H:%M"),
    }


def why_not(name: str, area: Area, month: Month, row: MonthSubmission | None, by: User, at: dt.datetime) -> str | None:
    """Why `by` cannot submit, sign, recall or remind now; None when they can. Raises NotYours for other roles."""
    offices = offices_of(area)
    signed = signed_month(county_area(area), month)
    if signed:
        return _already(signed)
    state = row.state if row else State.DUE
    if name in ("submit", "sign"):
        if by.scope.roles.isdisjoint(DESK_ROLES):
            raise NotYours(_("台账由村和乡镇的办案单位报送。你可以催报"))
        if not works_for(by, offices):
            return _("%(area)s的台账由它自己的单位报送，你可以催报") % {"area": area.short_name}
        if name == "submit":
            if row and row.is_in:
                return _("%(area)s %(month)s 已经报送。要改的先撤回") % {"area": area.short_name, "month": month}
            return why_not_yet(month, at)
        if state == State.SIGNED:
            return _("%(who)s已经签字") % {"who": row.signed_by.name if row and row.signed_by else ""}
        if state != State.SUBMITTED:
            return _("还没有报送，先由制表人报送")
        if not may_sign(by, offices):
            return _("由本单位负责人签字")
        return None
    if name == "recall":
        if not row or not row.is_in:
            return _("还没有报送，不用撤回")
        if not works_for(by, offices) and not stands_above(by, area):
            return _("由报送的单位或督导撤回")
        return None
    if not stands_above(by, area):
        raise NotYours(_("催报由督导和综治中心办理"))
    if row and row.is_in:
        return _("%(area)s已经报送，不用催") % {"area": area.short_name}
    if row and row.reminded_at and timezone.localdate(row.reminded_at) == timezone.localdate(at):
        return _("今天已经催过%(area)s，明天再催") % {"area": area.short_name}
    return why_not_yet(month, at)


def act(
    name: str,
    *,
    area: Area,
    month: Month,
    by: User,
    at: dt.datetime,
    reason: str = "",
    request: HttpRequest | None = None,
) -> MonthSubmission:
    """Submit, sign, recall (with a reason) or remind. On MoveRefused, NotYours or FactsMissing nothing was written."""
    county = county_area(area)
    with transaction.atomic():
        locked(Area.objects.filter(pk=county.pk)).get()  # the freeze takes it, too: nothing is handed in behind it
        row = MonthSubmission.objects.filter(area=area, month=str(month)).first()
        sentence = why_not(name, area, month, row, by, at)
        if sentence:
            raise MoveRefused(sentence)
        row = row or MonthSubmission(area=area, month=str(month))
        if name == "submit":
            row.state, row.made_by, row.made_at = State.SUBMITTED, by, at
            row.signed_by = row.signed_at = None
            row.counts = sums_of(area, month, by)
        elif name == "sign":
            row.state, row.signed_by, row.signed_at = State.SIGNED, by, at
        elif name == "recall":
            if not SHORTEST <= len(reason.strip()) <= 200:
                raise FactsMissing({"reason": _("用 2 到 200 个字写明为什么撤回")})
            row.state, row.recalled_by, row.recalled_at, row.reason = State.RECALLED, by, at, reason.strip()
        else:
            row.reminded_by, row.reminded_at, row.reminder = by, at, uuid.uuid4()
            _tell(row, offices_of(area), by, at)
        row.save()
        record(
            action=Action.EDIT,
            actor=by,
            county=county.code[:6],
            subject=f"month {month} {area.code}",
            detail={"did": name, "state": row.state, "counts": row.counts},
            at=at,
            request=request,
        )
    return row


def _tell(row: MonthSubmission, offices: list[int], by: User, at: dt.datetime) -> None:
    """One line in the 通知 of everybody who can hand the month in."""
    Notice.objects.put(
        Notice(user_id=person, kind="month_due", about=row.reminder, created_at=at)
        for person in people_at(*offices)
        if person != by.pk
    )


def reminded_of(user: User, reminder: str) -> Month | None:
    """The month of a reminder for one of this person's areas."""
    try:
        found = MonthSubmission.objects.filter(reminder=uuid.UUID(reminder), area__in=areas_to_hand_in(user)).first()
    except ValueError:
        return None
    return Month.parse(found.month) if found else None


def sums_of(area: Area, month: Month, by: User) -> dict[str, int]:
    """The four sums that an area hands in."""
    field = "village" if area.level == Area.Level.VILLAGE else "township"
    counts = Ledger(by, month, narrow=lambda rounds: rounds.filter(**{field: area.pk})).counts
    return {"carried": counts.carried, "new": counts.new, "done": counts.done, "open": counts.still_open}


# --- the freeze -------------------------------------------------------------------------------------------------------
class Whole(Ledger):
    """A county's month with every column and every name: what is frozen, and shown to nobody."""

    def __init__(self, user: User, month: Month, county: Area, today: dt.date) -> None:
        super().__init__(
            user,
            month,
            narrow=lambda rounds: rounds.filter(dispute__county=county),
            today=today,
            columns=tuple(ALL.values()),
        )

    def _hides_names(self, row: dict[str, Any]) -> bool:
        return False


def last_signed(county: Area) -> MonthlyLedger | None:
    return MonthlyLedger.objects.filter(county=county).order_by("-month").first()


def county_to_freeze(by: User) -> Area:
    """The county whose months `by` freezes. Raises NotYours for everybody but a supervisor of the county."""
    if not by.scope.has(Role.SUPERVISOR) or not by.scope.counties:
        raise NotYours(_("定稿由县级督导办理"))
    return Area.objects.get(pk=min(by.scope.counties))


def why_not_freeze(county: Area, month: Month, at: dt.datetime) -> str | None:
    """Why this month cannot be frozen now; None when it can."""
    signed = signed_month(county, month)
    if signed:
        return _already(signed)
    before = last_signed(county)
    if before:
        due = Month.parse(before.month).shifted(1)
        if month != due:
            return _("已定稿到 %(last)s，接下来定稿 %(due)s，一个月接一个月") % {"last": before.month, "due": due}
    return why_not_yet(month, at)


def missing(county: Area, month: Month) -> int:
    """How many villages and townships of the county have not handed this month in."""
    served = Coverage.objects.filter(in_force(), in_force(prefix="office__"))
    villages = served.filter(office__kind=Office.Kind.VILLAGE, area__parent__parent=county, area__level=5)
    towns = served.filter(office__kind=Office.Kind.CENTRE, area__parent=county, area__level=4)
    areas = {*villages.values_list("area", flat=True), *towns.values_list("area", flat=True)}
    handed = MonthSubmission.objects.filter(area__in=areas, month=str(month), state__in=[State.SUBMITTED, State.SIGNED])
    return len(areas) - handed.count()


def freeze(
    *, month: Month, by: User, at: dt.datetime, anyway: bool = False, request: HttpRequest | None = None
) -> MonthlyLedger:
    """Sign this month for the whole county, for good.

    Of two at once one does, the other is told who was first. Raises NotYours, MoveRefused, BrokenIdentity, or
    FactsMissing while villages or townships have not handed in and `anyway` does not say that it is known.
    """
    county = county_to_freeze(by)
    with transaction.atomic():
        locked(Area.objects.filter(pk=county.pk)).get()
        sentence = why_not_freeze(county, month, at)
        if sentence:
            raise MoveRefused(sentence)
        absent = missing(county, month)
        if absent and not anyway:
            raise FactsMissing({"anyway": _("还有 %(n)s 个村和乡镇没有报送。先催报，或者勾选仍要定稿") % {"n": absent}})
        whole = Whole(by, month, county, timezone.localdate(at))
        counts, before = whole.counts, last_signed(county)
        broken = whole.offenders()
        if broken or not counts.holds:
            raise BrokenIdentity(
                _("上期结转 + 本期新收 不等于 本期办结 + 期末在办，不能定稿。先核对这些案件的办理时间：%(cases)s")
                % {"cases": "、".join(broken)},
                broken,
            )
        newest = Event.objects.aggregate(Max("pk"))["pk__max"] or 0
        lines = list(corrections(whole, county)) if before else []
        _carries_over(before, lines, counts.carried)
        rows = list(_rows(whole))
        if len(rows) != whole.count:
            raise MoveRefused(_("定稿时案件正好有变化，没有定稿。再点一次"))
        flags = list(_flags(by, month, county, before))
        signed = MonthlyLedger(
            county=county,
            month=str(month),
            by=by,
            by_name=by.name,
            at=at,
            missing=absent,
            count=len(rows),
            counts={**asdict(counts), "new": counts.new, "done": counts.done},
            voided=_voided(whole),
            events_until=newest,
        )
        signed.hash = signed.head(
            [(row.hash, row.persons) for row in rows], [line.hash for line in lines], [flag.hash for flag in flags]
        )
        signed.save(force_insert=True)
        for written, model in ((rows, FrozenRow), (lines, Correction), (flags, FrozenFlag)):
            insert(signed, written, model)
        record(
            action=Action.EDIT,
            actor=by,
            county=county.code[:6],
            subject=f"ledger {month}",
            detail={"did": "freeze", "count": len(rows), "corrections": len(lines), "missing": absent},
            event_hash=signed.hash,
            at=at,
            request=request,
        )
    return signed


def _carries_over(before: MonthlyLedger | None, lines: list[Correction], carried: int) -> None:
    """What the month before left open, and what the lines below change of it, is what this month carries."""
    if before is None:
        return
    expected = before.counts["still_open"] + sum(line.carries for line in lines)
    if expected != carried:
        cases = sorted({line.case_no for line in lines if line.carries})
        raise BrokenIdentity(
            _("%(last)s 在办 %(was)s 件，加上更正应结转 %(expected)s 件，现在 %(carried)s 件，先核对：%(cases)s")
            % {
                "last": before.month,
                "was": before.counts["still_open"],
                "expected": expected,
                "carried": carried,
                "cases": "、".join(cases),
            },
            cases,
        )


def _placed(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "round_pk": found["pk"],
        "dispute_pk": found["dispute_id"],
        "case_no": found["dispute__case_no"],
        "county_id": found["county_id"],
        "township_id": found["township_id"],
        "village_id": found["village_id"],
        "desk_id": found["dispute__desk_id"],
    }


def _rows(whole: Whole) -> Iterator[FrozenRow]:
    ids = whole.all_ids()
    for start in range(0, len(ids), CHUNK):
        chunk = list(ids[start : start + CHUNK])
        found = facts_of(chunk, whole.month)
        told = PartyPast.told_at([pk for row in found.values() for pk in row["parties"]], timezone.now())
        for pk, shown in zip(chunk, whole.rows(chunk, first=start + 1), strict=True):
            row = found[pk]
            frozen = FrozenRow(
                **_placed(row),
                position=shown["no"],
                no=row["no"],
                opened_at=row["opened_at"],
                left_at=row["left_at"],
                left_as=row["left_as"],
                result=row["result"],
                type_l1=row["dispute__type_l1"],
                type_l2=row["dispute__type_l2"],
                source=row["dispute__source"],
                organisation_id=row["organisation"],
                people=row["dispute__people_count"],
                amount=row["dispute__amount"],
                agreed=row["agreed"],
                promised=row["promised"],
                kept=row["kept"],
                protected=row["dispute__protected"],
                parties=[[party, (told[party] or {}).get("side", "")] for party in row["parties"] if party in told],
                content=kept(shown, row["parties"], told),
                facts=row["facts"],
                persons=row["facts"]["persons"],
            )
            frozen.hash = frozen.compute_hash()
            yield frozen


def _voided(whole: Whole) -> list[list[Any]]:
    rows = whole.all_rounds.filter(whole.month.listed, left_as=Status.VOIDED).order_by("dispute__case_no")
    names = ("dispute__case_no", "county_id", "township_id", "village_id", "dispute__desk_id")
    return [list(row) for row in rows.values_list(*names)]


def corrections(whole: Whole, county: Area) -> Iterator[Correction]:
    """What was entered late or changed in months signed before, since the last of them: the lines below this month."""
    signed = list(MonthlyLedger.objects.filter(county=county).order_by("month"))
    if not signed:
        return
    first, last = Month.parse(signed[0].month), Month.parse(signed[-1].month)
    rounds = rounds_of(whole.user).filter(dispute__county=county)
    told = [model.objects.filter(round_pk=OuterRef("pk")) for model in (FrozenRow, Correction)]
    late = (
        rounds.filter(opened_at__lt=last.end)
        .filter(Q(left_at=None) | Q(left_at__gte=first.start))
        .exclude(left_as=Status.VOIDED)
        .exclude(Exists(told[0]))
        .exclude(Exists(told[1]))
    )
    since = signed[-1].events_until - SLACK
    touched = rounds.filter(Exists(Event.objects.filter(dispute=OuterRef("dispute"), pk__gt=since)))
    candidates = set(touched.filter(Exists(told[0]) | Exists(told[1])).values_list("pk", flat=True))
    kept_rows = FrozenRow.objects.filter(ledger__in=signed).exclude(
        Exists(Round.objects.filter(pk=OuterRef("round_pk")))
    )
    candidates |= {pk for pk in kept_rows.values_list("round_pk", flat=True) if pk}
    words, position = Words.load(), 0
    for ids, are_late in ((sorted(late.values_list("pk", flat=True)), True), (sorted(candidates), False)):
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            found = facts_of(chunk, last)
            before = {} if are_late else facts_before(chunk)
            for pk in chunk:
                line = (
                    _late(found[pk], first, words) if are_late else _changed(pk, found.get(pk), before[pk], last, words)
                )
                if line:
                    position += 1
                    line.position = position
                    line.hash = line.compute_hash()
                    yield line


def _late(row: dict[str, Any], first: Month, words: Words) -> Correction:
    facts = row["facts"]
    about = max(Month.of(row["opened_at"]), first)
    return Correction(
        **_placed(row),
        kind=Correction.Kind.LATE,
        about=str(about),
        changes=[[_("补报"), "", f"{facts['opened']} {outcome_words(facts, words)}"]],
        facts=facts,
        carries=0 if facts["left"] else 1,
    )


def _changed(
    pk: int, row: dict[str, Any] | None, before: tuple[str, dict[str, Any]], last: Month, words: Words
) -> Correction | None:
    about, old = before
    new = GONE if row is None or row["voided"] else row["facts"]
    changes = changed(old, new, words)
    if not changes:
        return None
    if row is None:  # gone from the tables: its last signed row says where it lay
        frozen = FrozenRow.objects.filter(round_pk=pk).order_by("-ledger__month").first()
        if frozen is None:
            return None
        names = ("round_pk", "dispute_pk", "case_no", "county_id", "township_id", "village_id", "desk_id")
        placed = {name: getattr(frozen, name) for name in names}
    else:
        placed = _placed(row)
    was, is_ = (not facts.get("gone") and not facts.get("left") for facts in (old, new))
    return Correction(
        **placed,
        kind=Correction.Kind.CHANGED,
        about=about,
        changes=changes,
        facts=new,
        carries=int(is_) - int(was),
    )


def _flags(by: User, month: Month, county: Area, before: MonthlyLedger | None) -> Iterator[FrozenFlag]:
    """Outcome flags of the month, those entered late for a month signed before, and those taken back since."""
    flags = OutcomeFlag.objects.visible_to(by).filter(dispute__county=county, on__lt=month.end.date())
    if before is None:
        flags = flags.filter(on__gte=month.start.date())
    else:
        oldest = MonthlyLedger.objects.filter(county=county).order_by("month").values_list("month", flat=True)[0]
        flags = flags.filter(on__gte=Month.parse(oldest).start.date())
    signs: dict[int, int] = {}
    for pk, cases in FrozenFlag.objects.filter(county=county).values_list("flag_pk", "cases"):
        signs[pk] = signs.get(pk, 0) + cases
    for flag in flags.select_related("dispute").order_by("pk"):
        step = int(flag.off_at is None) - signs.get(flag.pk, 0)
        if step:
            case = flag.dispute
            row = FrozenFlag(
                dispute_pk=case.pk,
                case_no=case.case_no,
                county_id=case.county_id,
                township_id=case.township_id,
                village_id=case.village_id,
                desk_id=case.desk_id,
                flag_pk=flag.pk,
                kind=flag.kind,
                cases=step,
                people=step * flag.people,
                on=flag.on,
                type_l1=case.type_l1,
            )
            row.hash = row.compute_hash()
            yield row
