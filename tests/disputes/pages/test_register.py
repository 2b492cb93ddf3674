"""Registering: what is refused and in which words, drafts, the duplicate hint, and one case per submission."""

import uuid

import pytest

from audit.models import AccessLog
from disputes import drafts
from disputes.models import Dispute, Party
from tests import factories
from villages.models import Draft

pytestmark = pytest.mark.django_db


def test_the_form_opens_with_the_only_village_and_two_parties(w, sign_in):
    page = sign_in(w.assistant).get("/disputes/new/").content.decode()
    assert "石门村" in page and "parties-1-name" in page and "草场界线纠纷" in page


def test_a_case_is_registered_and_taken_up_at_once(w, sign_in, form):
    response = sign_in(w.assistant).post("/disputes/new/", form(w, take_up="on", amount="1.2万"))
    case = Dispute.objects.get()
    assert response.status_code == 302 and response.url == f"/disputes/{case.case_no}/"
    assert (case.status, case.handler, case.amount) == ("mediating", w.assistant, 12000)
    assert [p.name for p in case.parties.all()] == ["马文林", "王世昌"]


def test_errors_keep_everything_and_name_the_field(w, sign_in, form):
    client = sign_in(w.assistant)
    response = client.post(
        "/disputes/new/",
        form(
            w, narrative="", kind="", found_on="正月初八", parties__0__name="",
            parties__1__id_number="110105194912310021", parties__1__phone="1380000000",
        ),
    )  # fmt: skip
    page = response.content.decode()
    assert response.status_code == 422 and not Dispute.objects.exists()
    assert "<title>错误：" in page
    for sentence in (
        "填写甲方姓名，不清楚可写“不清楚”",
        "身份证号最后一位对不上，核对第 18 位",
        "手机号是 11 位数字，现在是 10 位",
        "农历日期不替你换算",
        "写明简要情况",
        "选纠纷类型",
    ):
        assert sentence in page
    assert 'value="110105194912310021"' in page and 'value="正月初八"' in page


@pytest.mark.parametrize(
    "changes",
    [
        {"village": "620623102201"},
        {"kind": "1601"},
        {"tier": "9"},
        {"submission": "no"},
        {"parties__TOTAL_FORMS": "x"},
        {"people_count": "-3"},
        {"amount": "NaN"},
    ],
)
def test_values_nobody_offered_are_refused(w, sign_in, form, changes):
    response = sign_in(w.assistant).post("/disputes/new/", form(w, **changes))
    assert response.status_code == 422 and not Dispute.objects.exists()


def test_the_same_submission_twice_makes_one_case(w, sign_in, form):
    client, data = sign_in(w.assistant), form(w, submission=str(uuid.uuid4()))
    first, second = client.post("/disputes/new/", data), client.post("/disputes/new/", data)
    assert first.url == second.url and Dispute.objects.count() == 1


def test_a_likely_duplicate_is_shown_and_does_not_stop_the_registration(w, sign_in, form):
    case = factories.register(w)
    client, data = sign_in(w.assistant), form(w)
    page = client.post("/disputes/new/", data).content.decode()
    assert case.case_no in page and "同名：马文林" in page and "仍然登记" in page
    assert Dispute.objects.count() == 1
    assert "以前同样两方、同一类型" in page
    client.post("/disputes/new/", data | {"similar_seen": "1"})
    assert Dispute.objects.count() == 2


def test_the_hint_says_why_the_name_is_almost_the_same(w, sign_in, form):
    factories.register(w)
    data = form(w, parties__0__name="马雯林", parties__1__name="王世强")
    page = sign_in(w.assistant).post("/disputes/new/", data).content.decode()
    assert "（同村名字同音：马文林；同村名字差一个字：王世昌）" in page


def test_the_hint_finds_phone_and_id_but_nothing_outside_the_scope(w, sign_in, form):
    factories.register(w)
    data = form(w, parties__0__name="别人", parties__1__name="旁人", parties__0__phone="138 1234 6021")
    assert "同一电话" in sign_in(w.assistant).post("/disputes/new/", data).content.decode()
    far = form(w, village=w.far_village.code, parties__0__phone="13812346021")
    assert sign_in(w.far_assistant).post("/disputes/new/", far).status_code == 302


def test_the_hint_keeps_a_family_case_to_its_desk(w, sign_in, form):
    factories.register(w, type_l1="01", type_l2="0101")
    data = form(w, tier="2")
    assert sign_in(w.officer).post("/disputes/new/", data).status_code == 302, "the officer's desk does not handle it"


def test_nobody_without_a_desk_registers(w, sign_in, form):
    for user in (w.supervisor, w.counsellor, w.department, w.sysadmin):
        assert sign_in(user).get("/disputes/new/").status_code == 403
        assert sign_in(user).post("/disputes/new/", form(w)).status_code == 403


# --- drafts ----------------------------------------------------------------------------------------------------------
def test_a_draft_comes_back_word_for_word_and_leaves_with_the_submission(w, sign_in, form):
    client, data = sign_in(w.assistant), form(w, narrative="写到一半的情况", submission=str(uuid.uuid4()))
    answer = client.post("/drafts/register/", data)
    assert answer.status_code == 200 and set(answer.json()) == {"saved_at"}
    stored = Draft.objects.get()
    assert "写到一半" not in stored.sealed and stored.url == "/disputes/new/"
    page = client.get("/disputes/new/").content.decode()
    assert "写到一半的情况" in page and "已恢复" in page and "放弃草稿" in page and 'class="es"' not in page
    assert data["submission"] in page, "a restart must not make a second case"
    client.post("/disputes/new/", data | {"kind": ""})
    assert Draft.objects.exists(), "a refused submission keeps the draft"
    client.post("/disputes/new/", data)
    assert not Draft.objects.exists()


def test_a_draft_can_be_thrown_away(w, sign_in, form):
    client = sign_in(w.assistant)
    client.post("/drafts/register/", form(w))
    assert client.post("/drafts/register/discard/").url == "/disputes/new/"
    assert not Draft.objects.exists()


def test_drafts_are_private_and_bound_to_the_scope(w, sign_in):
    case = factories.register(w)
    mine, other = sign_in(w.assistant), sign_in(w.far_assistant)
    assert mine.post(f"/drafts/note:{case.case_no}/", {"text": "我的话"}).status_code == 200
    for key in (f"note:{case.case_no}", f"edit:{case.case_no}", f"move:escalate:{case.case_no}", "move:nothing:x", "x"):
        assert other.post(f"/drafts/{key}/", {"text": "x"}).status_code == 404
    assert "我的话" in mine.get(f"/disputes/{case.case_no}/").content.decode()
    assert drafts.load(w.officer, f"note:{case.case_no}") is None


def test_a_draft_has_a_size(w, sign_in):
    assert sign_in(w.assistant).post("/drafts/register/", {"narrative": "长" * 60_000}).status_code == 413


def test_registration_is_logged_once(w, sign_in, form):
    sign_in(w.assistant).post("/disputes/new/", form(w))
    assert AccessLog.objects.filter(action="create").count() == 1
    assert Party.objects.filter(consent="").count() == 2, "nobody's consent is preselected"
