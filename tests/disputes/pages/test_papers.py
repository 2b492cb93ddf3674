"""The pages of papers: what is offered, what blocks, downloads, scans, the dossier, templates."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from disputes.papers import shipped
from disputes.papers.models import Paper, PaperTemplate
from tests import factories
from tests.samples import PDF

pytestmark = pytest.mark.django_db


@pytest.fixture
def w():
    return factories.world()


@pytest.fixture
def sign_in(client):
    def inner(user):
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        return client

    return inner


def words(response) -> str:
    return response.content.decode()


def url(case, tail: str = "") -> str:
    return f"/disputes/{case.case_no}/papers/{tail}"


def test_the_case_page_leads_to_the_papers(w, sign_in) -> None:
    case = factories.settled(w)
    page = words(sign_in(w.assistant).get(f"/disputes/{case.case_no}/"))
    assert "还没有出过文书" in page and url(case) in page


def test_what_is_offered_and_why_the_rest_is_not(w, sign_in) -> None:
    case = factories.mediating(w)
    page = words(sign_in(w.assistant).get(url(case)))
    assert url(case, "new/acceptance/") in page and url(case, "new/agreement/") not in page
    assert "还没有达成协议。先办“化解”，再出这份文书" in page
    assert "卷里还缺：" in page


def test_an_agreement_from_blocked_to_downloaded_twice(w, sign_in) -> None:
    case = factories.settled(w)
    client = sign_in(w.assistant)
    page = words(client.get(url(case, "new/agreement/")))
    assert "缺：履行方式、地点。补上后再出" in page and "人民调解协议书" in page
    sent = {"facts": "两户争一道界桩。", "how": "", "submission": str(uuid.uuid4())}
    refused = client.post(url(case, "new/agreement/"), {**sent, "do": "issue"})
    assert refused.status_code == 422
    assert "还不能出具" in words(refused) and "两户争一道界桩。" in words(refused)
    assert not Paper.objects.exists()
    sent["how"] = "在村委会当面交接。"
    draft = client.post(url(case, "new/agreement/"), {**sent, "do": "pdf"})
    assert draft.headers["Content-Type"] == "application/pdf" and draft.content.startswith(b"%PDF")
    assert not Paper.objects.exists()
    for _n in range(2):  # a double click
        issued = client.post(url(case, "new/agreement/"), {**sent, "do": "issue"})
        assert (issued.status_code, issued.headers["Location"]) == (302, url(case))
    row = Paper.objects.get()
    first, second = (client.get(url(case, f"{row.uid}/pdf/")) for _n in range(2))
    assert first.content == second.content
    assert first.headers["Content-Disposition"] == f'attachment; filename="{case.case_no}-agreement-{row.pk}.pdf"'
    assert "sandbox" in first.headers["Content-Security-Policy"]
    assert row.number in words(client.get(f"/disputes/{case.case_no}/"))


def test_too_long_a_line_keeps_what_was_typed(w, sign_in) -> None:
    case = factories.mediating(w)
    answer = sign_in(w.assistant).post(url(case, "new/acceptance/"), {"remark": "长" * 201, "do": "issue"})
    assert answer.status_code == 422 and "长" * 201 in words(answer)


def test_voiding_leaves_the_number_and_its_reason(w, sign_in) -> None:
    case = factories.mediating(w)
    client = sign_in(w.assistant)
    client.post(url(case, "new/cover/"), {"filed_by": "才让卓玛", "kept": "长期", "do": "issue"})
    row = Paper.objects.get()
    assert client.post(url(case, f"{row.uid}/void/"), {"reason": ""}).status_code == 422
    client.post(url(case, f"{row.uid}/void/"), {"reason": "保管期限写错"})
    page = words(client.get(url(case)))
    assert row.number in page and "保管期限写错" in page and "作废" in page
    assert client.get(url(case, f"{row.uid}/void/")).status_code == 409


def test_a_scan_hangs_on_its_paper_and_a_bad_one_is_refused(w, sign_in) -> None:
    case = factories.mediating(w)
    client = sign_in(w.assistant)
    client.post(url(case, "new/acceptance/"), {"do": "issue"})
    row = Paper.objects.get()
    for name, content, says in (
        (None, b"", "选扫描件"),
        ("签字.exe", b"MZ", "不能上传"),
        ("签字.pdf", b"MZ", "对不上"),
    ):
        sent = {"scan": SimpleUploadedFile(name, content)} if name else {}
        answer = client.post(url(case, f"{row.uid}/scans/"), sent)
        assert answer.status_code == 422 and says in words(answer)
    client.post(url(case, f"{row.uid}/scans/"), {"scan": SimpleUploadedFile("签字.pdf", PDF)})
    assert [scan.name for scan in row.scans] == ["签字.pdf"]
    assert "签字.pdf" in words(client.get(url(case)))


def test_files_are_filed_and_the_dossier_is_bound(w, sign_in) -> None:
    case = factories.mediating(w)
    client = sign_in(w.assistant)
    assert client.get(f"/disputes/{case.case_no}/dossier/").status_code == 409
    client.post(url(case, "new/acceptance/"), {"do": "issue"})
    client.post(f"/disputes/{case.case_no}/attachments/", {"uploads": SimpleUploadedFile("证.pdf", PDF)})
    file = case.attachments.get()
    place = f"/disputes/{case.case_no}/dossier/{file.uid}/"
    assert client.post(place, {"row": "99"}).status_code == 422
    assert client.post(place, {"row": "3"}).status_code == 302
    assert "身份证明" not in words(client.get(url(case))).split("卷里还缺：")[1].split("</div>")[0]
    answer = client.get(f"/disputes/{case.case_no}/dossier/")
    assert answer.content.startswith(b"%PDF")


def test_a_supervisor_sees_which_and_no_words(w, sign_in) -> None:
    case = factories.mediating(w)
    sign_in(w.assistant).post(url(case, "new/acceptance/"), {"do": "issue"})
    row = Paper.objects.get()
    client = sign_in(w.supervisor)
    page = words(client.get(url(case)))
    assert "受理登记表" in page and "/pdf/" not in page and "马文林" not in page
    assert client.get(url(case, f"{row.uid}/pdf/")).status_code == 403
    assert client.get(url(case, "new/acceptance/")).status_code == 403


def test_an_administrator_replaces_a_template(w, sign_in) -> None:
    client = sign_in(w.sysadmin)
    page = words(client.get("/manage/papers/"))
    assert "调解协议书" in page and "回访记录" in page
    assert "随产品" in words(client.get("/manage/papers/acceptance/"))
    good = SimpleUploadedFile("新.docx", shipped.docx_of("acceptance"))
    assert client.post("/manage/papers/acceptance/", {"file": good, "note": "改备注"}).status_code == 302
    assert "改备注" in words(client.get("/manage/papers/acceptance/"))
    assert client.get("/manage/papers/acceptance/1/download/").content == shipped.docx_of("acceptance")
    wrong = SimpleUploadedFile("错.docx", shipped.docx_of("agreement"))
    answer = client.post("/manage/papers/acceptance/", {"file": wrong})
    assert answer.status_code == 422 and "“主要事实”不是这种文书的字段" in words(answer)
    assert PaperTemplate.objects.filter(kind="acceptance").count() == 2
    assert client.get("/manage/papers/letter/").status_code == 404
