"""当场化解 at the doorstep: the same `settle` as everywhere, or a wait in triage that names what is missing."""

from __future__ import annotations

import uuid

import pytest

from disputes.field.models import Capture, Source, Spot, Visit
from disputes.models import Agreement, Check, Conflict, Dispute, MoveRefused, NotYours
from disputes.safeguards import SAFETY_QUESTIONS
from followups.models import ReturnVisit
from followups.reactions import react
from tests import factories as f
from tests.factories import NOW

pytestmark = pytest.mark.django_db
HEARD = {
    "side_a": "马文林",
    "side_b": "王世昌、韩玉山",
    "kind": "0201",
    "words": "院墙滴水，答应接水槽",
    "found": "calm",
}
AGREED = {"A:马文林": "agreed", "B:王世昌": "agreed", "B:韩玉山": "agreed"}
NO = dict.fromkeys(SAFETY_QUESTIONS, False)


@pytest.fixture
def w():
    return f.world()


def capture(w, spot=None, *, by=None, submission=None, **facts) -> Capture:
    by = by or w.assistant
    walk = Visit.objects.begin(by=by, at=NOW, village=w.village, visited_on=NOW.date())
    return walk.capture(by=by, at=NOW, facts=HEARD | facts, spot=spot, submission=submission)


def spot(chair, **facts) -> dict:
    return {"chair": chair, "consents": AGREED, **facts}


def settle(row: Capture, by, spot=None, **facts) -> Dispute | None:
    row = Capture.objects.get(pk=row.pk)
    return row.settle(by=by, at=NOW, version=row.version, facts=facts, spot=spot or {})


# --- complete: a settled case that skips triage -----------------------------------------------------------------------
def test_a_peoples_mediator_brings_about_an_oral_agreement(w):
    row = capture(w, spot(w.village_mediator))
    case = row.sources.get().dispute
    assert (row.state, row.sorted_by, case.status, case.tier, case.handler) == (
        "case", w.assistant, "settled", 1, w.assistant,
    )  # fmt: skip
    agreement = case.agreements.get()
    assert (agreement.result, agreement.track, agreement.on_the_spot) == ("oral", "people", True)
    assert (agreement.chair, agreement.organisation) == (w.village_mediator, w.committee)
    assert [e.kind for e in case.events.order_by("pk")] == ["register", "settle"]
    assert {p.consent for p in case.principal_parties()} == {"agreed"}
    assert row not in Capture.objects.to_sort(NOW.date()) and not Spot.objects.exists()


def test_it_gets_its_return_visits_by_the_usual_reaction(w):
    case = capture(w, spot(w.village_mediator)).sources.get().dispute
    react(case.events.get(kind="settle").pk)
    assert ReturnVisit.objects.planned().filter(dispute=case).count() == 3


def test_an_officer_on_the_police_track_is_an_on_the_spot_public_security_mediation(w):
    row = capture(w, spot(w.officer, track="police", exclusions_clear=True, recording="V-0302-1"))
    agreement = row.sources.get().dispute.agreements.get()
    assert (agreement.result, agreement.track, agreement.on_the_spot) == ("oral", "police", True)
    assert (agreement.organisation, agreement.chair) == (w.room, w.officer)
    assert Check.objects.get(kind="exclusions").outcome == "none"


@pytest.mark.parametrize("who", ["assistant", "grid", "officer", "centre"])
def test_whoever_else_brings_it_about_makes_no_mediation_paper(w, who):
    agreement = capture(w, spot(getattr(w, who))).sources.get().dispute.agreements.get()
    assert (agreement.result, agreement.track) == (Agreement.Result.SELF, "")


def test_the_two_sides_may_have_settled_it_between_themselves(w):
    agreement = capture(w, {"between_themselves": True, "consents": AGREED}).sources.get().dispute.agreements.get()
    assert (agreement.result, agreement.chair) == ("self", w.assistant)


def test_an_officers_own_capture_is_taken_up_and_settled_at_the_room(w):
    case = capture(w, spot(w.officer), by=w.officer).sources.get().dispute
    assert (case.tier, case.desk, case.handler, case.status) == (2, w.room, w.officer, "settled")
    assert [e.kind for e in case.events.order_by("pk")] == ["register", "take_up", "settle"]


def test_the_same_submission_twice_is_one_settled_case(w):
    number = uuid.uuid4()
    walk = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date())
    sent = {"facts": HEARD, "spot": spot(w.village_mediator), "submission": number}
    first, again = (walk.capture(by=w.assistant, at=NOW, **sent) for _ in range(2))
    assert first == again and Dispute.objects.count() == Source.objects.count() == 1


