"""A photo with a capture at 390 px: one tap, sent with the entry; a refused one costs nothing that was typed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Eyes
from tests.e2e.test_capture import PHONE, Thumb, phone  # noqa: F401  the fixture
from tests.e2e.test_field import loads
from tests.samples import picture

pytestmark = pytest.mark.browser
WIDE = picture("JPEG", 3000, 2000)


def file(name: str, content: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content}


def test_a_refused_photo_keeps_the_capture(phone: Eyes, sign_in) -> None:  # noqa: F811
    phone.go("/visits/new/")
    phone.submit("开始走访")
    seen, page, thumb = loads(phone), phone.page, Thumb(phone.page)
    thumb.words("马文林")
    thumb.tap("[name=words]")
    thumb.words("渠口又吵，铁锹还在地上")
    with page.expect_file_chooser() as chooser:
        thumb.tap("[name=photos]")  # the one tap more
    chooser.value.set_files([file("渠口.jpg", WIDE), file("网页.jpg", b"<html>" * 50)])
    expect(page.locator(".photos li")).to_have_count(2)
    thumb.tap("form[data-capture] button[type=submit]")
    expect(page.locator("#loop .es")).to_contain_text("“网页.jpg”的内容和扩展名 jpg 对不上")
    assert page.input_value("main [name=side_a]") == "马文林"
    assert page.input_value("main [name=words]") == "渠口又吵，铁锹还在地上"
    expect(page.locator(".photos li")).to_have_count(1)  # the good one need not be taken again
    expect(page.locator(".photos")).to_contain_text("渠口.jpg")

    # too large even for the way: said on the spot, nothing is sent
    page.locator("main [name=photos]").set_input_files([file("三十兆.jpg", bytes(30 * 2**20))])
    expect(page.locator("main")).to_contain_text("三十兆.jpg 太大，没有选上")
    expect(page.locator(".photos li")).to_have_count(1)
    assert page.input_value("main [name=words]") == "渠口又吵，铁锹还在地上"

    thumb.tap("form[data-capture] button[type=submit]")
    page.wait_for_selector("#loop b:has-text('第 2 条')")
    assert seen == []  # no page load from the first word to the saved photo
    page.locator("#loop details > summary").first.tap()
    shown = page.locator("#loop .thumbs img")
    expect(shown).to_have_count(1)
    shown.scroll_into_view_if_needed()
    page.wait_for_function("i => i.complete && i.naturalWidth === 320", arg=shown.element_handle())
    phone.look("kept")

    page.set_viewport_size(PHONE["viewport"])
    page.reload()  # axe leaves marks that the loop's next entry would take over
    page.fill("main [name=words]", "再记一条")
    page.locator("main [name=photos]").set_input_files([file("渠口.jpg", WIDE), file("网页.jpg", b"<html>")])
    expect(page.locator(".photos li")).to_have_count(2)
    page.tap("main form[data-capture] button[type=submit]")
    expect(page.locator("#loop .es")).to_contain_text("“网页.jpg”")
    phone.look("refused")

    officer = sign_in("officer1")
    officer.go("/triage/")
    officer.page.locator("a.entry", has_text="铁锹还在地上").click()
    expect(officer.page.locator("#entry .thumbs img")).to_have_count(1)
    officer.look("triage")
    phone.problems = [line for line in phone.problems if "422" not in line]  # the refusal, as the browser tells it
