"""What people type, read into what is stored: names, ID numbers, phones, days, amounts, brackets. Shared with the API.

Every function takes the raw text and returns the clean value, or raises ValidationError with a sentence that says the
fact and the way out. An empty text is an empty value: whether something must be given is the caller's question.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
import unicodedata
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from villages.pinyin import normal_dots

NAME_LENGTH, ORGANISATION_LENGTH = 50, 80
MAX_AMOUNT = Decimal(10) ** 11
FIRST_YEAR, LAST_YEAR = 1900, 2100

#: Characters that turn the reading direction: a name could be shown other than it is stored.
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def text(raw: object, *, limit: int, lines: bool = False) -> str:
    """Stripped text of at most `limit` characters; control characters are refused, `lines` keeps line breaks."""
    value = "" if raw is None else str(raw)
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    if not lines:
        value = value.replace("\n", " ").replace("\t", " ")
    for character in value:
        if (unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t") or character in _BIDI:
            raise ValidationError(_("内容里有不能保存的控制字符，删掉后再保存"))
    value = value.strip()
    if len(value) > limit:
        raise ValidationError(_("最多 %(limit)s 字，现在是 %(n)s 字") % {"limit": limit, "n": len(value)})
    return value


def name(raw: object, *, limit: int = NAME_LENGTH) -> str:
    """A person's or organisation's name with every kind of dot stored as ·."""
    return normal_dots(text(raw, limit=limit))


def _plain(raw: object) -> str:
    """Half-width characters without any blank."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text(raw, limit=200)))


# --- ID numbers: GB 11643-1999 ---------------------------------------------------------------------------------------
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def id_number(raw: object) -> str:
    """An 18-digit citizen's ID number whose check digit agrees (GB 11643), with a capital X."""
    value = _plain(raw).upper()
    if not value:
        return ""
    if not re.fullmatch(r"[0-9X]+", value) or "X" in value[:-1]:
        raise ValidationError(_("身份证号只有数字，最后一位可以是 X"))
    if len(value) != 18:
        raise ValidationError(_("身份证号是 18 位，现在是 %(n)s 位") % {"n": len(value)})
    if value.endswith("000") and _CHECK[sum(w * int(d) for w, d in zip(_WEIGHTS, value[:17], strict=True)) % 11] != "0":
        # spreadsheets keep 15 significant digits and fill up with zeros
        raise ValidationError(_("身份证号最后三位是 000，像是在表格里被截断了，对照证件重填"))
    if id_birth(value) is None:
        raise ValidationError(_("身份证号里的出生日期不对，核对第 7 到第 14 位"))
    if _CHECK[sum(w * int(d) for w, d in zip(_WEIGHTS, value[:17], strict=True)) % 11] != value[17]:
        raise ValidationError(_("身份证号最后一位对不上，核对第 18 位"))
    return value


def id_birth(number: str) -> dt.date | None:
    """The birth date inside a clean ID number: it only prefills."""
    try:
        return dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def id_sex(number: str) -> str:
    """GB/T 2261.1 code by the 17th digit of a clean ID number: it only prefills."""
    return "1" if int(number[16]) % 2 else "2"


# --- phones ----------------------------------------------------------------------------------------------------------
def phone(raw: object) -> str:
    """A mobile (11 digits), a landline as 0935-6121234, or a short group number of 3 to 6 digits."""
    shown = text(raw, limit=40)
    value = re.sub(r"[-–—()（）]", "", _plain(shown))
    value = re.sub(r"^(\+86|0086|86(?=1\d{10}$))", "", value)
    if not value:
        return ""
    if not re.fullmatch(r"[0-9]+", value):
        raise ValidationError(_("电话只写数字，认不出“%(raw)s”") % {"raw": shown})
    if re.fullmatch(r"1[3-9]\d{9}", value) or re.fullmatch(r"[1-9]\d{2,5}", value):
        return value
    landline = re.fullmatch(r"(010|02\d|0[3-9]\d{2})(\d{7,8})", value)
    if landline:
        return f"{landline[1]}-{landline[2]}"
    if value.startswith("1") and len(value) == 11:
        raise ValidationError(_("手机号第二位是 3 到 9，核对“%(raw)s”") % {"raw": shown})
    if value.startswith("1"):
        raise ValidationError(_("手机号是 11 位数字，现在是 %(n)s 位") % {"n": len(value)})
    raise ValidationError(_("认不出这个电话，手机写 11 位，座机写成 0935-6121234"))


