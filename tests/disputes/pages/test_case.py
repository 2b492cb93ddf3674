"""The case page and its moves: what each viewer sees, what is refused, and that nobody's words are lost."""

import re

import pytest
from django.test.utils import CaptureQueriesContext

from audit.models import AccessLog
from disputes.models import Dispute
from tests import factories
from villages.models import Draft

pytestmark = pytest.mark.django_db


def url(case: Dispute, rest: str = "") -> str:
    return f"/disputes/{case.case_no}/{rest}"


def page_of(client, case: Dispute) -> str:
    response = client.get(url(case))
    assert response.status_code == 200
    return response.content.decode()


def test_every_state_has_a_page_for_everyone_who_may_read_it(w, sign_in):
    cases = [factories.register(w), factories.mediating(w), factories.at_room(w), factories.at_centre(w)]
    cases += [factories.settled(w), factories.register(w, type_l1="01", type_l2="0101", danger=None)]
    for user in (w.assistant, w.grid, w.officer, w.centre_lead, w.supervisor, w.town_supervisor):
        client = sign_in(user)
        for case in cases:
            assert case.case_no in page_of(client, case)


def test_outside_the_scope_is_byte_for_byte_like_nothing(w, sign_in):
    case, client = factories.register(w), sign_in(w.far_officer)
    nothing = "620623-999-2026-0001"
    for rest in ("", "edit/", "grade/", "ask-void/", "moves/escalate/", "moves/nothing/", "consent/1/"):
        here, there = client.get(url(case, rest)), client.get(f"/disputes/{nothing}/{rest}")
        assert here.status_code == there.status_code == 404
        strip = lambda r: re.sub(rb"E-[0-9A-F]{6}", b"", r.content)  # noqa: E731
        assert strip(here) == strip(there)
    for rest in ("moves/escalate/", "notes/", "attachments/", "reveal/1/phone/", "edit/", "grade/"):
        assert client.post(url(case, rest), {"reason": "x"}).status_code == 404


def test_reading_is_logged_once(w, sign_in):
    case, client = factories.register(w), sign_in(w.officer)
    page_of(client, case), page_of(client, case)
    assert AccessLog.objects.filter(action="read", subject=case.case_no, actor_id=w.officer.pk).count() == 1


def test_the_number_of_queries_does_not_grow_with_the_case(w, sign_in, django_assert_max_num_queries):
    from django.db import connection

    case, client = factories.mediating(w), sign_in(w.officer)
    page_of(client, case)
    with CaptureQueriesContext(
        connection,
    ) as few:
        page_of(client, case)
    for n in range(8):
        case.add_note(by=w.assistant, at=factories.NOW, text=f"第{n}次")
    case.grade(by=w.assistant, at=factories.NOW, level="yellow", reason="可能争吵")
    with CaptureQueriesContext(connection) as many:
        page_of(client, case)
    assert len(many) == len(few) <= 45


# --- who reads names ------------------------------------------------------------------------------
def test_supervisors_read_masked_names_everywhere_on_the_page(w, sign_in):
    case = factories.settled(w)
    case.add_note(by=w.assistant, at=factories.NOW, text="马文林同意先按旧界桩")
    page = page_of(sign_in(w.supervisor), case)
    assert "马*" in page and "马文林" not in page and "王世昌" not in page


def test_a_family_case_hides_names_from_all_but_its_desk(w, sign_in):
    case = factories.mediating(w, type_l1="01", type_l2="0101", narrative="马文林和家人争吵")
    assert "马文林" not in page_of(sign_in(w.officer), case)
    assert "马文林" in page_of(sign_in(w.assistant), case)


def test_the_title_element_never_holds_a_name(w, sign_in):
    page = page_of(sign_in(w.assistant), factories.register(w))
    assert "马文林" not in re.search(r"<title>.*?</title>", page, re.S)[0]


def test_phones_are_masked_until_revealed_with_a_reason(w, sign_in):
    case, client = factories.register(w), sign_in(w.assistant)
    party = case.parties.get(side="A")
    page = page_of(client, case)
    assert "138****6021" in page and "13812346021" not in page
    where = url(case, f"reveal/{party.pk}/phone/")
    refused = client.post(where, {"reason": " "})
    assert refused.status_code == 422 and "13812346021" not in refused.content.decode()
    assert not AccessLog.objects.filter(action="reveal").exists()
    shown = client.post(where, {"reason": "联系当事人约时间"})
    assert "13812346021" in shown.content.decode()
    row = AccessLog.objects.get(action="reveal")
    assert row.actor_id == w.assistant.pk and row.subject == case.case_no
    assert "13812346021" not in page_of(client, case), "only once"
    assert client.get(where).status_code == 405


