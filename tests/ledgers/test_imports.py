# ruff: noqa: E501 - rows of tables
"""Old ledgers come in: the five real layouts, row by row as the hand that wrote them ruled."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections import Counter
from pathlib import Path

import openpyxl
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from audit.models import AccessLog
from disputes.models import Dispute, MoveRefused, NotYours, PartySecret, Round
from followups.models import Reminder
from followups.pump import pump_once
from ledgers.imports import checking, doors, reading, writing
from ledgers.imports.doors import take_file
from ledgers.imports.mending import write_mend
from ledgers.imports.models import ImportBatch, ImportFile, ImportRow, clear
from ledgers.jobs.running import run_waiting
from ledgers.month import Ledger, Month, rounds_of
from tests import factories as f
from villages.models import Code

HERE = Path(__file__).parent / "legacy"
NOW = f.moment("2026-03-02 09:00")
FILES = ("default.xlsx", "village.xlsx", "street.csv", "police_room.xls", "county.xlsx")


@pytest.fixture
def w(db):
    w = f.world()
    Code.objects.all().delete()
    call_command("import_codes", "data/code_tables.csv", verbosity=0)
    w.second_dawan = f.area("620623103203", "大湾村", 5, w.township)
    f.office("620623103203-V", "village", "大湾村委会", w.second_dawan)
    return w


def expected(name: str) -> list[dict[str, str]]:
    with open(HERE / "expected.csv", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["file"] == name]


def upload(user, name: str, content: bytes | None = None) -> ImportBatch:
    content = (HERE / name).read_bytes() if content is None else content
    return take_file(ContentFile(content, name=name), by=user, at=NOW)


def check(batch: ImportBatch, **told) -> ImportBatch:
    batch.begin_check(at=NOW, mapping=batch.mapping, **told)
    while checking.check_step(batch, at=NOW, today=NOW.date()):
        pass
    batch.refresh_from_db()
    return batch


def write(batch: ImportBatch) -> ImportBatch:
    batch.begin_write(by=batch.by, at=NOW)
    while writing.write_step(batch, at=NOW):
        pass
    batch.refresh_from_db()
    return batch


def told_of(case: Dispute) -> dict[str, str]:
    parties = {party.side: party for party in case.parties.all()}

    def phone(side: str) -> str:
        secret = PartySecret.objects.filter(party=parties[side]).first() if side in parties else None
        return secret.open("phone") if secret else ""

    def day(moment: dt.datetime | None) -> str:
        return moment.astimezone(f.SHANGHAI).date().isoformat() if moment else ""

    return {
        "found_on": case.found_on.isoformat(),
        "village": case.village.code,
        "type": case.type_l2 or case.type_l1,
        "side_a": case.side_a,
        "phone_a": phone("A"),
        "side_b": case.side_b,
        "phone_b": phone("B"),
        "people": "" if case.people_count is None else str(case.people_count),
        "amount": "" if case.amount is None else str(case.amount),
        "danger": case.danger,
        "status": case.status,
        "result": case.result,
        "left_on": day(case.left_at),
        "closed_on": day(case.closed_at),
    }


@pytest.mark.parametrize("name", FILES)
def test_an_old_ledger_comes_in_as_it_was_ruled(w, name):
    batch = check(upload(w.supervisor, name), tier=2 if name == "police_room.xls" else 1)
    write(batch)
    wanted = expected(name)
    sheets = list(dict.fromkeys(row["sheet"] for row in wanted))
    found = {}
    for row in ImportRow.objects.filter(batch=batch):
        verdict = "imported" if row.verdict == "ready" else row.verdict
        found[sheets[row.sheet], str(row.line)] = (verdict, row.codes.split(",") if verdict == "refused" else [])
    wrong = [
        (row["sheet"], row["row"], row["trap"], row["verdict"], row["reason"], found.get((row["sheet"], row["row"])))
        for row in wanted
        if found.get((row["sheet"], row["row"]), ("",))[0] != row["verdict"]
        or (row["reason"] and row["reason"] not in found[row["sheet"], row["row"]][1])
    ]
    assert wrong == []
    assert len(found) == len(wanted) == batch.rows and batch.holds
    rows = {row.key: (sheets[row.sheet], str(row.line)) for row in batch.lines.exclude(key=None)}
    cases = {rows[case.submission]: told_of(case) for case in batch.cases.select_related("village")}
    differs = []
    for row in wanted:
        if row["verdict"] == "imported":
            got = cases.pop((row["sheet"], row["row"]), {})
            known = {name: row[name] for name in got}
            if known != got or not got:
                differs.append(
                    (row["row"], row["trap"], {k: (row[k], got.get(k)) for k in known if known[k] != got.get(k)})
                )
    assert differs == [] and cases == {}
    assert Counter(row["verdict"] for row in wanted)["imported"] == batch.ready


def rows_of(batch: ImportBatch, verdict: str) -> list[dict]:
    return [row.content(batch) for row in batch.lines.filter(verdict=verdict).order_by("pk")]


def sheet(rows: list[list[object]], **options) -> bytes:
    """A workbook of one sheet."""
    book = openpyxl.Workbook()
    page = book.active
    page.title = options.get("title", "台账")
    for row in rows:
        page.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


HEAD = ["编号", "排查日期", "村(社区)", "纠纷类别", "甲方", "甲方电话", "乙方", "简要情况", "化解结果/日期", "备注"]


def line(n: int, **told) -> list[object]:
    row = {
        "编号": n, "排查日期": "2025.3.5", "村(社区)": "石门村", "纠纷类别": "草场", "甲方": "马文林", "甲方电话": "13812346021",
        "乙方": "王世昌", "简要情况": f"第{n}件：两家为草场界线争执", "化解结果/日期": "", "备注": "",
    } | told  # fmt: skip
    return [row[name] for name in HEAD]


def small(w, *rows, by=None, **told) -> ImportBatch:
    return check(upload(by or w.supervisor, "台账.xlsx", sheet([HEAD, *rows])), **told)


# --- who, and what stays hidden ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "who", ["grid", "second_officer", "centre", "mediator", "department", "counsellor", "sysadmin"]
)
def test_whoever_leads_no_desk_and_supervises_nothing_does_not_import(w, who):
    with pytest.raises(NotYours):
        upload(getattr(w, who), "county.xlsx")


def test_a_village_outside_ones_desk_is_refused(w):
    batch = small(w, line(1), line(2, **{"村(社区)": "河湾村"}), by=w.assistant)
    assert (batch.ready, batch.refused) == (1, 1)
    assert rows_of(batch, "refused")[0]["problems"][0][1] == "outside"


def test_before_the_release_nobody_sees_a_case_and_no_clock_runs(w):
    batch = small(w, line(1), line(2, **{"化解结果/日期": "已化解 2025.3.9"}))
    batch.begin_write(by=w.supervisor, at=NOW)
    assert writing.write_step(batch, at=NOW)
    assert Dispute.objects.filter(hidden=True).count() == 2
    assert not Dispute.objects.open().exists()
    month = Month.parse("2025-03")
    for who in (w.supervisor, w.assistant, w.centre_lead, w.officer):
        assert not Dispute.objects.visible_to(who).exists()
        assert not rounds_of(who).exists() and Ledger(who, month).count == 0
    assert not writing.write_step(batch, at=NOW)
    assert Dispute.objects.visible_to(w.assistant).count() == 2
    assert Ledger(w.supervisor, month).counts.holds and Ledger(w.supervisor, month).counts.new == 2


# --- what a case of an old ledger is ----------------------------------------------------------------------------------
def test_an_old_case_is_a_dispute_in_full(w):
    batch = small(w, line(1, **{"化解结果/日期": "达成书面协议 2025.4.2", "备注": "已销号 2025.4.20"}), line(2))
    write(batch)
    done, still = Dispute.objects.visible_to(w.assistant).order_by("pk")
    assert done.case_no == "620623-103-2025-L0001" and still.case_no == "620623-103-2025-L0002"
    assert [event.kind for event in done.events.order_by("pk")] == ["register", "note", "settle", "close"]
    assert all("补录" in event.label for event in done.events.all())
    round_ = done.rounds.get()
    assert round_.left_as == "settled" and str(round_.opened_at.astimezone(f.SHANGHAI).date()) == "2025-03-05"
    assert (done.status, done.result, done.tier, done.desk) == ("closed", "written", 1, w.committee)
    assert "原编号" in done.events.get(kind="note").text.body or "编号：1" in done.events.get(kind="note").text.body
    # an open one starts its clock on the day it came in, not years ago
    assert still.status == "waiting" and still.due_on and still.due_on > NOW.date()
    assert not done.visits.exists()
    assert pump_once(NOW)["escalated"] == 0
    still.refresh_from_db()
    assert still.tier == 1 and not Reminder.objects.filter(dispute=done).exists()
    still.perform("take_up", by=w.assistant, at=NOW, handler=w.assistant)
    assert still.status == "mediating"


def test_its_page_shows_days_without_an_hour(client, w):
    write(small(w, line(1, **{"化解结果/日期": "达成书面协议 2025.4.2"})))
    client.force_login(w.assistant)
    page = client.get("/disputes/620623-103-2025-L0001/").content.decode()
    assert "化解（补录）" in page and "2025-04-02" in page and "12:00" not in page


def test_a_restarted_number_series_goes_on_without_a_gap(w):
    write(small(w, *(line(n) for n in range(1, 4))))
    write(small(w, *(line(n) for n in range(4, 6))))
    numbers = sorted(Dispute.objects.values_list("case_no", flat=True))
    assert numbers == [f"620623-103-2025-L{n:04d}" for n in range(1, 6)]
    assert f.register(w).case_no == "620623-103-2026-0001"


# --- once is once, and back again ---------------------------------------------------------------------------------------
def test_the_same_file_again_adds_nothing(w):
    rows = [line(n) for n in range(1, 6)]
    write(small(w, *rows))
    again = small(w, *rows, by=w.assistant)
    assert (again.ready, again.refused) == (0, 5) and again.holds
    assert {row.codes for row in again.lines.filter(verdict="refused")} == {"repeat"}
    with pytest.raises(MoveRefused):
        again.begin_write(by=w.assistant, at=NOW)


def test_two_imports_checked_before_either_is_written_bring_each_row_once(w):
    rows = [line(n) for n in range(1, 6)]
    first, second = small(w, *rows), small(w, *rows, by=w.assistant)
    write(first)
    write(second)
    assert Dispute.objects.count() == 5
    assert (second.ready, second.refused) == (0, 5) and second.holds


def test_a_batch_is_undone_while_nobody_has_worked_on_it(w):
    other = f.register(w)
    batch = write(small(w, *(line(n) for n in range(1, 6))))
    batch.undo(by=w.supervisor, at=NOW)
    assert not Dispute.objects.visible_to(w.supervisor).exclude(pk=other.pk).exists()
    clear(NOW)
    batch.refresh_from_db()
    assert batch.state == "undone" and list(Dispute.objects.all()) == [other]
    assert not Round.objects.exclude(dispute=other).exists() and not PartySecret.objects.exclude(party__dispute=other)
    assert small(w, *(line(n) for n in range(1, 6))).ready == 5


def test_work_on_one_case_keeps_the_batch(w):
    batch = write(small(w, line(1), line(2)))
    case = Dispute.objects.visible_to(w.assistant).first()
    case.add_note(by=w.assistant, at=NOW, text="去看过")
    with pytest.raises(MoveRefused, match=case.case_no):
        batch.undo(by=w.supervisor, at=NOW)
    assert Dispute.objects.visible_to(w.assistant).count() == 2


def test_an_import_that_nobody_goes_on_with_is_cleared_away(w):
    batch = small(w, *(line(n) for n in range(1, 4)))
    batch.begin_write(by=w.supervisor, at=NOW)
    writing.write_step(batch, at=NOW)
    clear(NOW + dt.timedelta(minutes=30))
    assert Dispute.objects.count() == 3
    clear(NOW + dt.timedelta(minutes=61))
    batch.refresh_from_db()
    assert batch.state == "undone" and batch.error and not Dispute.objects.exists()


# --- privacy ------------------------------------------------------------------------------------------------------------
def test_forbidden_columns_leave_no_trace(w):
    head = [*HEAD, "民族", "政治面貌", "前科"]
    rows = [[*line(1), "裕固", "群众1931", "盗窃1932"], [*line(2), "裕固", "党员1933", ""]]
    batch = upload(w.supervisor, "台账.xlsx", sheet([head, *rows]))
    assert batch.sheets[0]["notices"] and "民族、政治面貌、前科" in batch.sheets[0]["notices"][0]
    assert not any(batch.mapping[name] for name in ("民族", "政治面貌", "前科"))
    kept = reading.dump(batch.read())
    check(batch)
    kept += json.dumps(rows_of(batch, "ready"), ensure_ascii=False)
    assert not any(word in kept for word in ("裕固", "1931", "1932", "1933"))
    # nobody maps it by hand either
    with pytest.raises(MoveRefused):
        doors.check(batch, at=NOW, columns={"简要情况": "", "民族": "narrative"}, in_background=False)


def test_staging_lies_sealed_and_goes(w):
    batch = small(w, line(1), line(2, 简要情况=""))
    stored = " ".join(ImportFile.objects.values_list("sealed", flat=True)) + " ".join(
        f"{row.sealed}{row.codes}" for row in ImportRow.objects.all()
    )
    assert "13812346021" not in stored and "马文林" not in stored
    write(batch)
    assert not ImportFile.objects.exists()
    clear(NOW + dt.timedelta(days=31))
    assert not ImportRow.objects.exclude(sealed="").exists()


# --- mapping ------------------------------------------------------------------------------------------------------------
def test_what_a_unit_said_of_a_column_is_proposed_the_next_time(w):
    head = ["怪名" if name == "简要情况" else name for name in HEAD]
    batch = upload(w.supervisor, "台账.xlsx", sheet([head, line(1)]))
    assert batch.mapping["怪名"] == ""
    with pytest.raises(MoveRefused, match="简要情况"):
        doors.check(batch, at=NOW, columns={}, in_background=False)
    doors.check(batch, at=NOW, columns={"怪名": "narrative"}, in_background=False)
    assert upload(w.supervisor, "再来.xlsx", sheet([head, line(2)])).mapping["怪名"] == "narrative"
    assert upload(w.assistant, "别处.xlsx", sheet([head, line(3)])).mapping["怪名"] == ""


def test_the_refused_rows_come_back_to_be_mended(w, tmp_path):
    batch = small(w, line(1), line(2, 排查日期="正月初八"), line(3, 简要情况=""))
    path = tmp_path / "mend.xlsx"
    assert write_mend(batch, path) == 2
    rows = list(openpyxl.load_workbook(path).active.values)
    assert rows[0][:3] == ("工作表", "原行号", "问题") and "农历" in rows[1][2] and rows[1][1] == "3"
    mended = [["" if cell is None else cell for cell in row] for row in rows]
    mended[1][rows[0].index("排查日期")] = "2025-02-05"
    mended[2][rows[0].index("简要情况")] = "补上的情况"
    write(batch)
    again = check(upload(w.supervisor, "改好.xlsx", sheet(mended)))
    assert (again.ready, again.refused) == (2, 0)


def test_likely_duplicates_are_told(w):
    f.register(w)
    batch = small(w, line(1), by=w.assistant)
    facts = rows_of(batch, "ready")[0]["facts"]
    assert any("620623-103-2026-0001" in text and "同一电话" in text for text in checking.likely(batch, facts))


# --- days ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("2025.3.5", "2025-03-05"), ("2025年3月5日", "2025-03-05"), ("20250305", "2025-03-05"), (20250305, "2025-03-05"), (20250305.0, "2025-03-05"),
        ("3.5", "2025-03-05"), ("3月5日", "2025-03-05"), ("5日", "2025-03-05"), ("25.3.5", "2025-03-05"), (45721, "2025-03-05"),
        ({"d": "2025-03-05"}, "2025-03-05"), ("２０２５．３．５", "2025-03-05"), ("2025-03-05 10:30", "2025-03-05"), ("2025年3月5日上午9时", "2025-03-05"),
        (3.15, "2025-03-15"), ("3.1", "2025-03-01"), ("", None), (None, None), ("　", None),
        (3.1, "ambiguous_date"), (11.2, "ambiguous_date"), ("正月初八", "date"), ("2025.13.5", "date"), ("2025.2.30", "date"), ("待定", "date"), (7, "date"),
    ],
)  # fmt: skip
def test_a_day_is_read_or_refused(cell, wanted):
    try:
        found = reading.day_of(cell, year=2025, month=3)
    except reading.BadDay as bad:
        assert bad.code == wanted
    else:
        assert (found and found.isoformat()) == wanted


def test_a_day_without_a_year_needs_one_from_somewhere():
    with pytest.raises(reading.BadDay):
        reading.day_of("3.5", year=None, month=None)
    assert reading.day_of("1.5", year=None, month=None, after=dt.date(2025, 12, 20)) == dt.date(2026, 1, 5)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("未化解", ("open", "")), ("已化解", ("settled", "")), ("调解不成，已告知其他途径", ("withdrawn", "ended")), ("调解未成功", ("withdrawn", "ended")),
        ("当事人撤回", ("withdrawn", "withdrawn")), ("引导诉讼", ("referred", "way_court")), ("达成口头协议", ("settled", "oral")), ("双方自行和解", ("settled", "self")),
        ("正在调解", ("open", "")), ("", ("", "")), ("建议仲裁", ("referred", "way_arbitrati")), ("调解成功，签订书面协议并履行", ("settled", "written")),
    ],
)  # fmt: skip
def test_what_became_of_it_is_read_from_its_words(text, wanted):
    kind, result = checking.what_became(text)
    assert kind == wanted[0] and result == wanted[1][:12]


# --- pages --------------------------------------------------------------------------------------------------------------
def test_wrong_columns_get_a_sentence_and_keep_what_was_chosen(client, w):
    batch = upload(w.supervisor, "台账.xlsx", sheet([HEAD, line(1)]))
    client.force_login(w.supervisor)
    sent = {f"c{n}": target for n, target in enumerate(batch.mapping.values())} | {"tier": "2", "year": "25"}
    answer = client.post(f"/imports/{batch.uid}/columns/", sent)
    assert answer.status_code == 422 and "年份写 1980 到 2100" in answer.content.decode()
    sent |= {"year": "2025", "c7": ""}
    answer = client.post(f"/imports/{batch.uid}/columns/", sent)
    assert answer.status_code == 422 and "还没有指明哪一列是“简要情况”" in answer.content.decode()
    assert client.post(f"/imports/{batch.uid}/columns/", sent | {"c7": "narrative"}).status_code == 302
    batch.refresh_from_db()
    assert (batch.state, batch.tier, batch.year) == ("checking", 2, 2025)


def test_the_pages_from_the_upload_to_the_undo(client, w):
    client.force_login(w.supervisor)
    content = sheet([HEAD, line(1), line(2, 简要情况=""), ["合计"]])
    answer = client.post("/imports/", {"file": ContentFile(content, name="台账.xlsx")})
    assert answer.status_code == 302
    url = answer["Location"]
    batch = ImportBatch.objects.get()
    sent = {f"c{n}": target for n, target in enumerate(batch.mapping.values())} | {"tier": "1"}
    client.post(f"{url}columns/", sent)
    assert "排队中" in client.get(url).content.decode()
    run_waiting(30)
    page = client.get(url).content.decode()
    assert "文件 4 行 = 入库 1 + 退回 1 + 空行等 2" in page and "没有写简要情况" in page
    mend = client.get(f"{url}mend/")
    assert mend.status_code == 200 and AccessLog.objects.filter(action="export").exists()
    assert client.post(f"{url}commit/").status_code == 302
    run_waiting(30)
    page = client.get(url + "?show=ready").content.decode()
    assert "620623-103-2025-L0001" in page and "整批撤销" in page
    assert client.post(f"{url}undo/").status_code == 302
    run_waiting(30)
    assert "已撤销" in client.get(url).content.decode() and not Dispute.objects.exists()


def test_a_bad_file_gets_a_sentence_beside_the_field(client, w):
    client.force_login(w.supervisor)
    answer = client.post("/imports/", {"file": ContentFile(b"<html></html>", name="台账.xlsx")})
    assert answer.status_code == 422 and "对不上" in answer.content.decode()
    assert client.post("/imports/").status_code == 422


def test_the_command_checks_and_with_commit_writes(w, tmp_path, capsys):
    path = tmp_path / "台账.xlsx"
    path.write_bytes(sheet([HEAD, line(1), line(2, 排查日期="正月初八")]))
    call_command("import_ledger", str(path), "--as", "supervisor")
    told = capsys.readouterr()
    assert "文件 3 行 = 入库 1 + 退回 1 + 空行等 1" in told.out and "第 3 行 排查日期" in told.err
    assert not Dispute.objects.exists()
    call_command("import_ledger", str(path), "--as", "supervisor", "--commit")
    assert Dispute.objects.visible_to(w.assistant).count() == 1
    with pytest.raises(CommandError, match="没有账号"):
        call_command("import_ledger", str(path), "--as", "nobody_known")


def test_the_api_walks_the_same_way(client, w):
    client.force_login(w.supervisor)
    content = sheet([HEAD, line(1)])
    answer = client.post("/api/v1/imports/", {"file": ContentFile(content, name="台账.xlsx")})
    assert answer.status_code == 201, answer.content
    url = f"/api/v1/imports/{answer.json()['uid']}/"
    body = {"columns": [{"label": "备注", "target": ""}], "year": 2025}
    assert client.post(f"{url}check/", body, content_type="application/json").status_code == 200
    run_waiting(30)
    told = client.get(url).json()
    assert (told["state"], told["ready"], told["refused"], told["skipped"]) == ("checked", 1, 0, 1)
    assert client.get(f"{url}lines/?verdict=ready").json()["results"][0]["line"] == 2
    assert client.post(f"{url}commit/", content_type="application/json").status_code == 200
    run_waiting(30)
    assert client.get(url).json()["state"] == "released"
    assert client.post(f"{url}undo/", content_type="application/json").json()["state"] == "clearing"
    assert client.post(f"{url}commit/", content_type="application/json").status_code == 409
