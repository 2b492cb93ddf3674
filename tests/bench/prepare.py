"""Fill one database for the measurement; prints what the clients need to know as one line of JSON.

A few real cases come from load_demo; the rest are copies of them over all villages, written in bulk. Every copy that
has left did so in MONTH, so that this month's ledger holds every case.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import sys
import uuid
from typing import Any

TODAY, MONTH = dt.date(2026, 11, 20), "2026-10"
PASSWORD = "Bench-Songshan-2026"


def main(size: int) -> None:
    import django
    from django.core.management import call_command

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.settings"
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    out = open(os.devnull, "w")  # noqa: SIM115
    call_command("load_demo", disputes=min(size, 60), password=PASSWORD, today=TODAY, stdout=out)
    from django.db import connection
    from django.utils import timezone

    from disputes.field.models import Visit
    from disputes.models import Dispute
    from tests.bench import search
    from villages.models import Code, User

    grow(size)
    capture(2 * size)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    centre = User.objects.get(username="centre1")
    seen = Dispute.objects.visible_to(centre).exclude(status__in=["voided", "merged"])
    village = seen.values_list("village__code", flat=True).first()
    begun = {"village": seen.select_related("village__parent__parent").first().village, "visited_on": TODAY}
    walk = Visit.objects.begin(by=centre, at=timezone.now(), **begun)
    print(
        json.dumps(
            {
                "cases": list(seen.order_by("-pk").values_list("case_no", flat=True)[:400]),
                "entries": entries(seen.filter(protected=False).exclude(type_l2="").order_by("-pk")[:400]),
                "words": search.words(seen.filter(protected=False).order_by("-pk")[:400]),
                "village": village,
                "walk": str(walk.uid),
                "scope": seen.count(),
                "county": Dispute.objects.count(),
                "type": Code.objects.filter(table="dispute_type_zz_l2", code__startswith="02").first().code,
            }
        )
    )


def phone_of(party: int) -> str:
    """A number of their own for each of the copies, as for each of a county's people."""
    return f"138{party:08d}"


def entries(cases: Any) -> list[dict[str, Any]]:
    """What somebody would enter who tells these cases again: both names, and one side's phone."""
    told = []
    for case in cases.select_related("village").prefetch_related("parties"):
        parties = [{"name": party.name} for party in case.parties.all()]
        parties[0]["phone"] = phone_of(case.parties.all()[0].pk)
        told.append({"village": case.village.code, "type_l2": case.type_l2, "parties": parties})
    return told


def copy_of(row: Any, **changed: Any) -> Any:
    values = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields if not f.primary_key}
    return type(row)(**values | changed)


