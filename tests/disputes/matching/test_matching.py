"""Who is told of which earlier case, and in which words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from disputes.matching import suggestions
from disputes.models import Dispute
from tests import factories

pytestmark = pytest.mark.django_db


# --- what is said -----------------------------------------------------------------------------------------------------
def told(w: SimpleNamespace, *names: str, **facts) -> Dispute:
    parties = [{"side": side, "name": name} for side, name in zip("ABC", names, strict=False)]
    return factories.register(w, parties=facts.pop("parties", parties), **facts)


def why(w: SimpleNamespace, *names: str, viewer: str = "assistant", **asked) -> list[str]:
    entered = asked.pop("parties", [{"name": name} for name in names])
    return [s.why for s in suggestions(getattr(w, viewer), parties=entered, **{"village": w.village, **asked})]


@pytest.mark.parametrize(
    ("earlier", "entry", "sentence"),
    [
        ("马文林", "马文林", "同村同名：马文林"),
        ("扎西·东珠", "扎西东珠", "同村同名：扎西·东珠"),
        ("马文峰", "马文峯", "同村同名，字的写法不同：马文峰"),
        ("闫玉山", "阎玉山", "同村同名，字的写法不同：闫玉山"),
        ("尕藏措", "嘎藏错", "同村名字同音：尕藏措"),
        ("王长寿", "汪常寿", "同村名字同音：王长寿"),
        ("马文林", "马学林", "同村名字差一个字：马文林"),
        ("扎西东珠", "扎西东知", "同村名字差一个字：扎西东珠"),
        ("马文林", "马文小林", "同村名字差一个字：马文林"),
        ("扎西东珠", "扎西东", "同村名字差一个字：扎西东珠"),
    ],
)
def test_the_reason_is_said(w, earlier, entry, sentence):
    told(w, earlier, "王世昌")
    assert why(w, entry, type_l2="0905") == [sentence]


@pytest.mark.parametrize(
    ("earlier", "entry"),
    [
        ("马文林", "张文林"),  # another family
        ("马文林", "马学山"),
        ("马文林", "马文军"),  # a brother
        ("马兰", "马英"),
        ("不清楚", "不清楚"),
        ("石门村养殖合作社", "石门村建筑合作社"),
    ],
)
def test_two_names_are_two_people(w, earlier, entry):
    told(w, earlier, "王世昌")
    assert why(w, entry, type_l2="0905") == []


def test_the_same_two_at_odds_again(w):
    told(w, "马文林", "王世昌")
    both = "同村同名：王世昌；同村同名：马文林"
    assert why(w, "王世昌", "马文林", type_l2="0905") == [f"{both}；以前同样两方、同一类型"]
    assert why(w, "王世昌", "马文林", type_l2="0201") == [both]
    assert why(w, "王世昌", "马文军", type_l2="0905") == ["同村同名：王世昌；同村名字差一个字：马文林"], (
        "not surely the same"
    )


def test_numbers_are_found_in_other_villages_and_names_are_not(w):
    told(w, village=w.sister_village, parties=[factories.PARTY_A, factories.PARTY_B], by=w.officer)
    phone, number = ({key: factories.PARTY_A[key]} for key in ("phone", "id_number"))
    assert why(w, viewer="officer", parties=[{"name": "马文林", **phone}]) == ["同一电话"]
    assert why(w, viewer="officer", parties=[{"name": "马文林", **number}], village=None) == ["同一身份证号"]
    assert why(w, "马文林", "王世昌", viewer="officer") == []
    assert why(w, "马文林", "王世昌", viewer="officer", village=None) == []
    assert why(w, viewer="officer", parties=[{"name": "何静", **phone}]) == [], "the number was passed on"
    assert why(w, viewer="officer", parties=[{"name": "不清楚", **phone}]) == ["同一电话"]


def test_a_short_number_belongs_to_another_group_elsewhere(w):
    told(w, parties=[{"side": "A", "name": "马文林", "phone": "6021"}])
    assert why(w, parties=[{"name": "何静", "phone": "6021"}]) == []


def test_another_number_says_that_it_is_somebody_else(w):
    told(w, parties=[factories.PARTY_A])
    assert why(w, parties=[{"name": "马文林", "id_number": "620699197401010021"}]) == []
    assert why(w, parties=[{"name": "马文林", "phone": "13912340000"}]) == ["同村同名：马文林"], "a new mobile"
    assert why(w, parties=[{"name": "马雯林", "phone": "13912340000"}]) == []


def test_a_cooperative_is_no_hint_by_itself(w):
    parties = [{"side": "A", "kind": "org", "name": "石门村养殖合作社"}, {"side": "B", "name": "王世昌"}]
    told(w, parties=parties)
    assert why(w, "石门村养殖合作社") == []
    assert why(w, "石门村养殖合作社", "王世昌") == ["同村同名：石门村养殖合作社；同村同名：王世昌"]


def test_the_likeliest_stands_first_and_the_newest_of_equals(w):
    told(w, "马学林")
    first, second = told(w, "马文林"), told(w, "马文林")
    phone = told(w, parties=[{"side": "A", "name": "马文林", "phone": "13812346021"}])
    asked = [{"name": "马文林", "phone": "13812346021"}]
    found = [one.case for one in suggestions(w.assistant, village=w.village, parties=asked, type_l2="0905")]
    assert found == [phone, second, first]
    left = suggestions(w.assistant, village=w.village, parties=asked, exclude=phone)
    assert [one.case for one in left] == [second, first]


# --- who is told ------------------------------------------------------------------------------------------------------
def test_only_whoever_may_read_the_case_and_its_names_is_told(w):
    child = [{"side": "A", "name": "马小林", "birth_on": factories.NOW.date().replace(year=2015)}]
    told(w, "马文林", "王世昌", type_l1="01", type_l2="0101")
    told(w, parties=child)
    told(w, "马文林", "韩玉山")
    asked = [{"name": "马文林"}, {"name": "马小林"}]
    heard = {
        viewer: len(suggestions(getattr(w, viewer), village=w.village, parties=asked))
        for viewer in ("assistant", "officer", "centre", "town_supervisor", "supervisor", "sysadmin")
        + ("sister_assistant", "far_officer", "foreign_officer", "department", "counsellor", "nobody")
    }
    assert {viewer: n for viewer, n in heard.items() if n} == {"assistant": 3, "officer": 1, "centre": 1}


def test_a_voided_number_is_not_suggested(w):
    case = told(w, "马文林", "王世昌")
    assert why(w, "马文林")
    case.ask_void(by=w.assistant, at=factories.NOW, reason="登记重复")
    case.perform("void", by=w.grid, at=factories.NOW, reason="登记重复")
    assert why(w, "马文林") == []


def test_many_cases_take_as_many_queries_as_one(w):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert why(w, parties=[{"name": "马文林", "phone": "13812346021"}, {"name": "王世昌"}])
        return len(asked)

    factories.register(w)
    why(w, "马文林")  # the scope of the viewer is read once
    one = queries()
    for _ in range(4):
        factories.register(w)
    assert queries() == one == 4


# --- the keys ---------------------------------------------------------------------------------------------------------
def test_a_corrected_name_is_found_under_the_new_one(w):
    case = told(w, "马文林", "王世昌")
    party = case.parties.get(side="A")
    case.edit(by=w.assistant, at=factories.NOW, version=case.version, parties=[{"pk": party.pk, "name": "祁得财"}])
    assert why(w, "祁得财") and not why(w, "马文林")
