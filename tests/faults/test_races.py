"""Two people on one case, and sixteen at the register: exactly one winner, no number lost or given twice."""

from __future__ import annotations

import io
import uuid
from unittest.mock import patch

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from pypdf import PdfWriter

from disputes import attachments
from disputes.field.models import Capture, Source, Visit
from disputes.models import Attachment, Check, Dispute, Event, FactsMissing, MoveRefused
from disputes.papers import typeset
from disputes.papers.kinds import kinds
from disputes.papers.models import Paper
from disputes.referrals.models import Referral
from disputes.sessions.models import Session, Venue
from followups import alarms
from followups.models import Notice
from tests import factories as f
from tests.factories import NOW
from tests.faults import processes
from tests.samples import JPG


def race(number: int, pks: list[int], barrier, w) -> list[str]:
    """Each case in turn: both processes read it, wait for one another, and move it."""
    answers = []
    for turn, pk in enumerate(pks):
        case = Dispute.objects.get(pk=pk)
        by = w.grid if number else w.assistant
        by.forget_scope()
        barrier.wait(60)
        try:
            if number and turn % 2:
                case.perform("withdraw", by=by, at=NOW, version=case.version, asked_by="双方", reason="自行说和")
            else:
                case.perform("take_up", by=by, at=NOW, version=case.version, handler=by)
            answers.append("won")
        except MoveRefused as refused:
            answers.append(refused.sentence)
    return answers


def run_races(w, count: int) -> None:
    pks = [f.register(w).pk for _ in range(count)]
    barrier = processes.CONTEXT.Barrier(2)
    first, second = processes.together(2, race, pks, barrier, w)
    assert len(first) == len(second) == count
    for a, b in zip(first, second, strict=True):
        assert (a == "won") != (b == "won"), (a, b)
        assert any(name in (a, b)[a == "won"] for name in ("才让卓玛", "马小兰", "待受理", "调解中", "不能")), (a, b)
    assert Event.objects.exclude(kind="register").count() == count  # one event each: the loser left none
    assert not Dispute.objects.exclude(version=2).exists()


def test_of_two_moves_on_one_case_exactly_one_wins(w):
    run_races(w, 50)


@pytest.mark.full
def test_of_two_moves_on_one_case_exactly_one_wins_500_times(w):
    run_races(w, 500)


def run_registrations(w, writers: int, count: int) -> None:
    def register(number: int) -> list[str]:
        share = range(number, count, writers)
        numbers = [f.register(w).case_no for _ in share]
        connections.close_all()
        return numbers

    answers = processes.together(writers, register)
    errors = [answer for answer in answers if not isinstance(answer, list)]
    assert not errors
    numbers = sorted(number for answer in answers for number in answer)
    assert numbers == [f"620623-103-2026-{serial:04}" for serial in range(1, count + 1)]
    assert Dispute.objects.count() == count


def test_four_at_the_register_at_once_get_numbers_without_gap_or_double(w):
    run_registrations(w, 4, 40)


@pytest.mark.full
def test_sixteen_at_the_register_at_once_get_200_numbers(w):
    run_registrations(w, 16, 200)


def sort_all(number: int, pks: list[int], barrier, w) -> list[str]:
    """Each capture in turn: both processes read it, wait for one another, and sort it."""
    answers, by = [], w.centre if number else w.officer
    for pk in pks:
        row = Capture.objects.get(pk=pk)
        by.forget_scope()
        barrier.wait(60)
        try:
            row.sort("new", by=by, at=NOW, version=row.version, kind="0905", tier="2")
            answers.append("won")
        except MoveRefused as refused:
            answers.append(refused.sentence)
    return answers


def test_of_two_who_sort_one_capture_one_makes_the_case(w):
    visit = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date())
    pks = [visit.capture(by=w.assistant, at=NOW, facts={"words": f"渠口{n}"}).pk for n in range(25)]
    barrier = processes.CONTEXT.Barrier(2)
    for a, b in zip(*processes.together(2, sort_all, pks, barrier, w), strict=True):
        assert (a == "won") != (b == "won"), (a, b)
    assert Dispute.objects.count() == Source.objects.count() == len(pks)


