"""What a visit learned in full; and a sign of relapse, until somebody has decided what it was."""

import datetime as dt

import pytest

from config.work import todos
from disputes.models import FactsMissing, MoveRefused, NotYours, Obligation
from followups import relapse
from followups.models import Notice, RelapseCheck, ReturnVisit
from followups.visits import record_visit
from tests import factories as f
from tests.factories import moment
from villages.models import Code

pytestmark = pytest.mark.django_db
LATER = moment("2026-03-17 10:00")
HEARD = {"reached": True, "satisfaction": "yes", "mind": "calm"}
MISSED = {"reached": False, "why_failed": "电话关机", "next_on": dt.date(2026, 3, 20)}
CONFIRMED = {"confirmed": True, "reason": "又占了草场", "level": "orange", "level_reason": "两家扬言动手"}


@pytest.fixture
def run(django_capture_on_commit_callbacks):
    def call(function, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return function(*args, **kwargs)

    return call


@pytest.fixture
def case(w, run):
    return run(f.settled, w)


def visit(w, case, run, a=None, b=None, at=LATER, **more):
    pks = [party.pk for party in case.principal_parties()]
    given = {pk: answers for pk, answers in zip(pks, (a, b), strict=True) if answers}
    facts = {"visited_on": at.date(), "way": "home", "parties": given, **more}
    return run(record_visit, case=case, by=w.assistant, at=at, facts=facts)


def wrong(w, case, run, **more):
    with pytest.raises(FactsMissing) as caught:
        visit(w, case, run, more.pop("a", HEARD), **more)
    return caught.value.errors


# --- what is heard ----------------------------------------------------------------------------------------------------
def test_each_obligation_is_answered_by_itself(w, case, run):
    agreement = case.agreements.get()
    debtor = case.principal_parties()[0]
    paid = Obligation.objects.create(agreement=agreement, debtor=debtor, what="付款", due_on=dt.date(2026, 3, 10))
    posts = agreement.obligations.get(what="重新立桩")  # due on 1 April
    kept = {paid.pk: "2", posts.pk: "4"}
    event = visit(w, case, run, HEARD, performed=kept)
    assert event.text.body == "甲方：满意，平稳，1 项已履行完毕，1 项未到期"
    assert dict(agreement.obligations.values_list("pk", "performance")) == kept
    paid.refresh_from_db()
    assert (paid.performed_on, paid.reported_by) == (LATER.date(), w.assistant)
    assert wrong(w, case, run, performed={paid.pk: "5"}).keys() == {f"performed-{paid.pk}"}  # it was kept
    assert wrong(w, case, run, performed={posts.pk: "5"}).keys() == {f"performed-{posts.pk}"}  # not due yet
    late = moment("2026-04-03 10:00")
    assert wrong(w, case, run, performed={posts.pk: "4"}, at=late).keys() == {f"performed-{posts.pk}"}
    assert wrong(w, case, run, performed={0: "2"}).keys() == {"performed"}  # of another agreement


def test_the_time_of_the_visit_lies_between_settlement_and_now(w, case, run):
    assert "visited_time" in wrong(w, case, run, visited_time=dt.time(10, 1))
    early = moment("2026-03-02 09:30")
    assert "visited_time" in wrong(w, case, run, visited_time=dt.time(8, 59), at=early)
    visit(w, case, run, HEARD, visited_time=dt.time(9, 15), at=early)
    row = case.visits.get(state="done")
    assert (row.visited_time, row.entered_at) == (dt.time(9, 15), early)


def test_law_and_calming_are_kept_with_their_topic(w, case, run):
    Code.objects.create(table="publicity_topic", code="01", name="防电诈")
    given = {**HEARD, "topic": "01", "education": "反电信网络诈骗法", "calming": "劝了几句"}
    party = case.principal_parties()[0]
    assert wrong(w, case, run, a={**given, "topic": "77"}).keys() == {f"topic-{party.pk}"}
    visit(w, case, run, given)
    row = case.visits.get(state="done")
    assert (row.topic, row.education, row.calmed) == ("01", "反电信网络诈骗法", True)


def test_one_more_visit_is_planned_and_the_case_waits_for_it(w, case, run):
    on = dt.date(2026, 3, 30)
    assert wrong(w, case, run, conclusion="again").keys() == {"again_on"}
    assert wrong(w, case, run, conclusion="again", again_on=LATER.date()).keys() == {"again_on"}
    assert wrong(w, case, run, a=MISSED, conclusion="close").keys() == {"conclusion"}
    visit(w, case, run, HEARD, HEARD, conclusion="again", again_on=on)
    assert set(case.visits.planned().filter(reason="again").values_list("due_on", flat=True)) == {on}
    assert "再回访一次" in case.why_not("close", by=w.assistant, at=LATER)
    visit(w, case, run, HEARD, HEARD, at=moment("2026-03-30 10:00"), conclusion="close")
    assert case.why_not("close", by=w.assistant, at=LATER) is None


def test_nobody_in_a_family_is_called_without_a_note_that_it_is_safe(w, case, run):
    type(case).objects.filter(pk=case.pk).update(type_l1="01", type_l2="0101")
    case.refresh_from_db()
    first = case.principal_parties()[0]
    assert wrong(w, case, run, way="phone").keys() == {"way"}
    first.safe_to_call = "上午打大女儿的电话"
    first.save()
    case.refresh_from_db()
    visit(w, case, run, HEARD, way="phone")


# --- a sign of relapse ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("sign", [{"a": {**HEARD, "mind": "relapse"}}, {"a": HEARD, "conclusion": "relapse"}])
def test_a_sign_of_relapse_waits_for_the_desk_and_holds_the_case_open(w, case, run, sign):
    visit(w, case, run, sign.pop("a"), HEARD, **sign)
    visit(w, case, run, {**HEARD, "mind": "relapse"})  # a second sign asks the same question
    check = RelapseCheck.objects.get()
    assert (check.state, check.round, check.due_on) == ("open", 1, dt.date(2026, 3, 18))
    assert "还没有核实" in case.why_not("close", by=w.assistant, at=LATER)
    assert [row.kind for row in todos(w.assistant, LATER.date())].count("check") == 1
    assert not [row for row in todos(w.officer, LATER.date()) if row.kind == "check"]
    assert set(Notice.objects.filter(kind="relapse").values_list("user__username", flat=True)) == {
        "grid",
        "village_mediator",
    }


def test_confirmed_it_reopens_the_same_case_and_leaves_the_round_alone(w, case, run):
    visit(w, case, run, {**HEARD, "mind": "relapse"}, HEARD)
    first = list(case.visits.filter(round=1).exclude(state="planned").order_by("pk").values())
    agreed = list(case.agreements.values())
    with pytest.raises(FactsMissing) as caught:
        relapse.decide(case=case, by=w.assistant, at=LATER, facts={"confirmed": True, "reason": "又占了草场"})
    assert caught.value.errors.keys() == {"level", "level_reason"}
    event = run(relapse.decide, case=case, by=w.assistant, at=LATER, facts={**CONFIRMED, "tier": "2"})
    case.refresh_from_db()
    assert (case.round, case.status, case.tier, case.danger) == (2, "waiting", 2, "orange")
    assert (event.kind, event.facts["confirmed"], event.text.body) == ("relapse_check", True, "又占了草场")
    assert case.events.filter(kind="reopen").count() == case.events.filter(kind="relapse_check").count() == 1
    assert list(case.visits.filter(round=1).exclude(state="cancelled").order_by("pk").values()) == first
    assert list(case.agreements.values()) == agreed
    assert not case.visits.planned().exists() and not RelapseCheck.objects.open().exists()
    with pytest.raises(MoveRefused):
        relapse.decide(case=case, by=w.officer, at=LATER, facts=CONFIRMED)


def test_a_red_grade_is_told_to_the_police(w, case, run):
    visit(w, case, run, {**HEARD, "mind": "relapse"}, HEARD)
    run(relapse.decide, case=case, by=w.assistant, at=LATER, facts={**CONFIRMED, "level": "red"})
    assert Notice.objects.filter(kind="may_escalate", user=w.officer).count() == 1


def test_a_grade_that_cannot_be_leaves_everything_as_it_was(w, case, run):
    visit(w, case, run, {**HEARD, "mind": "relapse"}, HEARD)
    with pytest.raises(MoveRefused):
        far = {**CONFIRMED, "expires_on": dt.date(2027, 1, 1)}
        relapse.decide(case=case, by=w.assistant, at=LATER, facts=far)
    case.refresh_from_db()
    assert (case.round, case.danger) == (1, "") and RelapseCheck.objects.open().exists()


def test_it_was_nothing(w, case, run):
    visit(w, case, run, {**HEARD, "mind": "relapse"}, HEARD)
    event = run(relapse.decide, case=case, by=w.assistant, at=LATER, facts={"confirmed": False, "reason": "一句气话"})
    assert event.facts == {"check": RelapseCheck.objects.get().pk, "confirmed": False}
    case.refresh_from_db()
    assert (case.round, case.status) == (1, "settled")
    assert case.why_not("close", by=w.assistant, at=LATER) is None


def test_who_decides(w, case, run):
    visit(w, case, run, {**HEARD, "mind": "relapse"}, HEARD)
    for user in (w.supervisor, w.department, w.sysadmin):
        with pytest.raises(NotYours):
            relapse.decide(case=case, by=user, at=LATER, facts=CONFIRMED)
    with pytest.raises(MoveRefused):
        relapse.decide(case=case, by=w.officer, at=LATER, facts=CONFIRMED)  # another desk


def test_whoever_reopens_the_case_has_answered(w, case, run):
    visit(w, case, run, {**HEARD, "mind": "relapse"}, HEARD)
    run(case.perform, "reopen", by=w.assistant, at=LATER, reason="反弹", report="又占了草场")
    check = RelapseCheck.objects.get()
    assert (check.state, check.by, check.at) == ("confirmed", w.assistant, LATER)


# --- the API ----------------------------------------------------------------------------------------------------------
def test_the_whole_way_by_the_api(w, case, client):
    client.force_login(w.assistant)
    base = f"/api/v1/followups/{case.case_no}/"
    owed = case.agreements.get().obligations.get()
    today = f.timezone.localdate()
    parties = [{"party": party.pk, **HEARD} for party in case.principal_parties()]
    parties[1] |= {"mind": "relapse", "demands": "不认协议"}
    given = {"visited_on": str(today), "way": "home", "parties": parties, "conclusion": "relapse"}
    given["performed"] = [{"obligation": owed.pk, "performance": "6"}]

    def post(path, body):
        return client.post(base + path, body, content_type="application/json")

    assert post("visits/", {**given, "performed": [{"obligation": 1, "performance": "9"}]}).status_code == 400
    assert post("visits/", {**given, "conclusion": "again"}).status_code == 400
    assert post("visits/", given).status_code == 201
    shown = client.get(base).json()
    assert shown["check"]["found_on"] == str(today)
    made = {row["party"]["side"]: row for row in shown["made"]}
    assert made["B"]["performed"] == {str(owed.pk): "6"} and made["B"]["conclusion"] == "relapse"
    assert post("relapse/", {"confirmed": True, "reason": "属实"}).status_code == 400
    level = {"level": "yellow", "level_reason": "还在商量"}
    assert post("relapse/", {"confirmed": True, "reason": "属实", **level}).status_code == 201
    assert post("relapse/", {"confirmed": False, "reason": "又不是了"}).status_code == 409
    case.refresh_from_db()
    assert (case.round, case.status) == (2, "waiting")
    assert ReturnVisit.objects.planned().count() == 0
    client.force_login(w.supervisor)
    assert client.get("/api/v1/followups/coverage/").json()["villages"] == []
    assert client.get("/api/v1/followups/coverage/?months=12").json()["months"] == 12
    for months in ("99", "0", "3.0", "٣", "x", ""):
        assert client.get(f"/api/v1/followups/coverage/?months={months}").status_code == 400, months
    assert client.get("/api/v1/followups/route/?day=2026-03-02").json()["day"] == "2026-03-02"
    for day in ("0180-02-03", "1899-12-31", "2101-01-01"):
        told = client.get(f"/api/v1/followups/route/?day={day}").json()["errors"]
        assert told == {"day": ["日期要在 1900 年到 2100 年之间"]}, day
