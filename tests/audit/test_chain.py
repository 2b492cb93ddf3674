import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from audit import models, triggers
from audit.models import GENESIS, AccessLog, Break, ChainHead, record, record_read_once, verify

COUNTY = "620623"
AT = datetime(2026, 10, 8, 9, 30, 0, 120, tzinfo=UTC)


def write(count, county=COUNTY):
    for number in range(1, count + 1):
        record(action="read", county=county, subject=f"case {number}", detail={"n": number}, at=AT)


# --- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_row_says_who_when_what_and_continues_the_chain(assistant):
    request = SimpleNamespace(request_id="r-1", META={"REMOTE_ADDR": "10.1.2.3", "HTTP_X_FORWARDED_FOR": "6.6.6.6"})
    local = AT.astimezone(timezone(timedelta(hours=8)))
    first = record(
        action="move",
        actor=assistant,
        county=COUNTY,
        subject="620623-102-2026-0001",
        detail={"move": "settle", "fields": ("result", None), "rate": 0.5, "on": AT.date(), "ok": True},
        event_hash="e" * 64,
        at=local,
        request=request,
    )
    second = record(action="login_failed", actor=AnonymousUser(), county=COUNTY, at=AT)
    stored = AccessLog.objects.get(pk=first.pk)
    assert (stored.seq, stored.prev_hash, stored.at, stored.actor_id, stored.actor_name) == (
        1,
        GENESIS,
        AT,
        7,
        "王警务",
    )
    assert (stored.request_id, stored.address, stored.event_hash) == ("r-1", "10.1.2.3", "e" * 64)
    assert stored.detail == {
        "move": "settle",
        "fields": ["result", None],
        "rate": "0.5",
        "on": "2026-10-08",
        "ok": True,
    }
    assert (second.seq, second.prev_hash, second.actor_id, second.actor_name) == (2, stored.hash, None, "")
    assert verify() == []


@pytest.mark.django_db
def test_each_county_has_its_own_chain():
    write(2)
    write(1, county="620600")
    record(action="login")
    assert dict(ChainHead.objects.values_list("county", "seq")) == {COUNTY: 2, "620600": 1, "000000": 1}
    assert verify() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "payload",
    ["a\r\nb", "a\nERROR forged", "\x1b[2J\x1b[31m", "\x9b31m", "\u2028x\u2029", "\u202egnp", "\x00", "\ud800"],
)
def test_a_payload_stays_one_visible_line(assistant, payload):
    assistant.name = payload
    row = record(action="login_failed", actor=assistant, subject=payload, detail={payload: [payload]})
    stored = AccessLog.objects.get(pk=row.pk)
    for text in (stored.actor_name, stored.subject, *stored.detail, *next(iter(stored.detail.values()))):
        assert text.isprintable()
        assert len(text.splitlines()) == 1
    assert verify() == []


@pytest.mark.django_db
def test_a_subject_is_cut_to_its_column():
    assert len(AccessLog.objects.get(pk=record(action="read", subject="长" * 500).pk).subject) == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "wrong", [{"action": "fly"}, {"action": "read", "county": "620623102"}, {"action": "read", "at": "x"}]
)
def test_a_failing_record_undoes_the_callers_work_even_when_swallowed(wrong):
    with transaction.atomic():
        ChainHead.objects.create(county="999999")
        with suppress(ValueError, AttributeError):
            record(**wrong)
    assert not ChainHead.objects.exists()
    assert not AccessLog.objects.exists()


@pytest.mark.django_db
def test_a_second_writer_at_the_same_place_is_refused():
    write(2)
    row = AccessLog.objects.get(seq=2)
    for place in ({"seq": 3}, {"prev_hash": row.hash}):
        fork = AccessLog(pk=None, **{f: getattr(row, f) for f in (*models.HASHED, "hash")} | place)
        with pytest.raises(IntegrityError), transaction.atomic():
            fork.save(force_insert=True)