def submit(number: int, rounds: list[uuid.UUID], barrier, w) -> list[list[int]]:
    """The same three forms sent by a double click: both processes send each of them at the same moment."""
    made = []
    for submission in rounds:
        barrier.wait(60)
        case = f.register(w, submission=submission)
        barrier.wait(60)
        begun = {"village": w.village, "visited_on": NOW.date(), "submission": submission}
        visit = Visit.objects.begin(by=w.assistant, at=NOW, **begun)
        barrier.wait(60)
        heard = visit.capture(by=w.assistant, at=NOW, facts={"words": "渠口吵"}, submission=submission)
        made.append([case.pk, visit.pk, heard.pk])
    return made


def test_a_form_sent_twice_at_once_is_one_case_one_visit_and_one_capture(w):
    rounds = [uuid.uuid4() for _ in range(20)]
    first, second = processes.together(2, submit, rounds, processes.CONTEXT.Barrier(2), w)
    assert first == second  # both are told of the same rows, and neither of an error
    assert Dispute.objects.count() == Visit.objects.count() == Capture.objects.count() == len(rounds)
    assert sorted(Dispute.objects.values_list("case_no", flat=True))[-1].endswith(f"-{len(rounds):04}")  # no gap


def paste_all(number: int, rounds: list[uuid.UUID], walk: int, barrier, w) -> list[int | str]:
    """The same pasted table sent by both processes at the same moment, again and again."""
    visit, answers = Visit.objects.get(pk=walk), []
    for submission in rounds:
        rows = [{"words": f"渠口{n}"} for n in range(20)]
        barrier.wait(60)
        answers.append(visit.capture_many(by=w.assistant, at=NOW, rows=rows, submission=submission))
    return answers


def test_a_table_pasted_twice_at_once_is_saved_once_and_whole(w):
    walk = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date())
    rounds = [uuid.uuid4() for _ in range(15)]
    answers = processes.together(2, paste_all, rounds, walk.pk, processes.CONTEXT.Barrier(2), w)
    assert answers == [[20] * len(rounds)] * 2
    assert Capture.objects.count() == 20 * len(rounds)


def settle_all(number: int, pks: list[int], barrier, w) -> list[str]:
    """Each settlement in turn: its author and the sorter fill in the last missing thing at the same moment."""
    answers, by = [], w.officer if number else w.assistant
    for pk in pks:
        row = Capture.objects.get(pk=pk)
        by.forget_scope()
        barrier.wait(60)
        try:
            case = row.settle(by=by, at=NOW, version=row.version, facts={}, spot={"between_themselves": True})
            answers.append("won" if case else "lacking")
        except MoveRefused as refused:
            answers.append(refused.sentence)
    return answers


def test_of_two_who_complete_one_settlement_one_makes_the_case(w):
    visit = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date())
    heard = {"side_a": "马文林", "side_b": "王世昌", "kind": "0201", "words": "说开了", "found": "calm"}
    spot = {"consents": {"A:马文林": "agreed", "B:王世昌": "agreed"}}
    pks = [visit.capture(by=w.assistant, at=NOW, facts=heard, spot=spot).pk for _ in range(20)]
    for a, b in zip(*processes.together(2, settle_all, pks, processes.CONTEXT.Barrier(2), w), strict=True):
        assert (a == "won") != (b == "won"), (a, b)
    assert Dispute.objects.count() == Source.objects.count() == len(pks)
    assert sorted(Dispute.objects.values_list("case_no", flat=True))[-1].endswith(f"-{len(pks):04}")  # no gap


def warn_of_all(number: int, pks: list[int], barrier) -> int:
    """The pump and the web process tell of the same alarm at the same moment."""
    told = 0
    for pk in pks:
        barrier.wait(60)
        told += alarms.warn(pk, NOW)
    return told


def test_two_who_tell_of_one_alarm_tell_once(w):
    visit = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date())
    heard = {"words": "放话要打", "may_escalate": True}
    with patch("disputes.field.models._alarms", []):
        pks = [visit.capture(by=w.assistant, at=NOW, facts=heard).pk for _ in range(20)]
    told = processes.together(2, warn_of_all, pks, processes.CONTEXT.Barrier(2))
    assert sum(told) == Notice.objects.count() == 2 * len(pks)  # two officers each


