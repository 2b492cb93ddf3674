"""Exports: asked for with a reason, made once, sealed, fetched by their owner alone and logged, gone after a day."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.utils import timezone
from pypdf import PdfReader
from python_calamine import CalamineWorkbook

from audit.models import AccessLog
from disputes.models import MoveRefused, Party
from followups.models import Notice
from ledgers.exports import making, models, storage
from ledgers.exports.models import Export
from ledgers.files import LIVE
from ledgers.jobs import running
from ledgers.jobs.models import Job
from ledgers.profiles import SHIPPED
from tests import factories as f
from tests.ledgers.test_files import PAYLOADS, body, csv_texts, fetch, screen_texts, without_mark, xlsx_texts
from villages.models import Posting, User

MONTH = "2026-03"


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.VAR_DIR = tmp_path


@pytest.fixture
def cases(w):
    """Two cases at the room, one at the committee."""
    f.at_room(w)
    f.at_room(w)
    f.register(w)


def ask(by, **more) -> Export:
    told = {"layout": "default", "format": "xlsx", "purpose": "report", "reason": "月报", "conditions": {}} | more
    return Export.ask(by=by, at=timezone.now(), month=MONTH, **told)


def lead(w, name="副所长", mark="deputy") -> User:
    """Somebody else with a mark at the room."""
    user = User.objects.create(username=f"lead{User.objects.count()}", name=name, password="!")
    Posting.objects.create(user=user, office=w.room, role="officer", mark=mark, valid_from=f.LONG_AGO)
    return user


# --- a life ----------------------------------------------------------------------------------------------------------
def test_a_small_one_is_made_while_the_person_waits(w, cases, client):
    client.force_login(w.officer)
    form = client.get(f"/exports/new/?month={MONTH}").content.decode()
    assert "3 行" in form and "用途" in form and "理由" in form
    answer = client.post(f"/exports/new/?month={MONTH}", {"layout": "default", "format": "xlsx"})
    assert answer.status_code == 422 and "写明为什么导出" in answer.content.decode()
    told = {"layout": "default", "format": "xlsx", "purpose": "report", "reason": "三月月报"}
    answer = client.post(f"/exports/new/?month={MONTH}", told)
    row = Export.objects.get()
    assert answer["Location"] == row.get_absolute_url()
    assert (row.state, row.rows, row.job.state) == ("ready", 3, "done")
    page = client.get(row.get_absolute_url()).content.decode()
    assert row.sha256 in page and "三月月报" in page and "下载" in page
    content = body(client.get(f"{row.get_absolute_url()}file/"))
    assert len(content) == row.size and len(without_mark(xlsx_texts(content))) == 5
    assert re.search(rf"水印：.*{w.officer.name}.*{row.number}", xlsx_texts(content)[-1][0])
    assert "可以下载" in client.get("/exports/").content.decode()
    assert Notice.objects.get(kind="export_done").user == w.officer
    assert "导出的台账做好了" in client.get("/notices/").content.decode()


def test_a_large_one_waits_for_a_worker_and_shows_how_far_it_is(w, cases, client, monkeypatch):
    monkeypatch.setattr(models, "AT_ONCE", 2)
    monkeypatch.setattr(making, "STRIDE", 1)
    row = ask(w.officer)
    assert (row.state, row.job.state, row.job.total) == ("making", "waiting", 3)
    client.force_login(w.officer)
    assert "0 / 3 行" in client.get(row.get_absolute_url()).content.decode()
    assert "现在是" in client.get(f"{row.get_absolute_url()}file/").content.decode()
    seen = []
    plain = Job.progress
    monkeypatch.setattr(Job, "progress", lambda self, *a, **k: (plain(self, *a, **k), seen.append(self.done)))
    assert running.run_waiting(5) == 1
    row.refresh_from_db()
    assert (row.state, seen) == ("ready", [0, 1, 2, 3, 3])


def test_it_is_cancelled_while_it_waits_and_while_it_runs(w, cases, client, monkeypatch):
    monkeypatch.setattr(models, "AT_ONCE", 0)
    monkeypatch.setattr(making, "STRIDE", 1)
    row = ask(w.officer)
    client.force_login(w.officer)
    assert client.post(f"{row.get_absolute_url()}cancel/").status_code == 302
    row.refresh_from_db()
    assert (row.state, row.job.state) == ("cancelled", "cancelled")
    assert client.post(f"{row.get_absolute_url()}cancel/").status_code == 409
    row, plain = ask(w.officer), Job.progress

    def stops(self, done=None, total=None):
        if done == 2:
            self._beat_at = 0
            running.cancel(Job.objects.get(pk=self.pk))
        plain(self, done, total)

    monkeypatch.setattr(Job, "progress", stops)
    running.run_waiting(5)
    row.refresh_from_db()
    assert (row.state, row.file, list(storage.folder().iterdir())) == ("cancelled", "", [])


def test_what_cannot_be_made_says_why(w, cases, monkeypatch):
    monkeypatch.setattr(models, "AT_ONCE", 0)
    row = ask(w.officer)
    w.officer.postings.update(valid_to=timezone.localdate())
    running.run_waiting(5)
    row.refresh_from_db()
    assert (row.state, "不看工作台账" in row.job.error) == ("failed", True)
    assert Notice.objects.filter(kind="export_failed", user=w.officer).exists()


def test_rights_that_change_while_it_is_made_leave_no_file(w, cases, monkeypatch):
    monkeypatch.setattr(models, "AT_ONCE", 0)
    row, keep = ask(w.officer), storage.keep

    def late(*args):
        w.officer.postings.update(office=w.far_room)
        return keep(*args)

    monkeypatch.setattr(storage, "keep", late)
    running.run_waiting(5)
    row.refresh_from_db()
    assert (row.state, list(storage.folder().iterdir())) == ("failed", [])
    assert "岗位在导出时有变动" in row.job.error


def test_a_file_made_under_other_rights_is_not_handed_out(w, cases, client):
    row = ask(w.officer)
    w.officer.postings.update(office=w.far_room)
    client.force_login(w.officer)
    answer = client.get(f"{row.get_absolute_url()}file/")
    assert answer.status_code == 409 and "岗位在导出以后有变动" in answer.content.decode()
    assert not AccessLog.objects.filter(action="download").exists()


def test_after_a_day_the_file_is_gone(w, cases, client):
    row = ask(w.officer)
    assert [name for name, *_ in storage.names()] == [row.file]
    making.sweep(timezone.now() + dt.timedelta(hours=23, minutes=59))
    assert list(storage.names())
    Export.objects.update(expires_at=timezone.now())
    client.force_login(w.officer)
    assert client.get(f"{row.get_absolute_url()}file/").status_code == 409  # whether or not the sweep has been there
    making.sweep(timezone.now())
    row.refresh_from_db()
    assert (row.state, list(storage.folder().iterdir())) == ("expired", [])
    assert "已过期" in client.get("/exports/").content.decode()
    assert "已经过期" in client.get(f"{row.get_absolute_url()}file/").content.decode()


def test_files_that_no_row_names_are_removed(w, cases):
    row = ask(w.officer)
    for name in (f"{row.uid.hex}.99.sealed", f"{row.uid.hex}.1.sealed.part", f"{'0' * 32}.1.sealed"):
        (storage.folder() / name).write_bytes(b"x")
    making.sweep(timezone.now())
    assert [name for name, *_ in storage.names()] == [row.file]


def test_a_file_that_was_tampered_with_is_not_handed_out(w, cases):
    row = ask(w.officer)
    path = storage.folder() / row.file
    content = path.read_bytes()
    assert b"PK" not in content[:200] and path.stat().st_mode & 0o077 == 0
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(Exception, match="altered"):
        list(row.fetch(by=w.officer, at=timezone.now()))


def test_every_fetch_is_one_row_before_the_first_byte(w, cases, client):
    row = ask(w.officer)
    client.force_login(w.officer)
    url = f"{row.get_absolute_url()}file/"
    for method, more in ((client.get, {}), (client.head, {}), (client.get, {"headers": {"Range": "bytes=5-9"}})):
        before = AccessLog.objects.filter(action="download").count()
        answer = method(url, **more)
        assert AccessLog.objects.filter(action="download").count() == before + 1  # nothing was read of the answer yet
        assert answer.status_code == 200 and int(answer["Content-Length"]) == row.size
    log = AccessLog.objects.filter(action="download").last()
    assert (log.actor_id, log.detail["sha256"], log.subject) == (w.officer.pk, row.sha256, f"export {row.number}")


def test_nobody_has_more_than_three_under_way(w, cases, client, monkeypatch):
    monkeypatch.setattr(models, "AT_ONCE", 0)
    for _ in range(3):
        ask(w.officer)
    client.force_login(w.officer)
    told = {"layout": "default", "format": "csv", "purpose": "report", "reason": "再来一份"}
    answer = client.post(f"/exports/new/?month={MONTH}", told)
    assert answer.status_code == 409
    assert "你已经有 3 个任务" in answer.content.decode() and "再来一份" in answer.content.decode()
    assert Export.objects.count() == 3


def test_an_empty_month_and_a_long_pdf_are_refused(w, cases, monkeypatch):
    with pytest.raises(MoveRefused, match="没有符合条件"):
        ask(w.officer, conditions={"status": "settled"})
    monkeypatch.setattr(models, "PDF_ROWS", 2)
    with pytest.raises(MoveRefused, match="有 3 行，PDF 最多 2 行"):
        ask(w.officer, format="pdf")


# --- whose it is -----------------------------------------------------------------------------------------------------
def test_an_export_is_its_owners(w, cases, client):
    row = ask(w.officer)
    for person in (w.assistant, w.supervisor, lead(w)):
        client.force_login(person)
        for address in ("", "file/"):
            assert client.get(f"{row.get_absolute_url()}{address}").status_code == 404
        assert client.post(f"{row.get_absolute_url()}cancel/").status_code == 404
        assert client.post(f"{row.get_absolute_url()}decide/", {"allowed": "yes"}).status_code == 404
        assert row.number not in client.get("/exports/").content.decode()


def test_who_has_no_ledger_has_no_exports(w, client):
    client.force_login(w.nobody)
    assert client.get("/exports/").status_code == client.get("/exports/new/").status_code == 403


# --- masked and not --------------------------------------------------------------------------------------------------
def phones(content: bytes) -> set[str]:
    return {cell for row in without_mark(xlsx_texts(content))[1:-1] for cell in (row[8], row[10])}


def test_masked_is_what_the_screen_shows(w, cases, client):
    assert {"138****6021"} < phones(body(fetch(client, w.officer))) | {"x"}
    assert all("****" in phone for phone in phones(body(fetch(client, w.officer))))


def test_unmasked_holds_the_cases_of_ones_own_desk_alone(w, cases, client):
    row = ask(w.officer, unmasked=True)
    assert (row.state, row.rows, row.people, row.desk) == ("ready", 2, 4, w.room)
    client.force_login(w.officer)
    content = body(client.get(f"{row.get_absolute_url()}file/"))
    whole = {secret.open("phone") for secret in (party.secret for party in Party.objects.filter(dispute__desk=w.room))}
    assert phones(content) == whole and not any("*" in phone for phone in whole)
    assert "未打码" in xlsx_texts(content)[-1][0]
    assert AccessLog.objects.filter(action="export").last().detail["unmasked"] is True
    assert AccessLog.objects.filter(action="download").last().detail["unmasked"] is True


def test_only_desks_take_out_unmasked(w, cases, client):
    client.force_login(w.supervisor)
    assert "不打码" not in client.get(f"/exports/new/?month={MONTH}").content.decode()
    with pytest.raises(MoveRefused, match="只有办案单位"):
        ask(w.supervisor, unmasked=True)


# --- a second person -------------------------------------------------------------------------------------------------
@pytest.fixture
def many(monkeypatch):
    monkeypatch.setattr(models, "MANY_PEOPLE", 3)


def test_above_500_people_a_second_person_decides(w, cases, many, client):
    deputy = lead(w)
    row = ask(w.officer, unmasked=True)
    assert (row.state, row.job, list(storage.folder().iterdir())) == ("asked", None, [])
    assert {n.user for n in Notice.objects.filter(kind="export_ask")} == {deputy}
    client.force_login(w.officer)
    assert client.post(f"{row.get_absolute_url()}decide/", {"allowed": "yes"}).status_code == 409  # not one's own
    assert client.get(f"{row.get_absolute_url()}file/").status_code == 409
    client.force_login(deputy)
    page = client.get("/exports/").content.decode()
    assert "等你审批" in page and w.officer.name in page
    assert client.post(f"{row.get_absolute_url()}decide/", {}).status_code == 422
    assert client.post(f"{row.get_absolute_url()}decide/", {"allowed": "no"}).status_code == 422  # without a reason
    assert client.post(f"{row.get_absolute_url()}decide/", {"allowed": "yes"}).status_code == 302
    assert client.post(f"{row.get_absolute_url()}decide/", {"allowed": "yes"}).status_code == 409
    assert client.get(f"{row.get_absolute_url()}file/").status_code == 404  # who allows does not read
    running.run_waiting(5)
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("ready", deputy)
    assert [log.detail["what"] for log in AccessLog.objects.filter(action="export").order_by("pk")] == ["ask", "allow"]


def test_a_refusal_says_why(w, cases, many, client):
    deputy = lead(w)
    row = ask(w.officer, unmasked=True)
    row.decide(by=deputy, at=timezone.now(), allowed=False, reason="打码的就够了")
    assert (row.state, row.job) == ("refused", None)
    client.force_login(w.officer)
    assert "打码的就够了" in client.get(row.get_absolute_url()).content.decode()
    assert Notice.objects.filter(kind="export_refused", user=w.officer).exists()


def test_without_a_second_person_there_is_none(w, cases, many):
    with pytest.raises(MoveRefused, match="没有这样的人"):
        ask(w.officer, unmasked=True)
    ask(w.officer)  # masked needs nobody


def test_a_lead_of_another_desk_is_no_second_person(w, cases, many, client):
    lead(w)
    row = ask(w.officer, unmasked=True)
    other = User.objects.create(username="far", name="外所长", password="!")
    Posting.objects.create(user=other, office=w.far_room, role="officer", mark="lead", valid_from=f.LONG_AGO)
    client.force_login(other)
    assert client.post(f"{row.get_absolute_url()}decide/", {"allowed": "yes"}).status_code == 404
    with pytest.raises(MoveRefused):
        row.decide(by=other, at=timezone.now(), allowed=True)


# --- the same cells everywhere ---------------------------------------------------------------------------------------
def pdf_words(content: bytes) -> str:
    """All words of a PDF without blanks: where a line breaks is the paper's business."""
    with io.BytesIO(content) as file:
        return re.sub(r"\s+", "", "".join(page.extract_text() for page in PdfReader(file).pages))