def test_no_value_leaves_without_its_log_row(w, sign_in, monkeypatch):
    case, client = factories.register(w), sign_in(w.assistant)
    party = case.parties.get(side="A")

    def broken(**kwargs):
        raise RuntimeError("the log is full")

    monkeypatch.setattr("disputes.models.record", broken)
    client.raise_request_exception = False
    answer = client.post(url(case, f"reveal/{party.pk}/phone/"), {"reason": "联系"})
    assert answer.status_code == 500 and b"13812346021" not in answer.content


def test_supervisors_reveal_nothing_and_a_family_phone_is_the_handlers(w, sign_in):
    case = factories.mediating(w, type_l1="01", type_l2="0101")
    party = case.parties.get(side="A")
    where = url(case, f"reveal/{party.pk}/phone/")
    assert sign_in(w.supervisor).post(where, {"reason": "看看"}).status_code == 403
    assert sign_in(w.grid).post(where, {"reason": "看看"}).status_code == 409
    assert b"13812346021" in sign_in(w.assistant).post(where, {"reason": "联系"}).content
    assert sign_in(w.assistant).post(url(case, f"reveal/{party.pk}/name/"), {"reason": "x"}).status_code == 404


# --- moves ----------------------------------------------------------------------------------------
def test_every_move_that_is_offered_has_a_form(w, sign_in):
    cases = {
        w.assistant: [factories.register(w), factories.mediating(w), factories.settled(w)],
        w.officer: [factories.at_room(w)],
        w.centre_lead: [factories.at_centre(w)],
    }
    seen = set()
    for user, own in cases.items():
        client = sign_in(user)
        for case in own:
            for name, why in case.moves_for(user, factories.NOW).items():
                response = client.get(url(case, f"moves/{name}/"))
                assert response.status_code == (409 if why else 200), (name, why)
                if why:
                    assert why in response.content.decode()
                else:
                    seen.add(name)
    assert {"take_up", "settle", "escalate", "return", "refer", "end", "withdraw", "merge", "split"} <= seen


def test_taking_up_is_one_tap(w, sign_in):
    case = factories.register(w)
    sign_in(w.assistant).post(url(case, "moves/take_up/"), {"version": case.version, "handler": "assistant"})
    case.refresh_from_db()
    assert (case.status, case.handler) == ("mediating", w.assistant)


def test_escalating_without_a_reason_is_refused_and_with_one_it_moves(w, sign_in):
    case, client = factories.mediating(w), sign_in(w.assistant)
    factories.attempt(case, w.assistant)
    refused = client.post(url(case, "moves/escalate/"), {"version": case.version, "reason": ""})
    assert refused.status_code == 422 and "写明理由" in refused.content.decode()
    client.post(f"/drafts/move:escalate:{case.case_no}/", {"reason": "要丈量"})
    assert "要丈量" in client.get(url(case, "moves/escalate/")).content.decode()
    done = client.post(url(case, "moves/escalate/"), {"version": case.version, "reason": "要丈量"})
    assert done.status_code == 302 and not Draft.objects.exists()
    case.refresh_from_db()
    assert (case.tier, case.status) == (2, "waiting")


def test_a_refusal_keeps_what_was_written(w, sign_in):
    case, client = factories.mediating(w), sign_in(w.assistant)
    response = client.post(url(case, "moves/escalate/"), {"version": case.version, "reason": "写了很长的理由"})
    page = response.content.decode()
    assert response.status_code == 409 and "先登记至少一次调解" in page and "写了很长的理由" in page


def test_the_second_of_two_sees_who_was_first_and_keeps_the_words(w, sign_in):
    case = factories.register(w)
    seen = case.version
    case.perform("take_up", by=w.grid, at=factories.NOW, handler=w.grid)
    client = sign_in(w.assistant)
    client.post(f"/drafts/move:withdraw:{case.case_no}/", {"reason": "草稿"})
    data = {"version": seen, "asked_by": "马文林", "reason": "两家自己说好了"}
    response = client.post(url(case, "moves/withdraw/"), data)
    page = response.content.decode()
    assert response.status_code == 409 and "马小兰" in page and "受理" in page and "两家自己说好了" in page
    assert f'name="version" value="{case.version}"' in page and Draft.objects.exists()
    assert client.post(url(case, "moves/withdraw/"), data | {"version": case.version}).status_code == 302


def test_wrong_role_is_403_and_wrong_desk_409(w, sign_in):
    case = factories.register(w)
    data = {"version": case.version, "reason": "x"}
    assert sign_in(w.supervisor).post(url(case, "moves/escalate/"), data).status_code == 403
    assert sign_in(w.supervisor).get(url(case, "moves/escalate/")).status_code == 403
    answer = sign_in(w.officer).post(url(case, "moves/escalate/"), data)
    assert answer.status_code == 409 and "石门村委会" in answer.content.decode()


