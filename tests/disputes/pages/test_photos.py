"""Photos of captures: one more tap, sent with the entry, kept with it; refused, they cost none of what was typed."""

from __future__ import annotations

import io
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from audit.models import AccessLog
from disputes import attachments
from disputes.field.models import Capture, Visit
from disputes.models import Attachment, Dispute
from tests import factories as f
from tests.samples import JPG, PDF, PNG, picture, taken_at

pytestmark = pytest.mark.django_db
WORDS = {"side_a": "马文林", "side_b": "王世昌", "kind": "0905", "words": "马文林说界桩被冲走", "place": "后沟"}


@pytest.fixture
def walk(w) -> Visit:
    return Visit.objects.begin(by=w.assistant, at=f.NOW, village=w.village, visited_on=f.NOW.date())


def photo(name: str = "现场.jpg", content: bytes = JPG) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def on_disk() -> set:
    return set(attachments.folder().rglob("*.*"))


@pytest.fixture
def heard(w, walk) -> Capture:
    """A capture with a photo that says where it was taken and whose name is a party's."""
    with attachments.receiving([photo("马文林家.jpg", taken_at("JPEG"))]) as photos:
        return walk.capture(by=w.assistant, at=f.NOW, facts=WORDS, photos=photos)


# --- with the entry --------------------------------------------------------------------------------------------------
def test_photos_go_with_the_entry_and_are_kept_with_it(w, walk, sign_in):
    client = sign_in(w.assistant)
    sent = WORDS | {"photos": [photo(), photo("b.png", PNG)]}
    answer = client.post(f"/visits/{walk.uid}/", sent, headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "已存下" in answer.content.decode()
    rows = list(Capture.objects.get().photos.all())
    assert [(row.name, row.has_preview, row.dispute_id) for row in rows] == [
        ("现场.jpg", True, None),
        ("b.png", True, None),
    ]
    log = AccessLog.objects.get(action="create", detail__has_key="photos")
    assert log.detail["photos"] == [row.sha256 for row in rows], "the log holds the hash of what was brought in"
    for row in rows:
        assert f"/captures/{Capture.objects.get().uid}/photos/{row.uid}/320/" in answer.content.decode()


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([photo("网页.jpg", b"<html>")], "“网页.jpg”的内容和扩展名 jpg 对不上"),
        ([photo("a.pdf", PDF)], "“a.pdf”不能上传。可以传照片"),
        ([photo(), photo("b.jpg", JPG[:300])], "“b.jpg”不完整或已损坏"),
        ([photo(f"{n}.jpg") for n in range(4)], "一次最多传 3 个文件，现在选了 4 个"),
    ],
)
def test_a_refused_photo_keeps_what_was_typed(w, walk, sign_in, files, sentence):
    before = on_disk()
    for headers in ({}, {"HX-Request": "true"}):
        for file in files:
            file.seek(0)
        answer = sign_in(w.assistant).post(f"/visits/{walk.uid}/", WORDS | {"photos": files}, headers=headers)
        page = answer.content.decode()
        assert answer.status_code == 422 and sentence in page
        assert all(f'value="{WORDS[name]}"' in page for name in ("side_a", "side_b", "place"))
        assert f"{WORDS['words']}</textarea>" in page
    assert not Capture.objects.exists() and not Attachment.objects.exists(), "all or nothing"
    assert on_disk() == before


def test_the_page_is_told_which_of_them_it_was(w, walk, sign_in):
    sent = WORDS | {"photos": [photo(), photo("b.jpg", b"x"), photo("c.jpg")]}
    assert 'data-refused="1"' in sign_in(w.assistant).post(f"/visits/{walk.uid}/", sent).content.decode()


def test_a_photo_of_thirty_megabytes_costs_nothing_that_was_typed(w, walk, sign_in):
    sent = WORDS | {"photos": photo("三十兆.jpg", JPG + bytes(30 * 2**20 - len(JPG)))}
    page = sign_in(w.assistant).post(f"/visits/{walk.uid}/", sent)
    assert page.status_code == 422 and "“三十兆.jpg”有 30 MB，最多 20 MB" in page.content.decode()
    assert WORDS["words"] in page.content.decode()


