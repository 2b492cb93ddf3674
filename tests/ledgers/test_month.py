"""The counting: edges, the identity over random histories, scope and masking of the rows."""

import datetime as dt
import random

import pytest

from disputes.models import Dispute, MoveRefused, Round
from ledgers.columns import COLUMNS, cells
from ledgers.month import Ledger, Month
from tests import factories as f

MARCH = Month(2026, 3)


def cell(row, key):
    return next(column.value(row) for column in COLUMNS if column.key == key)


def table(user, month=MARCH, **kwargs):
    ledger = Ledger(user, month, **kwargs)
    return list(ledger.rows(ledger.all_ids()))


def test_there_are_22_columns_in_the_order_of_the_form():
    words = "序号 编号 排查日期 来源 乡镇 村(社区) 纠纷类别 甲方 甲方电话 乙方 乙方电话 涉及人数 涉及金额 简要情况 "
    words += "风险等级 责任单位 责任人 化解时限 化解措施及进展 化解结果/日期 回访情况/满意度 备注"
    assert [str(column.label) for column in COLUMNS] == words.split()


def test_months_parse_and_shift():
    assert Month.parse("2026-10") == Month(2026, 10)
    assert str(Month(2026, 12).shifted(1)) == "2027-01"
    assert str(Month(2026, 1).shifted(-1)) == "2025-12"
    assert Month(2026, 3).start == dt.datetime(2026, 2, 28, 16, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2026-02-28 23:59:59.999999", Month(2026, 2)),
        ("2026-03-01 00:00:00", MARCH),
        ("2026-03-31 23:59:59.999999", MARCH),
        ("2026-04-01 00:00:00", Month(2026, 4)),
    ],
)
def test_a_round_is_new_in_the_month_of_its_civil_day(w, at, month):
    f.register(w, at=f.moment(at))
    for other in (month.shifted(-1), month, month.shifted(1)):
        counts = Ledger(w.officer, other).counts
        assert counts.holds
        assert (counts.new, counts.carried) == (other == month, other > month)


@pytest.mark.parametrize(
    ("at", "month"), [("2026-03-31 23:59:59.999999", MARCH), ("2026-04-01 00:00:00", MARCH.shifted(1))]
)
def test_a_round_is_done_in_the_month_of_the_civil_day_on_which_it_left(w, at, month):
    case = f.mediating(w)
    case.perform("withdraw", by=w.assistant, at=f.moment(at), asked_by="甲方", reason="自行商量")
    for other in (MARCH, MARCH.shifted(1)):
        counts = Ledger(w.officer, other).counts
        assert counts.holds
        assert counts.withdrawn == (other == month)
    # in the ledger of March the case that left in April is still open
    assert cell(table(w.officer)[0], "outcome") == ("撤回 2026-03-31" if month == MARCH else "在办")


def test_settled_awaiting_its_visits_is_done(w):
    f.settled(w)
    counts = Ledger(w.officer, MARCH).counts
    assert (counts.settled, counts.still_open) == (1, 0)


def test_every_way_of_leaving_is_counted_apart_and_a_relapse_opens_a_round(w):
    told = {"told_ways": ["court"], "told_on": dt.date(2026, 3, 2)}
    f.settled(w)
    f.mediating(w).perform("end", by=w.assistant, at=f.NOW, reason="谈不拢", **told)
    f.mediating(w).perform("refer", by=w.assistant, at=f.NOW, way="court", **told)
    gone = f.mediating(w)
    gone.perform("withdraw", by=w.assistant, at=f.NOW, asked_by="乙方", reason="和好")
    target = f.mediating(w)
    f.mediating(w).perform("merge", by=w.assistant, at=f.NOW, target=target, reason="同一件事")
    gone.perform("reopen", by=w.assistant, at=f.moment("2026-03-20 10:00"), reason="又吵起来", report="乙方来电")
    counts = Ledger(w.officer, MARCH).counts
    assert (counts.settled, counts.ended, counts.referred, counts.withdrawn, counts.merged) == (1, 1, 1, 1, 1)
    assert (counts.first, counts.relapsed, counts.still_open) == (6, 1, 2)
    assert counts.holds
    found = [cell(row, "outcome").split()[0] for row in table(w.officer, today=dt.date(2026, 3, 2))]
    assert found == [
        "调解成功（书面协议）",
        "调解不成",
        "已引导其他途径",
        "撤回",
        "在办",
        "已并案",
        "在办",
    ]
    late = table(w.officer, today=dt.date(2026, 5, 2))[-1]
    assert (cell(late, "outcome"), cell(late, "remark")) == ("在办（超时）", "反弹（第 2 轮）")


def test_a_voided_number_stands_below_uncounted(w):
    case = f.register(w)
    case.ask_void(by=w.assistant, at=f.NOW, reason="录重了")
    case.perform("void", by=w.grid, at=f.NOW, reason="录重了")
    ledger = Ledger(w.officer, MARCH)
    assert (ledger.count, ledger.voided()) == (0, [case.case_no])


def test_a_broken_round_is_named(w):
    case = f.settled(w)
    Round.objects.filter(dispute=case).update(left_at=f.moment("2026-02-01 09:00"))
    ledger = Ledger(w.officer, MARCH)
    assert not ledger.counts.holds
    assert ledger.offenders() == [case.case_no]