def test_a_refused_move_names_no_party_to_whom_they_are_hidden(w, sign_in):
    case = factories.mediating(w, type_l1="01", type_l2="0101")
    for data in ({"version": case.version, "text": "我写的话"}, {"text": "我写的话"}):
        answer = sign_in(w.officer).post(url(case, "moves/settle/"), data)
        assert answer.status_code == 409 and "马文林" not in answer.content.decode()
        assert "我写的话" in answer.content.decode()


def test_settling_through_the_form(w, sign_in):
    case, client = factories.mediating(w), sign_in(w.assistant)
    a, b = case.principal_parties()
    data = {
        "version": case.version, "result": "written", "organisation": w.committee.code, "chair": "village_mediator",
        "agreed_on": factories.NOW.date().isoformat(), "text": "按旧界桩放牧", f"consents_{a.pk}": "agreed",
        "obligations-TOTAL_FORMS": "2", "obligations-INITIAL_FORMS": "0",
        "obligations-0-debtor": str(a.pk), "obligations-0-what": "重新立桩", "obligations-0-amount": "壹万贰仟元整",
        "obligations-0-due_on": "2027-01-01", "after": "list",
    }  # fmt: skip
    refused = client.post(url(case, "moves/settle/"), data)
    assert refused.status_code == 409 and "王世昌 还没有同意" in refused.content.decode()
    wrong = client.post(url(case, "moves/settle/"), data | {"obligations-0-what": "", f"consents_{b.pk}": "agreed"})
    assert wrong.status_code == 422 and "第 1 行：写明做什么" in wrong.content.decode()
    done = client.post(url(case, "moves/settle/"), data | {f"consents_{b.pk}": "agreed"})
    assert done.url == "/disputes/?desk=mine", "the choice after saving"
    case.refresh_from_db()
    w.assistant.refresh_from_db()
    assert case.status == "settled" and w.assistant.after_save == "list"
    assert case.agreements.get().obligations.get().amount == 12000
    assert "按旧界桩放牧" in page_of(client, case)


def test_a_family_case_asks_the_five_questions(w, sign_in):
    case, client = factories.mediating(w, type_l1="01", type_l2="0101"), sign_in(w.assistant)
    page = client.get(url(case, "moves/settle/")).content.decode()
    assert page.count('name="safety_') == 10 and "checked" not in re.findall(r'<input[^>]*name="safety_[^>]*>', page)[0]
    assert "safety_" not in client.get(url(factories.mediating(w), "moves/settle/")).content.decode()


def test_a_return_stands_on_top_of_the_receivers_page(w, sign_in):
    case = factories.at_room(w)
    client = sign_in(w.officer)
    data = {"version": case.version, "reason": "材料不全", "to_add": "承包证复印件"}
    assert client.post(url(case, "moves/return/"), data).status_code == 302
    page = page_of(sign_in(w.assistant), Dispute.objects.get())
    top = page[: page.index('class="tiers"')]
    assert "退回" in top and "刘建军" in top and "材料不全" in top and "承包证复印件" in top and "新的期限" in top


def test_voiding_takes_two(w, sign_in):
    case = factories.register(w)
    first, second = sign_in(w.assistant), sign_in(w.grid)
    assert first.post(url(case, "ask-void/"), {"reason": ""}).status_code == 422
    first.post(url(case, "ask-void/"), {"reason": "重复登记"})
    data = {"version": case.version, "reason": "重复登记"}
    assert first.post(url(case, "moves/void/"), data).status_code == 409
    assert second.post(url(case, "moves/void/"), data).status_code == 302
    case.refresh_from_db()
    assert case.status == "voided" and "作废" in page_of(first, case)


def test_a_merged_case_points_to_its_target(w, sign_in):
    case, target, client = factories.mediating(w), factories.mediating(w), sign_in(w.assistant)
    data = {
        "version": case.version,
        "reason": "同一件事",
        "target": factories.register(w, village=w.far_village, by=w.far_assistant).case_no,
    }
    assert "没有这个案件" in client.post(url(case, "moves/merge/"), data).content.decode()
    assert client.post(url(case, "moves/merge/"), data | {"target": target.case_no}).status_code == 302
    assert client.get(url(case)).url == f"{url(target)}?merged={case.case_no}"
    kept = client.get(url(case, "?keep=1"))
    assert kept.status_code == 200 and url(target) in kept.content.decode()