def test_screen_xlsx_csv_and_pdf_show_the_same_cells(w, cases, client):
    xlsx = without_mark(xlsx_texts(body(fetch(client, w.officer))))
    assert without_mark(csv_texts(body(fetch(client, w.officer, format="csv")))) == xlsx
    answer = fetch(client, w.officer, format="pdf")
    words = pdf_words(body(answer))
    for row in xlsx:
        for cell in row:
            assert re.sub(r"\s+", "", cell) in words, cell
    assert "水印" in words
    assert screen_texts(client.get("/ledger/", {"month": MONTH}).content.decode()) == xlsx


@pytest.mark.parametrize("key", SHIPPED)
def test_every_layout_leaves_in_every_format(w, cases, client, key):
    xlsx = body(fetch(client, w.officer, profile=key))
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(xlsx)).get_sheet_by_index(0)
    head = SHIPPED[key].head()
    merged = [cell for line in head for cell in line if cell.colspan > 1 or cell.rowspan > 1]
    assert len(sheet.merged_cell_ranges or []) == len(merged)
    rows = list(csv.reader(io.StringIO(body(fetch(client, w.officer, profile=key, format="csv")).decode("utf-8-sig"))))
    assert rows[0] == [str(column.label) for column in SHIPPED[key].columns] and len(rows) == 6
    assert len(sheet.to_python()) == len(head) + 5