@pytest.mark.django_db
def test_reading_is_recorded_once_in_ten_minutes(assistant):
    def read(minutes, who=assistant, subject="620623-102-2026-0001"):
        return record_read_once(actor=who, subject=subject, county=COUNTY, at=AT + timedelta(minutes=minutes))

    other = SimpleNamespace(pk=8, name="李", get_username=lambda: "x")
    written = [read(0), read(9.99), read(5, who=other), read(5, subject="620623-102-2026-0002"), read(10), read(12)]
    assert [row is not None for row in written] == [True, False, True, True, True, False]


@pytest.mark.django_db(transaction=True)
def test_four_processes_never_fork_the_chain(in_processes):
    def work(number):
        for _ in range(100):
            record(action="read", county=COUNTY, subject=f"process {number}")
        return "done"

    assert in_processes(4, work) == ["done"] * 4
    assert AccessLog.objects.filter(county=COUNTY).count() == ChainHead.objects.get(county=COUNTY).seq == 400
    assert verify() == []


@pytest.mark.django_db(transaction=True)
def test_without_the_head_lock_the_same_writers_collide(in_processes, monkeypatch):
    """The negative control: it must go wrong where the lock, not the IMMEDIATE transaction, does the work."""
    if connection.vendor == "sqlite":
        pytest.skip("on SQLite the transaction is the lock")
    monkeypatch.setattr(models, "locked", lambda queryset: queryset)

    def work(number):
        for _ in range(100):
            record(action="read", county=COUNTY, subject=f"process {number}")
        return "done"

    assert any("IntegrityError" in answer for answer in in_processes(4, work))


# --- tampering -------------------------------------------------------------------------------------------------------


@pytest.fixture
def unprotected(db):
    """A chain of 40 rows whose triggers are gone; the test's rollback brings them back."""
    write(40)
    triggers.unprotect(connection)


def rehash(row):
    row.hash = models._digest({name: getattr(row, name) for name in models.HASHED} | {"at": models._instant(row.at)})
    return row


def row_at(seq):
    return AccessLog.objects.get(county=COUNTY, seq=seq)


def edit(choose):
    seq = choose.randint(1, 40)
    changes = [
        {"subject": "case X"},
        {"actor_id": 99},
        {"actor_name": "他人"},
        {"action": "note"},
        {"at": AT + timedelta(microseconds=1)},
        {"detail": {"n": 0}},
        {"detail": {"n": str(seq)}},
        {"event_hash": "f" * 64},
        {"request_id": "r"},
        {"address": "10.0.0.1"},
        {"county": COUNTY, "hash": "0" * 64},
    ]
    AccessLog.objects.filter(seq=seq).update(**choose.choice(changes))
    return {seq}


def edit_with_a_fitting_hash(choose):
    row = row_at(choose.randint(1, 40))
    row.subject = "case X"
    rehash(row).save()
    return {min(row.seq + 1, 40)}


def delete(choose):
    seq = choose.randint(1, 39)
    AccessLog.objects.filter(seq=seq).delete()
    return {seq}


def cut_tail(choose):
    seq = choose.randint(1, 40)
    AccessLog.objects.filter(seq__gte=seq).delete()
    return {seq}


def insert(choose):
    seq = choose.randint(2, 40)
    for row in AccessLog.objects.filter(seq__gte=seq).order_by("-seq"):
        AccessLog.objects.filter(pk=row.pk).update(seq=row.seq + 1)
    forged = AccessLog(**{name: getattr(row_at(seq - 1), name) for name in models.HASHED})
    forged.seq, forged.prev_hash, forged.subject = seq, "a" * 64, "forged"
    rehash(forged).save(force_insert=True)
    return {seq}


def append(choose):
    last = row_at(40)
    forged = AccessLog(**{name: getattr(last, name) for name in models.HASHED})
    forged.seq, forged.prev_hash = 41, last.hash
    rehash(forged).save(force_insert=True)
    return {41}