# --- the small doors ------------------------------------------------------------------------------
def test_notes_grades_and_consent(w, sign_in):
    case, client = factories.register(w), sign_in(w.assistant)
    party = case.parties.get(side="B")
    assert client.post(url(case, "notes/"), {"text": ""}).status_code == 422
    client.post(f"/drafts/note:{case.case_no}/", {"text": "到两户家中"})
    client.post(
        url(case, "notes/"), {"text": "到两户家中", "way": "visit", "is_attempt": "on", "happened_on": "2026-03-01"}
    )
    assert case.attempts_at_this_tier().count() == 1 and not Draft.objects.exists()
    assert client.post(url(case, "grade/"), {"level": "red", "reason": ""}).status_code == 422
    assert client.post(url(case, "grade/"), {"level": "red", "reason": "持械", "expires_on": "+200"}).status_code == 422
    client.post(url(case, "grade/"), {"level": "red", "reason": "持械"})
    client.post(url(case, f"consent/{party.pk}/"), {"consent": "refused", "way": "当面"})
    page = page_of(client, case)
    assert "红 紧急" in page and "王世昌 明确表示不愿意调解" in page and "调解（入户）" in page
    assert sign_in(w.officer).get(url(case, "grade/")).status_code == 409
    assert sign_in(w.supervisor).get(url(case, "grade/")).status_code == 403


# --- editing --------------------------------------------------------------------------------------
def edit_data(client, case: Dispute, **changes) -> dict:
    """The fields of the edit page as a browser would send them back."""
    response = client.get(url(case, "edit/"))
    assert response.status_code == 200
    context = response.context
    data = {"version": context["version"], "base": context["base"]}
    for form in (context["form"], *context["parties"].forms, context["parties"].management_form):
        for bound in form:
            value = bound.value()
            if value not in (None, False, ""):
                data[bound.html_name] = "on" if value is True else str(value)
    return data | changes


def test_editing_changes_what_was_changed_and_keeps_what_is_sealed(w, sign_in):
    case, client = factories.register(w), sign_in(w.assistant)
    data = edit_data(client, case, **{"place": "三社", "parties-0-alias": "马老三", "amount": "1.2万"})
    assert client.post(url(case, "edit/"), data).status_code == 302
    case.refresh_from_db()
    party = case.parties.get(side="A")
    assert (case.place, case.amount, party.alias) == ("三社", 12000, "马老三")
    assert party.secret.open("phone") == "13812346021", "an empty phone box keeps the phone"
    event = case.events.first()
    assert event.kind == "edit" and set(event.facts["fields"]) == {"place", "amount"}
    assert client.post(url(case, "edit/"), edit_data(client, case)).status_code == 302
    assert case.events.filter(kind="edit").count() == 1, "nothing changed, nothing written"


def test_two_editors_of_different_fields_lose_nothing(w, sign_in):
    case, client = factories.register(w), sign_in(w.assistant)
    mine = edit_data(client, case, place="三社")
    case.edit(by=w.grid, at=factories.NOW, version=case.version, facts={"demands": "重新立桩"})
    response = client.post(url(case, "edit/"), mine)
    page = response.content.decode()
    assert response.status_code == 409 and "马小兰" in page and "重新立桩" in page and "三社" in page
    assert "对照两份" not in page
    context = response.context
    merged = {b.html_name: b.value() for f in (context["form"], *context["parties"].forms) for b in f}
    merged = {k: str(v) for k, v in merged.items() if v not in (None, False)}
    merged |= {b.html_name: b.value() for b in context["parties"].management_form if b.value() is not None}
    client.post(url(case, "edit/"), merged | {"version": context["version"], "base": context["base"]})
    case.refresh_from_db()
    assert (case.place, case.demands) == ("三社", "重新立桩")


def test_two_editors_of_one_field_see_both_versions(w, sign_in):
    case, client = factories.register(w), sign_in(w.assistant)
    mine = edit_data(client, case, narrative="我写的经过", **{"parties-1-alias": "王老二"})
    case.edit(
        by=w.grid, at=factories.NOW, version=case.version, facts={"narrative": "他写的经过"},
        parties=[{"pk": case.parties.get(side="B").pk, "alias": "王大"}],
    )  # fmt: skip
    response = client.post(url(case, "edit/"), mine)
    page = response.content.decode()
    assert response.status_code == 409 and "对照两份" in page
    assert "我写的经过" in page and "他写的经过" in page and "王老二" in page and "王大" in page


def test_a_foreign_party_cannot_be_edited_in(w, sign_in):
    case, other, client = factories.register(w), factories.register(w), sign_in(w.assistant)
    data = edit_data(client, case, **{"parties-0-pk": str(other.parties.get(side="A").pk), "parties-0-name": "改名"})
    assert client.post(url(case, "edit/"), data).status_code == 404
    assert other.parties.get(side="A").name == "马文林"