# --- days ------------------------------------------------------------------------------------------------------------
_NEAR = {"前天": -2, "昨天": -1, "今天": 0, "明天": 1, "后天": 2}
_LUNAR = re.compile(r"农历|阴历|[正冬腊]月|月初[一二三四五六七八九十]|月(十|廿|卅)")
_WEEKDAYS = {c: n for n, c in enumerate("一二三四五六日")} | {"天": 6}


def day(raw: object, today: dt.date) -> dt.date | None:
    """A day typed as 今天, 周五, 下周一, 月底, +7, -2, 3.28, 0328, 20260328 or 2026年3月5日; weeks start on Monday."""
    if isinstance(raw, dt.datetime):
        return raw.date()
    if isinstance(raw, dt.date):
        return raw
    shown = text(raw, limit=40)
    value = _plain(shown).replace("。", ".").replace("．", ".")
    if not value:
        return None
    found = _read_day(value, today)
    if found is None:
        if _LUNAR.search(value):
            raise ValidationError(_("“%(raw)s”是农历，农历日期不替你换算，查好公历再填") % {"raw": shown})
        raise ValidationError(_("认不出“%(raw)s”，写成 %(iso)s 或 3.5") % {"raw": shown, "iso": f"{today.year}-03-05"})
    return found


def _read_day(value: str, today: dt.date) -> dt.date | None:
    if value in _NEAR:
        return today + dt.timedelta(days=_NEAR[value])
    if value == "月底":
        return today.replace(day=calendar.monthrange(today.year, today.month)[1])
    if match := re.fullmatch(r"([+-])(\d{1,3})天?", value):
        return today + dt.timedelta(days=int(match[1] + match[2]))
    if match := re.fullmatch(r"(上|本|这|下)?个?(?:周|星期|礼拜)([一二三四五六日天])", value):
        monday = today - dt.timedelta(days=today.weekday())
        return monday + dt.timedelta(days={"上": -7, "下": 7}.get(match[1], 0) + _WEEKDAYS[match[2]])
    match = re.fullmatch(r"(\d{4})(\d{2})(\d{2})", value) or re.fullmatch(
        r"(\d{4})[-./年](\d{1,2})[-./月](\d{1,2})[日号]?", value
    )
    if match:
        return _date(int(match[1]), int(match[2]), int(match[3]))
    match = re.fullmatch(r"(\d{2})(\d{2})", value) or re.fullmatch(r"(\d{1,2})[-./月](\d{1,2})[日号]?", value)
    if match:
        return _date(today.year, int(match[1]), int(match[2]))
    return None


def _date(year: int, month: int, date: int) -> dt.date | None:
    try:
        return dt.date(year, month, date) if FIRST_YEAR <= year <= LAST_YEAR else None
    except ValueError:
        return None


# --- times -----------------------------------------------------------------------------------------------------------
_TIME = re.compile(r"(早上|上午|中午|下午|晚上)?(\d{1,2})(?:[:.点时](半|\d{1,2})?分?)?")


