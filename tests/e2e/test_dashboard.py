"""A supervisor reads the dashboard, follows numbers to their lists, picks a township, prints, and types figures in."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import Eyes

pytestmark = pytest.mark.browser


def follow(eyes: Eyes, where: str, nth: int) -> tuple[int, int]:
    """Press the nth number there: what it said, and what the list behind it says."""
    link = eyes.page.locator(where).nth(nth)
    said = int(link.inner_text().replace(",", ""))
    with eyes.page.expect_navigation():
        link.click()
    if not said:
        assert "这个数是 0" in eyes.text()
        return 0, eyes.page.locator("tr[data-row]").count()
    return said, int(re.search(r"共 ([\d,]+) ", eyes.text())[1].replace(",", ""))


def test_a_supervisor_reads_the_figures_and_what_stands_behind_them(sign_in):
    eyes = sign_in("supervisor1")
    page = eyes.page
    eyes.go("/")
    page.get_by_role("link", name="统计看板").first.click()
    page.wait_for_url("**/dashboard/")
    page.get_by_role("link", name="本年").click()
    page.wait_for_load_state()
    eyes.look("year")
    assert page.locator(".rate").count() == 11
    assert page.locator("svg.chart").count() == page.locator("svg.chart title").count() >= 8
    assert "样本少于 10，不算百分比" in eyes.text()
    year = page.url
    last = year
    for where, nth in ((".rate .frac a", 1), (".beside a", 0), ("[aria-labelledby=c-tiers] td a", 0),
                       ("[aria-labelledby=c-areas] td a", 0), ("[aria-labelledby=c-trend] td a", 30)):  # fmt: skip
        page.goto(year)
        said, listed = follow(eyes, where, nth)
        assert said == listed, (where, page.url)
        last = page.url if said else last
    assert last != year
    page.goto(last)
    eyes.look("list")
    page.get_by_role("navigation", name="当前位置").get_by_role("link", name="统计看板").click()
    page.select_option("[name=township]", index=1)
    page.get_by_role("button", name="查询").click()
    page.wait_for_load_state()
    assert "township=" in page.url
    eyes.look("township")
    page.goto(year)
    page.get_by_role("link", name="打印").click()
    page.wait_for_load_state()
    assert re.search(r"打印于 .+编号 620623/\d+", eyes.text())
    page.emulate_media(media="print")
    assert not page.locator("nav.side").is_visible()
    assert len(page.pdf(format="A4")) > 20_000
    page.emulate_media(media="screen")


def test_the_figures_of_the_police_are_typed_and_stand_beside_the_disputes(sign_in):
    eyes = sign_in("supervisor1")
    page = eyes.page
    eyes.go("/dashboard/")
    page.get_by_role("link", name="填警情和案件").click()
    page.wait_for_load_state()
    eyes.look("grid")
    first = page.locator("main input[name$='-calls']").first
    first.fill("三起")
    eyes.submit("保存")
    eyes.problems = [p for p in eyes.problems if "status of 422" not in p]
    assert "警情填整数，如 12" in eyes.text()
    assert first.input_value() == "三起"
    eyes.look("refused")
    first.fill("31")
    page.locator("main input[name$='-incidents']").first.fill("2")
    eyes.submit("保存")
    assert "已保存，改了 1 行" in eyes.text()
    page.get_by_role("link", name="回到统计看板").click()
    page.wait_for_load_state()
    row = page.locator("[aria-labelledby=c-police] tbody tr").last
    assert row.locator("td").nth(1).inner_text() == "31"