def swap(choose):
    one, other = choose.sample(range(1, 41), 2)
    first, second = row_at(one), row_at(other)
    AccessLog.objects.filter(pk=first.pk).update(seq=1000)
    AccessLog.objects.filter(pk=second.pk).update(seq=one)
    AccessLog.objects.filter(pk=first.pk).update(seq=other)
    return {one, other}


def move_head_back(choose):
    row = row_at(choose.randint(1, 39))
    ChainHead.objects.filter(county=COUNTY).update(seq=row.seq, hash=row.hash)
    return {row.seq + 1}


def lose_head(choose):
    ChainHead.objects.all().delete()
    return {1}


def move_to_another_county(choose):
    seq = choose.randint(1, 39)
    AccessLog.objects.filter(seq=seq).update(county="620600")
    return {seq}


TAMPERINGS = [
    edit,
    edit_with_a_fitting_hash,
    delete,
    cut_tail,
    insert,
    append,
    swap,
    move_head_back,
    lose_head,
    move_to_another_county,
]


def test_200_random_tamperings_are_found_and_placed(unprotected):
    choose = random.Random(17)
    assert verify() == []
    for number in range(200):
        tamper = TAMPERINGS[number % len(TAMPERINGS)]
        with transaction.atomic():
            expected = tamper(choose)
            found = verify()
            assert expected <= {place.seq for place in found if place.county == COUNTY}, (
                tamper.__name__,
                expected,
                found,
            )
            transaction.set_rollback(True)
    assert verify() == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite keeps any value in any column")
@pytest.mark.parametrize("assignment", ["at = 'never'", "at = 5", "subject = x'00'", "actor_id = 'seven'"])
def test_a_value_of_the_wrong_kind_is_found_not_a_crash(unprotected, assignment):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_accesslog SET {assignment} WHERE seq = 7")
    assert [place.seq for place in verify(COUNTY)] == [7]


def test_only_the_named_county_is_checked(unprotected):
    AccessLog.objects.filter(seq=3).update(subject="x")
    assert verify("620600") == []
    assert [(place.county, place.seq) for place in verify(COUNTY)] == [(COUNTY, 3)]
    assert isinstance(verify()[0], Break)


# --- the command -----------------------------------------------------------------------------------------------------


def run_command(**options):
    out, err = StringIO(), StringIO()
    try:
        call_command("verify_audit", stdout=out, stderr=err, **options)
    except CommandError as error:
        return error.returncode, out.getvalue() + err.getvalue()
    return 0, out.getvalue() + err.getvalue()


def test_the_command_prints_each_county_and_fails_on_a_break(unprotected):
    code, printed = run_command()
    assert code == 0
    assert f"{COUNTY}  40 条  链尾 {ChainHead.objects.get().hash}" in printed
    AccessLog.objects.filter(seq=12).update(subject="x")
    code, printed = run_command()
    assert code == 1
    assert f"{COUNTY} #12" in printed


def test_an_anchor_finds_a_chain_rewritten_together_with_its_head(unprotected, tmp_path):
    anchor = tmp_path / "heads.txt"
    assert run_command(anchor=anchor)[0] == 0
    write(1)
    assert run_command(anchor=anchor)[0] == 0
    assert [line.split()[1:3] for line in anchor.read_text().splitlines()] == [[COUNTY, "40"], [COUNTY, "41"]]
    kept = anchor.read_text()
    AccessLog.objects.all().delete()
    ChainHead.objects.all().delete()
    write(41)
    AccessLog.objects.filter(seq=40).update(subject="rewritten")
    previous = row_at(39).hash
    for seq in (40, 41):
        row = row_at(seq)
        row.prev_hash = previous
        rehash(row).save()
        previous = row.hash
    ChainHead.objects.update(hash=previous)
    assert verify() == []
    code, printed = run_command(anchor=anchor)
    assert code == 1
    assert f"{COUNTY} #40" in printed
    assert anchor.read_text() == kept


def test_an_unreadable_anchor_is_said_with_its_line(db, tmp_path):
    anchor = tmp_path / "heads.txt"
    anchor.write_text("nonsense\n")
    assert run_command(anchor=anchor)[0] == 1
