"""The to-dos in a real browser: put off and take back, hand a visit over, print the day, hand over a leaver's work."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_story import fill

pytestmark = pytest.mark.browser


def test_a_morning_with_the_todos(sign_in):
    officer = sign_in("officer1")
    officer.go("/")
    officer.look("home")
    officer.go("/todo/")
    officer.look("todo")
    before = int(re.search(r"要办的 (\d+) 项", officer.text())[1])
    officer.page.keyboard.press("j")
    expect(officer.page.locator("li.row-on a").first).to_be_focused()

    link = officer.page.locator("li:has(a[href^='/followups/']) a[href^='/todo/defer/']").first
    with officer.page.expect_navigation():
        link.click()
    officer.submit("推迟")  # nothing said: told what is missing
    officer.problems = [p for p in officer.problems if "status of 4" not in p]
    expect(officer.page.locator("[data-error-summary]")).to_be_focused()
    fill(officer, until="+1", reason="男方赶集去了")
    officer.look("defer")
    officer.submit("推迟")
    assert f"要办的 {before - 1} 项" in officer.text() and "到那天自己回来" in officer.text()
    officer.submit("撤回这一步")
    assert f"要办的 {before} 项" in officer.text()

    with officer.page.expect_navigation():
        officer.page.locator("a[href$='/hand/']").first.click()
    officer.page.select_option("main select[name=to]", index=2)
    fill(officer, reason="你去过他家")
    officer.look("hand")
    officer.submit("转交")
    assert "回访已转给" in officer.text()

    officer.go("/todo/print/")
    officer.page.emulate_media(media="print")
    officer.page.screenshot(path="var/e2e/a_morning_with_the_todos/sheet.png", full_page=True)
    expect(officer.page.locator(".side")).to_be_hidden()
    officer.page.emulate_media(media="screen")
    officer.look("sheet")

    officer.go("/hand-over/?from=officer1-left")
    officer.look("leaver")
    officer.page.select_option("main select[name=to]", index=1)
    fill(officer, reason="调到县局")
    officer.submit("全部交接")
    assert "没有转 0 件" in officer.text()
    officer.look("receipt")
