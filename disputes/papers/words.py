"""How papers write amounts, days, numbers and names of organisations."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from villages.models import Area, Office

DIGITS = "零壹贰叁肆伍陆柒捌玖"
UNITS = ("", "拾", "佰", "仟")
SECTIONS = ("", "万", "亿")
CAPITALS_BELOW = Decimal(10) ** 12  # yuan

#: What is left for the pen: 民族 and 职业 always, other particulars where nobody registered them.
PEN = "________"


def capitals(amount: Decimal) -> str:
    """An amount below 10^12 yuan, with at most two decimals, in capital figures (大写).

    The 整 after 角 is optional in the rules for bills (支付结算办法, annex 1); we write it: nothing can be added later.
    """
    whole, cents = divmod(int(abs(amount) * 100), 100)
    out, gap = "", False
    for position in range(2, -1, -1):
        part = whole // 10000**position % 10000
        if part == 0:
            gap = gap or bool(out)
            continue
        out += ("零" if out and (gap or part < 1000) else "") + _section(part) + SECTIONS[position]
        gap = False
    jiao, fen = divmod(cents, 10)
    if whole or not cents:
        out = (out or "零") + "元"
    if jiao:
        out += DIGITS[jiao] + "角"
    if fen:
        out += ("零" if whole and not jiao else "") + DIGITS[fen] + "分"
    else:
        out += "整"
    return ("负" if amount < 0 else "") + out


def _section(number: int) -> str:
    """Up to four digits in capital figures, with one 零 for each inner gap."""
    out, gap = "", False
    for position in range(3, -1, -1):
        digit = number // 10**position % 10
        if digit == 0:
            gap = gap or bool(out)
            continue
        out += ("零" if gap else "") + DIGITS[digit] + UNITS[position]
        gap = False
    return out


def yuan(amount: Decimal) -> str:
    """1800元（大写：壹仟捌佰元整), as agreements write it."""
    figures = f"{amount:f}" if amount != amount.to_integral() else f"{amount:.0f}"
    return f"{figures}元（大写：{capitals(amount)}）"


def day(value: dt.date | None) -> str:
    """2026年3月28日; nothing for no day."""
    return f"{value.year}年{value.month}月{value.day}日" if value else ""


def seat(area: Area) -> str:
    """What stands in the brackets of a number: 松山 for 松山镇."""
    name = area.short_name
    short = re.sub("(社区居委会|居委会|街道|社区|镇|乡|村)$", "", name)
    return short if len(short) > 1 else name


def number(office: Office, word: str, year: int, serial: int | None) -> str:
    """（松山）人调字〔2026〕第012号; a blank for the serial before it is given out."""
    return f"（{seat(office.area)}）{word}〔{year}〕第{'　　' if serial is None else f'{serial:03d}'}号"


def committee(office: Office) -> str:
    """The people's mediation committee at an office: 松山镇人民调解委员会."""
    return f"{office.area.short_name}人民调解委员会"


#: 一 二 三 … for the clauses of an agreement.
def ordinal(n: int) -> str:
    """Chinese numeral of 1 to 99."""
    figures = "零一二三四五六七八九"
    tens, ones = divmod(n, 10)
    return ("" if not tens else ("" if tens == 1 else figures[tens]) + "十") + (
        figures[ones] if ones or not tens else ""
    )
