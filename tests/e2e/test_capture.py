"""Captures by touch at 390 px, settled on the spot, pasted from a table, and kept while server and session die."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import PASSWORD, ROOT, Eyes, free_port, stop, wait_until_it_answers
from tests.e2e.test_field import begin, loads

pytestmark = pytest.mark.browser
MOST = 8  # taps or keys for one entry, besides the words typed
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "locale": "zh-CN"}


class Thumb:
    """A finger on the phone: every tap and key is counted, typed words are not."""

    def __init__(self, page) -> None:
        self.page, self.count = page, 0

    def tap(self, selector: str) -> None:
        self.count += 1
        self.page.locator(f"main {selector}").first.tap()

    def answer(self, name: str, value: str) -> None:
        self.tap(f'[name="{name}"][value="{value}"]')

    def key(self, key: str) -> None:
        self.count += 1
        self.page.keyboard.press(key)

    def words(self, text: str) -> None:
        self.page.keyboard.insert_text(text)


def sign_in_at(page, base: str, username: str) -> None:
    page.goto(base + "/login/")
    sign_in_here(page, username)
    page.wait_for_url(lambda url: "/login" not in url)


def sign_in_here(page, username: str) -> None:
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", PASSWORD)
    page.locator("form:has(input[name=password])").evaluate("f => f.requestSubmit()")


@pytest.fixture
def phone(product, chromium, request) -> Iterator[Eyes]:
    context = chromium.new_context(**PHONE)
    eyes = Eyes(context, product.base, request.node.name.removeprefix("test_"))
    sign_in_at(eyes.page, product.base, "assistant1")
    yield eyes
    problems = eyes.problems
    context.close()
    assert not problems, "\n".join(problems)


def test_ten_captures_by_touch(phone: Eyes) -> None:
    phone.go("/visits/new/")
    phone.submit("开始走访")
    seen, page = loads(phone), phone.page
    counted = []
    for number in range(1, 11):
        thumb = Thumb(page)
        expect(page.locator("main [name=side_a]")).to_be_focused()  # the finger need not look for the first box
        thumb.words(f"甲方{number}")
        thumb.key("Enter")  # the keyboard's own “next”
        thumb.words(f"乙方{number}")
        thumb.answer("kind", "02")
        thumb.tap("[name=words]")
        thumb.words(f"第{number}条：院墙滴水")
        settled = number % 2 == 0
        thumb.answer("found", "calm" if settled else "follow")
        if settled:
            page.locator("main [name=spot-chair]").first.wait_for(state="attached")
            thumb.answer("spot-chair", "assistant1")
            thumb.answer("spot-consent_A0", "agreed")
            if number != 10:  # the last one leaves an answer for later
                thumb.answer("spot-consent_B0", "agreed")
        # a settlement with both answers is the longest entry: its last tap saves it
        thumb.tap("form[data-capture] button[type=submit]")
        page.wait_for_selector(f"#loop b:has-text('第 {number + 1} 条')")
        counted.append(thumb.count)
        said = page.inner_text("[data-net]")
        assert ("当场化解已立案" in said) == (settled and number != 10), said
    assert seen == []  # no page load between two captures
    assert max(counted) <= MOST, counted
    assert "缺：乙方10是否同意" in page.inner_text("[data-net]")
    page.locator("#loop details > summary").first.tap()
    phone.look("captured")
    page.set_viewport_size(PHONE["viewport"])

    # what was left open is filled in from the visit's own page
    page.locator("#loop .feed").get_by_role("link", name="补齐").tap()
    page.wait_for_url("**/settle/")
    phone.look("settle")
    page.set_viewport_size(PHONE["viewport"])
    thumb = Thumb(page)
    thumb.answer("spot-consent_B0", "agreed")
    thumb.tap("form button[type=submit]")
    page.wait_for_url("**/visits/*/")
    assert "当场化解已立案" in page.inner_text("body")


TABLE = '甲方\t乙方\t什么事\t一句话情况\n马文海\t王世昌\t飞船\t"渠口\n又吵"\n韩玉山\t\t邻里\t井口吵\n\t\t\t多余的一行\n'


def test_rows_from_a_table_are_laid_out_corrected_and_saved(sign_in) -> None:
    assistant = sign_in("assistant1")
    visit = begin(assistant)
    page = assistant.page
    page.check("[name=kind][value='01']")
    page.check("[name=found][value=calm]")
    expect(page.locator("[name=spot-safety_fear]").first).to_be_visible()  # a family case asks its five questions
    assistant.look("settled-on-the-spot")  # here, as axe leaves marks that the loop's next entry would take over
    page.locator("#paste > summary").click()
    page.fill("#paste textarea", TABLE)
    with page.expect_navigation():
        page.locator("#paste button[type=submit]").click()
    assert "第 1 行 什么事：没有“飞船”这一类" in assistant.text()
    assistant.look("laid-out")
    page.locator(".es a").first.click()
    expect(page.locator("[name=c1-kind]")).to_be_focused()
    page.fill("[name=c1-kind]", "")
    page.check("[name=skip3]")
    page.wait_for_selector("[data-draft-status]:has-text('草稿已保存')", timeout=10_000)
    assistant.go(visit.removeprefix(assistant.base) + "paste/")  # what was corrected is still there
    assert page.input_value("[name=c1-kind]") == "" and page.is_checked("[name=skip3]")
    assistant.submit("全部存下")
    page.wait_for_url(visit)
    assert "已存下 2 条" in page.inner_text("body") and "本次已记 2 条" in assistant.text()


# --- server and session die in the middle ----------------------------------------------------------------------------
class Server:
    """A web server of its own on the product's database, so that killing it disturbs nobody else."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.env, self.log, self.port, self.base = env, folder / "web.log", free_port(), ""
        self.process: subprocess.Popen | None = None

    def start(self) -> str:
        command = ["granian", "--interface", "wsgi", "config.wsgi:application", "--host", "127.0.0.1"]
        program = str(Path(sys.executable).parent / command[0])
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [program, *command[1:], "--port", str(self.port)],
                cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.base = f"http://127.0.0.1:{self.port}"
        wait_until_it_answers(f"{self.base}/healthz/", self.log)
        return self.base

    def kill(self) -> None:
        """kill -9 of the whole group: workers too."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def server(product, tmp_path) -> Iterator[Server]:
    found = Server(product.env, tmp_path)
    found.start()
    yield found
    if found.process and found.process.poll() is None:
        stop(found.process)


def test_nothing_older_than_five_seconds_is_lost(server: Server, chromium) -> None:
    context = chromium.new_context(**PHONE)
    eyes = Eyes(context, server.base, "killed")
    page = eyes.page
    sign_in_at(page, server.base, "assistant1")
    eyes.go("/visits/new/")
    eyes.submit("开始走访")
    visit = page.url
    page.keyboard.insert_text("马文林")
    page.tap("main [name=words]")
    page.keyboard.insert_text("渠口又吵")
    server.kill()

    # the open page keeps what it could not send, and sends it by itself, once, when the server is back
    page.tap("main form[data-capture] button[type=submit]")
    page.wait_for_selector("[data-net]:has-text('没发出去')")
    assert page.input_value("main [name=words]") == "渠口又吵"
    server.start()
    page.wait_for_selector("#loop b:has-text('第 2 条')", timeout=20_000)
    assert page.locator("#loop .feed li").count() == 1

    # somebody who goes on typing, while the server dies and the session with it
    page.tap("main [name=words]")
    typed: list[tuple[float, str]] = []
    for character in "老树根的枝伸过了墙两家都说自己有理谁也不让":
        page.keyboard.insert_text(character)
        typed.append((time.monotonic(), character))
        time.sleep(0.6)
    server.kill()
    died = time.monotonic()
    page.close()
    context.clear_cookies()
    server.start()
    page = context.new_page()
    page.goto(visit)
    sign_in_here(page, "assistant1")
    page.wait_for_url(visit)
    kept = page.input_value("main [name=words]")
    old = "".join(character for at, character in typed if at < died - 5)
    assert old and kept.startswith(old), (kept, old)
    context.close()
