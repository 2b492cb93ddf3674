"""One dispute from the village to the closed file, clicked through by the people who do it."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import time

import openpyxl
import pytest

from tests.e2e.conftest import PICTURES, ROOT, Eyes

pytestmark = pytest.mark.browser


def choose(eyes: Eyes, name: str, label: str) -> None:
    """Pick an option whose words contain `label`; selects may be dressed by tom-select."""
    select = eyes.page.locator(f"select[name='{name}']")
    value = select.locator("option", has_text=label).first.get_attribute("value")
    select.evaluate(
        """(s, v) => {s.tomselect ? s.tomselect.setValue(v) : (s.value = v);
        s.dispatchEvent(new Event('change', {bubbles: true}))}""",
        value,
    )
    assert select.input_value() == value


def tick(eyes: Eyes, name: str, value: str) -> None:
    eyes.page.check(f"input[name='{name}'][value='{value}']", force=True)


def fill(eyes: Eyes, **values: str) -> None:
    for name, value in values.items():
        eyes.page.fill(f"main [name='{name}']", value)


def move(eyes: Eyes, case_no: str, name: str, label: str, **values: str) -> None:
    eyes.go(f"/disputes/{case_no}/moves/{name}/")
    fill(eyes, **values)
    eyes.look(name)
    eyes.submit(label)


def note(eyes: Eyes, case_no: str, text: str, attempt: bool = False) -> None:
    eyes.go(f"/disputes/{case_no}/")
    form = eyes.page.locator(f"form[action='/disputes/{case_no}/notes/']")
    form.locator("textarea").fill(text)
    if attempt:
        form.get_by_label("这是一次调解").check()
    with eyes.page.expect_navigation():
        form.get_by_role("button", name="保存进展").click()
    assert text in eyes.text()


def test_one_dispute(sign_in, tmp_path):
    assistant, officer, centre = (sign_in(name) for name in ("assistant1", "officer1", "centre1"))

    # the village: registered, noted, tried, escalated
    assistant.look("home")
    assistant.go("/disputes/new/")
    fill(assistant, **{"parties-0-name": "马有才", "parties-0-phone": "13812340001"})
    fill(assistant, **{"parties-1-name": "扎西·顿珠", "parties-1-phone": "13812340002"})
    choose(assistant, "kind", "草场界线")
    choose(assistant, "source", "排查发现")
    fill(assistant, narrative="两家夏季草场相邻，围栏被洪水冲走，对约12亩草场归谁争了两天。", demands="重新立桩")
    assistant.look("register")
    assistant.submit("登记")
    case_no = assistant.page.url.rstrip("/").split("/")[-1]
    assert case_no.startswith("620623-") and "马有才" in assistant.page.inner_text("h1")
    assistant.look("registered")
    note(assistant, case_no, "到两家看了现场，拍了界桩位置。")
    note(assistant, case_no, "在村委会调解一次，各让一步谈不拢。", attempt=True)
    # without a reason the form comes back with what was typed and says what to fill in
    assistant.go(f"/disputes/{case_no}/moves/escalate/")
    assistant.submit("上报")
    assert "写明理由" in assistant.text() and assistant.page.title().startswith("错误")
    assistant.problems = [p for p in assistant.problems if "422" not in p]  # the browser logs the refusal itself
    assistant.look("escalate-without-a-reason")
    move(assistant, case_no, "escalate", "上报", reason="界线要丈量，村里定不了")
    assert "待受理" in assistant.text()

    # the police room: taken up, noted, escalated
    officer.go("/disputes/?desk=mine&status=waiting")
    assert case_no in officer.text() and "界线要丈量" in officer.text()
    officer.look("to-accept")
    officer.go(f"/disputes/{case_no}/moves/take_up/")
    choose(officer, "handler", name_of(officer))
    officer.submit("受理")
    note(officer, case_no, "约双方到警务室调解，仍未达成。", attempt=True)
    move(officer, case_no, "escalate", "上报", reason="涉及草原承包证，要多部门丈量")

    # the township returns it, the police room adds what was missing, the township takes it up and settles
    centre.go("/disputes/?desk=mine&status=waiting")
    assert "要多部门丈量" in centre.text()
    move(centre, case_no, "return", "退回", reason="事实还不清楚", to_add="补承包证和丈量草图")
    officer.go(f"/disputes/{case_no}/")
    assert "补承包证和丈量草图" in officer.text()
    officer.look("returned")
    note(officer, case_no, "已补承包证复印件和草图。")
    move(officer, case_no, "escalate", "上报", reason="材料已补齐")
    centre.go(f"/disputes/{case_no}/moves/take_up/")
    mediator = name_of(sign_in("mediator1"))
    choose(centre, "handler", mediator)
    centre.submit("受理")
    centre.go(f"/disputes/{case_no}/moves/settle/")
    tick(centre, "result", "written")
    choose(centre, "organisation", "综治中心")
    choose(centre, "chair", mediator)
    for radio in centre.page.locator("input[name^='consents_'][value='agreed']").all():
        radio.check(force=True)
    fill(centre, text="双方同意按丈量结果立桩，费用各半。")
    choose(centre, "obligations-0-debtor", "马有才")
    due = (dt.date.today() + dt.timedelta(days=40)).isoformat()
    fill(centre, **{"obligations-0-what": "立界桩", "obligations-0-amount": "1200", "obligations-0-due_on": due})
    centre.look("settle")
    centre.submit("化解")
    assert "已化解" in centre.text() and centre.text().count("首次回访") == 2
    centre.look("settled-with-visits")

    # both parties are visited; one is not reached first, and the case cannot be closed meanwhile
    officer.go(f"/followups/{case_no}/")
    assert officer.page.locator("main input[type=radio]:checked").count() == 0  # nothing preselected
    columns = [p.get_attribute("name") for p in officer.page.locator("input[name$='-reached'][value='yes']").all()]
    first, second = (name.removesuffix("-reached") for name in columns)
    visit(officer, first)
    tick(officer, f"{second}-reached", "no")
    fill(officer, **{f"{second}-why_failed": "外出打工，电话不通"})
    officer.look("visit")
    officer.submit("提交回访")
    centre.go(f"/disputes/{case_no}/")
    assert "扎西·顿珠" in centre.text()
    assert centre.page.get_by_role("link", name="结案", exact=True).count() == 0
    officer.go(f"/followups/{case_no}/")
    visit(officer, second)
    officer.submit("提交回访")
    centre.go(f"/disputes/{case_no}/moves/close/")
    centre.look("close")
    centre.submit("结案")
    assert "已结案" in centre.text()
    centre.look("closed")

    # the worker delivered the notices meanwhile, and the supervisor finds the case in the month's ledger
    officer.go("/notices/")
    officer.look("notices")
    supervisor = sign_in("supervisor1")
    ledger(supervisor, case_no, tmp_path)
    for eyes, path, name in ((officer, "/", "home"), (centre, f"/disputes/{case_no}/", "case")):
        eyes.go(path)
        eyes.look(f"readme-{name}")
    if os.environ.get("UPDATE_PICTURES"):
        target = ROOT / "docs" / "pictures"
        target.mkdir(parents=True, exist_ok=True)
        for name in ("home", "case", "ledger"):
            picture = next((PICTURES / "one_dispute").glob(f"*-readme-{name}-1440.png"))
            shutil.copy(picture, target / f"{name}.png")


def name_of(eyes: Eyes) -> str:
    """How the top bar calls this person."""
    return eyes.page.locator("header .top-r a[href='/me/']").inner_text().strip()


def visit(eyes: Eyes, prefix: str) -> None:
    fill(eyes, visited_on="今天")
    tick(eyes, "way", "home")
    tick(eyes, f"{prefix}-reached", "yes")
    tick(eyes, f"{prefix}-satisfaction", "mostly")
    tick(eyes, f"{prefix}-mind", "calm")
    fill(eyes, **{f"{prefix}-demands": "希望开春前把桩立好。"})


def ledger(eyes: Eyes, case_no: str, folder) -> None:
    """The month on screen and in the file: equal cell by cell, persons masked in both."""
    eyes.go("/ledger/")
    eyes.look("readme-ledger")
    shown: list[list[str]] = []
    while True:
        for row in eyes.page.locator("main table tbody tr").all():
            shown.append([cell.strip() for cell in row.locator("th, td").all_inner_texts()])
        following = eyes.page.locator("main").get_by_role("link", name="下一页")
        if not following.count():
            break
        with eyes.page.expect_navigation():
            following.first.click()
    mine = next(row for row in shown if case_no in row)
    assert "马*" in mine and "138****0001" in mine and not any("马有才" in cell for row in shown for cell in row)
    eyes.go("/ledger/")
    with eyes.page.expect_download() as waiting:
        eyes.page.locator("main").get_by_role("link", name="导出 Excel").or_(
            eyes.page.locator("main").get_by_role("button", name="导出 Excel")
        ).first.click()
    path = folder / "ledger.xlsx"
    waiting.value.save_as(path)
    sheet = openpyxl.load_workbook(path).active
    rows = [[as_shown(cell.value) for cell in row] for row in sheet.iter_rows()]
    body = [row for row in rows if row[1].startswith("620623-")]
    assert [squeeze(row) for row in body] == [squeeze(row) for row in shown]


def as_shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime | dt.date):
        return value.strftime("%Y-%m-%d")
    if isinstance(value, float | int):
        return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
    return str(value)


def squeeze(row: list[str]) -> list[str]:
    """White space apart, and an empty cell is -- on screen."""
    return ["".join(cell.split()).replace("--", "") for cell in row]


def test_what_was_typed_survives_a_killed_page(sign_in):
    eyes = sign_in("assistant1")
    eyes.go("/disputes/new/")
    words = "写到一半断电，这句话还在。"
    fill(eyes, narrative=words)
    eyes.page.wait_for_selector("[data-draft-status]:has-text('草稿已保存')", timeout=15000)
    eyes.page.context.clear_cookies()  # the session is gone, as after a restart of the office computer
    again = sign_in("assistant1")
    again.go("/disputes/new/")
    assert again.page.input_value("main [name=narrative]") == words
    again.look("draft")


def test_two_people_and_one_case(sign_in, product):
    """The second person is told who was first, and keeps the text."""
    one, two = sign_in("officer1"), sign_in("officer1")
    one.go("/disputes/?desk=mine&status=waiting")
    case_no = one.page.locator("form[action*='/moves/take_up/']").first.get_attribute("action").split("/")[2]
    two.go(f"/disputes/{case_no}/moves/refer/")
    with one.page.expect_navigation():  # one tap takes it up
        one.page.locator(f"form[action='/disputes/{case_no}/moves/take_up/'] button").first.click()
    tick(two, "way", "court")
    two.page.locator("main input[name=told_ways]").first.check(force=True)
    fill(two, told_on="今天", reason="这句话不能丢")
    two.page.locator("main form[method=post] button[type=submit]").first.click()
    two.page.wait_for_load_state()
    assert "受理" in two.text()
    assert two.page.input_value("main [name=reason]") == "这句话不能丢"
    two.problems = [p for p in two.problems if "409" not in p]  # the browser logs the refusal itself
    two.look("conflict")


@pytest.mark.parametrize(
    "role",
    "assistant1 mediator1 officer1 centre1 department1 counsellor1 supervisor1 sysadmin1 secadmin1 auditor1".split(),
)
def test_no_dead_link_in_the_navigation(sign_in, role):
    eyes = sign_in(role)
    links = {a.get_attribute("href") for a in eyes.page.locator("nav.side a, nav.tabbar a, header a").all()}
    for path in sorted(links):
        eyes.go(path)
        eyes.look(f"{role}-{path.strip('/').replace('/', '-') or 'home'}")


def test_a_reminder_arrives_through_the_worker(sign_in):
    """Beat ticks, the worker pumps: within some ticks the health page is good and nobody waits for a broker."""
    eyes = sign_in("officer1")
    for _ in range(60):
        answer = eyes.page.request.get(eyes.base + "/healthz/reminders/")
        if answer.status == 200:
            break
        time.sleep(1)
    assert answer.status == 200
