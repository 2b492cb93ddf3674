"""The ledger of one month: which rounds stand in it, how they count, and its rows, masked for one viewer.

product.md, The month: what is counted are rounds. A month lists every round carried into it or opened in it;
上期结转 + 本期新收 = 本期办结 + 期末在办. Edges are civil days in Asia/Shanghai. Voided numbers stand below, uncounted.
"""

from __future__ import annotations

import datetime as dt
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _g

from disputes.field.models import Source
from disputes.forms import NOTE_WAYS
from disputes.inbox.models import Instruction
from disputes.masking import mask_in, mask_side
from disputes.models import Agreement, Attachment, Dispute, Event, EventText, Party, Round
from disputes.moves import LEAVES, MOVES, Status, Tier
from followups.counselling.models import CounsellingSession
from followups.models import ReturnVisit
from ledgers.columns import (
    AGREED,
    COLUMNS,
    COUNSELLED,
    HISTORY,
    INSTRUCTED,
    PHONES,
    PHOTOS,
    PROGRESS,
    ROOMS,
    TEXT,
    VISITS,
    Column,
    Value,
)
from villages.models import DESK_ROLES, Code, Coverage, Office, Role, User, in_force

#: Who has the ledger: whoever works on cases, and whoever supervises them.
LEDGER_ROLES = DESK_ROLES | {Role.SUPERVISOR}
CHUNK = 500
FIRST_YEAR, LAST_YEAR = 2000, 2099


