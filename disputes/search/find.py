"""What a query finds for one person: cases of their scope, villages, and the people of the directory; and why.

A case is found by what this person may read of it: by names, pinyin, phones and numbers where its names are open to
them, and by the story with the names masked everywhere else. Nothing of a query is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db.models import F, Prefetch, Q, QuerySet
from django.db.models.functions import Concat
from django.utils.translation import gettext as _

from disputes.masking import mask_in
from disputes.models import Dispute, Party, names_open_to
from disputes.search.index import names_in
from disputes.search.models import Tree
from disputes.search.text import Query, Word, searchable, secret_token
from villages import directory
from villages.models import Area, Posting, User
from villages.pinyin import spellings, without_dots

PAGE = 20
COUNTED = 1000
CASE_FIELDS = "case_no side_a side_b protected desk_id status tier type_l1 type_l2 narrative demands place".split()
PARTY_FIELDS = "side name alias guardian_name agent_name contact_name phone_masked id_masked".split()
FEW = 10  # villages and people that are shown
AROUND = 18  # characters before what was found, and twice as many after it

Pieces = list[tuple[str, bool]]  # a text in pieces, and whether a piece is what was searched for


@dataclass
class Found:
    """One page of cases, newest first, and how many there are: exactly up to 1,000."""

    cases: list[Dispute] = field(default_factory=list)
    count: int = 0
    capped: bool = False
    next: int | None = None  # the id after which the next page begins


@dataclass(frozen=True)
class Reason:
    """Why a case was found: which fact, and the text with the place marked."""

    label: str
    pieces: Pieces


# --- cases ------------------------------------------------------------------------------------------------------------
def cases(user: User, query: Query, after: int | None = None) -> Found:
    """The cases of `user`'s scope that the query finds, after the case with this id."""
    condition = matching(user, query)
    if condition is None:
        return Found()
    rows = Dispute.objects.visible_to(user).filter(condition)
    # ordered by a sum: by the bare id a planner would rather walk all cases from the newest than ask the index of words
    ids = rows.order_by((F("pk") + 0).desc()).values_list("pk", flat=True)
    if after is None:
        found = list(ids[: COUNTED + 1])
        count = len(found)
    else:
        count = rows.order_by().values("pk")[: COUNTED + 1].count()
        found = list(ids.filter(pk__lt=after)[: PAGE + 1])
    more = found[PAGE - 1] if len(found) > PAGE else None
    secrets = any(word.is_secret for word in query.words)
    return Found(_loaded(user, found[:PAGE], secrets), min(count, COUNTED), count > COUNTED, more)


def _loaded(user: User, ids: Sequence[int], secrets: bool) -> list[Dispute]:
    """The cases with what a row and its reasons show, in this order."""
    rows = Dispute.objects.visible_to(user).filter(pk__in=ids).only(*CASE_FIELDS)
    rows = rows.annotate(place_name=Concat("township__short_name", "village__short_name"))
    parties = Party.objects.order_by("side", "pk")
    parties = parties.select_related("secret") if secrets else parties.only("dispute_id", *PARTY_FIELDS)
    return list(rows.order_by("-pk").prefetch_related(Prefetch("parties", parties))) if ids else []


def matching(user: User, query: Query) -> Q | None:
    """The query as this person may ask it of the cases in their scope; None where nothing can be found."""
    number = query.number
    if number and (number.whole or number.begins):
        whole = Q(case_no=number.whole)
        return whole | Q(case_no__startswith=number.begins) if number.begins else whole
    towns = townships_of(user)
    if not towns:
        return None
    if number:
        tail = Q(case_no__contains=f"-{number.tail}-{number.year}-") if number.tail else Q()
        return Q(search_entry__words__meets=Tree((((_at(towns, [number.token]),),),))) & tail
    shown = _tree(towns, query.words, "o")
    masked = Q(search_entry__words__meets=shown) & _phrases(towns, query.words, "shown") if shown else None
    if user.scope.masked:
        return masked
    full = _tree(towns, query.words, "ox")
    if full is None:
        return None
    read = names_open_to(user) & _phrases(towns, query.words, "full")
    return Q(search_entry__words__meets=full) & (read | masked if masked else read)


def townships_of(user: User) -> list[int]:
    """Ids of the townships in which a case of this scope may have been registered."""
    scope = user.scope
    if not (scope.counties or scope.villages or scope.desk_cases):
        return sorted(scope.townships)
    counties = Area.objects.filter(pk__in=scope.counties).values_list("code", flat=True)
    mine = Q(pk__in=scope.townships)
    codes = {code[:6] for code in counties} if scope.counties else set()
    # a mediator of a township's committee has what lies on that desk, from wherever in the county it came
    codes |= {office.area.code[:6] for office in scope.offices if office.pk in scope.desk_cases}
    for code in sorted(codes):
        mine |= Q(code__startswith=code)
    if scope.villages:
        villages = list(Area.objects.filter(pk__in=scope.villages).values_list("parent", "code"))
        # its cases of before a village was given to another township stay that one's, whose code it still begins with
        mine |= Q(pk__in=[parent for parent, _code in villages])
        mine |= Q(code__in=[f"{code[:9]}000" for _parent, code in villages])
    return sorted(Area.objects.filter(mine, level=Area.Level.TOWNSHIP).values_list("pk", flat=True))


