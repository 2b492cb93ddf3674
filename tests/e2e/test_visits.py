"""A visit to both parties on a phone; a sign of relapse that is looked into and reopens the same case; oversight."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Eyes

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}


def tap(eyes: Eyes, name: str, value: str) -> None:
    """What a finger does: press the choice, which lies over its label."""
    choice = eyes.page.locator(f"main input[name='{name}'][value='{value}']")
    choice.tap()
    expect(choice).to_be_checked()


def parties(eyes: Eyes) -> list[str]:
    """The prefixes of the columns, 甲方 first."""
    found = eyes.page.locator("[data-visit-party] input[name$='-reached'][value='yes']")
    return [box.get_attribute("name").removesuffix("-reached") for box in found.all()]


def heard(eyes: Eyes, prefix: str, satisfaction: str, mind: str, demands: str) -> None:
    tap(eyes, f"{prefix}-reached", "yes")
    tap(eyes, f"{prefix}-satisfaction", satisfaction)
    tap(eyes, f"{prefix}-mind", mind)
    eyes.page.fill(f"[name='{prefix}-demands']", demands)


def test_both_parties_on_a_phone_and_a_relapse_that_reopens_the_case(sign_in):
    eyes = sign_in("assistant1", has_touch=True)
    page = eyes.page
    eyes.go("/followups/?mine=1")
    eyes.look("queue")
    case_no = re.search(r"620623-\d{3}-\d{4}-\d{4}", eyes.text())[0]
    eyes.go(f"/disputes/{case_no}/")
    before = page.inner_text("#progress")

    eyes.go(f"/followups/{case_no}/")
    page.set_viewport_size(PHONE)
    assert not page.locator("main input[type=radio]:checked, main input[type=checkbox]:checked").count()
    a, b = parties(eyes)[:2]
    page.fill("[name=visited_on]", "今天")
    tap(eyes, "way", "home")
    heard(eyes, a, "yes", "upset", "老人看病的钱希望每月 5 号前到账。")
    page.select_option(f"[name='{a}-topic']", label="防电诈")
    heard(eyes, b, "no", "relapse", "说不认这个协议了。")
    tap(eyes, "conclusion", "close")
    eyes.look("both")
    eyes.problems = [p for p in eyes.problems if "status of 4" not in p]
    page.set_viewport_size(PHONE)
    eyes.submit("提交回访")  # refused: one side has relapsed; nothing is lost
    eyes.problems = [p for p in eyes.problems if "status of 4" not in p]
    assert "不能选“可以结案”" in eyes.text()
    assert page.input_value(f"[name='{b}-demands']") == "说不认这个协议了。"
    page.set_viewport_size(PHONE)
    tap(eyes, "conclusion", "relapse")
    eyes.submit("提交回访")
    assert "有反弹苗头" in eyes.text()
    eyes.look("made")

    page.locator("main a", has_text="核实反弹").first.tap()
    expect(page.locator("main h1")).to_contain_text("核实反弹")
    page.set_viewport_size(PHONE)
    tap(eyes, "confirmed", "yes")
    page.fill("[name=reason]", "到家里看过，确实又争起来了")
    tap(eyes, "level", "orange")
    page.fill("[name=level_reason]", "两家扬言动手")
    eyes.look("check")
    eyes.submit("提交核实结果")
    eyes.look("reopened")
    text = eyes.text()
    assert "第 2 轮" in text or "第2轮" in text
    assert "待受理" in text and "橙 突出" in text
    after = page.inner_text("#progress")
    assert before.splitlines()[-1] in after  # what happened in the first round stands where it stood


def test_who_oversees(sign_in):
    eyes = sign_in("supervisor1")
    eyes.go("/followups/coverage/?months=12")
    eyes.look("coverage")
    cell = eyes.page.locator("main tfoot a").nth(1)
    n = int(cell.inner_text())
    with eyes.page.expect_navigation():
        cell.click()
    assert f"{n} 人次" in eyes.text().replace("共 ", "")
    eyes.go("/followups/look-back/?months=12")
    eyes.look("look-back")
    officer = sign_in("officer1")
    officer.go("/followups/route/?day=%2B7")
    officer.look("route")
