"""A visit by keyboard, its captures, and the triage of them: 下去一把抓、上来再分家."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import PASSWORD, Eyes
from tests.e2e.test_story import choose

pytestmark = pytest.mark.browser

IME = """name => {const box = document.querySelector(`main [name='${name}']`); box.focus();
box.dispatchEvent(new CompositionEvent('compositionstart', {bubbles: true}));
const how = {key: 'Enter', isComposing: true, keyCode: 229, bubbles: true, cancelable: true};
const e = new KeyboardEvent('keydown', how);
box.dispatchEvent(e);
box.dispatchEvent(new CompositionEvent('compositionend', {bubbles: true}));
return [e.defaultPrevented, document.activeElement.name]}"""


def loads(eyes: Eyes) -> list[str]:
    """Every page load from now on."""
    seen: list[str] = []
    eyes.page.on("framenavigated", lambda frame: seen.append(frame.url))
    return seen


def begin(eyes: Eyes) -> str:
    eyes.go("/visits/new/")
    eyes.look("begin")
    eyes.page.fill("main [name=companions]", "雷生贵")
    eyes.submit("开始走访")
    return eyes.page.url


def test_ten_captures_by_keyboard_and_their_triage(sign_in):
    assistant = sign_in("assistant1")
    begin(assistant)
    assert assistant.page.evaluate(IME, "side_a") == [False, "side_a"]  # pinyin's Enter neither jumps nor submits
    seen = loads(assistant)
    keyboard = assistant.page.keyboard
    for number in range(1, 11):
        expect(assistant.page.locator("main [name=side_a]")).to_be_focused(timeout=2000)
        keyboard.insert_text(f"甲方{number}")
        keyboard.press("Enter")
        keyboard.insert_text(f"乙方{number}")
        keyboard.press("Enter")
        assistant.page.focus("main [name=words]")
        keyboard.insert_text(f"第{number}条：渠口又吵")
        keyboard.press("Control+Enter")
        assistant.page.wait_for_selector(f"#loop b:has-text('第 {number + 1} 条')")
    assert seen == []  # no page load between two captures
    assistant.look("captured")
    assert "本次已记 10 条" in assistant.text()

    # what is typed and not yet sent survives a dead session and is there after signing in again
    assistant.page.fill("main [name=words]", "还没存的半句话")
    assistant.page.wait_for_selector("[data-draft-status]:has-text('草稿已保存')", timeout=10_000)
    visit = assistant.page.url
    assistant.page.context.clear_cookies()
    assistant.page.goto(visit)
    assistant.page.fill("input[name=username]", "assistant1")
    assistant.page.fill("input[name=password]", PASSWORD)
    assistant.page.locator("form:has(input[name=password])").evaluate("f => f.requestSubmit()")
    assistant.page.wait_for_url(visit)
    assert assistant.page.input_value("main [name=words]") == "还没存的半句话"
    assistant.page.locator("#end").get_by_role("button", name="结束走访").click()
    assistant.page.wait_for_url("**/visits/")
    assistant.look("visits")

    # ten of them are sorted by keyboard alone
    officer = sign_in("officer1")
    officer.go("/triage/")
    before = waiting(officer)
    officer.look("triage")
    first = officer.page.inner_text("#h-entry")
    officer.page.keyboard.press("ArrowDown")
    expect(officer.page.locator("#h-entry")).not_to_have_text(first, use_inner_text=True)
    officer.page.keyboard.press("ArrowUp")
    expect(officer.page.locator("#h-entry")).to_have_text(first, use_inner_text=True)
    for number in range(1, 11):
        officer.page.keyboard.press("2")
        assert officer.page.is_checked("main [name=tier][value='2']")
        if not officer.page.input_value("main [name=kind]"):
            choose(officer, "kind", "邻里")
        with officer.page.expect_navigation():
            officer.page.keyboard.press("Control+Enter")
        assert waiting(officer) == before - number
    officer.look("sorted")
    # the last one is taken back
    officer.page.locator("details:has-text('你刚分流的') > summary").click()
    with officer.page.expect_navigation():
        officer.page.locator("button[value=undo]").first.click()
    assert waiting(officer) == before - 9
    assert "已撤销" in officer.page.inner_text("body")


def waiting(eyes: Eyes) -> int:
    return int("".join(c for c in eyes.page.inner_text("h1") if c.isdigit()))


def test_what_cannot_be_sent_stays_and_is_sent_once(sign_in):
    assistant = sign_in("assistant1")
    begin(assistant)
    assistant.page.context.set_offline(True)
    assistant.page.fill("main [name=words]", "没有信号的地方记的")
    assistant.page.locator("form[data-capture] button[type=submit]").click()
    assistant.page.wait_for_selector("[data-net]:has-text('没发出去')")
    assert assistant.page.input_value("main [name=words]") == "没有信号的地方记的"
    assistant.page.context.set_offline(False)
    assistant.page.wait_for_selector("#loop b:has-text('第 2 条')", timeout=15_000)
    # the browser and htmx log the lost connection themselves
    assistant.problems = [p for p in assistant.problems if "DISCONNECTED" not in p and "console: htmx:" not in p]
    assert "本次已记 1 条" in assistant.text()
    rows = assistant.page.locator("#loop .feed li").all_inner_texts()
    assert len(rows) == 1, json.dumps(rows, ensure_ascii=False)