class BadMonth(ValueError):
    """What was given names no month; `str()` is the sentence for the person who gave it."""


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month in Asia/Shanghai."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """2026-10 and nothing else."""
        found = re.fullmatch(r"([0-9]{4})-([0-9]{2})", text)
        if not found or not 1 <= int(found[2]) <= 12 or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
            raise BadMonth(_g("认不出月份“%(text)s”，写成 2026-10 这样") % {"text": text[:20]})
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, moment: dt.datetime) -> Month:
        day = timezone.localdate(moment)
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def shifted(self, months: int) -> Month:
        count = self.year * 12 + self.month - 1 + months
        return Month(count // 12, count % 12 + 1)

    @property
    def start(self) -> dt.datetime:
        """The first moment of the month."""
        return dt.datetime(self.year, self.month, 1, tzinfo=timezone.get_default_timezone())

    @property
    def end(self) -> dt.datetime:
        """The first moment that no longer belongs to it."""
        return self.shifted(1).start

    @property
    def opened(self) -> Q:
        return Q(opened_at__gte=self.start, opened_at__lt=self.end)

    @property
    def left(self) -> Q:
        return Q(left_at__gte=self.start, left_at__lt=self.end)

    @property
    def carried(self) -> Q:
        return Q(opened_at__lt=self.start) & (Q(left_at=None) | Q(left_at__gte=self.start))

    @property
    def still_open(self) -> Q:
        return Q(opened_at__lt=self.end) & (Q(left_at=None) | Q(left_at__gte=self.end))

    @property
    def listed(self) -> Q:
        """Carried into the month or opened in it."""
        return Q(opened_at__lt=self.end) & (Q(left_at=None) | Q(left_at__gte=self.start))


@dataclass(frozen=True)
class Counts:
    """The sums above the table; every one is counted by its own definition, so the identity can really fail."""

    carried: int
    first: int
    relapsed: int
    settled: int
    ended: int
    withdrawn: int
    referred: int
    merged: int
    still_open: int

    @property
    def new(self) -> int:
        return self.first + self.relapsed

    @property
    def done(self) -> int:
        return self.settled + self.ended + self.withdrawn + self.referred + self.merged

    @property
    def holds(self) -> bool:
        """上期结转 + 本期新收 = 本期办结 + 期末在办."""
        return self.carried + self.new == self.done + self.still_open


@dataclass(frozen=True)
class Words:
    """Labels of codes and states, looked up once per ledger and not once per row."""

    types: dict[str, str]
    sources: dict[str, str]
    open: str = field(default_factory=lambda: _g("在办"))
    late: str = field(default_factory=lambda: _g("在办（超时）"))
    status: dict[str, str] = field(default_factory=lambda: {v: str(label) for v, label in Status.choices})
    tier: dict[int, str] = field(default_factory=lambda: {v: str(label) for v, label in Tier.choices})
    step: dict[str, str] = field(default_factory=lambda: {name: str(MOVES[name].label) for name in LEAVES})
    way: dict[str, str] = field(default_factory=lambda: {v: str(label) for v, label in NOTE_WAYS})
    track: dict[str, str] = field(default_factory=lambda: {v: str(label) for v, label in Agreement.Track.choices})
    danger: dict[str, str] = field(default_factory=lambda: {v: str(label) for v, label in Dispute.Danger.choices})
    side: dict[str, str] = field(default_factory=lambda: {v: str(label) for v, label in Party.Side.choices})
    result: dict[str, str] = field(
        default_factory=lambda: (
            {v: str(label) for v, label in Agreement.Result.choices}
            | {"ended": _g("调解不成"), "withdrawn": _g("撤回")}
        )
    )
    agreement: dict[str, str] = field(
        default_factory=lambda: {
            Agreement.Result.WRITTEN: _g("有（书面）"),
            Agreement.Result.ORAL: _g("有（口头）"),
            Agreement.Result.SELF: _g("无"),
        }
    )
    state: dict[str, str] = field(default_factory=lambda: {v: str(label) for v, label in ReturnVisit.State.choices})
    satisfaction: dict[str, str] = field(
        default_factory=lambda: {v: str(label) for v, label in ReturnVisit.Satisfaction.choices}
    )

    @classmethod
    def load(cls) -> Words:
        names: dict[str, dict[str, str]] = {}
        tables = ("dispute_type_zz_l1", "dispute_type_zz_l2", "case_source")
        for table, code, name in Code.objects.filter(table__in=tables).values_list("table", "code", "name"):
            names.setdefault(table, {})[code] = name
        types = names.get("dispute_type_zz_l1", {}) | names.get("dispute_type_zz_l2", {})
        return cls(types=types, sources=names.get("case_source", {}))


def rounds_of(user: User) -> QuerySet[Round]:
    """The rounds of the cases that `user` may read: the scope rule of the case, asked through the join."""
    condition = user.scope.cases("dispute__")
    return Round.objects.none() if condition is None else Round.objects.filter(condition)


#: What one row needs of the round, its case and their names; everything else is read per chunk.
FIELDS = (
    "pk",
    "no",
    "opened_at",
    "left_at",
    "left_as",
    "dispute_id",
    "dispute__case_no",
    "dispute__found_on",
    "dispute__source",
    "dispute__place",
    "dispute__type_l1",
    "dispute__type_l2",
    "dispute__side_a",
    "dispute__side_b",
    "dispute__people_count",
    "dispute__amount",
    "dispute__narrative",
    "dispute__danger",
    "dispute__danger_until",
    "dispute__protected",
    "dispute__due_on",
    "dispute__is_paused",
    "dispute__round",
    "dispute__result",
    "dispute__closed_at",
    "dispute__tier",
    "dispute__status",
    "dispute__desk_id",
    "dispute__desk__name",
    "dispute__handler__name",
    "township__short_name",
    "village__short_name",
    "village_id",
    "township_id",
)


class Ledger:
    """One month as one viewer may read it; `narrow` puts further conditions on its rounds (the page's filters).

    `unmasked` is a kind of its own, of ledgers.exports: only cases on the viewer's own desks, with phones as
    `Party.may_reveal` allows. Whoever asks for it logs it before a row leaves.
    """

    #: The signature of the county, and the lines below the table, where the month is signed (ledgers.months.frozen).
    signed: Any = None
    corrections: Sequence[Any] = ()

    def __init__(
        self,
        user: User,
        month: Month,
        *,
        narrow: Callable[[QuerySet[Round]], QuerySet[Round]] = lambda rounds: rounds,
        today: dt.date | None = None,
        columns: tuple[Column, ...] = COLUMNS,
        unmasked: bool = False,
    ) -> None:
        self.user, self.month, self.columns, self.unmasked = user, month, columns, unmasked
        self.today = today or timezone.localdate()
        self.all_rounds = narrow(rounds_of(user))
        if unmasked:
            self.all_rounds = self.all_rounds.filter(dispute__desk__in=sorted(user.scope.desks))
        self.counted = self.all_rounds.exclude(left_as=Status.VOIDED)
        self.rounds = self.counted.filter(month.listed)

    @cached_property
    def words(self) -> Words:
        return Words.load()

    # --- counting ---------------------------------------------------------------------------------------------------

    @cached_property
    def sums(self) -> dict[str, Any]:
        """Every sum of the month from one scan, and one look at what left as withdrawn."""
        month = self.month
        touched = self.counted.filter(month.listed | month.opened | month.left)
        # 撤回 and 调解不成 share a status; the event of the round tells them apart
        ended = Event.objects.filter(dispute=OuterRef("dispute"), round=OuterRef("no"), kind="end")
        return touched.aggregate(
            carried=Count("pk", filter=month.carried),
            first=Count("pk", filter=month.opened & Q(no=1)),
            relapsed=Count("pk", filter=month.opened & Q(no__gt=1)),
            settled=Count("pk", filter=month.left & Q(left_as=Status.SETTLED)),
            gone=Count("pk", filter=month.left & Q(left_as=Status.WITHDRAWN)),
            referred=Count("pk", filter=month.left & Q(left_as=Status.REFERRED)),
            merged=Count("pk", filter=month.left & Q(left_as=Status.MERGED)),
            still_open=Count("pk", filter=month.still_open),
            count=Count("pk", filter=month.listed),
            people=Sum("dispute__people_count", filter=month.listed),
            amount=Sum("dispute__amount", filter=month.listed),
        ) | {"ended": self.counted.filter(month.left, left_as=Status.WITHDRAWN).filter(Exists(ended)).count()}

    @property
    def count(self) -> int:
        """Rows of the table."""
        return self.sums["count"]

    @cached_property
    def counts(self) -> Counts:
        sums = self.sums
        keys = ("carried", "first", "relapsed", "settled", "ended", "referred", "merged", "still_open")
        return Counts(withdrawn=sums["gone"] - sums["ended"], **{key: sums[key] for key in keys})

    def offenders(self) -> list[str]:
        """Case numbers that break the identity: a round that left before it opened, or as nothing that is counted."""
        month = self.month
        wrong = Q(left_at__lt=F("opened_at")) | (Q(left_at__isnull=False) & ~Q(left_as__in=[*LEAVES.values()]))
        rows = self.counted.filter(wrong).filter(month.listed | month.opened | month.left)
        return list(rows.order_by("dispute__case_no").values_list("dispute__case_no", flat=True).distinct()[:50])

    def voided(self) -> list[str]:
        """Numbers given out and voided: visible below the table, so that nobody looks for a gap."""
        rows = self.all_rounds.filter(self.month.listed, left_as=Status.VOIDED)
        return list(rows.order_by("dispute__case_no").values_list("dispute__case_no", flat=True)[:200])

    def nearest_month(self) -> Month | None:
        """The closest month that has rows, for the way out of an empty page."""
        rounds = rounds_of(self.user).exclude(left_as=Status.VOIDED)
        before = rounds.filter(opened_at__lt=self.month.start).aggregate(Max("left_at"))["left_at__max"]
        after = rounds.filter(opened_at__gte=self.month.end).aggregate(Min("opened_at"))["opened_at__min"]
        near = [Month.of(moment) for moment in (before, after) if moment]
        return min(near, key=lambda m: abs((m.start - self.month.start).days), default=None)

    # --- rows -------------------------------------------------------------------------------------------------------

    def ids(self) -> QuerySet[Round, int]:
        """The rounds of the table in its order: as they were opened."""
        return self.rounds.order_by("opened_at", "pk").values_list("pk", flat=True)

    def all_ids(self) -> array[int]:
        """Every id, eight bytes each: what keeps a long export to one set of rows without holding the rows."""
        return array("q", self.ids().iterator(chunk_size=2000))

    def rows(self, ids: Iterable[int], *, first: int = 1) -> Iterator[dict[str, Any]]:
        """The rows of these rounds, numbered from `first`; a few queries per 500, whatever the whole length."""
        ids = list(ids) if not isinstance(ids, array) else ids
        for start in range(0, len(ids), CHUNK):
            chunk = list(ids[start : start + CHUNK])
            found = {row["pk"]: row for row in Round.objects.filter(pk__in=chunk).values(*FIELDS)}
            rows = [found[pk] for pk in chunk if pk in found]
            yield from self._fill(rows, first + start)

    def _fill(self, rows: list[dict[str, Any]], first: int) -> Iterator[dict[str, Any]]:
        words, month = self.words, self.month
        cases = [row["dispute_id"] for row in rows]
        veiled = {row["dispute_id"] for row in rows if self._hides_names(row)}
        names = self._other_names(list(veiled))
        needs = {column.needs for column in self.columns}
        read: dict[str, dict[Any, Any]] = {  # what no column shows is not read
            need: reader(self, cases) for need, reader in READERS.items() if need in needs
        }
        rooms = self._rooms(rows) if ROOMS in needs else {}
        results = self._earlier_results([row for row in rows if row["no"] != row["dispute__round"]])

        def of(need: str, key: Any, otherwise: Any) -> Any:
            return read[need].get(key, otherwise) if need in read else otherwise

        for no, row in enumerate(rows, first):
            case, key = row["dispute_id"], (row["dispute_id"], row["no"])
            left = row["left_at"] if row["left_at"] and row["left_at"] < month.end else None
            current, closed = row["no"] == row["dispute__round"], row["dispute__closed_at"]
            a, b = row["dispute__side_a"], row["dispute__side_b"]
            story, place = row["dispute__narrative"], row["dispute__place"]
            latest, latest_on, latest_way = of(PROGRESS, key, ("", None, ""))
            if case in veiled:
                hidden = [*a.split("、"), *b.split("、"), *names.get(case, ())]
                a, b = mask_side(a), mask_side(b)
                story, place, latest = (mask_in(text, hidden) for text in (story, place, latest))
            phone = of(PHONES, case, {})
            status, tier, accepted = of(HISTORY, key, (row["dispute__status"], row["dispute__tier"], None))
            mediator, method, agreement = of(AGREED, key, ("", "", ""))
            station, room = rooms.get(row["village_id"], ("", ""))
            told = of(VISITS, key, ())
            l1, l2 = row["dispute__type_l1"], row["dispute__type_l2"]
            yield {
                "no": no,
                "case_no": row["dispute__case_no"],
                "found_on": row["dispute__found_on"],
                "source": words.sources.get(row["dispute__source"], ""),
                "township": row["township__short_name"],
                "village": row["village__short_name"],
                "place": place,
                "type": words.types.get(l2) or words.types.get(l1, ""),
                "type_l1": l1,
                "type_l2": l2,
                "side_a": a,
                "phone_a": "、".join(phone.get("A", ())),
                "side_b": b,
                "phone_b": "、".join(phone.get("B", ())),
                "people": row["dispute__people_count"],
                "amount": row["dispute__amount"],
                "narrative": story,
                "danger": row["dispute__danger"],
                "danger_until": row["dispute__danger_until"],
                "office": row["dispute__desk__name"],
                "handler": row["dispute__handler__name"] or "",
                "station": station,
                "room": room,
                "accepted_on": accepted,
                "due_on": row["dispute__due_on"] if current else None,
                "tier": tier,
                "status": status,
                "mediator": mediator,
                "method": method,
                "agreement": agreement,
                "progress": latest,
                "progress_on": latest_on,
                "progress_way": latest_way,
                "left_on": timezone.localdate(left) if left else None,
                "left_as": row["left_as"],
                "result": row["dispute__result"] if current else results.get(key, ""),
                "visits": [(side, word) for side, word, _code in told],
                "answers": [(side, code) for side, _word, code in told if code],
                "instructions": of(INSTRUCTED, case, ()),
                "counselled": of(COUNSELLED, case, 0) if current else 0,
                "photos": of(PHOTOS, case, None),
                "closed_on": timezone.localdate(closed) if current and closed and closed < month.end else None,
                "carried": row["opened_at"] < month.start,
                "round": row["no"],
                "is_paused": current and row["dispute__is_paused"],
                "today": self.today,
                "words": words,
            }

    def _instructions(self, cases: list[int]) -> dict[int, list[tuple[str, dt.date, dt.date | None]]]:
        """Kind, date and day of the answer of what was asked until the month's end, by case."""
        found: dict[int, list[tuple[str, dt.date, dt.date | None]]] = {}
        rows = Instruction.objects.filter(dispute_id__in=cases, at__lt=self.month.end).order_by("given_on", "pk")
        labels = dict(Instruction.Kind.choices)
        for case, kind, day, answered in rows.values_list("dispute_id", "kind", "given_on", "answered_at"):
            told = timezone.localdate(answered) if answered and answered < self.month.end else None
            found.setdefault(case, []).append((str(labels[kind]), day, told))
        return found

    def _history(self, cases: list[int]) -> dict[tuple[int, int], tuple[str, int, dt.date | None]]:
        """Status and tier at the month's end and the day of the first 受理, by case and round."""
        found: dict[tuple[int, int], tuple[str, int, dt.date | None]] = {}
        rows = Event.objects.filter(dispute_id__in=cases, at__lt=self.month.end).order_by()
        fields = ("pk", "dispute_id", "round", "kind", "at", "status_to", "tier_to")
        for _pk, case, no, kind, at, status, tier in sorted(rows.values_list(*fields)):
            accepted = found[case, no][2] if (case, no) in found else None
            if kind == "take_up" and accepted is None:
                accepted = timezone.localdate(at)
            found[case, no] = (status, tier, accepted)
        return found

    def _agreed(self, cases: list[int]) -> dict[tuple[int, int], tuple[str, str, str]]:
        """Who mediated, on which track, and whether there is an agreement in writing, by case and round."""
        words = self.words
        rows = Agreement.objects.filter(dispute_id__in=cases, agreed_on__lt=self.month.end.date()).order_by()
        return {
            (case, no): (chair, words.track[track] if track else words.result[result], words.agreement[result])
            for case, no, chair, track, result in rows.values_list(
                "dispute_id", "round", "chair__name", "track", "result"
            )
        }

    def _photos(self, cases: list[int]) -> dict[int, int]:
        """How many photos each case has: its own and those of the captures it came from."""
        pictures = Attachment.objects.filter(content_type__startswith="image/").order_by()
        found: Counter[int] = Counter(pictures.filter(dispute__in=cases).values_list("dispute_id", flat=True))
        sources = Source.objects.filter(dispute__in=cases, undone_at=None, capture__photos__isnull=False)
        found.update(sources.order_by().values_list("dispute_id", flat=True))
        return found

    def _rooms(self, rows: list[dict[str, Any]]) -> dict[int, tuple[str, str]]:
        """Police station and police room of each village, today."""
        kinds = (Office.Kind.STATION, Office.Kind.ROOM)
        places = {row["village_id"] for row in rows} | {row["township_id"] for row in rows}
        serving: dict[tuple[int, str], str] = {}
        served = Coverage.objects.filter(in_force(), in_force(prefix="office__"), office__kind__in=kinds)
        for area, kind, name in served.filter(area__in=places).values_list("area_id", "office__kind", "office__name"):
            serving[area, kind] = name
        found: dict[int, tuple[str, str]] = {}
        for row in rows:
            village, township = row["village_id"], row["township_id"]
            station, room = (serving.get((village, kind)) or serving.get((township, kind), "") for kind in kinds)
            found[village] = (station, room)
        return found

    def _hides_names(self, row: dict[str, Any]) -> bool:
        """The rule of Dispute.names_hidden_from, on a row of values."""
        scope = self.user.scope
        return scope.masked or (row["dispute__protected"] and row["dispute__desk_id"] not in scope.desks)

    def _phones(self, cases: list[int]) -> dict[int, dict[str, list[str]]]:
        """Phones by case and side: masked, in the unmasked kind open where this person may see them one by one."""
        phones: dict[int, dict[str, list[str]]] = {}
        rows = Party.objects.filter(dispute_id__in=cases).exclude(phone_masked="").order_by()
        opened = self._opened(rows) if self.unmasked else {}
        # sorted here: the database would do it on the way, at the price of the reading itself
        for pk, case, side, phone in sorted(rows.values_list("pk", "dispute_id", "side", "phone_masked")):
            phones.setdefault(case, {}).setdefault(side, []).append(opened.get(pk, phone))
        return phones

    def _opened(self, parties: QuerySet[Party]) -> dict[int, str]:
        """The phones of those of `parties` that this person may see in clear, by party."""
        found = parties.select_related("secret", "dispute__handler", "dispute__desk")
        return {party.pk: party.secret.open("phone") for party in found if party.may_reveal("phone", self.user) is None}

    def _other_names(self, cases: list[int]) -> dict[int, list[str]]:
        """Names that stand in a case beside those of its two sides: whoever may not read these reads none of them."""
        if not cases:
            return {}
        names: dict[int, list[str]] = {}
        more = ("alias", "guardian_name", "agent_name", "contact_name")
        rows = Party.objects.filter(dispute_id__in=cases).exclude(side__in="AB", **dict.fromkeys(more, ""))
        for case, *called in rows.order_by().values_list("dispute_id", "name", *more):
            names.setdefault(case, []).extend(called)
        return names

    def _visits(self, cases: list[int]) -> dict[tuple[int, int], list[tuple[str, str, str]]]:
        """Side, last word and code of the satisfaction, if any was told, of each party, by case and round."""
        words, state = self.words, ReturnVisit.State
        last: dict[tuple[int, int], dict[int, tuple[str, str, str]]] = {}
        rows = ReturnVisit.objects.filter(dispute_id__in=cases).exclude(state=state.CANCELLED).order_by()
        fields = ("due_on", "pk", "dispute_id", "round", "party_id", "party__side", "state", "satisfaction")
        for _day, _pk, case, no, party, side, status, satisfaction in sorted(rows.values_list(*fields)):
            parties = last.setdefault((case, no), {})
            # a later visit that is still to come does not take back what the party has said
            if status == state.PLANNED and party in parties:
                continue
            word = words.satisfaction.get(satisfaction) if status == state.DONE else None
            parties[party] = (side, word or words.state[status], satisfaction if word else "")
        return {key: list(parties.values()) for key, parties in last.items()}

    def _counselled(self, cases: list[int]) -> dict[int, int]:
        """How often people of each case were counselled until the month's end: all that the ledger tells of it."""
        rows = CounsellingSession.objects.filter(referral__dispute__in=cases, starts_at__lt=self.month.end).order_by()
        return dict(rows.values_list("referral__dispute").annotate(n=Count("pk")))

    def _progress(self, cases: list[int]) -> dict[tuple[int, int], tuple[str, dt.date, str]]:
        """The latest words of the work on each round until the month's end, their day and way, by case and round."""
        words = self.words
        rows = EventText.objects.filter(
            event__dispute_id__in=cases, event__kind__in=["note", *LEAVES], event__at__lt=self.month.end
        ).order_by("event_id")
        fields = ("event__dispute_id", "event__round", "body", "event__at", "event__kind", "event__facts")
        return {
            (case, no): (body, timezone.localdate(at), words.way.get(facts.get("way", ""), words.step.get(kind, "")))
            for case, no, body, at, kind, facts in rows.values_list(*fields)
        }

    def _earlier_results(self, rows: list[dict[str, Any]]) -> dict[tuple[int, int], str]:
        """How rounds before a relapse ended: the case itself knows only its present round."""
        if not rows:
            return {}
        cases = [row["dispute_id"] for row in rows]
        events = Event.objects.filter(dispute_id__in=cases, kind__in=["settle", "end", "withdraw"])
        found: dict[tuple[int, int], str] = {}
        for case, no, kind, facts in events.order_by("pk").values_list("dispute_id", "round", "kind", "facts"):
            found[case, no] = facts.get("result", "") if kind == "settle" else {"end": "ended"}.get(kind, "withdrawn")
        return found

    def totals(self) -> list[Value]:
        """The last line: how many rows, people and yuan, and what became of them; one value per column."""
        counts, sums = self.counts, self.sums
        amount = sums["amount"]
        last: dict[str, Value] = {
            "people": sums["people"] or 0,
            "amount": Decimal(str(amount or 0)).quantize(Decimal("0.01")),
        }
        shown = [column.key for column in self.columns]
        texts = [column.key for column in self.columns if column.kind == TEXT]
        name = "case_no" if "case_no" in shown else next(iter(texts or shown))
        last[name] = _g("合计 %(n)s 件") % {"n": self.count}
        ends = next((key for key in ("outcome", "result", "struck_off", "status") if key in shown and key != name), "")
        last[ends] = _g("办结 %(done)s，在办 %(open)s") % {"done": counts.done, "open": counts.still_open}
        return [last.get(key) for key in shown]


#: What is read for the columns that need it, for a batch of cases at once.
READERS: dict[str, Callable[[Ledger, list[int]], dict[Any, Any]]] = {
    PHONES: Ledger._phones,
    PROGRESS: Ledger._progress,
    VISITS: Ledger._visits,
    COUNSELLED: Ledger._counselled,
    INSTRUCTED: Ledger._instructions,
    HISTORY: Ledger._history,
    AGREED: Ledger._agreed,
    PHOTOS: Ledger._photos,
}