def test_a_name_that_climbs_is_refused_in_the_form(w, walk, sign_in):
    """As it comes over the wire: the test client would take the folders off itself."""
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in WORDS.items()]
    for name in ("../../etc/cron.jpg", "..\\..\\cron.jpg", "..%2f..%2fcron.jpg", "../&#x2e;./cron.jpg"):
        file = f'name="photos"; filename="{name}"\r\nContent-Type: image/jpeg\r\n\r\n'.encode() + JPG
        body = b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in [*parts, file])
        kind = {"content_type": "multipart/form-data; boundary=x"}
        answer = sign_in(w.assistant).post(f"/visits/{walk.uid}/", body + b"--x--\r\n", **kind)
        page = answer.content.decode()
        assert answer.status_code == 422 and "“cron.jpg”的文件名里带有上级目录" in page, name
        assert WORDS["words"] in page and not Capture.objects.exists()


def test_sent_twice_is_one_capture_with_its_photos_once(w, walk, sign_in):
    before, number = on_disk(), str(uuid.uuid4())
    for _ in range(2):
        sent = WORDS | {"submission": number, "photos": photo()}
        assert sign_in(w.assistant).post(f"/visits/{walk.uid}/", sent).status_code == 302
    assert Capture.objects.get().photos.count() == 1
    assert len(on_disk() - before) == 3, "the original and two previews"


def test_a_settlement_that_skips_triage_takes_its_photos_along(w, walk, sign_in):
    """What is added to an entry that becomes a case by it is not refused as too late."""
    spot = {"spot-chair": w.assistant.username, "spot-consent_A0": "agreed"}
    sign_in(w.assistant).post(f"/visits/{walk.uid}/", WORDS | spot | {"found": "calm"})
    row = Capture.objects.get()
    assert row.is_unsorted
    sent = WORDS | {"found": "calm", "version": row.version, "photos": photo()}
    assert sign_in(w.assistant).post(f"/captures/{row.uid}/", sent).status_code == 302
    assert row.photos.count() == 1


# --- later -----------------------------------------------------------------------------------------------------------
def test_its_author_adds_photos_until_it_is_sorted_three_at_most(w, heard, sign_in):
    client, at = sign_in(w.assistant), f"/captures/{heard.uid}/"
    assert client.post(at, WORDS | {"version": 1, "photos": [photo(), photo()]}).status_code == 302
    refused = client.post(at, WORDS | {"version": 2, "place": "前沟", "photos": photo()})
    assert refused.status_code == 422 and "一条最多 3 张照片" in refused.content.decode()
    assert "前沟" in refused.content.decode()
    heard.refresh_from_db()
    assert (heard.photos.count(), heard.place) == (3, "后沟"), "neither the fourth nor what was typed beside it"
    heard.sort("none", by=w.officer, at=f.NOW, version=2, reason="和好了")
    assert client.post(at, WORDS | {"version": 3, "photos": photo()}).status_code == 409
    assert heard.photos.count() == 3


# --- who sees them ---------------------------------------------------------------------------------------------------
def test_triage_shows_them_and_the_case_after_it(w, heard, sign_in):
    row, officer = heard.photos.get(), sign_in(w.officer)
    at = f"/captures/{heard.uid}/photos/{row.uid}/"
    for page in ("/triage/", f"/captures/{heard.uid}/", f"/visits/{heard.visit.uid}/"):
        assert f'src="{at}320/"' in officer.get(page).content.decode(), page
    (case,) = heard.sort("new", by=w.officer, at=f.NOW, version=1, kind="0905", tier="2")
    shown = f"/disputes/{case.case_no}/attachments/{row.uid}/"
    page = officer.get(f"/disputes/{case.case_no}/").content.decode()
    assert f'src="{shown}320/"' in page and "走访时拍的" in page
    for address in (at, f"{at}1280/", shown, f"{shown}320/"):
        assert officer.get(address).status_code == 200, address
    assert officer.get(f"{shown}640/").status_code == 404
    heard.refresh_from_db()
    heard.sort("undo", by=w.officer, at=f.NOW, version=heard.version)
    assert officer.get(shown).status_code == 404, "what is no source any more shows nothing"
    assert officer.get(at).status_code == 200


def test_a_photo_follows_the_scope_of_its_capture_and_of_its_case(w, heard, sign_in):
    row = heard.photos.get()
    at = f"/captures/{heard.uid}/photos/{row.uid}/"
    for who, status in ((w.sister_assistant, 404), (w.far_officer, 404), (w.supervisor, 200), (w.department, 404)):
        assert sign_in(who).get(at).status_code == status, who
    (case,) = heard.sort("new", by=w.officer, at=f.NOW, version=1, kind="0905", tier="3")
    shown = f"/disputes/{case.case_no}/attachments/{row.uid}/"
    for who, status in ((w.mediator, 200), (w.far_officer, 404), (w.sister_assistant, 404)):
        assert sign_in(who).get(shown).status_code == status, who
    other = f.register(w)
    assert sign_in(w.officer).get(f"/disputes/{other.case_no}/attachments/{row.uid}/").status_code == 404


