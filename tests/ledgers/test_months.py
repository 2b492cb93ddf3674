"""Handing in a month, the county's freeze, its cells a year later, and the lines below the next month."""

import datetime as dt

import pytest

from audit.models import AccessLog
from disputes.models import Dispute, FactsMissing, MoveRefused, NotYours, Party, Round
from disputes.outcomes.models import OutcomeFlag
from followups.models import Notice
from followups.notices import with_words
from ledgers.columns import ALL, COLUMNS, cells
from ledgers.month import Ledger, Month
from ledgers.months import doors
from ledgers.months.frozen import Checked, FrozenLedger, ledger_for
from ledgers.months.models import FrozenRow, MonthlyLedger, MonthSubmission
from ledgers.profiles import SHIPPED
from tests import factories as f

MARCH, APRIL = Month(2026, 3), Month(2026, 4)
THEN = f.moment("2026-04-02 09:00")
EDITED = f.moment("2026-04-02 15:00")
LATER = f.moment("2026-05-02 09:00")


def table(user, month=MARCH, columns=COLUMNS):
    ledger = ledger_for(user, month, columns=columns)
    return [cells(row, columns) for row in ledger.rows(ledger.all_ids())]


def freeze(w, month=MARCH, at=THEN):
    return doors.freeze(month=month, by=w.supervisor, at=at, anyway=True)


def lines(w, month):
    ledger = ledger_for(w.supervisor, month)
    return [(line.kind, line.case_no, what, old, new) for line in ledger.corrections for what, old, new in line.changes]


def edit(case, w, at=EDITED, **facts):
    case.refresh_from_db()
    return case.edit(by=w.assistant, at=at, version=case.version, facts=facts)


# --- handing in -------------------------------------------------------------------------------------------------------
def test_a_village_submits_its_lead_signs_and_a_supervisor_takes_back_with_a_reason(w):
    f.settled(w)
    act = {"area": w.village, "month": MARCH, "at": THEN}
    with pytest.raises(MoveRefused, match="先由制表人报送"):
        doors.act("sign", by=w.assistant, **act)
    row = doors.act("submit", by=w.grid, **act)
    assert (row.state, row.made_by, row.counts) == ("submitted", w.grid, {"carried": 0, "new": 1, "done": 1, "open": 0})
    with pytest.raises(MoveRefused, match="已经报送"):
        doors.act("submit", by=w.grid, **act)
    with pytest.raises(MoveRefused, match="负责人签字"):
        doors.act("sign", by=w.grid, **act)
    assert doors.act("sign", by=w.assistant, **act).signed_by == w.assistant
    with pytest.raises(FactsMissing):
        doors.act("recall", by=w.town_supervisor, reason=" ", **act)
    row = doors.act("recall", by=w.town_supervisor, reason="数字不对", **act)
    assert (row.state, row.recalled_by, row.reason) == ("recalled", w.town_supervisor, "数字不对")
    row = doors.act("submit", by=w.grid, **act)
    assert (row.state, row.signed_by) == ("submitted", None)
    assert AccessLog.objects.filter(subject=f"month 2026-03 {w.village.code}").count() == 4


def test_who_may_not(w):
    act = {"area": w.village, "month": MARCH, "at": THEN}
    with pytest.raises(MoveRefused, match="它自己的单位"):
        doors.act("submit", by=w.officer, **act)
    with pytest.raises(NotYours):
        doors.act("submit", by=w.supervisor, **act)
    with pytest.raises(NotYours):
        doors.act("remind", by=w.assistant, **act)
    with pytest.raises(MoveRefused, match="还没有过完"):
        doors.act("submit", by=w.grid, area=w.village, month=APRIL, at=THEN)
    assert not MonthSubmission.objects.exists()


def test_a_reminder_is_sent_once_a_day(w):
    act = {"area": w.village, "month": MARCH}
    row = doors.act("remind", by=w.centre, at=THEN, **act)
    assert (row.state, row.reminded_by) == ("due", w.centre)
    told = Notice.objects.filter(kind="month_due")
    assert {notice.user for notice in told} == {w.assistant, w.grid, w.village_mediator}
    (shown,) = with_words(told.filter(user=w.grid), w.grid)
    assert shown.url == f"/ledger/months/?of={row.reminder}" and doors.reminded_of(w.grid, str(row.reminder)) == MARCH
    assert doors.reminded_of(w.far_officer, str(row.reminder)) is None
    with pytest.raises(MoveRefused, match="今天已经催过"):
        doors.act("remind", by=w.supervisor, at=THEN, **act)
    doors.act("remind", by=w.supervisor, at=THEN + dt.timedelta(days=1), **act)


