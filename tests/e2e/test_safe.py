"""The police wizard, the family screen and an agreement followed until it is kept, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Eyes
from tests.e2e.test_story import fill, tick

pytestmark = pytest.mark.browser


def expect_refusal(eyes: Eyes) -> None:
    """The browser logs a refusal itself; here it is what was wanted."""
    eyes.problems = [p for p in eyes.problems if "status of 4" not in p]


def first(eyes: Eyes, query: str) -> str:
    """The number of the first case of the desk's own list under these conditions."""
    eyes.go(f"/disputes/?desk=mine&{query}")
    found = re.search(r"620623-\d{3}-\d{4}-\d{4}", eyes.text())
    assert found, query
    return found[0]


def act(eyes: Eyes, case_no: str, name: str) -> None:
    eyes.go(f"/disputes/{case_no}/acts/{name}/")


def test_the_wizard_and_a_session(sign_in):
    officer = sign_in("officer1")
    case_no = first(officer, "status=mediating&handler=me")
    act(officer, case_no, "police")
    officer.look("wizard")
    officer.submit("保存")  # nothing answered: told what is missing, nothing lost
    expect(officer.page.locator("[data-error-summary]")).to_be_focused()
    for name, value in (("deed", "beating"), ("lesser", "true"), ("ground", "close"), ("exclusions_clear", "true")):
        tick(officer, name, value)
    tick(officer, "suspect", "B")
    fill(officer, established="双方争水时推搡，无人受伤")
    officer.submit("保存")
    assert "核对符合条件" in officer.text()
    act(officer, case_no, "police_session")
    tick(officer, "place_kind", "standard")
    tick(officer, "officers", "1")
    fill(officer, held_on="今天", place="派出所调解室")
    officer.submit("保存")
    expect_refusal(officer)
    assert "同步录音录像" in officer.text()  # one officer alone, and no recording
    officer.look("alone")
    assert officer.page.input_value("main [name=place]") == "派出所调解室"
    fill(officer, recording="LX-0042")
    officer.submit("保存")
    officer.look("session")
    assert "LX-0042" in officer.text() and "再次调解要在" in officer.text()


def test_the_family_screen(sign_in):
    assistant = sign_in("assistant1")
    case_no = first(assistant, "status=mediating&type_l1=01&handler=me")
    act(assistant, case_no, "screen")
    assert not assistant.page.locator("main input[type=radio]:checked").count()
    for question in ("beating", "restraint", "insult", "threat"):
        tick(assistant, f"safety_{question}", "false")
    tick(assistant, "safety_fear", "true")
    assistant.look("screen")
    assistant.submit("保存")
    assistant.go(f"/disputes/{case_no}/moves/settle/")
    assert not assistant.page.locator("[name=safety_fear]").count()  # asked once, on its own page
    act(assistant, case_no, "screen")
    expect(assistant.page.locator("main li", has_text="害不害怕")).to_be_visible()
    assistant.look("answered")
    officer = sign_in("officer1")
    officer.go(f"/disputes/{case_no}/")
    assert "害不害怕" not in officer.page.content()


def test_performance_until_it_is_kept(sign_in):
    assistant = sign_in("assistant1")
    assistant.go("/todo/?kind=task")
    assistant.look("tasks")
    link = assistant.page.locator("a", has_text="记履行情况").first
    with assistant.page.expect_navigation():
        link.click()
    assistant.look("performance")
    assistant.page.locator("main input[name=obligation]").first.check(force=True)
    tick(assistant, "performance", "2")
    assistant.submit("保存")
    expect_refusal(assistant)
    assert "履行了的填履行日期" in assistant.text()
    fill(assistant, performed_on="今天")
    assistant.page.keyboard.press("Tab")  # the day is repeated in words
    assistant.submit("保存")
    assistant.page.wait_for_url("**/disputes/*/#safeguards")
    assistant.look("kept")
    assert "已履行完毕" in assistant.text()
    case_no = re.search(r"620623-\d{3}-\d{4}-\d{4}", assistant.page.url)[0]
    assistant.go(f"/disputes/{case_no}/ways/")
    assistant.look("ways")
    assistant.go(f"/disputes/{case_no}/slips/")
    assistant.look("slips")


def test_the_steps_on_the_spot(sign_in):
    officer = sign_in("officer1")
    officer.go("/visits/new/")
    officer.page.select_option("main [name=village]", index=1)
    officer.submit("开始走访")
    fill(officer, side_a="马文海", side_b="王世昌", words="砸了水泵，当场赔了")
    tick(officer, "kind", "02")
    tick(officer, "found", "calm")
    tick(officer, "spot-consent_A0", "agreed")
    tick(officer, "spot-consent_B0", "agreed")
    with officer.page.expect_response("**/visits/*/"):
        officer.page.locator("main button[type=submit]").first.click()
    officer.page.locator("#loop details > summary").first.click()
    with officer.page.expect_navigation():
        officer.page.locator("#loop .feed").get_by_role("link", name="补齐").click()
    officer.page.select_option("main [name=spot-chair]", "officer1")
    officer.page.locator("summary", has_text="治安调解").click()
    tick(officer, "spot-police", "clear")
    answers = {"deed": "damage", "lesser": "1", "ground": "close", "officers": "1", "place_kind": "other"}
    for name, value in answers.items():
        officer.page.select_option(f"main [name=spot-step_{name}]", value)
    fill(officer, **{"spot-recording": "LX-0043"})
    officer.submit("保存，补齐就立案")
    assert "一名民警单独调解" in officer.text()
    assert officer.page.input_value("main [name=spot-step_deed]") == "damage"  # nothing that was answered is lost
    officer.look("spot")
    officer.page.select_option("main [name=spot-step_officers]", "2")
    officer.submit("保存，补齐就立案")
    assert "当场化解已立案" in officer.page.inner_text("body")
