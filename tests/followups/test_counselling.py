"""Counselling: who refers whom with whose consent, what the counsellor does, and what everybody else gets to see."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AccessLog
from config import work
from disputes.models import Conflict, Dispute, FactsMissing, MoveRefused, NotYours
from followups.counselling.models import CounsellingNote, CounsellingReferral
from followups.models import Notice
from tests import factories
from villages.models import Posting, User

WORDS = "她说夜里睡不着，怕回家"


@pytest.fixture
def sign_in():
    def enter(user: User) -> Client:
        client = Client()
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        session, now = client.session, int(timezone.now().timestamp())
        session.update({"began_at": now, "seen_at": now})
        session.save()
        return client

    return enter


def asked(w: SimpleNamespace, case: Dispute, **facts) -> CounsellingReferral:
    return factories.counselling(w, case, **facts)


def met(row: CounsellingReferral, by: User, note: str = WORDS, **facts) -> None:
    at = timezone.now()
    given = {"starts_at": at, "way": "phone", "before": 2, "after": 4, "no_more": True, "note": note, **facts}
    row.act("session", by=by, at=at, version=row.version, **given)


@pytest.fixture
def case(w: SimpleNamespace) -> Dispute:
    return factories.mediating(w, at=timezone.now())


def kinds_told(user: User) -> list[str]:
    rows = Notice.objects.visible_to(user).filter(kind__startswith="counsel")
    return list(rows.order_by("pk").values_list("kind", flat=True))


def test_a_referral_takes_the_consent_of_the_right_person(w, case) -> None:
    with pytest.raises(FactsMissing) as missing:
        asked(w, case, consented=False)
    assert list(missing.value.errors) == ["consented"]
    with pytest.raises(FactsMissing) as missing:
        asked(w, case, consent_by="guardian")
    assert "本人" in missing.value.errors["consent_by"]
    child = {**factories.PARTY_A, "birth_on": dt.date(2010, 1, 1)}
    child.pop("id_number")
    young = factories.register(w, at=timezone.now(), parties=[child, factories.PARTY_B])
    with pytest.raises(FactsMissing) as missing:
        asked(w, young)
    assert "监护人" in missing.value.errors["party"]
    young.parties.filter(name=child["name"]).update(guardian_name="马大山")
    with pytest.raises(FactsMissing) as missing:
        asked(w, young)
    assert "监护人" in missing.value.errors["consent_by"]
    assert asked(w, young, consent_by="guardian").state == "asked"
    with pytest.raises(NotYours):
        asked(w, case, by=w.supervisor)
    with pytest.raises(MoveRefused):
        asked(w, case, by=w.officer)  # the case lies at the village
    with pytest.raises(FactsMissing) as missing:
        asked(w, case, supervisor=w.officer)
    assert list(missing.value.errors) == ["supervisor"]
    asked(w, case)
    with pytest.raises(FactsMissing) as missing:
        asked(w, case)
    assert "已经转介" in missing.value.errors["party"]


def test_it_is_taken_held_and_ended_and_each_one_is_told(w, case, django_capture_on_commit_callbacks) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        row = asked(w, case)
    assert kinds_told(w.counsellor) == ["counsel_asked"] and kinds_told(w.assistant) == []
    now = timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        row.act("accept", by=w.counsellor, at=now, version=row.version)
        met(row, w.counsellor)
        row.act("risk", by=w.counsellor, at=now, version=row.version)
        row.act("advise", by=w.counsellor, at=now, version=row.version, advice="白天联系，别当着家人问")
    assert kinds_told(w.assistant) == ["counsel_taken", "counsel_risk", "counsel_advice"]
    assert kinds_told(w.supervisor) == kinds_told(w.officer) == ["counsel_risk"]  # the named one; the village's police
    assert row.risk_at and row.office == w.bureau
    today = timezone.localdate(now)
    row.act("end", by=w.counsellor, at=now, version=row.version, how="done", ended_on=today)
    assert (row.state, row.how, row.risk_at) == ("ended", "done", None)
    facts = [event.facts for event in case.events.filter(kind__startswith="counsel")]
    assert all(told == {"referral": str(row.uid)} for told in facts)
    assert not case.events.filter(kind__startswith="counsel", text__isnull=False).exists()
    with pytest.raises(MoveRefused):
        met(row, w.counsellor)


def test_two_who_may_take_it(w, case) -> None:
    other = factories.user("other_counsellor", "罗桑", (w.centre_office, "counsellor"))
    row = asked(w, case)
    version = row.version
    with pytest.raises(MoveRefused) as refused:
        row.act("decline", by=w.counsellor, at=timezone.now(), version=version, reason="忙")
    assert "别的疏导员" in refused.value.sentence
    row.act("accept", by=other, at=timezone.now(), version=version)
    with pytest.raises(Conflict):
        CounsellingReferral.objects.get().act("accept", by=w.counsellor, at=timezone.now(), version=version)
    assert not CounsellingReferral.objects.visible_to(w.counsellor).exists()
    named = asked(w, factories.mediating(w, at=timezone.now()), to_person=w.counsellor)
    assert not CounsellingReferral.objects.visible_to(other).filter(pk=named.pk).exists()
    named.act("decline", by=w.counsellor, at=timezone.now(), version=1, reason="认识本人，不合适")
    assert named.state == "declined"


def test_notes_are_for_their_author_and_the_named_supervisor(w, case, sign_in) -> None:
    row = asked(w, case)
    row.act("accept", by=w.counsellor, at=timezone.now(), version=1)
    met(row, w.counsellor)
    url = f"/counselling/{row.uid}/"
    page = sign_in(w.counsellor).get(url).content.decode()
    assert WORDS in page and "非诊断" not in page and "不是医学诊断" in page
    assert AccessLog.objects.filter(actor_id=w.counsellor.pk, subject=f"{row.uid} notes").count() == 1
    supervisor = sign_in(w.supervisor)
    assert WORDS not in supervisor.get(url).content.decode()
    refused = supervisor.post(f"{url}notes/", {"reason": ""})
    assert refused.status_code == 422 and WORDS not in refused.content.decode()
    opened = supervisor.post(f"{url}notes/", {"reason": "核对风险"}).content.decode()
    assert WORDS in opened and "马文林" not in opened  # supervisors see no names
    logged = AccessLog.objects.get(actor_id=w.supervisor.pk, subject=f"{row.uid} notes")
    assert (logged.action, logged.detail) == ("reveal", {"notes": 1, "reason": "核对风险"})
    for user, status in ((w.town_supervisor, 409), (w.assistant, 403), (w.officer, 403), (w.department, 404)):
        answer = sign_in(user).post(f"{url}notes/", {"reason": "想看"})
        assert (answer.status_code, WORDS in answer.content.decode()) == (status, False), user
        assert WORDS not in sign_in(user).get(url).content.decode()
    # a correction is one more row
    row.refresh_from_db()
    session = row.sessions.get()
    row.act("note", by=w.counsellor, at=timezone.now(), version=row.version, session=session.pk, note="更正：是凌晨")
    page = sign_in(w.counsellor).get(url).content.decode()
    assert WORDS in page and "更正：是凌晨" in page and CounsellingNote.objects.count() == 2


def test_who_is_not_concerned_sees_the_count(w, case, sign_in) -> None:
    row = asked(w, case, why="马文林最近话很少")
    row.act("accept", by=w.counsellor, at=timezone.now(), version=1)
    met(row, w.counsellor, place="村卫生室")
    desk = sign_in(w.assistant)
    assert "已疏导 1 次" in desk.get(f"/disputes/{case.case_no}/").content.decode()
    page = desk.get(f"/counselling/{row.uid}/").content.decode()
    assert "马文林最近话很少" in page and "已疏导 1 次" in page and "村卫生室" not in page
    assert "已疏导 1 次" in desk.get("/ledger/").content.decode()
    town = sign_in(w.town_supervisor).get("/counselling/").content.decode()
    assert "已疏导 1 次" in town and "马文林" not in town and "话很少" not in town
    theirs = sign_in(w.counsellor)
    page = theirs.get(f"/counselling/{row.uid}/").content.decode()
    assert case.case_no not in page and "138****6021" in page
    assert theirs.get(f"/disputes/{case.case_no}/").status_code == 404
    shown = theirs.post(f"/counselling/{row.uid}/phone/", {"reason": "约下次"}).content.decode()
    assert "13812346021" in shown
    assert AccessLog.objects.filter(actor_id=w.counsellor.pk, action="reveal", subject=str(row.uid)).exists()


def test_it_is_handed_over_without_the_earlier_notes(w, case, sign_in) -> None:
    other = factories.user("other_counsellor", "罗桑", (w.centre_office, "counsellor"))
    row = asked(w, case, to_person=w.counsellor)
    row.act("accept", by=w.counsellor, at=timezone.now(), version=1)
    met(row, w.counsellor)
    with pytest.raises(MoveRefused):
        row.act("pass", by=w.town_supervisor, at=timezone.now(), version=row.version, to_person=other)
    row.act("pass", by=w.supervisor, at=timezone.now(), version=row.version, to_person=other)
    url = f"/counselling/{row.uid}/"
    assert WORDS not in sign_in(other).get(url).content.decode()
    met(row, other, "第二次的记录")
    first, second = sign_in(w.counsellor).get(url).content.decode(), sign_in(other).get(url).content.decode()
    assert WORDS in first and "第二次的记录" not in first and "马文林" not in first
    assert WORDS not in second and "第二次的记录" in second
    both = sign_in(w.supervisor).post(f"{url}notes/", {"reason": "交接"}).content.decode()
    assert WORDS in both and "第二次的记录" in both
    # the lead of the counsellors may pass it on, too
    Posting.objects.filter(user=w.centre_lead).update(mark="")
    Posting.objects.filter(user=other).update(mark="lead")
    row.act("pass", by=User.objects.get(pk=other.pk), at=timezone.now(), version=row.version, to_person=w.counsellor)
    assert row.counsellor == w.counsellor


def test_the_pages_from_referral_to_note(w, case, sign_in) -> None:
    desk = sign_in(w.assistant)
    where = f"/counselling/new/?case={case.case_no}"
    page = desk.get(where)
    assert page.status_code == 200 and "不是医学诊断" in page.content.decode()
    party = case.principal_parties()[0]
    form = {
        "party": party.pk, "consent_by": "self", "consent_way": "spoken", "consent_on": "今天", "why": "最近睡不好",
        "supervisor": w.supervisor.pk, "to": f"p{w.counsellor.pk}",
        "submission": "5f1f1c0e-0000-4000-8000-000000000001",
    }  # fmt: skip
    refused = desk.post(where, form)
    assert refused.status_code == 422 and "不能转介" in refused.content.decode()
    assert "最近睡不好" in refused.content.decode()
    for _twice in range(2):
        answer = desk.post(where, form | {"consented": "on"})
        row = CounsellingReferral.objects.get()
        assert answer.status_code == 302 and answer["Location"] == f"/counselling/{row.uid}/"
    theirs = sign_in(w.counsellor)
    assert [todo.action for todo in work.todos(User.objects.get(pk=w.counsellor.pk), timezone.localdate())] == [
        "接不接"
    ]
    assert "接不接" in theirs.get("/").content.decode() and theirs.get("/todo/").status_code == 200
    url = f"/counselling/{row.uid}/"
    assert theirs.post(url, {"act": "accept", "version": 1}).status_code == 302
    early = timezone.localtime() - dt.timedelta(minutes=1)
    sent = {
        "act": "session", "version": 2, "day": f"{early:%Y-%m-%d}", "starts": f"{early:%H:%M}", "way": "home",
        "before": 1, "after": 3, "note": WORDS, "submission": "5f1f1c0e-0000-4000-8000-000000000002",
    }  # fmt: skip
    row.at = early - dt.timedelta(days=1)
    row.save(update_fields=["at"])
    refused = theirs.post(url, sent)
    assert refused.status_code == 422 and WORDS in refused.content.decode()  # what was typed comes back
    for _twice in range(2):
        assert theirs.post(url, sent | {"no_more": "on"}).status_code == 302
    assert row.sessions.count() == 1
    stale = theirs.post(url, {"act": "advise", "version": 2, "advice": "慢慢说"})
    assert stale.status_code == 409 and "慢慢说" in stale.content.decode()
    assert desk.post(url, {"act": "session", "version": 3}).status_code == 403
    assert sign_in(w.department).get("/counselling/").status_code == 403
    assert sign_in(w.sysadmin).get(url).status_code == 404


def test_the_same_by_the_api_which_gives_no_note_back(w, case) -> None:
    def api(user: User, path: str, body: dict | None = None, key: str = ""):
        client = Client()
        from rest_framework.authtoken.models import Token

        token = Token.objects.get_or_create(user=user)[0].key
        head = {"HTTP_AUTHORIZATION": f"Token {token}", **({"HTTP_IDEMPOTENCY_KEY": key} if key else {})}
        if body is None:
            return client.get(f"/api/v1/counselling/{path}", **head)
        return client.post(f"/api/v1/counselling/{path}", body, content_type="application/json", **head)

    body = {
        "case_no": case.case_no, "party_id": case.principal_parties()[0].pk, "consented": True, "consent_by": "self",
        "consent_way": "written", "consent_on": timezone.localdate().isoformat(), "why": "丢了羊以后话少",
        "supervisor": "supervisor",
    }  # fmt: skip
    refused = api(w.assistant, "", body | {"consented": False})
    assert refused.status_code == 400 and "consented" in str(refused.json())
    made = api(w.assistant, "", body, "one")
    assert made.status_code == 201 and api(w.assistant, "", body, "one").json() == made.json()
    uid = made.json()["id"]
    taken = api(w.counsellor, f"{uid}/accept/", {"version": 1})
    assert taken.status_code == 200 and taken.json()["case_no"] == ""
    session = {
        "version": 2, "starts_at": timezone.now().isoformat(), "way": "video", "before": 2, "after": 2,
        "no_more": True, "note": WORDS,
    }  # fmt: skip
    held = api(w.counsellor, f"{uid}/session/", session, "two")
    assert held.status_code == 200 and held.json()["done"] == 1 and WORDS not in held.content.decode()
    assert api(w.counsellor, f"{uid}/session/", session, "two").json() == held.json()
    for user in (w.counsellor, w.supervisor, w.assistant):
        assert WORDS not in api(user, f"{uid}/").content.decode() + api(user, "").content.decode()
    assert api(w.supervisor, f"{uid}/").json()["sessions"] and not api(w.assistant, f"{uid}/").json()["sessions"]
    assert api(w.assistant, f"{uid}/session/", session).status_code == 403
    assert api(w.counsellor, f"{uid}/phone/", {"reason": "约时间"}).json() == {"phone": "13812346021"}
