"""A joint session from the invitation to the printed record, at a desk and on a phone."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import Eyes

pytestmark = pytest.mark.browser


def pick(eyes: Eyes, name: str, value: str) -> None:
    """Choose an option, whether the browser or the search box draws it."""
    eyes.page.evaluate(
        """([name, value]) => {const s = document.querySelector(`main [name='${name}']`);
        if (s.tomselect) s.tomselect.setValue(value); else {s.value = value; s.dispatchEvent(new Event('change'));}}""",
        [name, value],
    )


def test_a_session_from_invitation_to_printed_record(sign_in):
    officer = sign_in("officer1")
    page = officer.page
    officer.go("/sessions/")
    officer.look("list")
    officer.go("/sessions/?show=open")
    officer.look("without-outcome")

    # a case on the officer's desk, and a session this morning
    officer.go("/disputes/?desk=mine&status=mediating&tier=2")
    page.locator("main [data-row] a").first.click()
    page.wait_for_url(re.compile(r"/disputes/\d{6}-"))
    case = page.url
    officer.go(f"{case.removeprefix(officer.base)}sessions/new/")
    officer.look("plan")
    page.fill("main [name=day]", "今天")
    page.fill("main [name=starts]", "0:05")
    page.fill("main [name=place]", "村委会院子")
    page.fill("main [name=purpose]", "界桩立在哪里")
    option = page.locator("main [name='invited-0-who'] option", has_text="水务站").first.get_attribute("value")
    pick(officer, "invited-0-who", option or "")
    page.fill("main [name='invited-0-ask']", "带水权图到场")
    page.get_by_role("button", name="再加一个").click()
    page.fill("main [name='invited-1-name']", "老马")
    pick(officer, "invited-1-capacity", "neighbour")
    page.check("main [name='invited-1-consent'][value=agreed]")
    officer.submit("约好")
    session = page.url
    officer.look("planned")

    # what is typed is kept on the server, and comes back
    page.check("main [name=outcome][value=agreed]")
    page.fill("main [name=points_agreed]", "按旧界桩重立，双方到场。")
    page.wait_for_selector("[data-draft-status]:has-text('草稿已保存')", timeout=15_000)
    page.goto(session)
    assert page.input_value("main [name=points_agreed]") == "按旧界桩重立，双方到场。"
    officer.look("record")

    # what is missing is said beside its field, and nothing typed is lost
    officer.submit("保存记录")
    assert "先宣读权利义务" in officer.text()
    officer.look("missing")
    # Chromium logs the answer itself
    officer.problems = [p for p in officer.problems if "status of 422" not in p]
    page.fill("main [name=rights_told]", "0:05")
    for box in page.locator("main [name^=attended_][value=yes]").all():
        box.check()
    for box in page.locator("main [name^=consent_][value=agreed]").all():
        box.check()
    page.locator("main [name^=statement_]").first.fill("同意按旧界桩。")
    page.fill("main [name=education]", "讲了草原法")
    officer.submit("保存记录")
    assert "达成一致" in officer.text()
    officer.look("recorded")

    # the sheet for the printer: black on white, with blank lines to sign on
    page.get_by_role("link", name="打印记录").click()
    page.wait_for_url("**/print/?what=record")
    officer.look("sheet")
    page.emulate_media(media="print")
    assert page.locator(".signs .line").count() >= 5
    assert all(not text.strip() for text in page.locator(".signs .line").all_inner_texts())
    assert not page.locator("header.top").is_visible() and not page.locator(".no-print").is_visible()
    assert "按旧界桩重立" in page.inner_text(".sheet")
    page.emulate_media(media="screen")
    page.goto(case)
    assert "联调会记录" in officer.text()


def test_a_department_reads_its_invitation_and_nothing_else(sign_in):
    department = sign_in("department1")
    department.go("/sessions/")
    department.look("invitations")
    department.page.locator("main [data-row] a").first.click()
    department.page.wait_for_url("**/sessions/**")
    department.look("invitation")
    text = department.text()
    assert "带有关图纸到场" in text and not re.search(r"\d{6}-\d{3}-\d{4}-\d{4}", text)
