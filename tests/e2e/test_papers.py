"""An agreement from the draft to the sealed file, its dossier, and a template that is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Eyes

pytestmark = pytest.mark.browser


def settled_case(eyes: Eyes) -> str:
    """A case on this desk that was settled by a written agreement of people's mediation, without that paper yet."""
    eyes.go("/disputes/?status=settled&desk=mine")
    for link in eyes.page.locator("main a[href^='/disputes/6']").evaluate_all("links => links.map(a => a.pathname)"):
        eyes.go(f"{link}papers/")
        offered = eyes.page.locator("a[href$='/papers/new/agreement/']")
        if offered.count():
            return link
    raise AssertionError("the demo holds no such case")


def download(eyes: Eyes, press) -> bytes:
    with eyes.page.expect_download() as got:
        press()
    return Path(got.value.path()).read_bytes()


def test_an_agreement_is_drafted_blocked_filled_in_issued_and_bound(sign_in):
    assistant = sign_in("assistant1")
    case = settled_case(assistant)
    page = assistant.page
    assistant.look("papers")
    with page.expect_navigation():
        page.locator("a[href$='/papers/new/agreement/']").click()
    assert "人民调解协议书" in assistant.text()
    page.fill("main [name=how]", "")
    assistant.submit("出具")
    expect(page.get_by_role("alert").filter(has_text="还不能出具")).to_contain_text("缺：履行方式、地点。补上后再出")
    assistant.look("blocked")
    page.fill("main [name=how]", "现金当面付清，在村委会交接。")
    assistant.submit("更新草稿")
    assert "现金当面付清，在村委会交接。" in assistant.text() and "出具前补上" not in assistant.text()
    assistant.look("draft")
    draft = download(assistant, lambda: page.get_by_role("button", name="草稿 PDF").click())
    assert draft.startswith(b"%PDF")
    assistant.submit("出具")
    page.wait_for_url(f"**{case}papers/")
    assert "人调字〔" in assistant.text()
    assistant.look("issued")
    link = page.locator(".paper-row a", has_text="PDF").last
    first, second = (download(assistant, link.click) for _n in range(2))
    assert first == second and first != draft
    assert download(assistant, page.locator(".paper-row a", has_text="DOCX").last.click).startswith(b"PK")

    assert "卷里还缺：" in assistant.text()
    bound = download(assistant, page.get_by_role("link", name="整卷 PDF").click)
    assert bound.startswith(b"%PDF") and len(bound) > len(first)
    assistant.go(case)
    assert "调解协议书" in page.inner_text("#papers")
    # the browser logs the refusal itself, and calls a page that turned into a download an aborted one
    assistant.problems = [p for p in assistant.problems if "ERR_ABORTED" not in p and "422" not in p]


def test_an_administrator_replaces_a_template(sign_in, tmp_path):
    admin = sign_in("sysadmin1")
    admin.go("/manage/papers/")
    admin.look("templates")
    admin.page.get_by_role("link", name="受理登记表").click()
    content = download(admin, admin.page.get_by_role("link", name="第 1 版").click)
    admin.page.set_input_files(
        "main [name=file]", {"name": "受理.docx", "mimeType": "application/x", "buffer": content}
    )
    admin.page.fill("main [name=note]", "试换")
    admin.submit("启用新版")
    assert "第 2 版" in admin.text() and "试换" in admin.text()
    admin.page.set_input_files(
        "main [name=file]", {"name": "坏.docx", "mimeType": "application/x", "buffer": b"PK\x03"}
    )
    admin.submit("启用新版")
    assert "对不上" in admin.text()
    admin.look("replaced")
    admin.problems = [p for p in admin.problems if "422" not in p and "ERR_ABORTED" not in p]