def test_nothing_is_handed_in_or_taken_back_behind_the_freeze(w):
    doors.act("submit", by=w.grid, area=w.village, month=MARCH, at=THEN)
    freeze(w)
    for name, by, area in (("recall", w.grid, w.village), ("submit", w.sister_assistant, w.sister_village)):
        with pytest.raises(MoveRefused, match="已由陈大勇"):
            doors.act(name, by=by, area=area, month=MARCH, at=THEN, reason="改一下")


# --- the freeze -------------------------------------------------------------------------------------------------------
def test_only_a_supervisor_of_the_county_freezes_and_only_a_month_that_is_over(w):
    for who in (w.town_supervisor, w.assistant, w.centre_lead):
        with pytest.raises(NotYours):
            doors.freeze(month=MARCH, by=who, at=THEN)
    with pytest.raises(MoveRefused, match="还没有过完"):
        freeze(w, APRIL)
    with pytest.raises(FactsMissing) as absent:
        doors.freeze(month=MARCH, by=w.supervisor, at=THEN)
    assert "5 个村和乡镇没有报送" in absent.value.errors["anyway"]
    assert freeze(w).missing == 5
    with pytest.raises(MoveRefused, match="已由陈大勇"):
        freeze(w)
    with pytest.raises(MoveRefused, match="接下来定稿 2026-04"):
        freeze(w, Month(2026, 5), f.moment("2026-07-01 09:00"))


def test_a_broken_identity_is_refused_and_names_the_cases(w):
    case = f.settled(w)
    Round.objects.filter(dispute=case).update(left_at=f.moment("2026-02-01 09:00"))
    with pytest.raises(doors.BrokenIdentity, match=case.case_no) as broken:
        freeze(w)
    assert broken.value.cases == [case.case_no]
    assert not MonthlyLedger.objects.exists()


@pytest.mark.parametrize("who", ["supervisor", "assistant", "officer", "town_supervisor"])
def test_the_cells_are_those_of_the_day_of_the_freeze_in_every_layout(w, who):
    story = "马文林说王世昌挪了界桩，老马不服。"
    f.settled(w, narrative=story, parties=[{**f.PARTY_A, "alias": "老马"}, f.PARTY_B], amount=1200)
    late = f.mediating(w)
    late.add_note(by=w.assistant, at=f.NOW, text="王世昌没到场。")
    late.grade(by=w.assistant, at=f.NOW, level="red", reason="扬言报复")
    f.at_centre(w)
    user = getattr(w, who)
    before = {}
    for key, profile in SHIPPED.items():
        ledger = Ledger(user, MARCH, columns=profile.columns, today=dt.date(2026, 4, 2))
        before[key] = [cells(row, profile.columns) for row in ledger.rows(ledger.all_ids())]
    freeze(w)
    edit(late, w, people_count=9, narrative="改过的", type_l2="")
    party = late.parties.get(side="A")
    late.refresh_from_db()
    other = {"pk": party.pk, "name": "马文海", "phone": "13900000000"}
    late.edit(by=w.assistant, at=EDITED, version=late.version, parties=[other])
    late.refresh_from_db()
    late.edit(by=w.assistant, at=EDITED, version=late.version, parties=[{"side": "A", "name": "新来的"}])
    late.perform("withdraw", by=w.assistant, at=THEN, asked_by="甲方", reason="和好")
    for key, profile in SHIPPED.items():
        assert table(user, columns=profile.columns) == before[key], key
    kept = " ".join(str(row.content) + str(row.facts) for row in FrozenRow.objects.all())
    assert not any(name in kept for name in ("马文林", "王世昌", "老马", "138****6021"))


def test_lawful_destruction_leaves_the_rest_and_the_check_says_which_rows(w):
    case = f.mediating(w, narrative="马文林挪了界桩")
    other = f.mediating(w)
    signed = freeze(w)
    before = table(w.assistant)
    checked = Checked(signed)
    assert (checked.holds, checked.altered, checked.destroyed) == (True, [], [])
    case.parties.filter(name="马文林").delete()
    first, second = table(w.assistant)
    keys = [column.key for column in COLUMNS]
    assert first[keys.index("side_a")] == "已依法删除" and first[keys.index("narrative")] == "已依法删除挪了界桩"
    assert second == before[1]
    checked = Checked(signed)
    assert (checked.holds, checked.altered, checked.destroyed) == (True, [], [case.case_no])
    FrozenRow.objects.filter(case_no=other.case_no).update(content={"case_no": "x"})
    checked = Checked(signed)
    assert (checked.holds, checked.altered) == (False, [other.case_no])
    freeze(w, APRIL, LATER)
    assert lines(w, APRIL) == []  # a destruction is no correction