@pytest.mark.parametrize("seed", range(6))
def test_the_identity_holds_over_random_histories(w, seed):
    """Moves at random through perform(), over six months; the sums are recounted from the rounds by plain Python."""
    dice = random.Random(seed)
    told = {"told_ways": ["court"]}
    cases: list[Dispute] = []
    at = f.moment("2026-01-05 09:00")
    made = 0
    while at < f.moment("2026-06-20 00:00"):
        at += dt.timedelta(minutes=dice.randrange(300, 2500))
        if len(cases) < 12 or dice.random() < 0.3:
            cases.append(f.register(w, at=at))
            continue
        case = dice.choice(cases)
        name, facts = dice.choice(
            [
                ("take_up", {"handler": w.assistant}),
                ("take_up", {"handler": w.assistant}),
                ("withdraw", {"asked_by": "甲方", "reason": "x"}),
                ("end", {"reason": "x", "told_on": at.date(), **told}),
                ("refer", {"way": "court", "told_on": at.date(), **told}),
                ("reopen", {"reason": "x", "report": "y"}),
                ("merge", {"target": dice.choice(cases), "reason": "x"}),
                ("unmerge", {"reason": "x"}),
                ("pause", {"reason": "x"}),
            ]
        )
        try:
            case.perform(name, by=w.assistant, at=at, **facts)
            made += 1
        except MoveRefused:
            continue
    assert made > 20
    before = None
    for month in (Month(2026, m) for m in range(1, 8)):
        counts = Ledger(w.supervisor, month).counts
        assert counts.holds
        rounds = list(Round.objects.all())
        open_at = [r for r in rounds if r.opened_at < month.end and (r.left_at is None or r.left_at >= month.end)]
        assert counts.still_open == len(open_at)
        assert before in (None, counts.carried)
        before = counts.still_open
        assert counts.new == sum(month.start <= r.opened_at < month.end for r in rounds)


def test_everybody_sees_the_cases_of_their_scope_and_no_others(w):
    near = f.register(w)
    sister = f.register(w, by=w.sister_assistant, village=w.sister_village)
    far = f.register(w, by=w.far_assistant, village=w.far_village)
    seen = {
        "assistant": {near},
        "sister_assistant": {sister},
        "officer": {near, sister},
        "centre": {near, sister},
        "far_officer": {far},
        "town_supervisor": {near, sister},
        "supervisor": {near, sister, far},
        "foreign_officer": set(),
        "department": set(),
        "mediator": set(),
    }
    for who, cases in seen.items():
        user = getattr(w, who)
        assert {row["case_no"] for row in table(user)} == {case.case_no for case in cases}, who
        visible = Dispute.objects.visible_to(user).values_list("case_no", flat=True)
        assert {row["case_no"] for row in table(user)} == set(visible)
    at_desk = f.at_centre(w)
    assert [row["case_no"] for row in table(w.mediator)] == [at_desk.case_no]


def test_a_supervisor_reads_no_name_in_any_cell(w):
    case = f.settled(w, narrative="马文林说王世昌挪了界桩。", parties=[{**f.PARTY_A, "alias": "老马"}, f.PARTY_B])
    case.add_note(by=w.assistant, at=f.NOW, text="老马已到场，王世昌没来。")
    (row,) = table(w.supervisor)
    shown = " ".join(map(str, cells(row)))
    assert "马文林" not in shown and "王世昌" not in shown and "老马" not in shown
    assert (cell(row, "side_a"), cell(row, "phone_a")) == ("马*", "138****6021")
    assert cell(row, "narrative") == "马*说王*挪了界桩。"
    assert cell(row, "progress") == "老*已到场，王*没来。"
    (row,) = table(w.assistant)
    assert cell(row, "side_a") == "马文林" and cell(row, "progress") == "老马已到场，王世昌没来。"


def test_protected_names_show_at_the_handling_desk_only(w):
    f.register(w, type_l1="01", type_l2="0101", narrative="马文林与王世昌为彩礼争吵。")
    f.register(w, parties=[{**f.PARTY_A, "birth_on": dt.date(2012, 1, 1), "guardian_name": "马建国"}, f.PARTY_B])
    for row in table(w.assistant):
        assert cell(row, "side_a") == "马文林"
    for user in (w.officer, w.centre, w.supervisor):
        for row in table(user):
            assert (cell(row, "side_a"), cell(row, "side_b")) == ("马*", "王*")
            assert "马文林" not in cell(row, "narrative")


def test_the_rows_agree_with_the_page_of_the_case(w):
    """The masking rule on a row of values is the rule of Dispute.sides_for."""
    f.register(w)
    f.register(w, type_l1="01", type_l2="0101")
    for user in (w.assistant, w.officer, w.centre, w.supervisor, w.town_supervisor):
        for row in table(user):
            case = Dispute.objects.get(case_no=row["case_no"])
            assert (row["side_a"], row["side_b"]) == case.sides_for(user)


def test_a_grade_shows_while_it_is_valid(w):
    f.register(w, danger={"level": "red", "reason": "扬言动手"})
    assert cell(table(w.officer, today=dt.date(2026, 3, 20))[0], "danger") == "红 紧急"
    assert cell(table(w.officer, today=dt.date(2026, 5, 1))[0], "danger") == ""


def test_each_party_speaks_for_itself_in_the_visit_cell(w):
    from followups.models import ReturnVisit

    case = f.settled(w)
    ReturnVisit.objects.all().delete()
    a, b = case.parties.order_by("side")

    def visit(party, day, state, **values):
        if state == "done":
            values |= {"visited_on": day, "by": w.officer}
        ReturnVisit.objects.create(
            dispute=case, round=1, party=party, reason="first", due_on=day, office=w.committee, state=state, **values
        )

    day = dt.date(2026, 3, 17)
    visit(a, day, "done", satisfaction="no")
    visit(a, day + dt.timedelta(30), "planned")
    visit(b, day, "failed")
    visit(b, day + dt.timedelta(3), "planned")
    assert cell(table(w.officer)[0], "visits") == "甲方 不满意；乙方 没联系上"
