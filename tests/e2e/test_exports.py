"""A ledger taken out in a browser: the question, how far it is, the file, and the list on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_reason_progress_download_and_the_list_on_a_phone(product, sign_in):
    centre = sign_in("centre1")
    page = centre.page
    centre.go("/ledger/")
    href = page.locator('a[href*="/ledger/download/"], a[href*="/exports/new/"]').first.get_attribute("href")
    centre.go(href)
    assert "/exports/new/" in page.url
    centre.look("export form")
    with page.expect_navigation():
        page.get_by_role("button", name="导出", exact=True).click()
    assert "写明为什么导出" in centre.text()
    page.get_by_label("用途").select_option("report")
    page.get_by_label("理由").fill("十一月月报，报县综治中心")
    with page.expect_navigation():
        page.get_by_role("button", name="导出", exact=True).click()
    # a small one is there at once; if a worker has it, the page says how far it is and turns into the download
    fetch = page.get_by_role("link", name="下载")
    expect(fetch).to_be_visible(timeout=30_000)
    assert "SHA-256" in centre.text()
    centre.look("export ready")
    with page.expect_download() as told:
        fetch.click()
    assert told.value.suggested_filename.endswith(".xlsx")
    page.set_viewport_size({"width": 390, "height": 844})
    centre.go("/exports/")
    expect(page.locator("li[data-row]").first).to_contain_text("可以下载")
    centre.look("exports on a phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