def record_all(number: int, pks: list[int], barrier, w) -> list[str]:
    """Each session in turn: both processes read it, wait for one another, and write its outcome."""
    answers, by = [], w.second_officer if number else w.officer
    for pk in pks:
        row = Session.objects.get(pk=pk)
        by.forget_scope()
        barrier.wait(60)
        try:
            facts = {"outcome": "not_held", "reason": f"{by.name}写的"}
            row.record(by=by, at=NOW, version=row.version, facts=facts)
            answers.append("won")
        except MoveRefused as refused:
            answers.append(refused.sentence)
    return answers


def test_of_two_who_record_one_session_one_wins_and_the_other_is_told(w):
    case = f.at_room(w)
    case.perform("take_up", by=w.officer, at=NOW, handler=w.officer)
    given = {"starts_at": NOW, "place": "渠口", "chair": w.officer, "parties": [p.pk for p in case.parties.all()]}
    pks = [Session.objects.plan(case=case, by=w.officer, at=NOW, facts=given).pk for _ in range(20)]
    barrier = processes.CONTEXT.Barrier(2)
    for a, b in zip(*processes.together(2, record_all, pks, barrier, w), strict=True):
        assert (a == "won") != (b == "won"), (a, b)
        assert any(name in (a, b)[a == "won"] for name in ("刘建军", "何静")), (a, b)
    assert Event.objects.filter(kind="session").count() == len(pks)
    assert not Session.objects.exclude(version=2).exists()


def book_all(number: int, cases: list[int], halls: list[int], barrier, w) -> list[str]:
    """Both processes book each room for the same hour, each for its own case."""
    answers, case = [], Dispute.objects.get(pk=cases[number])
    for pk in halls:
        facts = {"starts_at": NOW, "venue": Venue.objects.get(pk=pk), "chair": w.officer}
        facts["parties"] = [party.pk for party in case.parties.all()]
        barrier.wait(60)
        try:
            Session.objects.plan(case=case, by=w.officer, at=NOW, facts=facts)
            answers.append("won")
        except FactsMissing as missing:
            answers.append(missing.errors["shares_venue"])
    return answers


def test_of_two_who_book_one_room_at_once_the_second_is_warned(w):
    cases = []
    for _ in range(2):
        case = f.at_room(w)
        case.perform("take_up", by=w.officer, at=NOW, handler=w.officer)
        cases.append(case.pk)
    halls = [Venue.objects.add(office=w.room, name=f"第{n}间", by=w.officer, at=NOW).pk for n in range(20)]
    barrier = processes.CONTEXT.Barrier(2)
    for a, b in zip(*processes.together(2, book_all, cases, halls, barrier, w), strict=True):
        assert (a == "won") != (b == "won"), (a, b)
    assert Session.objects.count() == len(halls)


@pytest.fixture
def no_typst(monkeypatch):
    """The threads of typst do not come along into a forked process, and a number does not depend on the PDF."""
    page = io.BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(595, 842)
    writer.write(page)
    monkeypatch.setattr(typeset, "pdf_of", lambda *_a, **_k: page.getvalue())


def run_numbers(w, writers: int, count: int) -> None:
    """Papers of one series from several desks' cases at once; every third is refused and must take no number."""
    cases = [f.mediating(w) for _n in range(writers)]

    def issue(number: int) -> list[str]:
        made = []
        for turn in range(count):
            asked = {"filed_by": "" if turn % 3 == 2 else "才让卓玛", "kept": "长期"}
            try:
                row = Paper.objects.issue(cases[number], kinds()["cover"], by=w.assistant, at=NOW, asked=asked)
            except FactsMissing:
                continue
            made.append(row.number)
        connections.close_all()
        return made

    answers = processes.together(writers, issue)
    assert [answer for answer in answers if not isinstance(answer, list)] == []
    numbers = sorted(number for answer in answers for number in answer)
    given = writers * sum(turn % 3 != 2 for turn in range(count))
    assert numbers == [f"（石门）人调字第{serial:03}号" for serial in range(1, given + 1)]


