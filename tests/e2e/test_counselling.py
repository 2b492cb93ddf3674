"""From the referral to the note: the officer refers, the counsellor meets the person, the named supervisor reads."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.test_safe import expect_refusal

pytestmark = pytest.mark.browser

WORDS = "本人说夜里常醒，怕回家面对吵闹"


def test_counselling_from_referral_to_note(sign_in):
    officer = sign_in("officer1")
    officer.go("/disputes/?desk=mine&status=mediating")
    number = officer.page.locator("main a[href^='/disputes/6']").last.get_attribute("href").split("/")[2]
    officer.go(f"/disputes/{number}/")
    officer.page.locator("#counselling").get_by_role("link", name="转介心理疏导").click()
    officer.page.wait_for_url("**/counselling/new/**")
    page = officer.page
    page.locator("main [name=party]").first.check()
    page.check("main [name=consent_by][value=self]")
    page.check("main [name=consent_way][value=spoken]")
    page.fill("main [name=consent_on]", "今天")
    page.fill("main [name=why]", "调解后一直睡不好，本人愿意找人说说")
    for name in ("to", "supervisor"):
        shown = page.locator(f"main select[name={name}] option").all_inner_texts()
        wanted = next(words for words in reversed(shown) if words and not words.startswith("选"))
        page.select_option(f"main select[name={name}]", label=wanted)
    officer.submit("转介")
    assert "没有本人（未成年人的监护人）同意" in officer.text()
    expect_refusal(officer)
    page.check("main [name=consented]")
    page.select_option("main [name=to]", "")
    options = page.locator("main [name=supervisor] option")
    names = options.all_inner_texts()
    supervisor1 = sign_in("supervisor1")
    name = supervisor1.page.locator("header, .topbar, body").first.inner_text()
    page.select_option("main [name=supervisor]", label=next(n for n in names if n in name))
    officer.look("referral")
    officer.submit("转介")
    address = "/" + page.url.split("/", 3)[3]

    counsellor = sign_in("counsellor1")
    counsellor.look("home")
    counsellor.go("/counselling/?view=asked")
    counsellor.look("list")
    counsellor.go(address)
    counsellor.look("asked")
    counsellor.submit("接下")
    form = counsellor.page.locator("form:has(input[name=act][value=session])")
    form.locator("[name=day]").fill("今天")
    form.locator("[name=starts]").fill("0:01")
    form.locator("[name=way][value=phone]").check()
    form.locator("[name=before][value='2']").check()
    form.locator("[name=after][value='4']").check()
    form.locator("[name=no_more]").check()
    form.locator("[name=note]").fill(WORDS)
    counsellor.submit("记一次疏导")
    assert WORDS in counsellor.text(), counsellor.text()
    counsellor.page.locator("#act-risk summary").click()
    counsellor.submit("确认标记风险")
    counsellor.look("under-way")

    officer.go(f"/disputes/{number}/")
    section = page.locator("#counselling")
    expect(section).to_contain_text("已疏导 1 次")
    expect(section).to_contain_text("有风险提示")
    officer.look("case")
    officer.go("/notices/")
    expect(page.locator("main")).to_contain_text("疏导员提示风险")
    for path in ("/notices/", f"/disputes/{number}/", address):
        officer.go(path)
        assert WORDS not in page.content()

    supervisor1.go(address)
    assert WORDS not in supervisor1.page.content()
    supervisor1.page.fill("#id_open_reason", "有风险提示，核对情况")
    supervisor1.submit("打开疏导记录")
    assert WORDS in supervisor1.text()
    supervisor1.look("notes")
