"""Amounts in capital figures, numerals and numbers of papers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputes import parsing
from disputes.papers import words
from tests import factories


@given(st.decimals(1, Decimal("99999999999.99"), places=2))
def test_capital_figures_read_back_as_the_same_amount(amount: Decimal) -> None:
    assert parsing.money(words.capitals(amount)) == amount


@given(st.decimals(0, Decimal("99999999999.99"), places=2))
def test_nothing_can_be_added_to_capital_figures(amount: Decimal) -> None:
    written = words.capitals(amount)
    assert written.endswith(("整", "分"))
    assert "零零" not in written and not written.startswith("元")


@pytest.mark.parametrize(
    ("amount", "written"),
    [("1800", "壹仟捌佰元整"), ("10005.30", "壹万零伍元叁角整"), ("0.05", "伍分"), ("100000000", "壹亿元整")],
)
def test_capital_figures(amount: str, written: str) -> None:
    assert words.capitals(Decimal(amount)) == written


def test_numerals() -> None:
    assert [words.ordinal(n) for n in (1, 10, 11, 20, 35, 99)] == ["一", "十", "十一", "二十", "三十五", "九十九"]


@pytest.mark.django_db
def test_numbers_of_papers() -> None:
    w = factories.world()
    assert words.number(w.centre_office, "人调字", 2026, 12) == "（松山）人调字〔2026〕第012号"
    assert words.number(w.centre_office, "人调字", 2026, 1234) == "（松山）人调字〔2026〕第1234号"
    assert words.committee(w.centre_office) == "松山镇人民调解委员会"
    assert parsing.brackets("人调字[2026]第012号") == "人调字〔2026〕第012号"