def test_papers_issued_at_once_get_numbers_without_gap_or_double(w, no_typst):
    run_numbers(w, 4, 9)


def issue_once(number: int, pk: int, submission: uuid.UUID, w) -> str:
    case = Dispute.objects.get(pk=pk)
    asked = {"filed_by": "才让卓玛", "kept": "长期"}
    row = Paper.objects.issue(case, kinds()["cover"], by=w.assistant, at=NOW, asked=asked, submission=submission)
    connections.close_all()
    return row.number


def test_a_paper_sent_twice_at_once_is_one_paper(w, no_typst):
    pk = f.mediating(w).pk
    assert processes.together(2, issue_once, pk, uuid.uuid4(), w) == ["（石门）人调字第001号"] * 2
    assert Paper.objects.count() == 1


def merge_crosswise(number: int, pairs: list[tuple[int, int]], barrier, w) -> list[str]:
    """Each pair in turn: one process merges the first into the second, the other the second into the first."""
    answers = []
    for pair in pairs:
        from_, into = (Dispute.objects.get(pk=pk) for pk in (pair if number else pair[::-1]))
        by = w.grid if number else w.assistant
        by.forget_scope()
        barrier.wait(60)
        try:
            from_.perform("merge", by=by, at=NOW, version=from_.version, target=into, reason="同一片草场")
            answers.append("won")
        except MoveRefused as refused:
            answers.append(refused.sentence)
    return answers


def test_two_cases_merged_into_each_other_at_once_make_no_circle(w):
    pairs = [(f.register(w).pk, f.register(w).pk) for _ in range(20)]
    barrier = processes.CONTEXT.Barrier(2)
    first, second = processes.together(2, merge_crosswise, pairs, barrier, w)
    for (a, b), *answers in zip(pairs, first, second, strict=True):
        assert answers.count("won") == 1, answers
        merged, open_ = sorted(Dispute.objects.filter(pk__in=(a, b)), key=lambda case: case.is_open)
        assert (merged.status, merged.merged_into_id, open_.merged_into_id) == ("merged", open_.pk, None)


def photographed(n: int):
    return attachments.receiving([SimpleUploadedFile(f"{k}.jpg", JPG) for k in range(n)], only=attachments.PICTURES)


def photograph_all(number: int, pks: list[int], walk: int, rounds: list[uuid.UUID], barrier, w) -> list[str]:
    """A third photo for each capture, and each form with a photo, from both processes at the same moment."""
    visit, answers = Visit.objects.get(pk=walk), []
    for pk, submission in zip(pks, rounds, strict=True):
        row = Capture.objects.get(pk=pk)
        try:
            with photographed(1) as photos:
                barrier.wait(60)
                row.add_photos(photos, by=w.assistant, at=NOW)
            answers.append("won")
        except MoveRefused as refused:
            answers.append(refused.sentence)
        with photographed(1) as photos:
            barrier.wait(60)
            facts = {"words": "渠口"}
            visit.capture(by=w.assistant, at=NOW, facts=facts, photos=photos, submission=submission)
    return answers


def test_of_two_last_photos_one_is_kept_and_a_form_sent_twice_keeps_its_photo_once(w):
    walk = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date())
    before = set(attachments.folder().rglob("*.sealed"))
    rounds, pks = [uuid.uuid4() for _ in range(8)], []
    for _ in rounds:
        with photographed(2) as photos:
            pks.append(walk.capture(by=w.assistant, at=NOW, facts={"words": "井口"}, photos=photos).pk)
    barrier = processes.CONTEXT.Barrier(2)
    first, second = processes.together(2, photograph_all, pks, walk.pk, rounds, barrier, w)
    for a, b in zip(first, second, strict=True):
        assert (a == "won") != (b == "won") and "一条最多 3 张照片" in (a, b)[a == "won"], (a, b)
    assert [row.photos.count() for row in Capture.objects.order_by("pk")] == [3] * 8 + [1] * 8
    kept = set(attachments.folder().rglob("*.sealed")) - before
    assert len(kept) == 3 * Attachment.objects.count(), "each photo with its two previews, and nothing of the others"


