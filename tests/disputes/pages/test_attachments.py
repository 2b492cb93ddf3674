"""Files: what is taken, what is refused in which words, and that nothing is served but through its case."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audit.models import AccessLog
from disputes import attachments
from disputes.models import Attachment
from tests import factories
from tests.samples import DOCX, JPG, M4A, MP3, PDF, PNG, WEBP, XLSX

pytestmark = pytest.mark.django_db

GOOD = {
    "现场.jpg": JPG,
    "a.JPEG": JPG,
    "b.png": PNG,
    "c.webp": WEBP,
    "d.pdf": PDF,
    "e.docx": DOCX,
    "f.xlsx": XLSX,
    "g.mp3": MP3,
    "h.m4a": M4A,
}
#: One of each kind of refusal; tests/disputes/hostile.py has the others.
BAD = {
    "page.jpg": b"<html><script>alert(1)</script></html>",
    "picture.svg": b"<svg onload='alert(1)'/>",
    "run.pdf": b"MZ\x90\0",
    "eicar.txt": rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
    "none": JPG,
    "photo.jpg.html": JPG,
    "png-as.jpg": PNG,
    "empty.pdf": b"",
    "cut.docx": DOCX[:-30],
    "wrong.xlsx": DOCX,
    "text.m4a": b"not a recording at all",
    "text.mp3": b"plain",
    "zip.docx": b"PK\x05\x06" + b"\0" * 18,
}


def send(client, case, name: str, content: bytes):
    file = SimpleUploadedFile(name, content, content_type="image/jpeg")
    return client.post(f"/disputes/{case.case_no}/attachments/", {"uploads": file})


@pytest.mark.parametrize("name", GOOD)
def test_good_files_are_sealed_and_come_back_as_they_were(w, sign_in, name):
    case, client = factories.register(w), sign_in(w.assistant)
    assert send(client, case, name, GOOD[name]).status_code == 302
    row = Attachment.objects.get()
    stored = attachments.path_of(row.uid).read_bytes()
    assert GOOD[name] not in stored and stored.startswith(b"g1.") and len(row.sha256) == 64
    assert case.events.filter(kind="attach").count() == 1
    answer = client.get(f"/disputes/{case.case_no}/attachments/{row.uid}/")
    assert answer.content == GOOD[name] and answer["Content-Type"] == row.content_type
    assert answer["Content-Disposition"] == f'attachment; filename="{attachments.download_name(row)}"'
    assert answer["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer["Content-Security-Policy"]
    assert "现场" not in answer["Content-Disposition"], "no words of people in file names"
    assert AccessLog.objects.filter(action="download").count() == AccessLog.objects.filter(action="attach").count() == 1


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_with_a_sentence(w, sign_in, name):
    case, client = factories.register(w), sign_in(w.assistant)
    response = send(client, case, name, BAD[name])
    assert response.status_code == 422 and "“" in response.content.decode()
    assert not Attachment.objects.exists() and not case.events.filter(kind="attach").exists()


def test_a_file_that_is_too_large(w, sign_in, settings):
    settings.ATTACHMENT_MAX_BYTES = 1024
    case, client = factories.register(w), sign_in(w.assistant)
    assert "压缩后再传" in send(client, case, "a.jpg", JPG + b"\0" * 2000).content.decode()


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("../../etc/passwd.jpg", "passwd.jpg"),
        ("C:\\照片\\现场.jpg", "现场.jpg"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("x\r\nSet-Cookie: a.jpg", "xSet-Cookie_ a.jpg"),
        ("长" * 300 + ".jpg", "长" * 100 + ".jpg"),
    ],
)
def test_names_lose_what_steers(raw, clean):
    assert attachments.clean_name(raw) == clean


def test_a_refused_photo_keeps_the_note(w, sign_in):
    case, client = factories.register(w), sign_in(w.assistant)
    bad = SimpleUploadedFile("a.jpg", b"<html>")
    response = client.post(f"/disputes/{case.case_no}/notes/", {"text": "写了很久的进展", "uploads": bad})
    page = response.content.decode()
    assert response.status_code == 422 and "写了很久的进展" in page and "对不上" in page
    assert not case.events.filter(kind="note").exists(), "all or nothing"
    good = SimpleUploadedFile("a.jpg", JPG)
    client.post(f"/disputes/{case.case_no}/notes/", {"text": "写了很久的进展", "uploads": good})
    assert case.events.get(kind="note").attachments.count() == 1


def test_files_follow_the_scope_of_their_case(w, sign_in):
    case, other = factories.register(w), factories.register(w)
    send(sign_in(w.assistant), case, "a.jpg", JPG)
    row = Attachment.objects.get()
    assert sign_in(w.officer).get(f"/disputes/{case.case_no}/attachments/{row.uid}/").status_code == 200
    assert sign_in(w.officer).get(f"/disputes/{other.case_no}/attachments/{row.uid}/").status_code == 404
    assert sign_in(w.far_officer).get(f"/disputes/{case.case_no}/attachments/{row.uid}/").status_code == 404
    assert send(sign_in(w.far_officer), case, "a.jpg", JPG).status_code == 404
    assert send(sign_in(w.supervisor), case, "a.jpg", JPG).status_code == 403


def test_nothing_stays_on_disk_when_the_row_fails(w, monkeypatch):
    case = factories.register(w)
    before = set(attachments.folder().rglob("*.*"))

    def broken(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("disputes.models.record", broken)
    with pytest.raises(RuntimeError):
        attachments.attach(case, w.assistant, factories.NOW, SimpleUploadedFile("a.jpg", JPG))
    assert set(attachments.folder().rglob("*.*")) == before


def test_an_altered_file_is_not_served(w, sign_in):
    case, client = factories.register(w), sign_in(w.assistant)
    send(client, case, "a.jpg", JPG)
    path = attachments.path_of(Attachment.objects.get().uid)
    sealed = path.read_bytes()
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))  # whatever it was, it is another one
    client.raise_request_exception = False
    assert client.get(f"/disputes/{case.case_no}/attachments/{Attachment.objects.get().uid}/").status_code == 500