def time_of_day(raw: object) -> dt.time | None:
    """A time typed as 9:00, 9点, 9点半, 下午3点20, 15.30 or 0930."""
    shown = text(raw, limit=20)
    value = _plain(shown)
    if not value:
        return None
    match = _TIME.fullmatch(value) or re.fullmatch(r"()(\d{2})(\d{2})", value)
    if match:
        hour, minute = int(match[2]), 30 if match[3] == "半" else int(match[3] or 0)
        if hour < 12 and (match[1] in ("下午", "晚上") or (match[1] == "中午" and hour < 10)):
            hour += 12
        if hour < 24 and minute < 60:
            return dt.time(hour, minute)
    raise ValidationError(_("认不出“%(raw)s”，写成 9:00 或 下午3点") % {"raw": shown})


# --- amounts ---------------------------------------------------------------------------------------------------------
_DIGITS = {c: n for row in ("零一二三四五六七八九", "〇壹贰叁肆伍陆柒捌玖") for n, c in enumerate(row)} | {"两": 2}
_UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_SECTIONS = {"万": 10**4, "亿": 10**8}
_TIMES = {"": 1, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}


def money(raw: object) -> Decimal | None:
    """An amount in yuan from 1.2万, ￥12,000 or 壹万贰仟元整: 0 to 10^11, with no more than two decimals."""
    shown = text(raw, limit=60)
    value = re.sub(r"^(人民币|RMB|CNY)?[¥$]?", "", _plain(shown)) if not shown.startswith("$") else ""
    value = value.replace(",", "").replace("、", "").replace("圆", "元")
    if not shown:
        return None
    amount: Decimal | None = None
    if match := re.fullmatch(r"(\d{1,16}(?:\.\d+)?)([百千万亿]?)元?整?", value):
        amount = Decimal(match[1]) * _TIMES[match[2]]
    elif match := re.fullmatch(r"([^元角分整]+)(?:元|块)?(?:(.)角)?(?:零?(.)分)?整?", value):
        amount = _chinese_amount(match[1], match[2], match[3])
    if amount is None:
        raise ValidationError(_("认不出“%(raw)s”，写成 12000 或 1.2万") % {"raw": shown})
    if amount > MAX_AMOUNT:
        raise ValidationError(_("金额超过一千亿元，核对单位"))
    if amount != amount.quantize(Decimal("0.01")):
        raise ValidationError(_("金额最多写到分，两位小数"))
    return amount.quantize(Decimal("0.01"))


def _chinese_amount(whole: str, jiao: str | None, fen: str | None) -> Decimal | None:
    total = section = digit = 0
    for character in whole:
        if character in _DIGITS:
            digit = _DIGITS[character]
        elif character in _UNITS:
            section += (digit or 1) * _UNITS[character]
            digit = 0
        elif character in _SECTIONS:
            unit, part = _SECTIONS[character], section + digit
            if not total + part:
                return None
            # 一亿二千万: the 亿 is finished; 一万亿: the 万 belongs to it
            total = total + part * unit if total >= unit * 10**4 else (total + part) * unit
            section = digit = 0
        else:
            return None
    cents = 0
    for figure, worth in ((jiao, 10), (fen, 1)):
        if figure:
            if figure not in _DIGITS:
                return None
            cents += _DIGITS[figure] * worth
    return Decimal(total + section + digit) + Decimal(cents) / 100


# --- numbers of papers and cases -------------------------------------------------------------------------------------
_OPEN, _CLOSE = "（([【［﹝〔", "）)]】］﹞〕"
_BRACKETS = str.maketrans(dict.fromkeys(_OPEN, "〔") | dict.fromkeys(_CLOSE, "〕"))


def brackets(raw: str) -> str:
    """The number of a paper with six-corner brackets, whichever were typed."""
    return raw.translate(_BRACKETS)


def case_no(raw: object) -> str:
    """A case number or its beginning as stored, whichever dashes, widths and brackets were typed."""
    value = _plain(raw)
    value = re.sub(r"[〔〕（）()\[\]【】﹝﹞]", "-", value)
    return re.sub(r"-+", "-", re.sub(r"[‐‑‒–—―－_]", "-", value)).strip("-")