def test_later_edits_stand_below_the_next_month(w):
    case = f.mediating(w)
    gone = f.register(w)
    merged, target = f.mediating(w), f.mediating(w)
    merged.perform("merge", by=w.assistant, at=f.NOW, target=target, reason="同一件")
    freeze(w)
    assert lines(w, MARCH) == []
    edit(case, w, people_count=7, type_l2="", narrative="改过")
    gone.ask_void(by=w.assistant, at=THEN, reason="录重了")
    gone.perform("void", by=w.grid, at=THEN, reason="录重了")
    merged.perform("unmerge", by=w.assistant, at=f.moment("2026-03-30 09:00"), reason="不是同一件")
    late = f.register(w, at=f.moment("2026-03-20 09:00"))
    done = f.mediating(w, at=f.moment("2026-03-21 09:00"))
    done.perform("withdraw", by=w.assistant, at=f.moment("2026-03-22 09:00"), asked_by="甲方", reason="和好")
    signed = freeze(w, APRIL, LATER)
    assert lines(w, APRIL) == [
        ("late", late.case_no, "补报", "", "2026-03-20 在办"),
        ("late", done.case_no, "补报", "", "2026-03-21 撤回 2026-03-22"),
        ("changed", case.case_no, "纠纷类别", "草场界线纠纷", "土地及资源权属纠纷"),
        ("changed", case.case_no, "涉及人数", "", "7"),
        ("changed", case.case_no, "简要情况", "", "已修改"),
        ("changed", gone.case_no, "编号", "计数", "作废"),
        ("changed", merged.case_no, "化解结果/日期", "已并案 2026-03-02", "在办"),
    ]
    march = MonthlyLedger.objects.get(month="2026-03")
    carried = march.counts["still_open"] + sum(line.carries for line in signed.corrections.all())
    assert carried == signed.counts["carried"]
    freeze(w, Month(2026, 5), f.moment("2026-06-02 09:00"))
    assert lines(w, Month(2026, 5)) == []  # told once


def test_a_filter_asks_the_signed_rows(w):
    from ledgers.filters import LedgerFilter

    case = f.mediating(w)
    f.mediating(w, type_l1="02", type_l2="0201")
    freeze(w)
    edit(case, w, type_l1="02", type_l2="0201")
    found = LedgerFilter({"type": "09", "status": "open"}, user=w.supervisor, month=MARCH)
    assert found.form.is_valid()
    ledger = ledger_for(w.supervisor, MARCH, found)
    assert isinstance(ledger, FrozenLedger) and ledger.count == 1
    assert [row["case_no"] for row in ledger.rows(ledger.all_ids())] == [case.case_no]


def test_outcome_flags_are_frozen_with_their_month_and_taken_back_in_a_later_one(w):
    case = f.mediating(w)
    raised = {"kind": "suicide", "people": 2, "by": w.assistant}
    flag = OutcomeFlag.objects.raise_on(case, at=f.NOW, on=f.NOW.date(), **raised)
    march = freeze(w)
    assert [(row.cases, row.people) for row in march.flags.all()] == [(1, 2)]
    flag.take_back(by=w.assistant, at=THEN)
    late = OutcomeFlag.objects.raise_on(case, at=THEN, on=dt.date(2026, 3, 30), **raised)
    april = freeze(w, APRIL, LATER)
    told = [(row.flag_pk, row.cases, row.people) for row in april.flags.order_by("pk")]
    assert told == [(flag.pk, -1, -2), (late.pk, 1, 2)]
    assert Checked(april).holds


def test_another_county_is_not_touched(w):
    freeze(w)
    assert not isinstance(ledger_for(w.foreign_officer, MARCH), FrozenLedger)


def test_every_column_is_frozen(w):
    f.settled(w)
    freeze(w)
    known = {row_key for row in FrozenRow.objects.all() for row_key in row.content}
    assert known and all(table(w.assistant, columns=(column,)) for column in ALL.values())
    assert Dispute.objects.count() == 1 and Party.objects.count() == 2