def grow(size: int) -> None:

    from audit import keyring
    from disputes.models import Agreement, Dispute, Event, EventText, Obligation, Party, PartySecret, Round
    from disputes.search import index
    from followups.models import ReturnVisit
    from ledgers.month import Month
    from villages.models import Area, Coverage

    month, dice = Month.parse(MONTH), random.Random(2026)
    span = (month.end - month.start).total_seconds()
    places = []
    for village in Area.objects.filter(level=5, served=True).select_related("parent__parent"):
        desks = {tier: Coverage.objects.desk_for(village, tier) for tier in (1, 2, 3)}
        if all(desks.values()):
            places.append((village, desks))
    sources = list(Dispute.objects.exclude(status__in=["merged", "voided"]))
    serial = Dispute.objects.count()

    def children(model: Any, **extra: Any) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {}
        for row in model.objects.filter(**extra).order_by("pk"):
            found.setdefault(row.dispute_id, []).append(row)
        return found

    rounds, parties, events = children(Round), children(Party), children(Event)
    agreements, visits = children(Agreement), children(ReturnVisit)
    secrets = {row.party_id: row for row in PartySecret.objects.all()}
    texts = {row.event_id: row for row in EventText.objects.all()}
    obligations: dict[int, list[Any]] = {}
    for row in Obligation.objects.all():
        obligations.setdefault(row.agreement_id, []).append(row)

    while serial < size:
        made, origin = [], []
        for _ in range(min(1000, size - serial)):
            serial += 1
            source, (village, desks) = dice.choice(sources), dice.choice(places)
            town = village.parent
            left = source.left_at and month.start + dt.timedelta(seconds=dice.uniform(0, span))
            opened = min(source.opened_at, month.end - dt.timedelta(seconds=dice.uniform(1, span)), left or month.end)
            made.append(
                copy_of(
                    source, uid=uuid.uuid4(), submission=None, county_id=town.parent_id, township_id=town.pk,
                    village_id=village.pk, desk_id=desks[source.tier].pk, left_at=left, opened_at=opened,
                    case_no=f"{village.county_code}-{town.code[6:9]}-2026-{serial:06d}",
                )
            )  # fmt: skip
            origin.append(source.pk)
        Dispute.objects.bulk_create(made, batch_size=200)
        write = {model: [] for model in (Round, Party, Event, Agreement, ReturnVisit)}
        party_of, event_of, agreement_of = [], [], []
        for case, old in zip(made, origin, strict=True):
            own: dict[int, Any] = {}
            for row in rounds[old]:
                left = case.left_at if row.no == case.round else min(row.left_at, case.opened_at)
                opened = case.opened_at if row.no == case.round else min(row.opened_at, left)
                place = {"county_id": case.county_id, "township_id": case.township_id, "village_id": case.village_id}
                write[Round].append(copy_of(row, dispute_id=case.pk, left_at=left, opened_at=opened, **place))
            for row in parties.get(old, ()):
                front, back = Party.name_keys(case.village_id, row.name)
                own[row.pk] = copy_of(row, dispute_id=case.pk, uid=uuid.uuid4(), name_front=front, name_back=back)
                write[Party].append(own[row.pk])
                party_of.append(row.pk)
            for row in events[old]:
                write[Event].append(copy_of(row, dispute_id=case.pk))
                event_of.append(row.pk)
            for row in agreements.get(old, ()):
                write[Agreement].append(copy_of(row, dispute_id=case.pk))
                agreement_of.append((row.pk, own))
            write[ReturnVisit] += [(copy_of(row, dispute_id=case.pk), own[row.party_id]) for row in visits.get(old, ())]
        for model in (Round, Party, Event, Agreement):
            model.objects.bulk_create(write[model], batch_size=200)
        PartySecret.objects.bulk_create(
            (copy_of(secrets[old], party_id=row.pk, phone_index=keyring.blind_index("phone", phone_of(row.pk)),
                     id_index=keyring.blind_index("id", phone_of(row.pk)))
             for row, old in zip(write[Party], party_of, strict=True) if old in secrets), batch_size=200
        )  # fmt: skip
        index.index_cases(case.pk for case in made)
        EventText.objects.bulk_create(
            (copy_of(texts[old], event_id=row.pk) for row, old in zip(write[Event], event_of, strict=True)
             if old in texts), batch_size=200
        )  # fmt: skip
        Obligation.objects.bulk_create(
            (copy_of(row, agreement_id=new.pk, debtor_id=own[row.debtor_id].pk)
             for new, (old, own) in zip(write[Agreement], agreement_of, strict=True)
             for row in obligations.get(old, ())), batch_size=200
        )  # fmt: skip
        visits_new = []
        for row, party in write[ReturnVisit]:
            row.party_id = party.pk
            visits_new.append(row)
        ReturnVisit.objects.bulk_create(visits_new, batch_size=200)


def capture(size: int) -> None:
    """Visits of a year over all villages with five captures each; one in fifty waits to be sorted."""
    from django.utils import timezone

    from disputes.field.models import Capture, Visit
    from villages.models import Area, Coverage, Posting

    dice, now = random.Random(2026), timezone.now()
    places = []
    for village in Area.objects.filter(level=5, served=True).select_related("parent__parent"):
        desk, own = (Coverage.objects.desk_for(village, tier) for tier in (2, 1))
        by = own and Posting.objects.filter(office=own).values_list("user", flat=True).first()
        if desk and by:
            town = village.parent
            place = {"county_id": town.parent_id, "township_id": town.pk, "village_id": village.pk, "desk_id": desk.pk}
            places.append(place | {"by_id": by})
    for start in range(0, size, 5000):
        walks = []
        for _ in range(min(1000, (size - start) // 5)):
            day = TODAY - dt.timedelta(days=dice.randrange(365))
            walks.append(Visit(**dice.choice(places), visited_on=day, begun_at=now, ended_at=now, households=9))
        Visit.objects.bulk_create(walks, batch_size=200)
        rows = []
        for walk in walks:
            for _ in range(5):
                state = dice.choices(("new", "case", "none", "back", "later"), (20, 600, 365, 10, 5))[0]
                place = {f: getattr(walk, f) for f in ("county_id", "township_id", "village_id", "desk_id", "by_id")}
                sides = [f"{dice.choice('马王李张韩')}{chr(dice.randrange(0x4E00, 0x5E00))}" for _ in "AB"]
                at = now - (TODAY - walk.visited_on) - dt.timedelta(seconds=dice.randrange(80_000))
                rows.append(
                    Capture(
                        **place, visit_id=walk.pk, at=at, side_a=sides[0], side_b=sides[1], state=state, kind="02",
                        words="浇水顺序有争执，说上游私自加了闸板。", found="follow", may_escalate=dice.random() < 0.01,
                        acknowledged_at=at, put_off_until=TODAY if state == "later" else None,
                    )
                )  # fmt: skip
        Capture.objects.bulk_create(rows, batch_size=200)


if __name__ == "__main__":
    main(int(sys.argv[1]))