@pytest.mark.parametrize("format", ["xlsx", "csv", "pdf"])
def test_no_text_comes_alive(w, client, format):
    """Every payload in every text field that a layout shows, read back in the strictest way of its kind."""
    for payload in PAYLOADS:
        party = {"name": payload[:80], "alias": payload[:50]}
        parties = [{**f.PARTY_A, **party}, {**f.PARTY_B, **party, "phone": "=1+1"}]
        case = f.register(w, narrative=payload, place=payload[:100], parties=parties)
        case.add_note(by=w.assistant, at=f.NOW, text=payload)
    for key in SHIPPED if format != "pdf" else ("default", "village"):  # setting pages takes its time
        content = body(fetch(client, w.officer, format=format, profile=key))
        if format == "csv":
            for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
                for column, text in zip(SHIPPED[key].columns, row, strict=True):
                    assert column.kind in ("money", "int") or not LIVE.match(text) or text.startswith("'")
        elif format == "xlsx":
            sheet = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml")
            assert b"<f" not in sheet.replace(b"<formatting", b"") and b"hyperlink" not in sheet
        else:
            book = PdfReader(io.BytesIO(content))
            assert "/Names" not in book.trailer["/Root"] and "/OpenAction" not in book.trailer["/Root"]
            assert not any(page.get("/Annots") for page in book.pages)


