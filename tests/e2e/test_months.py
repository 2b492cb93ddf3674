"""A month from the village to the county's signature, and what is changed afterwards below the next one."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_safe import expect_refusal

pytestmark = pytest.mark.browser


def press(eyes, label):
    """A button of one row: its name goes on with the place."""
    with eyes.page.expect_navigation():
        eyes.page.locator("main").get_by_role("button", name=label).first.click()


def test_a_month_is_submitted_signed_frozen_and_corrected(sign_in):
    assistant = sign_in("assistant1")
    assistant.go("/ledger/months/")
    page = assistant.page
    month = re.search(r"\d{4}-\d{2}", page.locator("main .sub").inner_text())[0]
    press(assistant, "报送")
    expect(page.locator("main table")).to_contain_text("已报送")
    press(assistant, "负责人签字")
    expect(page.locator("main table")).to_contain_text("已签字")
    assistant.look("signed")

    supervisor = sign_in("supervisor1")
    supervisor.go(f"/ledger/months/?month={month}")
    supervisor.look("months")
    before = supervisor.page.locator("nav.seg a").first.inner_text().strip("‹ ")
    supervisor.go(f"/ledger/?month={before}")
    expect(supervisor.page.locator("main .frozen")).to_contain_text("已定稿")
    cells = supervisor.page.locator("main .xl tbody td").all_inner_texts()
    number = supervisor.page.locator("main .xl tbody a").all_inner_texts()

    case_no = ""
    for name in ("officer1", "centre1", "assistant1"):
        desk = sign_in(name)
        for one in number:
            desk.go(f"/disputes/{one}/")
            if desk.page.locator(f"main a[href='/disputes/{one}/edit/']").count():
                desk.go(f"/disputes/{one}/edit/")
                desk.page.fill("main [name=people_count]", "37")
                desk.submit("保存修改")
                case_no = one
                break
            expect_refusal(desk)
        if case_no:
            break
    assert case_no, number

    supervisor.go(f"/ledger/?month={before}")
    assert supervisor.page.locator("main .xl tbody td").all_inner_texts() == cells
    supervisor.go(f"/ledger/months/freeze/?month={month}")
    supervisor.look("freeze")
    supervisor.submit("签字定稿")
    expect_refusal(supervisor)
    assert "没有报送" in supervisor.text()
    supervisor.page.check("main [name=anyway]")
    supervisor.submit("签字定稿")
    line = supervisor.page.locator("main table.lines tr").filter(has_text=case_no).filter(has_text="涉及人数")
    expect(line).to_contain_text("37")
    expect(line).to_contain_text(before)
    supervisor.look("frozen")
    supervisor.go(f"/ledger/months/check/?month={month}")
    assert "都和定稿时一样" in supervisor.text()
    supervisor.look("check")
    supervisor.go(f"/ledger/report/?month={month}")
    supervisor.look("report")
    link = supervisor.page.locator("#new tr.total a").last
    shown = link.inner_text()
    link.click()
    expect(supervisor.page.locator("main .sub")).to_contain_text(f"{shown} 件")
    supervisor.look("rows")


def test_a_flag_counts_people_and_names_none(sign_in):
    assistant = sign_in("assistant1")
    assistant.go("/disputes/?desk=mine&status=mediating")
    number = assistant.page.locator("main a[href^='/disputes/6']").first.get_attribute("href").split("/")[2]
    assistant.go(f"/disputes/{number}/")
    assistant.page.locator("#outcomes").get_by_role("link", name="登记统计标志").click()
    page = assistant.page
    page.check("main [name=kind][value=suicide]")
    page.fill("main [name=on]", "今天")
    page.fill("main [name=people]", "0")
    assistant.submit("登记")
    expect_refusal(assistant)
    assert "人数至少 1 人" in assistant.text()
    page.fill("main [name=people]", "2")
    assistant.look("flag")
    assistant.submit("登记")
    expect(page.locator("#outcomes")).to_contain_text("防止民间纠纷引起自杀 2 人")
    assistant.look("case")
