"""Pages of the safeguards: the acts, the other ways, slips, and what the case page and the printed lists show."""

import re

import pytest

from disputes.models import Check
from disputes.safe.acts import ACTS
from disputes.safe.models import PoliceTrack, Slip
from tests import factories, safe
from tests.factories import NOW
from villages.models import Draft

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


def url(case, rest=""):
    return f"/disputes/{case.case_no}/{rest}"


def text(response) -> str:
    return response.content.decode()


def test_the_wizard_keeps_what_was_typed_and_warns_where_it_ends(w, sign_in):
    case, client = safe.at_room_mediating(w), sign_in(w.officer)
    page = text(client.get(url(case, "acts/police/")))
    assert [page.count(words) for words in ("第一步：", "第二步：", "第三步：", "雇凶伤害他人")] == [1, 1, 1, 1]
    assert "checked" not in page.replace('name="plain"', "")  # nothing is answered beforehand
    wrong = client.post(url(case, "acts/police/"), {"deed": "beating", "established": "推了一把"})
    assert wrong.status_code == 422 and "推了一把" in text(wrong) and "选“情节较轻”" in text(wrong)
    facts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in safe.WIZARD.items()}
    done = client.post(url(case, "acts/police/"), facts | {"exclusions_clear": "false"}, follow=True)
    assert "不适用治安调解" in text(done)
    client.post(url(case, "acts/police/"), facts)
    assert PoliceTrack.objects.get().deed == "beating"
    late = client.post(url(case, "acts/police_session/"), safe.session("2026-03-03"))
    assert late.status_code == 409 and "在今天之后" in text(late) and "派出所调解室" in text(late)
    client.post(url(case, "acts/police_session/"), safe.session("今天"))
    page = text(client.get(url(case)))
    assert "派出所调解室" in page and "再次调解要在 3月11日前完成" in page and "协议还缺：" in page


def test_an_act_is_refused_as_moves_are(w, sign_in):
    case = factories.mediating(w)
    assert sign_in(w.supervisor).get(url(case, "acts/acceptance/")).status_code == 403
    assert sign_in(w.officer).get(url(case, "acts/acceptance/")).status_code == 409
    assert sign_in(w.far_officer).get(url(case, "acts/acceptance/")).status_code == 404
    assert sign_in(w.assistant).get(url(case, "acts/nothing/")).status_code == 404
    assert sign_in(w.assistant).get(url(case, "acts/screen/")).status_code == 409


def test_the_same_form_twice_is_one_answer(w, sign_in):
    case, client = factories.register(w), sign_in(w.assistant)
    page = text(client.get(url(case, "acts/acceptance/")))
    key = re.search(r'name="submission" value="([^"]+)"', page)[1]
    data = {"reserved": "false", "elsewhere": "true", "submission": key}
    for _ in range(2):
        answer = client.post(url(case, "acts/acceptance/"), data, follow=True)
    assert "不属于人民调解受理范围" in text(answer)
    assert Check.objects.filter(kind="acceptance").count() == 1
    assert "引导其他途径" in text(client.get(url(case)))


def test_the_family_screen_shows_its_answers_to_the_handler_alone(w, sign_in):
    case = safe.family(w)
    client = sign_in(w.officer)
    answers = {f"safety_{question}": str(question == "threat").lower() for question in safe.NO}
    draft = client.post(f"/drafts/act:screen:{case.case_no}/", answers)
    assert draft.status_code == 200 and "threat" not in Draft.objects.get().sealed
    client.post(url(case, "acts/screen/"), answers)
    assert not Draft.objects.exists()
    page = text(client.get(url(case, "acts/screen/")))
    assert "上次的回答" in page and "有没有威胁</li>" in page
    for user in (w.second_officer, w.assistant, w.centre_lead, w.supervisor):
        other = sign_in(user)
        assert "有没有威胁" not in text(other.get(url(case))) + text(other.get(url(case, "acts/screen/")))
    # settling asks for what was done about it, and no longer for the five answers
    form = text(client.get(url(case, "moves/settle/")))
    assert "safety_" not in form and 'name="disposition"' in form


