"""The monthly report: its numbers against a recount, its files, and the list behind every number."""

import datetime as dt
import io
import re
from decimal import Decimal

import openpyxl
import pytest
from django.test import Client
from docx import Document

from disputes.models import Agreement, Event, Obligation, Round
from disputes.outcomes.models import OutcomeFlag
from ledgers.month import Month
from ledgers.months import doors
from ledgers.report.blocks import Report, change, rate
from tests import factories as f
from villages.models import TypeMap

MARCH = Month(2026, 3)
TOLD = {"told_ways": ["court"], "told_on": dt.date(2026, 3, 2)}


@pytest.fixture
def month(w):
    """A month with something in every line, the month before, and the year before."""
    TypeMap.objects.create(zz_l2="0905", name="草场界线", zz_upstream="0999", moj="07", moj_name="山林土地纠纷")
    f.settled(w, at=f.moment("2025-03-10 09:00"))
    f.mediating(w, at=f.moment("2026-02-10 09:00"), people_count=3)
    for n in range(11):
        f.settled(w, people_count=2 + n, amount=Decimal("100.50"), source=["01", "02", "04", "99"][n % 4])
    oral = f.mediating(w, type_l1="02", type_l2="0201")
    facts = f.settlement(w, oral, f.NOW, organisation=w.committee, chair=w.village_mediator)
    oral.perform("settle", by=w.assistant, at=f.NOW, **facts | {"result": "oral", "obligations": []})
    f.mediating(w).perform("end", by=w.assistant, at=f.NOW, reason="谈不拢", **TOLD)
    f.mediating(w).perform("refer", by=w.assistant, at=f.NOW, way="court", **TOLD)
    gone = f.mediating(w)
    gone.perform("withdraw", by=w.assistant, at=f.NOW, asked_by="乙方", reason="和好")
    gone.perform("reopen", by=w.assistant, at=f.moment("2026-03-20 10:00"), reason="又吵", report="乙方来电")
    f.mediating(w).perform("merge", by=w.assistant, at=f.NOW, target=oral_target(w), reason="同一件")
    Obligation.objects.filter(pk=Obligation.objects.order_by("pk")[2].pk).update(performance="2", amount=Decimal("88"))
    for kind, people in (("suicide", 2), ("brawl", 30), ("suicide", 1)):
        OutcomeFlag.objects.raise_on(gone, by=w.assistant, at=f.NOW, kind=kind, on=f.NOW.date(), people=people)
    return w


def oral_target(w):
    return f.mediating(w)


def recount(user_scope_townships=None):
    """The same from the tables, in plain Python."""
    start, end = MARCH.start, MARCH.end
    rounds = [r for r in Round.objects.select_related("dispute") if r.left_as != "voided"]
    new = [r for r in rounds if start <= r.opened_at < end]
    left = [r for r in rounds if r.left_at and start <= r.left_at < end]
    agreed = {(a.dispute_id, a.round): a for a in Agreement.objects.all()}
    ended = set(Event.objects.filter(kind="end").values_list("dispute_id", "round"))
    success = [r for r in left if r.left_as == "settled" and agreed[r.dispute_id, r.no].result in ("written", "oral")]
    return {
        "carried": sum(r.opened_at < start and (r.left_at is None or r.left_at >= start) for r in rounds),
        "new": len(new),
        "done": len(left),
        "success": len(success),
        "ended": sum((r.dispute_id, r.no) in ended for r in left),
        "withdrawn": sum(r.left_as == "withdrawn" and (r.dispute_id, r.no) not in ended for r in left),
        "still_open": sum(r.opened_at < end and (r.left_at is None or r.left_at >= end) for r in rounds),
        "people": sum(r.dispute.people_count or 0 for r in new),
        "amount": sum((r.dispute.amount or Decimal() for r in new), Decimal()),
        "kept": sum(o.performance in ("1", "2") for r in success for o in agreed[r.dispute_id, r.no].obligations.all()),
        "promised": sum(agreed[r.dispute_id, r.no].obligations.count() for r in success),
        "by_type": {code: sum(r.dispute.type_l1 == code for r in new) for code in ("02", "09")},
        "by_source": {s: sum(r.dispute.source == s for r in new) for s in ("01", "02", "04", "06", "99")},
    }


def check(report):
    told, counted = report.total, recount()
    for name in ("carried", "new", "done", "success", "ended", "withdrawn", "still_open", "people", "amount"):
        assert getattr(told, name) == counted[name], name
    assert (report.promises.promised, report.promises.kept) == (counted["promised"], counted["kept"])
    assert {code: report.by_type[code].new for code in ("02", "09")} == counted["by_type"]
    source = counted["by_source"]
    assert report.by_way["asked"].new == source["01"]
    assert report.by_way["active"].new == source["02"] + source["06"]
    assert (report.by_way["sent"].new, report.by_way["other"].new) == (source["04"], source["99"])
    assert report.by_moj["07"].new == counted["by_type"]["09"] and report.by_moj["15"].new == counted["by_type"]["02"]
    assert report.flags == {"suicide": (2, 3), "brawl": (1, 30)}