def test_who_may_not_read_the_names_does_not_read_them_in_a_files_name(w, heard, sign_in):
    page = sign_in(w.supervisor).get(f"/captures/{heard.uid}/").content.decode()
    assert "马文林" not in page and "家.jpg" in page


# --- how they are served ---------------------------------------------------------------------------------------------
def test_the_preview_says_nothing_about_where_and_the_original_is_a_download(w, heard, sign_in):
    row, client = heard.photos.get(), sign_in(w.officer)
    at = f"/captures/{heard.uid}/photos/{row.uid}/"
    original = client.get(at)
    assert original.content == taken_at("JPEG") and b"37.2N102.9E" in original.content
    assert original["Content-Disposition"] == f'attachment; filename="{heard.uid}-{row.pk}.jpg"'
    assert original["X-Content-Type-Options"] == "nosniff" and "sandbox" in original["Content-Security-Policy"]
    for size in (320, 1280):
        preview = client.get(f"{at}{size}/")
        assert preview["Content-Type"] == "image/jpeg" and preview["Content-Disposition"].startswith("inline")
        assert "sandbox" in preview["Content-Security-Policy"] and "no-store" in preview["Cache-Control"]
        assert b"37.2N102.9E" not in preview.content and not Image.open(io.BytesIO(preview.content)).getexif()
    told = AccessLog.objects.filter(subject=str(heard.uid), detail__attachment=row.pk)
    assert sorted(told.values_list("action", flat=True)) == ["download", "read", "read"]


def test_nothing_of_it_lies_open_on_disk(heard):
    row = heard.photos.get()
    for size in (0, *Attachment.PREVIEWS):
        path = attachments.path_of(row.uid, size)
        assert path.read_bytes().startswith(b"g1.") and path.stat().st_mode & 0o077 == 0
        assert "马文林" not in str(path)


def test_files_without_a_row_are_swept_and_others_stay(heard, monkeypatch):
    row = heard.photos.get()
    kept = [attachments.path_of(row.uid, size) for size in (0, *Attachment.PREVIEWS)]
    left = attachments.path_of(uuid.uuid4())
    attachments.write_whole(left, b"left by a server that died")
    assert left.exists() and (attachments.sweep(), left.exists()) == (0, True), "a submission may be under way"
    monkeypatch.setattr(attachments.time, "time", lambda: left.stat().st_mtime + 2 * 86400)
    monkeypatch.setattr(attachments, "MOST_LEFT", 10_000)  # those of other tests lie there, too
    attachments.sweep()
    assert not left.exists() and all(path.exists() for path in kept)


def test_the_sweep_runs_once_a_day(db, monkeypatch):
    ran: list[int] = []
    monkeypatch.setattr(attachments, "sweep", lambda: ran.append(1) or 0)
    stamp = attachments.folder().with_suffix(".swept")
    stamp.unlink(missing_ok=True)
    for _ in range(3):
        attachments.sweep_once_a_day()
    assert len(ran) == 1
    later = stamp.stat().st_mtime + 86_401
    monkeypatch.setattr(attachments.time, "time", lambda: later)
    attachments.sweep_once_a_day()
    assert len(ran) == 2


def test_a_database_that_knows_none_of_many_files_removes_none(heard, monkeypatch):
    left = [attachments.path_of(uuid.uuid4()) for _ in range(3)]
    for path in left:
        attachments.write_whole(path, b"of another database")
    later = left[-1].stat().st_mtime + 2 * 86400
    monkeypatch.setattr(attachments.time, "time", lambda: later)
    monkeypatch.setattr(attachments, "MOST_LEFT", 2)
    assert attachments.sweep() == 0 and all(path.exists() for path in left)
    for path in left:
        path.unlink()


def test_a_case_takes_no_more_files_than_it_may(w, sign_in, settings):
    settings.ATTACHMENTS_PER_CASE = 1
    case: Dispute = f.register(w)
    at = f"/disputes/{case.case_no}/attachments/"
    assert sign_in(w.assistant).post(at, {"uploads": photo()}).status_code == 302
    page = sign_in(w.assistant).post(at, {"uploads": photo("b.jpg", picture("JPEG", 50, 50))})
    assert page.status_code == 409 and "本案已有 1 个附件" in page.content.decode()
