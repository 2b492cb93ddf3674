"""The index entry of a case: made in the same transaction by the doors that write parties and story, and mended.

What a token is for stands in the letter after the township's id:

    o  a pair of characters of the story as everybody in scope reads it
    x  a pair that stands in names, or in the story where names are masked for others
    p  a name in letters; h a keyed fingerprint of a phone, its last four or an ID number
    n  year and serial

Whoever may not read the names of a case is asked about `o` and `n` alone: what is masked for somebody does not find.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from django.db.models import Prefetch

from disputes.masking import mask_in
from disputes.models import Dispute, Party, PartySecret
from disputes.search.models import SearchEntry
from disputes.search.text import number_token, pairs, searchable, secret_token
from villages.pinyin import spellings, without_dots

BATCH = 500
LOOK_EVERY = 3600.0  # seconds


def keep(cases: Iterable[tuple[Dispute, Sequence[Party]]]) -> None:
    """Write the entries of these cases, whose parties carry their secrets' row where they have one."""
    SearchEntry.objects.store([_entry(case, parties) for case, parties in cases])


def index_cases(case_ids: Iterable[int]) -> int:
    """Make the entries of these cases anew from what is stored; how many. For bulk paths, changes and mending."""
    ids, count = sorted(set(case_ids)), 0
    parties = Prefetch("parties", Party.objects.select_related("secret"))
    for start in range(0, len(ids), BATCH):
        cases = list(Dispute.objects.filter(pk__in=ids[start : start + BATCH]).prefetch_related(parties))
        keep((case, list(case.parties.all())) for case in cases)
        count += len(cases)
    return count


def mend(limit: int = BATCH) -> int:
    """Make the entries that are lacking, the newest cases first; how many. `limit` bounds one call."""
    lacking = Dispute.objects.filter(search_entry=None).order_by("-pk").values_list("pk", flat=True)
    return index_cases(lacking[:limit])


_looked = -LOOK_EVERY


def mend_now_and_then() -> int:
    """`mend` as the pump asks it: round by round while entries lack, then once an hour: looking reads every case."""
    global _looked
    if time.monotonic() < _looked + LOOK_EVERY:
        return 0
    made = mend()
    if not made:
        _looked = time.monotonic()
    return made


def names_in(parties: Sequence[Party]) -> list[str]:
    """Every name of the people of a case, with and without its dots: what the page masks, and a little more."""
    names = [n for p in parties for n in (p.name, p.alias, p.guardian_name, p.agent_name, p.contact_name) if n]
    return list(dict.fromkeys([*names, *(name.replace("·", "") for name in names)]))


def _entry(case: Dispute, parties: Sequence[Party]) -> SearchEntry:
    names = names_in(parties)
    told = "|".join((case.narrative, case.demands, case.place))
    full = searchable("|".join([*names, told]))[0]
    shown = searchable(mask_in(told, names))[0]
    seen = pairs(shown)
    town = str(case.township_id)
    tokens = {f"{town}o{pair}" for pair in seen} | {f"{town}x{pair}" for pair in pairs(full) - seen}
    for party in parties:
        for name in (party.name, party.alias, party.guardian_name, party.agent_name):
            tokens.update(f"{town}p{spelling}" for spelling in spellings(without_dots(name)) if spelling.isascii())
        secret: PartySecret | None = getattr(party, "secret", None)
        if secret:
            for index in (secret.phone_index, secret.phone_last4_index, secret.id_index):
                if index:
                    tokens.add(town + secret_token(index))
    year, serial = case.case_no.split("-")[-2:]
    tokens |= {town + number_token(year, serial), town + number_token("", serial)}
    return SearchEntry(dispute_id=case.pk, words=" ".join(sorted(tokens)), full=full, shown=shown)