def calc() -> str | None:
    """LibreOffice, where its spreadsheet is installed, too."""
    office = shutil.which("soffice")
    return office if office and Path(office).resolve().with_name("libsclo.so").exists() else None


@pytest.mark.slow
def test_libreoffice_opens_it(w, cases, client, tmp_path):
    if calc() is None:
        pytest.skip("NOT CHECKED: no LibreOffice Calc to open the xlsx; apt-get install libreoffice-calc-nogui")
    content = body(fetch(client, w.officer))
    (tmp_path / "x.xlsx").write_bytes(content)
    profile = f"-env:UserInstallation=file://{tmp_path}/office"
    command = ["soffice", profile, "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76"]
    subprocess.run([*command, "--outdir", str(tmp_path), str(tmp_path / "x.xlsx")], check=True, timeout=120)
    rows = list(csv.reader(io.StringIO((tmp_path / "x.csv").read_text(encoding="utf-8"))))
    ours = xlsx_texts(content)
    assert len(rows) == len(ours) + 1 and [row[1] for row in rows[2:5]] == [row[1] for row in ours[1:4]]


# --- the API and the command -----------------------------------------------------------------------------------------
def test_the_api_asks_watches_and_fetches(w, cases, client):
    client.force_login(w.officer)
    told = {"month": MONTH, "format": "csv", "purpose": "meeting", "reason": "会商用"}
    answer = client.post("/api/v1/exports/", told, content_type="application/json")
    assert answer.status_code == 201
    uid = answer.json()["id"]
    assert (answer.json()["state"], answer.json()["job"]) == ("making", "waiting")
    running.run_waiting(5)
    shown = client.get(f"/api/v1/exports/{uid}/").json()
    assert (shown["state"], shown["rows"], shown["done"]) == ("ready", 3, 3)
    content = body(client.get(f"/api/v1/exports/{uid}/file/"))
    assert len(content) == shown["size"]
    assert client.get("/api/v1/exports/").json()["results"][0]["id"] == uid
    assert client.post(f"/api/v1/exports/{uid}/cancel/", content_type="application/json").status_code == 409
    wrong = client.post("/api/v1/exports/", {**told, "layout": "none"}, content_type="application/json")
    assert wrong.status_code == 400
    client.force_login(w.assistant)
    assert client.get(f"/api/v1/exports/{uid}/").status_code == 404


def test_the_command_knows_layouts_and_pdf(w, cases, tmp_path):
    for name in ("a.pdf", "a.csv"):
        path = tmp_path / name
        words = ["--as", "officer", "--month", MONTH, "--profile", "county", "--output", str(path)]
        call_command("export_ledger", *words)
        assert path.stat().st_size > 100
    assert "责任单位/责任人" in (tmp_path / "a.csv").read_text("utf-8-sig")


def test_the_old_address_of_a_file_leads_to_the_question(w, cases, client):
    client.force_login(w.officer)
    answer = client.get("/ledger/download/", {"month": MONTH, "format": "csv"})
    assert answer["Location"] == "/exports/new/?" + urlencode({"month": MONTH, "format": "csv"})
