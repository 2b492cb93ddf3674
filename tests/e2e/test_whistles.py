"""A whistle to three departments: one comes and reports from the phone, one declines, one lets its day pass."""

from __future__ import annotations

import subprocess

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import ROOT, Eyes

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
DECLINE = """
from django.utils import timezone
from disputes.whistles.models import Whistle
whistle = Whistle.objects.latest("pk")
call = whistle.calls.get(office__name__endswith="自然资源所")
by = call.office.postings.get().user
whistle.answer("decline", by=by, at=timezone.now(), reply="测绘员本周在县里培训")
"""
LET_TIME_PASS = """
import datetime as dt
from disputes.whistles.models import Call
call = Call.objects.filter(office__name__endswith="司法所").latest("pk")
back = dt.timedelta(days=14)
call.asked_at, call.answer_due_on, call.due_on = call.asked_at - back, call.answer_due_on - back, call.due_on - back
call.save(update_fields=["asked_at", "answer_due_on", "due_on"])
"""


def shell(product, code: str) -> None:
    """Somebody without an account of the demo acts, or days go by, in the product's own database."""
    subprocess.run([*product.manage, "shell", "-c", code], cwd=ROOT, env=product.env, check=True)


def a_case_of(eyes: Eyes) -> str:
    """The number of a case in mediation on this person's desk."""
    eyes.go("/disputes/?desk=mine&status=mediating")
    return eyes.page.locator("main a[href^='/disputes/6']").last.get_attribute("href").split("/")[2]


def ask(eyes: Eyes, office: str) -> None:
    """Find an office in the search box of the list and choose it."""
    eyes.page.locator("#id_offices-ts-control").press_sequentially(office)
    eyes.page.locator(".ts-dropdown [role=option]", has_text=office).first.click()


def test_a_whistle_to_three_departments(sign_in, product):
    officer = sign_in("officer1")
    number = a_case_of(officer)
    officer.go(f"/disputes/{number}/")
    officer.look("before")
    officer.page.locator("#whistles").get_by_role("link", name="吹哨", exact=True).click()
    officer.page.wait_for_url("**/whistles/new/")
    for office in ("松山镇水务站", "松山镇自然资源所", "松山司法所", "天堂司法所"):
        ask(officer, office)
    officer.page.get_by_role("button", name="去掉 天堂司法所").click()  # the wrong one is taken away by touch
    officer.page.check("main [name=kind][value=on_site]")
    officer.page.fill("main [name=what]", "到渠口看现场")
    officer.page.fill("main [name=summary]", "甲方和乙方为渠口用水争执")
    officer.page.check("main [name=share_place]")
    officer.look("form")
    officer.submit("吹哨")
    expect(officer.page.locator("#whistles .calls").first.locator("li")).to_have_count(3)
    officer.look("blown")

    # the water station answers on the phone
    water = sign_in("department1")
    water.look("department-home")
    water.page.set_viewport_size(PHONE)
    water.go("/whistles/")
    water.page.get_by_role("link", name="到渠口看现场", exact=True).first.click()
    expect(water.page.locator("h1")).to_contain_text("请求支援")
    water.look("asked")
    water.page.set_viewport_size(PHONE)
    assert number not in water.page.content()  # what the case is called is not theirs to know
    water.page.locator("summary", has_text="接受").click()
    water.page.fill("main [name=who_comes]", "老马")
    water.page.fill("main [name=coming_on]", "今天")
    water.submit("确认接受")

    # the officer, who left the case page open, sees it without having done anything
    officer.page.clock.install()
    officer.go(f"/disputes/{number}/")
    expect(officer.page.locator("#whistles")).to_contain_text("已接受")
    loads: list[str] = []
    officer.page.on("framenavigated", lambda frame: loads.append(frame.url))
    water.page.locator("summary", has_text="报办结").click()
    water.page.fill("main [name=done_note]", "看了渠口，闸板已恢复到原来的高度")
    water.submit("确认办结")
    water.look("done")
    shell(product, DECLINE)
    shell(product, LET_TIME_PASS)
    officer.page.clock.fast_forward("00:31")
    panel = officer.page.locator("#whistles")
    expect(panel).to_contain_text("闸板已恢复到原来的高度")
    expect(panel).to_contain_text("测绘员本周在县里培训")
    expect(panel).to_contain_text("逾期")
    assert loads == []
    officer.look("answers")

    # the pump tells the desk of the one that is late; the chair closes and must say why
    # this one, not one of the demo data
    late = officer.page.locator("main .ti button", has_text="吹哨逾期").filter(has_text="松山司法所")
    for _ in range(60):
        officer.go("/notices/")
        if late.count():
            break
        officer.page.wait_for_timeout(500)
    late.first.click()
    expect(officer.page.locator("h1")).to_contain_text("请求支援")
    officer.look("late")
    officer.submit("结束吹哨")
    expect(officer.page.locator("[role=alert]").first).to_contain_text("松山司法所还没有答复")
    officer.problems = [p for p in officer.problems if "422" not in p]  # the browser logs the refusal itself
    officer.page.fill("main form[action$='/close/'] [name=reason]", "司法所电话说下周才有人，先按水务站的意见办")
    officer.look("closing")
    officer.submit("结束吹哨")
    assert "没有答复" in officer.text() and "结束说明" in officer.text()
    officer.go("/whistles/?view=out")
    officer.look("list")
    officer.go(f"/disputes/{number}/")
    assert "hx-trigger" not in (officer.page.locator("#whistle-panel").evaluate("e => e.outerHTML").split(">")[0])
