"""当场化解 at the doorstep: the same `settle` as everywhere, or a wait in triage that names what is missing."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from disputes.field.models import Capture, Source, Spot, Visit
from disputes.models import Agreement, Check, Conflict, Dispute, MoveRefused, NotYours
from disputes.safe.models import PoliceTrack
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
YEARS_16, YEARS_12 = (NOW.date() - dt.timedelta(days=365 * years + 30) for years in (16, 12))
STEPS = {
    "deed": "damage", "lesser": True, "ground": "close", "exclusions_clear": True, "officers": "2",
    "place_kind": "other",
}  # fmt: skip


@pytest.fixture
def w():
    return f.world()


def capture(w, spot=None, *, by=None, submission=None, **facts) -> Capture:
    by = by or w.assistant
    walk = Visit.objects.begin(by=by, at=NOW, village=w.village, visited_on=NOW.date())
    return walk.capture(by=by, at=NOW, facts=HEARD | facts, spot=spot, submission=submission)


def spot(chair, **facts) -> dict:
    return {"chair": chair, "consents": AGREED, **facts}


def on_police_track(w, **facts) -> dict:
    """What an officer answers of 现场治安调解."""
    return spot(w.officer, track="police", **{"recording": "V-0302-1", **STEPS, **facts})


def lacking(row: Capture, viewer) -> str:
    return Capture.objects.get(pk=row.pk).lacking_for(viewer)


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
    case = capture(w, on_police_track(w), by=w.officer).sources.get().dispute
    agreement, track, session = case.agreements.get(), case.police_tracks.get(), case.police_sessions.get()
    assert (agreement.result, agreement.track, agreement.on_the_spot) == ("oral", "police", True)
    assert (agreement.organisation, agreement.chair) == (w.room, w.officer)
    assert [e.kind for e in case.events.order_by("pk")] == ["register", "take_up", "police", "police_session", "settle"]
    assert (track.deed, track.plain, track.recording, track.by) == ("damage", True, "V-0302-1", w.officer)
    assert (session.officers, session.place_kind, session.recording) == (2, "other", "V-0302-1")
    check = Check.objects.get(kind="exclusions")  # version, officer, time, outcome; never which one
    assert (check.outcome, check.by, check.sealed) == ("none", w.officer, "")


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
            "缺：属于哪种行为、情节较轻、为什么适合调解、不适用治安调解的情形、民警人数、在哪种场所、录音录像编号",
        ),
        (
            {},
            {"between_themselves": True, "consents": AGREED, "minors": True},
            "缺：谁未满 18 周岁（出生日期、监护人）",
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
    row = capture(w, on_police_track(w, exclusions_clear=False), by=w.officer)
    assert "不能按治安调解化解" in row.lacking_for(w.officer) and not Dispute.objects.exists()
    assert not Check.objects.exists() and not PoliceTrack.objects.exists()  # nothing by halves
    assert f.register(w).case_no.endswith("-0001")


def test_five_answers_are_sealed_and_asked_again_of_nobody_else(w):
    row = capture(w, {"safety": NO | {"threat": True}}, kind="01")
    kept = Spot.objects.get()
    assert kept.answers()["threat"] is True and "threat" not in kept.safety
    case = settle(row, w.assistant, spot(w.village_mediator, disposition="criticism"))
    assert case and case.protected and not Spot.objects.exists()
    check = case.checks.get(kind="family")
    assert check.outcome == "yes:criticism" and "threat" not in check.sealed


# --- the safeguards of the room behind it -----------------------------------------------------------------------------
def test_seven_exclusions_unanswered_keep_it_in_triage(w):
    row = capture(w, on_police_track(w, exclusions_clear=None), by=w.officer)
    assert row.state == "new" and row.lacking_for(w.officer) == "缺：不适用治安调解的情形"
    case = settle(row, w.officer, {"exclusions_clear": True})
    assert case and case.agreements.get().track == "police" and not Spot.objects.exists()


def test_one_officer_needs_a_recording_and_a_standard_place(w):
    row = capture(w, on_police_track(w, officers="1", place_kind="standard", recording=""), by=w.officer)
    assert row.state == "new" and row.lacking_for(w.officer) == "缺：录音录像编号"
    row = capture(w, on_police_track(w, officers="1"), by=w.officer)
    assert row.state == "new" and "一名民警单独调解" in row.lacking_for(w.officer) and not Dispute.objects.exists()
    case = settle(row, w.officer, {"place_kind": "standard"})
    assert case and case.police_sessions.get().recording == "V-0302-1"


@pytest.mark.parametrize("step", [{"deed": "civil"}, {"deed": "other"}, {"lesser": False}, {"ground": "none"}])
def test_what_the_wizard_does_not_pass_is_no_police_agreement(w, step):
    row = capture(w, on_police_track(w, **step), by=w.officer)
    assert row.state == "new" and "治安调解" in row.lacking_for(w.officer) and not Dispute.objects.exists()
    case = settle(row, w.officer, {"track": "people", "chair": w.village_mediator})
    assert case and case.agreements.get().track == "people"


def test_the_steps_are_an_officers_to_answer(w):
    row = capture(w, on_police_track(w))  # typed by the assistant
    assert row.lacking_for(w.officer).startswith("缺：属于哪种行为") and Spot.objects.get().deed == ""
    assert settle(row, w.officer, STEPS).checks.get(kind="exclusions").by == w.officer


def test_who_answered_the_steps_closes_them(w):
    row = capture(w, on_police_track(w) | {"consents": {}}, by=w.officer)
    other = w.second_officer
    settle(row, other, {"consents": AGREED})
    assert "由核对的民警办结" in lacking(row, w.officer) and not Dispute.objects.exists()
    settle(row, other, {"ground": "fault"})  # half of it is not taken over
    assert lacking(row, other).startswith("缺：属于哪种行为、情节较轻")
    assert settle(row, other, STEPS).police_tracks.get().by == other


def test_a_police_mediation_has_a_police_chair(w):
    row = capture(w, on_police_track(w) | {"chair": w.village_mediator}, by=w.officer)
    assert "由民警主持" in row.lacking_for(w.officer) and not Dispute.objects.exists()


def test_a_minor_is_not_settled_on_the_spot_without_a_guardian(w):
    young = {"A:马文林": {"birth_on": YEARS_16}}
    row = capture(w, spot(w.village_mediator, young=young))
    assert row.state == "new" and row.lacking_for(w.officer) == "缺：马文林的监护人"
    assert row.lacking_for(w.supervisor) == "缺：马*的监护人" and not Dispute.objects.exists()
    case = settle(row, w.assistant, {"young": {"A:马文林": {"guardian_name": "马得福"}}})
    party = case.parties.get(name="马文林")
    assert (party.guardian_name, case.protected, case.status) == ("马得福", True, "settled")


def test_a_minors_names_show_to_who_wrote_them_down_and_who_sorts(w):
    young = {"A:马文林": {"birth_on": YEARS_16, "guardian_name": "马得福"}}
    told = [
        capture(w, {"young": young}),
        capture(w, {"minors": True}),
        capture(w, spot(w.village_mediator, young=young)),
    ]
    for row in told:
        row = Capture.objects.get(pk=row.pk)  # the third is a case already, its Spot is gone
        assert row.sides_for(w.grid) == "马* / 王*、韩*" and row.sides_for(w.assistant) == "马文林 / 王世昌、韩玉山"
        assert row.sides_for(w.officer) == row.sides_for(w.centre) == row.sides_for(w.assistant)
    assert capture(w).sides_for(w.grid) == "马文林 / 王世昌、韩玉山"


def test_a_child_needs_the_guardians_own_consent(w):
    young = {"A:马文林": {"birth_on": YEARS_12, "guardian_name": "马得福"}}
    row = capture(w, spot(w.village_mediator, young=young))
    assert row.lacking_for(w.officer) == "缺：马文林的监护人同意登记的日期" and not Dispute.objects.exists()
    case = settle(row, w.assistant, {"young": {"A:马文林": {"guardian_consent_on": NOW.date()}}})
    assert case.parties.get(name="马文林").guardian_consent_on == NOW.date()


def test_a_suspected_crime_is_handed_over_and_nothing_else_is_asked(w):
    row = capture(w, {"crime_suspected": True})
    assert row.state == "new" and "不能当场化解" in row.lacking_for(w.officer)
    assert settle(row, w.officer, spot(w.village_mediator, crime_suspected=False)) is None  # a box does not lift it
    assert not Dispute.objects.exists()
    row.refresh_from_db()
    (case,) = row.sort("new", by=w.officer, at=NOW, version=row.version, kind="0201", tier=2)
    assert case.crime_suspected
    case.perform("refer", by=w.officer, at=NOW, way="police", told_ways=["police"], told_on=NOW.date())
    assert (case.status, case.events.get(kind="refer").text.body) == ("referred", "已移交公安机关")


def test_a_suspected_crime_stops_the_case_that_it_joins(w):
    case = f.mediating(w)
    row = capture(w, {"crime_suspected": True})
    row.sort("join", by=w.officer, at=NOW, version=row.version, target=case)
    case.refresh_from_db()
    assert case.crime_suspected and case.events.latest("pk").facts["fields"] == ["crime_suspected"]
    assert "涉嫌犯罪" in case.why_not("settle", by=w.assistant, at=NOW)
    row.sort("undo", by=w.officer, at=NOW, version=row.version)
    case.refresh_from_db()
    assert case.crime_suspected  # an officer lifts it, with a reason


def test_what_was_told_of_the_young_goes_with_the_case_that_is_sorted(w):
    young = {"A:马文林": {"birth_on": YEARS_16, "guardian_name": "马得福"}}
    row = capture(w, {"young": young})
    (case,) = row.sort("new", by=w.officer, at=NOW, version=row.version, kind="0201", tier=2)
    assert case.protected and case.parties.get(name="马文林").guardian_name == "马得福"


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
