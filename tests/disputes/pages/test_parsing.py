"""What people type: the habits of domain.md 10, and the sentence for everything else."""

import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from disputes import parsing

TODAY = dt.date(2026, 3, 2)  # a Monday


def refused(function, *args) -> str:
    with pytest.raises(ValidationError) as error:
        function(*args)
    return error.value.messages[0]


@pytest.mark.parametrize(
    "raw",
    ["11010519491231002X", "11010519491231002x", "１１０１０５１９４９１２３１００２ｘ", " 110105 19491231 002X "],
)
def test_id_numbers(raw):
    assert parsing.id_number(raw) == "11010519491231002X"
    assert (
        parsing.id_birth("11010519491231002X") == dt.date(1949, 12, 31) and parsing.id_sex("11010519491231002X") == "2"
    )


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("110105194912310021", "核对第 18 位"), ("11010519491231002", "现在是 17 位"), ("110105194912310000", "截断"),
        ("110105194913310021", "出生日期"), ("X1010519491231002X", "只有数字"), ("abc", "只有数字"),
    ],
)  # fmt: skip
def test_id_numbers_that_cannot_be(raw, word):
    assert word in refused(parsing.id_number, raw)


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("138 1234 6021", "13812346021"), ("+86 138-1234-6021", "13812346021"), ("8613812346021", "13812346021"),
        ("１３８１２３４６０２１", "13812346021"), ("19912346021", "19912346021"), ("16612346021", "16612346021"),
        ("09356121234", "0935-6121234"), ("0935-6121234", "0935-6121234"), ("（0935）6121234", "0935-6121234"),
        ("668", "668"), ("668866", "668866"), ("", ""),
    ],
)  # fmt: skip
def test_phones(raw, stored):
    assert parsing.phone(raw) == stored


@pytest.mark.parametrize(
    ("raw", "word"),
    [("1381234602", "现在是 10 位"), ("12812346021", "第二位"), ("一三八", "只写数字"), ("99", "认不出")],
)
def test_phones_that_cannot_be(raw, word):
    assert word in refused(parsing.phone, raw)


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("今天", "2026-03-02"), ("昨天", "2026-03-01"), ("周五", "2026-03-06"), ("下周一", "2026-03-09"),
        ("上周日", "2026-03-01"), ("月底", "2026-03-31"), ("+7", "2026-03-09"), ("-2", "2026-02-28"),
        ("3.28", "2026-03-28"), ("0328", "2026-03-28"), ("20260328", "2026-03-28"), ("2026年3月5日", "2026-03-05"),
        ("2026.3.5", "2026-03-05"), ("2026-03-05", "2026-03-05"), ("３．２８", "2026-03-28"), ("3月28号", "2026-03-28"),
    ],
)  # fmt: skip
def test_days(raw, day):
    assert parsing.day(raw, TODAY) == dt.date.fromisoformat(day)


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("正月初八", "农历"),
        ("腊月廿三", "农历"),
        ("三月初", "写成 2026-03-05 或 3.5"),
        ("2.30", "认不出"),
        ("18991231", "认不出"),
        ("20261332", "认不出"),
    ],
)
def test_days_are_never_guessed(raw, word):
    assert word in refused(parsing.day, raw, TODAY)


@pytest.mark.parametrize(
    ("raw", "time"),
    [
        ("9:00", "09:00"), ("９：００", "09:00"), ("9点", "09:00"), ("9", "09:00"), ("9点半", "09:30"),
        ("下午3点20", "15:20"),
        ("15.30", "15:30"), ("0930", "09:30"), ("中午12点", "12:00"), ("晚上8点", "20:00"), ("上午 10:05", "10:05"),
    ],
)  # fmt: skip
def test_times(raw, time):
    assert parsing.time_of_day(raw) == dt.time.fromisoformat(time)


@pytest.mark.parametrize("raw", ["25:00", "9:60", "天亮", "下午3点以后"])
def test_times_are_never_guessed(raw):
    assert "写成 9:00" in refused(parsing.time_of_day, raw)


@pytest.mark.parametrize(
    ("raw", "amount"),
    [
        ("1.2万", "12000"), ("￥12,000", "12000"), ("壹万贰仟元整", "12000"), ("一万二千", "12000"),
        ("十二万元", "120000"), ("一亿二千万元", "120000000"), ("一千亿", "1e11"),
        ("贰佰零伍元叁角", "205.3"), ("壹元零伍分", "1.05"), ("12000.50元", "12000.5"), ("０", "0"),
        ("100000000000", "1e11"),
    ],
)  # fmt: skip
def test_amounts(raw, amount):
    assert parsing.money(raw) == Decimal(amount)


@pytest.mark.parametrize(
    "raw", ["NaN", "Infinity", "1e5", "-5", "$5", "0.001", "100000000001", "很多", "1.2.3", "万万万万万万万万万万"]
)
def test_amounts_that_cannot_be(raw):
    refused(parsing.money, raw)


@pytest.mark.parametrize("dot", "•・．‧·")
def test_every_dot_is_one_dot(dot):
    assert parsing.name(f"扎西{dot}顿珠") == "扎西·顿珠"


@pytest.mark.parametrize("raw", ["a\0b", "a\x1bb", "a\u202eb", "a\x7fb"])
def test_control_characters_are_refused(raw):
    assert "控制字符" in refused(parsing.name, raw)


def test_numbers_of_papers_get_six_corner_brackets():
    for raw in ("（2026）", "[2026]", "【2026】", "(2026)", "〔2026〕"):
        assert parsing.brackets(raw) == "〔2026〕"
