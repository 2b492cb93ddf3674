"""The inbox by keyboard: one taken up, one returned, one assigned, one 督办 answered, and no page in between."""

from __future__ import annotations

import subprocess

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Eyes

pytestmark = pytest.mark.browser

#: Three cases of assistant1's village go up to the centre, the first of them pressed by supervisor1.
SENT_UP = """
import datetime as dt
from django.utils import timezone
from disputes.inbox.models import Instruction
from disputes.models import Dispute
from villages.models import User
people = {name: User.objects.get(username=name) for name in ("assistant1", "officer1", "supervisor1")}
village = next(iter(people["assistant1"].scope.villages))
from villages.models import Area
at = timezone.now() - dt.timedelta(hours=3)
for number in range(3):
    facts = dict(village=Area.objects.get(pk=village), type_l1="09", type_l2="0905", source="06",
                 found_on=timezone.localdate(at), narrative="渠口分水")
    parties = [dict(side="A", name="甲方"), dict(side="B", name="乙方")]
    case = Dispute.objects.register(by=people["assistant1"], at=at, facts=facts, parties=parties)
    for who in ("assistant1", "officer1"):
        at += dt.timedelta(minutes=5)
        case.add_note(by=people[who], at=at, text="到两家调解过", is_attempt=True)
        case.perform("escalate", by=people[who], at=at, reason="没有说拢")
    if number == 0:
        Instruction.objects.give(case, "supervise", by=people["supervisor1"], at=at, words="抓紧办",
                                 due_on=timezone.localdate(at) + dt.timedelta(days=3))
    print(case.case_no)
"""


def press_and_wait(eyes: Eyes, key: str) -> None:
    with eyes.page.expect_navigation():
        eyes.page.keyboard.press(key)


def test_the_inbox_by_keyboard(product, sign_in):
    done = subprocess.run(
        [*product.manage, "shell", "-c", SENT_UP], env=product.env, check=True, capture_output=True, text=True
    )
    pressed, back, given = [line for line in done.stdout.splitlines() if line.startswith("620623-")]
    centre = sign_in("centre1")
    page, keyboard = centre.page, centre.page.keyboard

    centre.go(f"/inbox/?at={pressed}")
    centre.look("inbox")
    assert "到两家调解过" in centre.text() and "没有说拢" in centre.text()
    page.focus("main form.note textarea")
    keyboard.insert_text("明天上午两家到中心")
    keyboard.press("Tab")
    press_and_wait(centre, "Enter")
    assert page.url.endswith(f"/inbox/?at={pressed}#entry")
    expect(page.locator("main form.note")).to_have_count(0)

    keyboard.press("1")
    assert page.is_checked("main [name=do][value=take_up]")
    press_and_wait(centre, "Control+Enter")
    assert f"已受理：{pressed}" in centre.text()

    centre.go(f"/inbox/?at={back}")
    keyboard.press("2")
    assert page.is_checked("main [name=do][value=return]")
    press_and_wait(centre, "Control+Enter")  # without what to add: the sentence, and nothing is lost
    assert "写明要补充什么" in centre.text()
    centre.look("return_refused")
    centre.problems = [p for p in centre.problems if "422" not in p]  # the browser logs the refusal itself
    page.focus("main [name=reason]")
    keyboard.insert_text("水管站的分水记录没有附上")
    page.focus("main [name=to_add]")
    keyboard.insert_text("附上分水记录")
    press_and_wait(centre, "Control+Enter")
    assert f"已退回：{back}" in centre.text()

    centre.go(f"/inbox/?at={given}")
    keyboard.press("3")
    assert page.is_checked("main [name=do][value=assign]")
    page.select_option("main [name=person]", index=1)
    press_and_wait(centre, "Control+Enter")
    centre.look("assigned")
    assert f"已指派：{given}" in centre.text()

    supervisor = sign_in("supervisor1")
    supervisor.go(f"/disputes/{pressed}/")
    assert "明天上午两家到中心" in supervisor.text()
    supervisor.look("answered")