def _at(towns: Sequence[int], tails: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{town}{tail}" for tail in tails for town in towns)


def _tree(towns: Sequence[int], words: Sequence[Word], letters: str) -> Tree | None:
    """What the index is asked for; None when one of the words finds nothing by these letters."""
    asked = []
    for word in words:
        ways = []
        if word.pairs:
            ways.append(tuple(_at(towns, [letter + pair for letter in letters]) for pair in word.pairs))
        exact = _exact(word, "x" in letters)
        if exact:
            ways.append((_at(towns, exact),))
        if not ways:
            return None
        asked.append(tuple(ways))
    return Tree(tuple(asked))


def _exact(word: Word, names: bool) -> list[str]:
    return [*(word.exact if names else ()), *([word.number] if word.number else [])]


def _phrases(towns: Sequence[int], words: Sequence[Word], column: str) -> Q:
    """A longer word stands as one in the text: 马文 and 文林 alone may be parts of two names."""
    rest = Q()
    for word in words:
        if len(word.text) > 2 and word.pairs:
            one = Q(**{f"search_entry__{column}__contains": word.text})
            exact = _exact(word, column == "full")
            if exact:
                one |= Q(search_entry__words__meets=Tree((((_at(towns, exact),),),)))
            rest &= one
    return rest


# --- why --------------------------------------------------------------------------------------------------------------
def reasons(case: Dispute, user: User, query: Query) -> list[Reason]:
    """Why this case was found, in what this person may read of it; reads nothing from the database."""
    if query.number:
        return [Reason(_("案号"), [(case.case_no, True)])]
    hidden = case.names_hidden_from(user)
    parties = list(case.parties.all())
    texts = [(_("经过"), case.narrative), (_("诉求"), case.demands), (_("地点"), case.place)]
    if hidden:
        names = names_in(parties)
        texts = [(label, mask_in(text, names)) for label, text in texts]
    found: list[Reason] = []
    for word in query.words:
        reason = next(_why(case, word, [] if hidden else parties, texts), None)
        if reason and reason not in found:
            found.append(reason)
    return found


def _why(case: Dispute, word: Word, parties: Sequence[Party], texts: Sequence[tuple[str, str]]) -> Iterator[Reason]:
    for party in parties:
        for label, name in _named(party):
            pieces = marked(name, [word.text])
            if pieces:
                yield Reason(label, pieces)
    for party in parties if word.is_secret else ():
        secret = getattr(party, "secret", None)
        tokens = {secret_token(index) for index in (secret.phone_index, secret.phone_last4_index)} if secret else set()
        if tokens.intersection(word.exact):
            yield Reason(_("电话"), [(f"{party.name} ", False), (party.phone_masked, True)])
        elif secret and secret_token(secret.id_index) in word.exact:
            yield Reason(_("证件号"), [(f"{party.name} ", False), (party.id_masked, True)])
    for party in parties:
        for label, name in _named(party):
            if any(exact[1:] in spellings(without_dots(name)) for exact in word.exact if exact.startswith("p")):
                yield Reason(label, [(name, True)])
    for label, text in texts:
        pieces = marked(text, [word.text], around=AROUND)
        if pieces:
            yield Reason(label, pieces)
    if word.number:
        yield Reason(_("案号"), [(case.case_no, True)])


def _named(party: Party) -> list[tuple[str, str]]:
    rows = [
        (_("当事人"), party.name), (_("别名"), party.alias), (_("监护人"), party.guardian_name),
        (_("代理人"), party.agent_name), (_("联系人"), party.contact_name),
    ]  # fmt: skip
    return [(label, name) for label, name in rows if name]


#: The same few names stand on every page of a village.
_runs = lru_cache(maxsize=1024)(searchable)


def marked(text: str, words: Sequence[str], around: int = 0) -> Pieces:
    """The text in pieces with every place of the words; [] where none stands. `around` cuts it to the first place."""
    runs, places = _runs(text)
    spans = sorted(
        (places[hit.start()], places[hit.end() - 1] + 1) for word in words for hit in re.finditer(re.escape(word), runs)
    )
    if not spans:
        return []
    begin, end = 0, len(text)
    if around:
        begin, end = max(0, spans[0][0] - around), min(len(text), spans[0][1] + 2 * around)
    pieces: Pieces = [("…", False)] if begin else []
    at = begin
    for start, stop in spans:
        if start < at or stop > end:
            continue
        pieces += [(text[at:start], False), (text[start:stop], True)]
        at = stop
    pieces += [(text[at:end], False), ("…" if end < len(text) else "", False)]
    return [piece for piece in pieces if piece[0]]


# --- villages and people ----------------------------------------------------------------------------------------------
def villages(query: Query) -> tuple[list[Area], int]:
    """The first villages of the directory that every word names, and how many there are."""
    if query.number:
        return [], 0
    rows = directory.villages()
    for word in query.words:
        rows = rows.filter(directory.matching(word.text))
    return _few(rows)


def people(query: Query) -> tuple[list[Posting], int]:
    """The first postings of the directory's people whom every word names, and how many there are."""
    if query.number:
        return [], 0
    rows = directory.people()
    for word in query.words:
        rows = rows.filter(directory.naming(word.text))
    return _few(rows)


def _few(rows: QuerySet) -> tuple[list[Any], int]:
    """The first rows, and how many there are; counted only where they are more."""
    found = list(rows[: FEW + 1])
    return found[:FEW], len(found) if len(found) <= FEW else rows.count()
