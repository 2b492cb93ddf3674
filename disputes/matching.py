"""Earlier cases that an entry may be about: the same people, or the same two at odds again. A person decides.

Cases are suggested, never persons: nothing about anybody is kept, counted or graded, and whoever may not read a case
or its names is not told of it here either. Every suggestion says why in the words that somebody would check it by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _g

from audit import keyring
from disputes.models import Dispute, Party, names_open_to
from disputes.moves import Status
from villages.models import Area, User
from villages.pinyin import readings, usual, without_dots

SHOWN = 3
#: What is loaded of a suggested case: what a line about it shows, without its long texts.
CARD = "case_no status type_l1 type_l2 found_on registered_at village township".split()
#: How many earlier cases are looked at, those with the same numbers first: a village committee is party to hundreds.
CONSIDERED = 60
#: What people write for somebody whom they cannot name.
NAMELESS = frozenset(("不清楚", "不详"))


class Same(IntEnum):
    """What two entries of a person have in common, the most telling last."""

    ALMOST_NAME, SOUND, VARIANT, NAME, PHONE, NUMBER = range(1, 7)

    def sentence(self, name: str) -> str:
        return {
            Same.NUMBER: _g("同一身份证号"),
            Same.PHONE: _g("同一电话"),
            Same.NAME: _g("同村同名：%(name)s"),
            Same.VARIANT: _g("同村同名，字的写法不同：%(name)s"),
            Same.SOUND: _g("同村名字同音：%(name)s"),
            Same.ALMOST_NAME: _g("同村名字差一个字：%(name)s"),
        }[self] % {"name": name}


@dataclass(frozen=True)
class Suggestion:
    """An earlier case and what speaks for it."""

    case: Dispute
    reasons: tuple[str, ...]

    @property
    def why(self) -> str:
        return "；".join(self.reasons)


def suggestions(
    user: User,
    *,
    village: Area | None,
    parties: Iterable[Mapping[str, Any]],
    type_l2: str = "",
    exclude: Dispute | None = None,
) -> list[Suggestion]:
    """At most three earlier cases of the user's scope that the entry may be about, the likeliest first.

    Names are compared inside `village` alone: equal names elsewhere are other people. Without a village only numbers
    count. `type_l2` is the entry's kind, `exclude` the case whose own entry this is. Four queries at most.
    """
    entered = [_Entered.of(party) for party in parties]
    cases = Dispute.objects.visible_to(user).filter(names_open_to(user)).exclude(status=Status.VOIDED)
    if exclude is not None:
        cases = cases.exclude(pk=exclude.pk)
    considered = _considered(cases, village, entered)
    found = []
    for pk, rows in _parties_of(considered).items():
        alike = _pairs(entered, rows, village)
        same_kind = bool(type_l2) and rows[0].type_l2 == type_l2
        if _is_worth_showing(alike, same_kind):
            reasons = [one.same.sentence(one.name) for one in alike]
            if same_kind and len([one for one in alike if one.is_likely]) > 1:
                reasons.append(_g("以前同样两方、同一类型"))
            found.append(((alike[0].same, len(alike), same_kind, pk), tuple(dict.fromkeys(reasons))))
    best = {place[-1]: reasons for place, reasons in sorted(found, reverse=True)[:SHOWN]}
    loaded = cases.only(*CARD).in_bulk(best) if best else {}
    return [Suggestion(loaded[pk], reasons) for pk, reasons in best.items()]


# --- which cases are looked at ---------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Entered:
    """One party as entered, with the keys that equal numbers share."""

    name: str
    phone: str
    number: str

    @classmethod
    def of(cls, party: Mapping[str, Any]) -> _Entered:
        name, phone = party.get("name") or "", party.get("phone") or ""
        return cls(
            "" if name in NAMELESS else name,
            # a short number is somebody else's in every other group
            keyring.blind_index("phone", phone) if len(phone) > 6 else "",
            keyring.blind_index("id", party.get("id_number") or ""),
        )


def _considered(cases: QuerySet[Dispute], village: Area | None, entered: list[_Entered]) -> list[int]:
    """Ids of the newest cases that share a number, or the sound of half a name, with the entry; whole ones first.

    Neither query is ordered or cut: asked for the newest, PostgreSQL would walk the county's cases back from today.
    Few people share a number, and a village has few names.
    """
    found: list[tuple[int, int]] = []
    phones = [one.phone for one in entered if one.phone]
    numbers = {one.number for one in entered if one.number}
    if phones or numbers:
        same = Q(parties__secret__phone_index__in=phones) | Q(parties__secret__id_index__in=numbers)
        rows = cases.filter(same).order_by().values_list("id", "parties__secret__id_index")
        found += [(3 if number in numbers else 2, pk) for pk, number in rows]
    if village:
        keys = {Party.name_keys(village.pk, one.name) for one in entered if one.name}
        fronts, backs = {front for front, _back in keys}, {back for _front, back in keys}
        near = Q(parties__name_front__in=fronts) | Q(parties__name_back__in=backs)
        named = cases.filter(near).order_by().values_list("id", "parties__name_front", "parties__name_back")
        found += [(1 if (front, back) in keys else 0, pk) for pk, front, back in named]
    return list(dict.fromkeys(pk for _step, pk in sorted(found, reverse=True)))[:CONSIDERED]


@dataclass(frozen=True)
class _Stored:
    pk: int
    name: str
    is_person: bool
    phone: str
    number: str
    village: int
    type_l2: str


def _parties_of(cases: list[int]) -> dict[int, list[_Stored]]:
    """The parties of these cases; one query."""
    found: dict[int, list[_Stored]] = {}
    if not cases:
        return found
    rows = Party.objects.filter(dispute__in=cases).order_by("pk")
    rows = rows.annotate(phone=F("secret__phone_index"), number=F("secret__id_index"))
    for case, kind, *values in rows.values_list(
        "dispute_id", "kind", "pk", "name", "phone", "number", "dispute__village_id", "dispute__type_l2"
    ):
        pk, name, phone, number, village, type_l2 = values
        is_person = kind == Party.Kind.PERSON
        found.setdefault(case, []).append(_Stored(pk, name, is_person, phone or "", number or "", village, type_l2))
    return found


# --- whether they are alike ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Alike:
    """Two that may be one: `alone` when that is enough to say so, `doubted` when something speaks against it."""

    same: Same
    name: str
    alone: bool
    doubted: bool = False

    @property
    def is_likely(self) -> bool:
        return self.same > Same.ALMOST_NAME and not self.doubted


def _is_worth_showing(alike: list[_Alike], same_kind: bool) -> bool:
    """One telling likeness, or a weak one beside another, or beside the same kind of dispute."""
    weak = [one for one in alike if not one.doubted]
    return any(one.alone for one in alike) or bool(weak) and (len(alike) > 1 or same_kind)


def _pairs(entered: list[_Entered], stored: list[_Stored], village: Area | None) -> list[_Alike]:
    """Who may be whom, each person once, the most telling first."""
    found = []
    for n, one in enumerate(entered):
        for other in stored:
            alike = _alike(one, other, village.pk if village else None)
            if alike:
                found.append((alike.same, not alike.doubted, -n, other.pk, alike))
    taken: set[tuple[str, int]] = set()
    pairs = []
    for _same, _sure, n, pk, alike in sorted(found, key=lambda row: row[:4], reverse=True):
        if taken.isdisjoint({("entered", n), ("stored", pk)}):
            taken |= {("entered", n), ("stored", pk)}
            pairs.append(alike)
    return pairs


def _alike(one: _Entered, other: _Stored, village: int | None) -> _Alike | None:
    """What these two have in common; None when nothing has, or when their ID numbers tell them apart."""
    if one.number and one.number == other.number:
        return _Alike(Same.NUMBER, other.name, alone=True)
    is_other_number = bool(one.number and other.number)
    names = _names_alike(one.name, other.name, is_person=other.is_person)
    if one.phone and one.phone == other.phone:
        if names is None and is_other_number:
            return None
        # Under another name in another village it was given to somebody else; in the same one, a household has it.
        was_passed_on = bool(one.name) and names is None and village not in (None, other.village)
        return _Alike(Same.PHONE, other.name, alone=not was_passed_on)
    if names is None or is_other_number or village != other.village:
        return None
    has_other_phone = bool(one.phone and other.phone)
    if not other.is_person:  # a cooperative is party to many cases
        return _Alike(names, other.name, alone=False)
    if names >= Same.VARIANT:  # a new mobile is common
        return _Alike(names, other.name, alone=_is_telling(other.name) or not has_other_phone)
    if names == Same.SOUND:
        alone = _is_telling(other.name) and not has_other_phone
        return _Alike(names, other.name, alone=alone, doubted=has_other_phone)
    return _Alike(names, other.name, alone=False, doubted=has_other_phone or _may_be_kin(one.name, other.name))


def _is_telling(name: str) -> bool:
    """Whether few of a village share such a name: a surname with one character, or two Tibetan words, many do."""
    return len(usual(name)) == 3


def _may_be_kin(one: str, other: str) -> bool:
    """Whether names one character apart are those of brothers: the surname and the generation's character agree."""
    one, other = usual(one), usual(other)
    return min(len(one), len(other)) < 3 or len(one) == len(other) == 3 and one[:2] == other[:2]


def _names_alike(one: str, other: str, *, is_person: bool) -> Same | None:
    """How alike two names are; None when they are two names."""
    if not one or not other:
        return None
    if without_dots(one) == without_dots(other):
        return Same.NAME
    one, other = usual(one), usual(other)
    if one == other:
        return Same.VARIANT
    if not is_person:
        return None
    if len(one) == len(other):
        apart = [n for n in range(len(one)) if not _sounds_alike(one[n], other[n])]
        if not apart:
            return Same.SOUND
        is_other_surname = apart == [0] and len(one) < 4
        return Same.ALMOST_NAME if len(apart) == 1 and not is_other_surname else None
    if len(one) > len(other):
        one, other = other, one
    if len(one) + 1 == len(other) and len(one) > 1 and _sounds_alike(one[0], other[0]):
        is_one_more = any(all(map(_sounds_alike, one, other[:n] + other[n + 1 :])) for n in range(1, len(other)))
        return Same.ALMOST_NAME if is_one_more else None
    return None


def _sounds_alike(one: str, other: str) -> bool:
    return one == other or not set(readings(one)).isdisjoint(readings(other))