def test_consents_have_a_history(w, sign_in):
    case, client = factories.mediating(w), sign_in(w.assistant)
    party = case.parties.get(side="B")
    where = url(case, f"consent/{party.pk}/")
    client.post(where, {"consent": "refused", "way": "电话", "on": "昨天", "asked_by": "grid"})
    page = text(client.get(where))
    assert "明确拒绝（电话）" in page and "马小兰问，才让卓玛记" in page and "2026-03-01" in page
    back = client.post(where, {"consent": "agreed", "way": "当面"})
    assert back.status_code == 409 and "本人撤回拒绝" in text(back)
    assert client.post(where, {"consent": "agreed", "way": "当面", "taken_back": "on"}).status_code == 302
    assert "本人撤回拒绝" in text(client.get(url(case)))


def test_performance_is_followed_on_the_case_page(w, sign_in):
    case, client = factories.settled(w), sign_in(w.assistant)
    row = case.agreements.get().obligations.get()
    page = text(client.get(url(case)))
    assert f"acts/performance/?obligation={row.pk}" in page and "还没有记" in page
    assert "4月1日前双方共同申请" in page and "先按达成日期算" in page
    form = text(client.get(url(case, f"acts/performance/?obligation={row.pk}")))
    assert re.search(rf'value="{row.pk}"[^>]*checked', form)
    data = {"obligation": row.pk, "performance": "2", "performed_on": "今天"}
    client.post(url(case, "acts/performance/"), data)
    assert "已履行完毕" in text(client.get(url(case)))


def test_amounts_stand_in_capital_figures(w, sign_in):
    case = factories.mediating(w)
    owed = [{"debtor": case.principal_parties()[0], "what": "付款", "amount": 12000, "due_on": TODAY}]
    facts = factories.settlement(w, case, organisation=w.committee, chair=w.village_mediator, obligations=owed)
    case.perform("settle", by=w.assistant, at=NOW, **facts)
    assert text(sign_in(w.assistant).get(url(case))).count("壹万贰仟元整") == 2


def test_the_other_ways_are_read_out_by_kind(w, sign_in):
    case = factories.mediating(w, type_l1="11", type_l2="1102")
    assert "征收补偿不属于" in text(sign_in(w.assistant).get(url(case, "moves/end/")))
    page = text(sign_in(w.assistant).get(url(case, "ways/")))
    assert "征收补偿不属于农村土地承包仲裁的范围" in page and "不收取任何费用" in page


def test_a_slip_is_handed_in_and_answered(w, sign_in):
    case, words = factories.mediating(w), "催我签字，不让我把话说完"
    clerk, supervisor = sign_in(w.grid), sign_in(w.supervisor)
    assert sign_in(w.assistant).post(url(case, "slips/"), {"text": words, "received_on": "今天"}).status_code == 409
    wrong = clerk.post(url(case, "slips/"), {"text": words, "received_on": "+3"})
    assert wrong.status_code == 422 and words in text(wrong)
    clerk.post(url(case, "slips/"), {"text": words, "received_on": "今天"})
    assert words not in text(clerk.get(url(case, "slips/")))
    assert words in text(supervisor.get(url(case, "slips/")))
    assert case.case_no in text(supervisor.get("/")) and "还没有处理" in text(supervisor.get("/"))
    assert "还没有处理" not in text(sign_in(w.far_officer).get("/")) + text(clerk.get("/"))
    slip = Slip.objects.get()
    assert clerk.post(url(case, "slips/"), {"slip": slip.uid, "answer": "没事"}).status_code == 404
    assert supervisor.post(url(case, "slips/"), {"slip": slip.uid, "answer": ""}).status_code == 422
    assert supervisor.post(url(case, "slips/"), {"slip": "x", "answer": "没事"}).status_code == 404
    supervisor.post(url(case, "slips/"), {"slip": slip.uid, "answer": "换人主持"})
    assert "换人主持" in text(supervisor.get(url(case, "slips/")))
    assert words not in "".join(text(client.get(url(case))) for client in (clerk, supervisor))


def test_a_warning_letter_shows_on_its_case_to_who_works_on_it(w, sign_in):
    case = safe.family(w)
    case.act("letter", by=w.officer, at=NOW, **safe.letter_facts(case, TODAY))
    for user, sees in ((w.officer, True), (w.assistant, True), (w.centre, False), (w.supervisor, False)):
        page = text(sign_in(user).get(url(case)))
        assert ("天公告字〔2026〕第003号" in page) is sees, user
        assert ("王世昌" in page) is (user == w.officer), user
    page = text(sign_in(w.assistant).get(url(case)))
    assert "石门村委会查访甲方" in page and "acts/letter_visit/?task=" in page


