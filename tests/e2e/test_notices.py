"""Notices in a browser: badge, opening, per case, muting, marking all read and taking it back; wide and narrow."""

from __future__ import annotations

import subprocess

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

#: A case of assistant1's village goes up as 可能激化 and another one plainly, and what followed is written.
SENT_UP = """
import datetime as dt
from django.utils import timezone
from disputes.models import Dispute
from followups.pump import pump_once
from villages.models import Area, User
people = {name: User.objects.get(username=name) for name in ("assistant1", "officer1")}
village = Area.objects.get(pk=next(iter(people["assistant1"].scope.villages)))
at = timezone.now() - dt.timedelta(minutes=20)
for danger in (True, False):
    facts = dict(village=village, type_l1="09", type_l2="0905", source="06",
                 found_on=timezone.localdate(at), narrative="渠口分水")
    parties = [dict(side="A", name="甲方"), dict(side="B", name="乙方")]
    case = Dispute.objects.register(by=people["assistant1"], at=at, facts=facts, parties=parties)
    case.add_note(by=people["assistant1"], at=at, text="到两家调解过", is_attempt=True)
    case.perform("escalate", by=people["assistant1"], at=at, reason="没有说拢", may_escalate=danger)
    print(case.case_no)
pump_once()
"""


def test_notices(product, sign_in):
    done = subprocess.run(
        [*product.manage, "shell", "-c", SENT_UP], env=product.env, check=True, capture_output=True, text=True
    )
    danger, plain = [line for line in done.stdout.splitlines() if line.startswith("620623-")]
    officer = sign_in("officer1")
    page = officer.page
    badge = page.locator("header .nb")

    officer.go("/notices/")
    officer.look("notices")
    before = badge.inner_text()
    assert before.startswith(("1", "2", "3", "4", "5", "6", "7", "8", "9"))
    officer.go("/notices/?show=unread&kind=danger")
    assert danger in officer.text() and plain not in officer.text()
    with page.expect_navigation():
        page.locator("li", has_text=danger).get_by_role("button", name="已知悉").click()
    assert "已知悉，不再提醒其他人" in officer.text()
    assert page.url.endswith(f"/disputes/{danger}/")
    officer.look("case")

    officer.go("/notices/?show=unread")
    row = page.locator("li", has_text=plain).filter(has_text="收到上报")
    with page.expect_navigation():
        row.locator(".btn-text").click()
    assert page.url.endswith(f"/disputes/{plain}/")
    officer.go("/notices/?show=unread")
    expect(page.locator("li", has_text=plain).filter(has_text="收到上报")).to_have_count(0)

    officer.go("/notices/?by=case")
    officer.look("by-case")
    with page.expect_navigation():
        page.locator("li", has_text=danger).get_by_role("button", name=f"静音 {danger}").click()
    expect(page.locator("li", has_text=danger).get_by_role("button", name=f"取消静音 {danger}")).to_be_visible()
    page.locator("li", has_text=danger).locator(".ti a").click()
    page.wait_for_url("**/notices/?of=*")
    assert "收到上报" in officer.text() and plain not in officer.text()
    officer.look("one-case")
    officer.go("/me/notices/")
    assert danger in officer.text()
    officer.look("settings")

    officer.go("/notices/")
    officer.submit("全部标为已读")
    expect(badge).to_have_count(0)
    officer.look("all-read")
    officer.submit("撤销")
    expect(badge).to_be_visible()


def test_the_operator_sees_how_it_flows(product, sign_in):
    operator = sign_in("sysadmin1")
    operator.go("/manage/reminders/")
    assert "各渠道" in operator.text() and "没有失败" in operator.text()
    operator.look("operator")
    supervisor = sign_in("supervisor1")
    supervisor.go("/disputes/?status=mediating")
    with supervisor.page.expect_navigation():
        supervisor.page.locator("main tbody a").first.click()
    with supervisor.page.expect_navigation():
        supervisor.page.get_by_role("link", name="催办", exact=True).first.click()
    supervisor.page.fill("main textarea", "到现在没有动静")
    supervisor.look("urge")
    supervisor.submit("催办")
    assert "一个工作日催一次" in supervisor.text()
