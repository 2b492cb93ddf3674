"""Search in a real browser: from the box of any page by the key /, on a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_searching_on_a_desk_and_on_a_phone(sign_in):
    officer = sign_in("officer1")
    officer.go("/disputes/")
    shown = officer.page.locator("tr[data-row] th a").all_inner_texts()
    name = re.split("[、/ ]", next(sides for sides in shown if "*" not in sides))[0]
    officer.page.keyboard.press("/")
    expect(officer.page.locator("#global-search")).to_be_focused()
    officer.page.keyboard.type(name[:2])
    with officer.page.expect_navigation():
        officer.page.keyboard.press("Enter")
    assert "/search/" in officer.page.url
    expect(officer.page.locator("#cases mark").first).to_have_text(name[:2])
    officer.look("found")
    officer.page.keyboard.press("j")
    expect(officer.page.locator(".hits li.row-on a").first).to_be_focused()
    officer.page.keyboard.press("/")
    expect(officer.page.locator("#global-search")).to_be_focused()

    officer.page.locator("#global-search").fill("马")
    officer.submit("搜索")
    officer.problems = [p for p in officer.problems if "status of 4" not in p]
    assert "至少写两个连着的字" in officer.text()
    officer.look("refused")
    officer.go("/search/?q=没有这样的人")
    assert "没有找到" in officer.text()
    officer.look("nothing")
    officer.go("/search/")
    officer.look("empty")

    officer.page.set_viewport_size({"width": 390, "height": 844})
    officer.go("/")
    with officer.page.expect_navigation():
        officer.page.get_by_role("link", name="搜索", exact=True).click()
    officer.page.locator("#global-search").fill("草场")
    officer.submit("搜索")
    expect(officer.page.locator(".hits li").first).to_be_visible()
    officer.look("phone")