def refer(w, case: Dispute) -> Referral:
    """To the department, which has two people."""
    given = {"kind": "admin", "mode": "transfer", "to_office": w.department_office, "text": "请到场看水口"}
    return Referral.objects.send(case, by=w.assistant, at=NOW, facts=given | {"sent_on": NOW.date()})


def answer_all(number: int, pks: list[int], barrier, people) -> list[str]:
    """Each referral in turn: one takes it and the other returns it at the same moment."""
    answers, by = [], people[number]
    for pk in pks:
        row = Referral.objects.get(pk=pk)
        by.forget_scope()
        barrier.wait(60)
        try:
            if number:
                row.answer("accept", by=by, at=NOW, version=row.version)
            else:
                row.answer("return", by=by, at=NOW, version=row.version, reason="不归我们管")
            answers.append("won")
        except MoveRefused as refused:
            answers.append(refused.sentence)
    return answers


def test_of_two_who_answer_one_referral_one_is_told(w):
    second = f.user("second_contact", "周全", (w.department_office, "department"))
    case = f.mediating(w)
    pks = [refer(w, case).pk for _ in range(25)]
    barrier = processes.CONTEXT.Barrier(2)
    for a, b in zip(*processes.together(2, answer_all, pks, barrier, [w.department, second]), strict=True):
        assert (a == "won") != (b == "won"), (a, b)
    assert Event.objects.filter(kind__in=["referral_taken", "referral_back"]).count() == len(pks)
    assert not Referral.objects.exclude(version=2).exists()


def merge_or_report(number: int, pairs: list[tuple[int, int, int]], barrier, w) -> list[str]:
    """Each case in turn: its desk merges it while the department reports what came of the referral."""
    answers = []
    for case_pk, target_pk, row_pk in pairs:
        case, target = (Dispute.objects.get(pk=pk) for pk in (case_pk, target_pk))
        row, by = Referral.objects.get(pk=row_pk), w.department if number else w.assistant
        by.forget_scope()
        barrier.wait(60)
        try:
            if number:
                day = NOW.date()
                row.answer("report", by=by, at=NOW, version=row.version, outcome="mediated", outcome_on=day)
            else:
                case.perform("merge", by=by, at=NOW, version=case.version, target=target, reason="同一件事")
            answers.append("won")
        except MoveRefused as refused:
            answers.append(refused.sentence)
    return answers


def test_merging_and_reporting_at_once_leave_nothing_pending(w):
    pairs = []
    for _ in range(20):
        case = f.mediating(w)
        pairs.append((case.pk, f.mediating(w).pk, refer(w, case).pk))
    merging, reporting = processes.together(2, merge_or_report, pairs, processes.CONTEXT.Barrier(2), w)
    assert merging == ["won"] * len(pairs)  # whoever reports holds nothing up
    for (case_pk, _target, row_pk), told in zip(pairs, reporting, strict=True):
        row = Referral.objects.get(pk=row_pk)
        assert row.state == ("done" if told == "won" else "over"), (row.state, told)
        last = list(Event.objects.filter(dispute=case_pk).order_by("pk").values_list("status_from", "status_to"))[-2:]
        assert last[0][1] == last[1][0]  # in the one order in which both happened
    assert not Referral.objects.pending().exists()


def answer(number: int, keys: list[uuid.UUID], pk: int, barrier, w) -> list[int]:
    """The same answer to the acceptance list, sent by both at the same moment."""
    case, made = Dispute.objects.get(pk=pk), []
    by = w.assistant
    by.forget_scope()
    for key in keys:
        barrier.wait(60)
        facts = {"reserved": False, "elsewhere": False, "submission": key}
        made.append(case.act("acceptance", by=by, at=NOW, **facts).pk)
    return made


def test_an_act_sent_twice_at_once_is_done_once(w):
    keys = [uuid.uuid4() for _ in range(20)]
    first, second = processes.together(2, answer, keys, f.register(w).pk, processes.CONTEXT.Barrier(2), w)
    assert first == second
    assert Check.objects.count() == Event.objects.filter(kind="acceptance").count() == len(keys)
