"""/dashboard/: who opens it, what it refuses, what it masks, and the figures of the police that are typed by hand."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from audit.models import AccessLog
from ledgers import charts
from ledgers.dashboard.models import FigureRefused, MonthlyFigure, enter, townships_to_fill
from ledgers.month import BadMonth, Month
from ledgers.periods import Period
from ledgers.rates import COHORT, FIGURES, LEAST, OF_RESOLUTION, THROUGHPUT, Rated, rates_on, rule_day
from tests import factories as f
from villages.models import Policy
from villages.policy import policy_on

MARCH = "period=2026-03"


# --- periods ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "first", "last", "label"),
    [
        ("2026-11", "2026-11", "2026-11", "2026 年 11 月"),
        ("2026-Q4", "2026-10", "2026-12", "2026 年第 4 季度"),
        ("2026", "2026-01", "2026-12", "2026 年"),
        ("2025-11..2026-02", "2025-11", "2026-02", "2025 年 11 月 ～ 2026 年 2 月"),
    ],
)
def test_a_period_is_read_and_written_alike(text: str, first: str, last: str, label: str) -> None:
    period = Period.parse(text)
    assert (str(period.first), str(period.last), str(period), period.label) == (first, last, text, label)
    assert [str(month) for month in period][0] == first and len(list(period)) == len(period)
    assert period.shifted(-1).last == period.first.shifted(-1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2026-13", "认不出"),
        ("2026-Q5", "认不出"),
        ("去年", "认不出"),
        ("２０２６", "认不出"),
        ("2026-05..2026-03", "要不早于开始的月份"),
        ("2020-01..2026-03", "一次最多看 60 个月"),
        ("2026-05..", "认不出"),
    ],
)
def test_what_is_no_period_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadMonth, match=sentence):
        Period.parse(text)


# --- rates ------------------------------------------------------------------------------------------------------------
def test_below_ten_there_is_no_percentage() -> None:
    rate = OF_RESOLUTION[COHORT]
    assert LEAST == 10
    assert Rated(rate, 3, 9).percent is None
    assert Rated(rate, 0, 0).percent is None
    assert Rated(rate, 10, 10).percent == 100.0
    assert Rated(rate, 1, 16).percent == 6.2


@pytest.mark.django_db
def test_the_counting_rule_of_a_period_is_that_of_its_last_day(w) -> None:
    Policy.objects.create(key="resolution_rule", value=THROUGHPUT, valid_from=dt.date(2026, 2, 15), set_by=w.sysadmin)
    today = dt.date(2026, 3, 2)
    for text, rule in (("2026-01", COHORT), ("2026-02", THROUGHPUT), ("2026", THROUGHPUT), ("2025", COHORT)):
        day = rule_day(Period.parse(text), today)
        assert rates_on(policy_on(day))["resolution"] is OF_RESOLUTION[rule], text


def test_every_figure_and_every_rate_says_what_it_counts() -> None:
    assert all(str(figure.means) and str(figure.label) for figure in FIGURES.values())
    assert all(str(rate.period) and str(rate.note) for rate in rates_on({"resolution_rule": 1}).values())


# --- pages ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def cases(w):
    f.settled(w, at=f.NOW)
    f.mediating(w, at=f.NOW)
    return w


@pytest.mark.django_db
def test_the_page_shows_three_of_seven_and_why_there_is_no_percentage(cases, client: Client) -> None:
    client.force_login(cases.supervisor)
    page = client.get(f"/dashboard/?{MARCH}").content.decode()
    card = page.split('id="r-resolution"')[1].split("</article>")[0]
    assert "样本少于 10，不算百分比" in card and "%" not in card
    assert 'aria-label="化解率 分子 1"' in card and 'aria-label="化解率 分母 2"' in card
    assert "style=" not in page.split("<main")[1]
    for title in ("双下降：纠纷、警情和案件", "各地登记与办结", "各层级平均用时"):
        assert title in page
    assert "发案率按每万人口算要有人口数" in page


@pytest.mark.django_db
def test_a_list_masks_for_its_viewer_and_is_logged(cases, client: Client) -> None:
    client.force_login(cases.supervisor)
    page = client.get(f"/dashboard/list/opened/?{MARCH}")
    assert page.context["page"].paginator.count == 2
    assert "马文林" not in page.content.decode() and "马*" in page.content.decode()
    assert AccessLog.objects.filter(subject="dashboard list opened 2026-03", actor_id=cases.supervisor.pk).count() == 1
    client.force_login(cases.officer)
    assert "马文林" in client.get(f"/dashboard/list/opened/?{MARCH}").content.decode()
    client.force_login(cases.town_supervisor)
    assert client.get(f"/dashboard/list/opened/?{MARCH}&village={cases.village.code}").status_code == 200
    assert client.get(f"/dashboard/list/opened/?{MARCH}&village={cases.far_village.code}").status_code == 422


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("period=2026-13", "认不出月份"),
        ("first=2026-05&last=2026-03", "要不早于开始的月份"),
        ("township=620622100000", "没有这个选项"),
        ("first=上月", "认不出月份"),
    ],
)
def test_wrong_conditions_are_told_on_the_page(w, client: Client, query: str, sentence: str) -> None:
    client.force_login(w.supervisor)
    answer = client.get(f"/dashboard/?{query}")
    assert answer.status_code == 422 and sentence in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["period=x", "group=nobody", "village=620622100201", "township=620622100000"])
def test_wrong_conditions_of_a_list_are_told(w, client: Client, query: str) -> None:
    client.force_login(w.supervisor)
    assert client.get(f"/dashboard/list/left/?{query}").status_code == 422
    assert client.get(f"/api/v1/dashboard/list/left/?{query}").status_code == 400
    assert client.get("/dashboard/list/no_such/").status_code == 404


@pytest.mark.django_db
def test_whose_business_it_is_not_reads_a_sentence(w, client: Client) -> None:
    for user in (w.grid, w.mediator, w.department, w.counsellor, w.sysadmin):
        client.force_login(user)
        for url in ("/dashboard/", "/dashboard/list/opened/"):
            answer = client.get(url)
            assert answer.status_code == 403 and "统计看板由督导" in answer.content.decode()
    client.force_login(w.centre)
    assert "统计看板" in client.get("/dashboard/").content.decode()
    assert client.get("/dashboard/figures/").status_code == 403


@pytest.mark.django_db
def test_another_township_counts_nothing_of_it(cases, client: Client) -> None:
    client.force_login(cases.far_officer)
    assert client.get(f"/dashboard/list/opened/?{MARCH}").status_code == 403  # leads nothing
    client.force_login(cases.far_centre)
    assert client.get(f"/dashboard/list/opened/?{MARCH}").context["page"].paginator.count == 0
    assert client.get(f"/api/v1/rates/?{MARCH}").json()["rates"][2]["denominator"]["n"] == 0


@pytest.mark.django_db
def test_a_print_says_who_and_when_and_is_logged(cases, client: Client) -> None:
    client.force_login(cases.supervisor)
    page = client.get(f"/dashboard/?{MARCH}&print=1").content.decode()
    row = AccessLog.objects.get(subject="dashboard 2026-03")
    assert (row.action, f"编号 {row.county}/{row.seq}" in page) == ("print", True)


@pytest.mark.django_db
def test_the_api_tells_the_same_numbers(cases, client: Client) -> None:
    client.force_login(cases.supervisor)
    rates = {row["key"]: row for row in client.get(f"/api/v1/rates/?{MARCH}").json()["rates"]}
    told = rates["resolution"]
    assert (told["numerator"]["n"], told["denominator"]["n"], told["percent"]) == (1, 2, None)
    found = client.get(f"/api/v1{told['denominator']['list']}").json()
    assert found["count"] == 2 and "马文林" not in str(found)
    board = client.get(f"/api/v1/dashboard/?{MARCH}").json()
    for cell in [cell for chart in board["charts"] for line in chart["rows"] for cell in line["cells"] if cell["list"]]:
        if cell["n"]:
            assert client.get(f"/api/v1{cell['list']}").json()["count"] == cell["n"], cell


# --- 警情 and 案件 ---------------------------------------------------------------------------------------------------
def grid(*rows: tuple[str, object, object, int]) -> dict[str, object]:
    facts = {}
    for code, calls, incidents, version in rows:
        facts |= {f"{code}-calls": calls, f"{code}-incidents": incidents, f"{code}-version": version}
    return facts


@pytest.mark.django_db
def test_figures_are_typed_per_township_and_month_and_kept_with_their_log(w, client: Client) -> None:
    client.force_login(w.supervisor)
    near, far = w.township.code, w.far_township.code
    url = "/dashboard/figures/?month=2026-02"
    assert client.post(url, grid((near, 12, 3, 0), (far, "", "", 0))).status_code == 302
    row = MonthlyFigure.objects.get()
    assert (row.township, row.month, row.pair, row.version, row.by) == (w.township, "2026-02", (12, 3), 1, w.supervisor)
    log = AccessLog.objects.get(subject="monthly figures 2026-02")
    assert (log.action, log.detail["townships"]) == ("edit", [near])
    # nothing changed: no row in the log, and a line without numbers is no row
    assert client.post(url, grid((near, 12, 3, 1), (far, "", "", 0))).status_code == 302
    assert AccessLog.objects.filter(subject="monthly figures 2026-02").count() == 1
    page = client.get("/dashboard/?period=2026-03").content.decode()
    assert ">12</td>" in page.split('id="c-police"')[1]
    client.force_login(w.town_supervisor)
    assert [area.code for area in townships_to_fill(w.town_supervisor)] == [near]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("calls", "incidents", "sentence"),
    [
        ("三起", 1, "警情填整数"),
        (-1, 0, "警情不会少于 0"),
        (100_000, 0, "警情最多填 99999"),
        (2, 3, "案件（3）比警情（2）还多"),
        (2, "1.5", "案件填整数"),
    ],
)
def test_wrong_figures_are_refused_with_what_was_typed(w, client: Client, calls, incidents, sentence) -> None:
    client.force_login(w.town_supervisor)
    answer = client.post("/dashboard/figures/?month=2026-02", grid((w.township.code, calls, incidents, 0)))
    page = answer.content.decode()
    assert answer.status_code == 422 and sentence in page and f'value="{calls}"' in page
    assert not MonthlyFigure.objects.exists()


@pytest.mark.django_db
def test_a_month_to_come_another_township_and_another_ones_edit_are_refused(w) -> None:
    now, month = timezone.now(), Month(2026, 2)
    row = {"calls": 5, "incidents": 1, "version": 0}
    with pytest.raises(FigureRefused, match="还没到"):
        enter(by=w.supervisor, at=f.NOW, month=Month(2026, 4), rows={w.township.code: row})
    with pytest.raises(FigureRefused, match="不在你的范围内"):
        enter(by=w.town_supervisor, at=now, month=month, rows={w.far_township.code: row})
    enter(by=w.town_supervisor, at=now, month=month, rows={w.township.code: row})
    with pytest.raises(FigureRefused, match="孙宝财在.+改过这一行"):
        enter(by=w.supervisor, at=now, month=month, rows={w.township.code: {**row, "calls": 7}})
    assert MonthlyFigure.objects.get().pair == (5, 1)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_is_told(w) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(2)

    def type_in(calls: int) -> None:
        try:
            barrier.wait()
            rows = {w.township.code: {"calls": calls, "incidents": 0, "version": 0}}
            enter(by=w.supervisor, at=timezone.now(), month=Month(2026, 2), rows=rows)
            outcomes.append("kept")
        except FigureRefused:
            outcomes.append("told")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=type_in, args=(n,)) for n in (5, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["kept", "told"] and MonthlyFigure.objects.count() == 1


# --- charts -----------------------------------------------------------------------------------------------------------
def test_a_chart_escapes_names_and_says_what_it_shows() -> None:
    parts = [charts.Part("<b>邻里", 3), charts.Part("债务", 0), charts.Part("不满意", 1, css="bad")]
    for svg in (
        charts.bars("x", parts, title="类型", desc="邻里：3"),
        charts.stacked("x", parts, title="类型", desc=""),
    ):
        assert "<b>" not in svg and "&lt;b&gt;邻里" in svg
        assert 'role="img"' in svg and '<title id="title-x">类型</title>' in svg and "url(#hatch-x)" in svg
    assert charts.bars("x", [], title="空", desc="没有数据")
    line = charts.lines("y", ["1", "2"], [("登记", [0, 4], "c1")], title="线", desc="")
    assert line.count("<circle") == 2 and ">4<" in line
    assert charts.lines("y", ["1"], [("登记", [0], "c1")], title="线", desc="")