def test_printed_lists_leave_family_cases_out(w, sign_in):
    from followups.reactions import react

    case = safe.family(w)
    facts = factories.settlement(w, case, organisation=w.committee, chair=w.village_mediator, safety=safe.NO)
    react(case.perform("settle", by=w.officer, at=NOW, **facts).pk)
    react(factories.settled(w).events.first().pk)
    page = text(sign_in(w.officer).get("/followups/"))
    rows = re.findall(r"<tr data-row([^>]*)>.*?(620623-[0-9-]+)</div>", page, re.S)
    assert {("no-print" in mark) for mark, number in rows if number == case.case_no} == {True}
    assert {("no-print" in mark) for mark, number in rows if number != case.case_no} == {False}


def test_dissuasions_are_printed_with_their_times(w, sign_in):
    case, client = factories.register(w, type_l1="02", type_l2="0203"), sign_in(w.assistant)
    b, empty = case.parties.get(side="B"), text(client.get(url(case, "dissuasions/")))
    assert "还没有劝阻记录" in empty and "acts/dissuade/" in text(client.get(url(case)))
    for time, words in (("23:10", f"{b.name}关了音响"), ("21：05", "答应关小")):
        sent = {"dissuaded": b.pk, "dissuaded_on": "今天", "dissuaded_at": time, "said": words}
        client.post(url(case, "acts/dissuade/"), sent)
    wrong = client.post(url(case, "acts/dissuade/"), sent | {"dissuaded_at": "晚上"})
    assert wrong.status_code == 409 and "22:30" in text(wrong) and "答应关小" in text(wrong)
    page = text(client.get(url(case, "dissuasions/")))
    assert page.index("21:05") < page.index("23:10") and f"{b.name}关了音响" in page and "乙方" in page
    masked = text(sign_in(w.supervisor).get(url(case, "dissuasions/")))
    assert b.name not in masked and "关了音响" in masked
    assert not case.events.filter(kind="dissuade", is_attempt=True).exists()  # no mediation
    assert f"/disputes/{case.case_no}/dissuasions/" not in text(client.get(url(factories.register(w))))


def test_supervisors_count_what_was_lifted(w, sign_in):
    supervisor = sign_in(w.supervisor)
    assert "safeguards/lifted" not in text(supervisor.get("/"))
    assert "没有解除登记的" in text(supervisor.get("/safeguards/lifted/"))
    case = safe.stopped(w, bullying=True, crime_suspected=True)
    name = case.principal_parties()[0].name
    for flag in ("bullying", "crime_suspected"):
        case.act("lift", by=w.officer, at=NOW, flag=flag, reason=f"{name}的事查明不是")
    home, page = text(supervisor.get("/")), text(supervisor.get("/safeguards/lifted/"))
    assert "2 次" in home and "共 2 次" in page.replace("\n", "")
    assert [page.count(words) for words in ("学生欺凌</td>", "涉嫌犯罪</td>", name)] == [1, 1, 0]
    assert "查明不是" in page and "刘建军" in page
    far = factories.register(w, by=w.far_officer, tier=2, village=w.far_village, bullying=True)
    far.act("lift", by=w.far_officer, at=NOW, flag="bullying", reason="查明不是欺凌")
    town = text(sign_in(w.town_supervisor).get("/safeguards/lifted/"))
    assert case.case_no in town and far.case_no not in town
    assert far.case_no in text(supervisor.get("/safeguards/lifted/"))
    assert sign_in(w.officer).get("/safeguards/lifted/").status_code == 403


def test_every_act_has_a_page_where_it_can_be_done(w, sign_in):
    from tests.api.situations import ACT_SITUATIONS

    for name in ACTS:
        ready = ACT_SITUATIONS[name](w)
        page = sign_in(getattr(w, ready.by)).get(url(ready.case, f"acts/{name}/"))
        assert page.status_code == 200, (name, text(page)[-400:])
        missing = [fact for fact in ACTS[name].facts if f'name="{fact}' not in text(page)]
        assert missing == [], name