# --- incomplete: it waits in triage and says what is missing ----------------------------------------------------------
@pytest.mark.parametrize(
    ("heard", "told", "lacks"),
    [
        ({}, {}, "缺：谁说和的、马文林是否同意、王世昌是否同意、韩玉山是否同意"),
        ({"side_b": "", "kind": ""}, {"between_themselves": True}, "缺：乙方、什么事、马文林是否同意"),
        ({}, {"consents": AGREED}, "缺：谁说和的"),
        ({"kind": "01"}, {"between_themselves": True, "consents": AGREED}, "缺：安全问题还差 5 项"),
        ({"kind": "0101"}, {"between_themselves": True, "consents": AGREED, "safety": {"fear": False}}, "还差 4 项"),
        ({"kind": "01"}, {"between_themselves": True, "consents": AGREED, "safety": NO | {"fear": True}}, "缺：处置"),
        (
            {},
            {"between_themselves": True, "consents": AGREED, "track": "police"},
            "缺：核对七种不适用情形、录音录像编号",
        ),
    ],
)
def test_each_missing_thing_is_named(w, heard, told, lacks):
    row = capture(w, told, **heard)
    assert row.state == "new" and lacks in row.lacking_for(w.officer)
    assert row in Capture.objects.to_sort(NOW.date()) and not Dispute.objects.exists()


def test_a_party_who_refuses_keeps_it_in_triage_with_the_sentence_of_settle(w):
    row = capture(w, spot(w.village_mediator, consents=AGREED | {"B:韩玉山": "refused"}))
    assert row.state == "new" and "韩玉山 还没有同意" in row.lacking_for(w.officer)
    assert "韩玉山" not in row.lacking_for(w.supervisor) and "韩* 还没有同意" in row.lacking_for(w.supervisor)


def test_what_settle_refuses_leaves_neither_case_nor_number(w):
    row = capture(w, spot(w.officer, track="police", exclusions_clear=False, recording="V-1"))
    assert "不能按治安调解化解" in row.lacking_for(w.officer) and not Dispute.objects.exists()
    assert f.register(w).case_no.endswith("-0001")


def test_five_answers_are_sealed_and_asked_again_of_nobody_else(w):
    row = capture(w, {"safety": NO | {"threat": True}}, kind="01")
    kept = Spot.objects.get()
    assert kept.answers()["threat"] is True and "threat" not in kept.safety
    case = settle(row, w.assistant, spot(w.village_mediator, disposition="criticism"))
    assert case and case.protected and not Spot.objects.exists()
    check = case.checks.get(kind="family")
    assert check.outcome == "yes:criticism" and "threat" not in check.sealed


# --- filled in later --------------------------------------------------------------------------------------------------
def test_its_author_fills_in_what_is_missing(w):
    row = capture(w, {"consents": {"A:马文林": "agreed"}}, kind="")
    assert settle(row, w.assistant, {"chair": w.village_mediator}) is None
    case = settle(row, w.assistant, {"consents": {"B:王世昌": "agreed", "B:韩玉山": "agreed"}}, kind="0201")
    assert case and case.status == "settled" and case.type_l2 == "0201"
    row.refresh_from_db()
    assert (row.state, row.sorted_by) == ("case", w.assistant)


def test_who_sorts_fills_it_in_at_their_own_desk(w):
    case = settle(capture(w), w.officer, spot(w.village_mediator))
    assert case and (case.tier, case.desk, case.handler) == (2, w.room, w.officer)
    assert case.agreements.get().track == "people"  # who mediates decides the papers, not the tier


def test_correcting_the_entry_completes_it_and_another_name_is_asked_again(w):
    row = capture(w, spot(w.village_mediator), kind="")
    facts = {name: getattr(row, name) for name in Capture.FACTS}
    row.edit(by=w.assistant, at=NOW, version=1, facts=facts | {"side_a": "马文海"})
    assert row.lacking_for(w.officer) == "缺：什么事、马文海是否同意"
    row.edit(by=w.assistant, at=NOW, version=2, facts=facts | {"kind": "0201"})
    assert row.state == "new" and row.lacking_for(w.officer) == "缺：马文林是否同意"
    settle(row, w.assistant, {"consents": AGREED})
    assert Dispute.objects.get().side_a == "马文林"


def test_others_do_not_and_neither_is_anything_else_settled_so(w):
    row = capture(w)
    with pytest.raises(MoveRefused, match="才让卓玛"):
        settle(row, w.grid, spot(w.village_mediator))
    with pytest.raises(NotYours):
        settle(row, w.supervisor, spot(w.village_mediator))
    with pytest.raises(MoveRefused, match="没有选“当场化解”"):
        settle(capture(w, found="follow"), w.assistant, spot(w.village_mediator))
    with pytest.raises(Conflict):
        row.settle(by=w.officer, at=NOW, version=9, facts={}, spot={})
    settle(row, w.officer, spot(w.village_mediator))
    with pytest.raises(MoveRefused, match="刘建军"):
        settle(row, w.assistant, spot(w.village_mediator))
    assert Dispute.objects.count() == 1


def test_a_township_mediator_without_the_villages_desk_leaves_it_to_the_room(w):
    walk = Visit.objects.begin(by=w.mediator, at=NOW, village=w.village, visited_on=NOW.date())
    w.centre_office.coverage.all().delete()
    row = walk.capture(by=w.mediator, at=NOW, facts=HEARD, spot=spot(w.mediator))
    assert "由警务室分流时立案" in row.lacking_for(w.officer)
    case = settle(row, w.officer)
    assert case and case.agreements.get().chair == w.mediator


def test_a_settled_case_is_not_undone_in_triage(w):
    row = capture(w, spot(w.village_mediator))
    with pytest.raises(MoveRefused, match="已经在办"):
        row.sort("undo", by=w.officer, at=NOW, version=row.version)
