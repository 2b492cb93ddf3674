"""The ledger in a real browser: a county makes its own layout, a supervisor reads, keeps, and looks at it whole."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_county_makes_its_own_ledger_and_a_supervisor_reads_it(sign_in):
    admin = sign_in("sysadmin1")
    admin.go("/manage/ledger-columns/")
    admin.look("layouts")
    admin.go("/manage/ledger-columns/new/?from=street")
    admin.page.fill("main input[name=name]", "镇上用的")
    admin.page.fill("main input[name=at_remark]", "1")  # the place of another
    admin.submit("保存")
    admin.problems = [p for p in admin.problems if "status of 4" not in p]
    expect(admin.page.locator("[data-error-summary]")).to_be_focused()
    assert "换一个" in admin.text()
    admin.look("wrong")
    admin.page.fill("main input[name=at_remark]", "20")
    admin.page.fill("main input[name=group_narrative]", "纠纷")
    admin.page.fill("main input[name=group_outcome]", "纠纷")
    admin.submit("保存")
    expect(admin.page.locator("th[colspan='2']")).to_have_text("纠纷")
    admin.look("layout")

    supervisor = sign_in("supervisor1")
    page = supervisor.page
    supervisor.go("/ledger/")
    supervisor.look("ledger")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.select_option("main select[name=profile]", label="镇上用的")
    page.select_option("main select[name=status]", value="open")
    supervisor.submit("查询")
    heads = page.locator("main .xl thead th")
    expect(heads.filter(has_text="跟踪反馈情况")).to_be_visible()
    expect(page.locator("main .chip")).to_have_count(1)
    supervisor.look("own")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("main .xcards article").first).to_be_visible()
    expect(page.locator("main .xl")).to_be_hidden()
    page.set_viewport_size({"width": 1440, "height": 900})

    page.locator("main summary", has_text="保存为常用查询").click()
    page.fill("main details input[name=name]", "镇上在办")
    with page.expect_navigation():
        page.locator("main details").get_by_role("button", name="保存", exact=True).click()
    assert "已保存为“镇上在办”" in supervisor.text()
    supervisor.go("/ledger/")
    with page.expect_navigation():
        page.locator("main").get_by_role("link", name="镇上在办").click()
    expect(page.locator("main select[name=profile]")).to_have_value(
        page.locator("main select[name=profile] option", has_text="镇上用的").get_attribute("value") or "-"
    )
    supervisor.look("kept")

    page.set_viewport_size({"width": 1440, "height": 900})
    with page.expect_navigation():
        page.locator("main").get_by_role("link", name="全屏看表").click()
    expect(page.locator(".side")).to_be_hidden()
    box, row = page.locator(".xl-scroll"), page.locator(".xl tbody tr td").first
    before = row.bounding_box()
    box.evaluate("box => { box.scrollLeft = 400 }")
    after = row.bounding_box()
    assert before and after and before["x"] == after["x"]  # the first column stands still
    supervisor.look("whole")
    with page.expect_navigation():
        page.locator("main").get_by_role("link", name="退出全屏").click()
    expect(page.locator(".side")).to_be_visible()

    supervisor.go("/ledger/?print=1&profile=village")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(media="print")
    expect(page.locator(".side")).to_be_hidden()
    page.screenshot(path="var/e2e/a_county_makes_its_own_ledger_and_a_supervisor_reads_it/sheet.png", full_page=True)
    page.emulate_media(media="screen")