def test_the_numbers_are_those_of_a_recount_living_and_signed(month):
    report = Report(month.supervisor, MARCH)
    assert report.signed is None
    check(report)
    assert (report.before.new, report.year_before.success) == (1, 1)
    living = [[cell.text for cell in row] for block in report.blocks() for row in block.rows]
    doors.freeze(month=MARCH, by=month.supervisor, at=f.moment("2026-04-02 09:00"), anyway=True)
    signed = Report(month.supervisor, MARCH)
    assert signed.signed is not None
    check(signed)
    assert [[cell.text for cell in row] for block in signed.blocks() for row in block.rows] == living
    Round.objects.filter(MARCH.left, left_as="settled").update(left_at=None, left_as="")
    again = Report(month.supervisor, MARCH)
    assert [[cell.text for cell in row] for block in again.blocks() for row in block.rows] == living


def test_every_identity_of_the_report_holds(month):
    report = Report(month.supervisor, MARCH)
    total = report.total
    assert total.carried + total.new == total.done + total.still_open
    for groups in (report.by_type, report.by_moj, report.by_way, report.by_org):
        assert sum(one.new for one in groups.values()) == total.new
        assert sum(one.success for one in groups.values()) == total.success


@pytest.mark.parametrize("frozen", [False, True])
def test_every_number_links_to_a_list_of_that_many(month, frozen):
    if frozen:
        doors.freeze(month=MARCH, by=month.supervisor, at=f.moment("2026-04-02 09:00"), anyway=True)
    client = Client()
    client.force_login(month.supervisor)
    links = 0
    for block in Report(month.supervisor, MARCH).blocks():
        for row in block.rows:
            for cell in row:
                if cell.url and "figure=people" not in cell.url:
                    answer = client.get(cell.url)
                    assert answer.status_code == 200, cell.url
                    shown = int(re.search(r"· (\d+) 件", answer.content.decode())[1])
                    if isinstance(cell.value, int) and block.key != "sizes" and row.index(cell) < 5:
                        of_people = block.key == "organisations" and row.index(cell) > 3
                        assert of_people or shown == cell.value, cell.url
                    links += 1
    assert links > 40


def test_page_workbook_and_text_tell_the_same(month, client):
    client.force_login(month.supervisor)
    report = Report(month.supervisor, MARCH)
    page = client.get("/ledger/report/?month=2026-03").content.decode()
    rows = re.findall(r'<tr[^>]*><th scope="row">(.*?)</tr>', page, re.S)
    shown = [[re.sub(r"<[^>]+>", "", cell).strip() for cell in re.split(r"</th>|</td>", row)][:-1] for row in rows]
    told = [[cell.text for cell in row] for block in report.blocks() for row in block.rows]
    assert shown == told
    book = openpyxl.load_workbook(io.BytesIO(client.get("/ledger/report/download/?month=2026-03").content))
    cells = [[cell for cell in row if cell not in (None, "")] for row in book.active.iter_rows(values_only=True)]
    values = [
        [float(cell.value) if cell.is_number else cell.value for cell in row if cell.value != ""]
        for block in report.blocks()
        for row in block.rows
    ]
    found = [[float(one) if isinstance(one, int | float) else one for one in row] for row in cells]
    at = 0
    for row in values:  # every row of the page, in the page's order
        assert row in found[at:], (row, found[at:])
        at = found.index(row, at) + 1
    text = client.get("/ledger/report/download/?month=2026-03&format=docx")
    assert text["Content-Disposition"].endswith('2026-03.docx"')
    document = Document(io.BytesIO(text.content))
    words = "\n".join(paragraph.text for paragraph in document.paragraphs)
    total = report.total
    assert f"上月结转 {total.carried} 件，本月新收 {total.new} 件（其中反弹 1 件），本月办结 {total.done} 件" in words
    assert f"成功率 {rate(total.success, total.final)}" in words and "防止自杀 2 件 3 人" in words
    last = [cell.text for cell in document.tables[0].rows[-1].cells]
    assert last == ["合计", str(total.new), str(total.done), str(total.success)]
    assert not re.search("马文林|王世昌", words + page)


def test_scope_is_that_of_the_ledger(month):
    far = f.register(month, by=month.far_assistant, village=month.far_village)
    assert Report(month.far_officer, MARCH).total.new == 1
    assert Report(month.town_supervisor, MARCH).total.new == Report(month.supervisor, MARCH).total.new - 1
    assert far.pk and Report(month.foreign_officer, MARCH).total.new == 0


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(3, 4, "3/4"), (0, 0, "0/0"), (9, 10, "90.0%（9/10）"), (842, 869, "96.9%（842/869）")]
)
def test_no_percentage_below_ten_and_never_by_nothing(part, whole, text):
    assert rate(part, whole) == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [(3, 0, "+3"), (0, 0, "0"), (12, 10, "+2（+20.0%）"), (5, 10, "-5（-50.0%）")],
)
def test_a_comparison_tells_the_difference(now, before, text):
    assert change(now, before) == text


def test_bad_input_is_a_sentence(w, client):
    client.force_login(w.supervisor)
    assert "认不出月份" in client.get("/ledger/report/?month=x").content.decode()
    assert client.get("/ledger/report/download/?format=pdf").status_code == 422
    assert client.get("/ledger/report/rows/?figure=x").status_code == 404
    assert client.get("/ledger/report/rows/?figure=new&by=way&key=x").status_code == 404
    client.force_login(w.department)
    assert client.get("/ledger/report/").status_code == 403
