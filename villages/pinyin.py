"""Keys of Chinese names: pinyin and initials by which 马文林 is found by mwl, and those by which 马雯林 finds him.

The keys are stored beside the name; the browser and the database know no pinyin.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice, product
from pathlib import Path
from typing import Any

from pypinyin import Style, pinyin

OVERRIDES = Path(__file__).resolve().parent.parent / "data" / "surname_pinyin_overrides.csv"
DOT = "·"  # U+00B7
#: What people type for the dot in 扎西·顿珠; a blank between two Han characters is one too.
DOTS = "•・．‧∙⋅●﹒｡。.'’‘`｀"
MAX_READINGS = 24  # of one name; a long village name of heteronyms would multiply without end
PINYIN_LENGTH, INITIALS_LENGTH = 200, 60  # what the shortest column that stores them takes

#: Characters of names that are written in more than one way: the usual one first. Traditional forms come in with old
#: papers, and 肖, 闫, 付 are what many a register made of 萧, 阎, 傅.
VARIANTS = (
    "峰峯 群羣 村邨 哲喆 坤堃 升昇 杰傑 苏甦蘇 奔犇 乃迺 同仝 咏詠 韵韻 岳嶽 灵靈 肖萧蕭 闫阎閻 付傅 邱丘 于於 范範 "
    "沈瀋 国國 强強 凤鳳 兰蘭 龙龍 荣榮 华華 军軍 贵貴 财財 宝寶 寿壽 学學 万萬 云雲 红紅 莲蓮 马馬 张張 杨楊 刘劉 "
    "赵趙 陈陳 韩韓 罗羅 孙孫 吴吳 贾賈 冯馮 严嚴 长長 兴興 东東 怀懷 启啓啟 栋棟 鲁魯 卢盧 邓鄧 叶葉 邹鄒 钟鍾 谭譚 "
    "陆陸 龚龔 伟偉 义義 礼禮 福褔 丽麗 艳艷 庆慶 发發 进進 运運 远遠 胜勝 泽澤 汉漢 润潤 银銀 锋鋒 铁鐵 锁鎖 齐齊 "
    "尔爾 顿頓 却卻 钦欽 贡貢 秋秌 佑祐 禄祿 凯凱 剑劍 梦夢 岚嵐 琼瓊 莹瑩 颖穎 燕鷰 凉涼 善譱"
).split()
_USUAL = {variant: group[0] for group in VARIANTS for variant in group[1:]}

_HAN = r"\u3400-\u9fff\U00020000-\U0003ffff"
_DOT_RUN = re.compile(rf"\s*[{re.escape(DOT + DOTS)}]+\s*")
_BLANK_IN_HAN = re.compile(rf"(?<=[{_HAN}])\s+(?=[{_HAN}])")


def normal_dots(name: str) -> str:
    """The name with every way of typing the dot stored as ·, without blanks around it or dots at the ends."""
    return _BLANK_IN_HAN.sub(DOT, _DOT_RUN.sub(DOT, name.strip())).strip(DOT)


def person_keys(name: str) -> tuple[str, str]:
    """(full pinyin, initials) of a person's name, each a blank-separated list of readings; surnames read as such."""
    return _keys(name, surname=True)


def place_keys(name: str) -> tuple[str, str]:
    """(full pinyin, initials) of a place's name, each a blank-separated list of readings."""
    return _keys(name, surname=False)


def without_dots(name: str) -> str:
    """The name as two ways of writing it are compared: no dots, no blanks, small letters."""
    return re.sub(rf"[\s{re.escape(DOT + DOTS)}]+", "", name).lower()


def usual(name: str) -> str:
    """`without_dots`, with every variant character as it is usually written: 峯 is 峰."""
    return "".join(_USUAL.get(character, character) for character in without_dots(name))


@lru_cache(maxsize=8192)
def readings(character: str) -> tuple[str, ...]:
    """How one character may be read, tones apart: the usual reading first, as a surname last."""
    first = pinyin(character, style=Style.NORMAL, errors=_as_it_is)[0]
    every = pinyin(character, style=Style.NORMAL, heteronym=True, errors=_as_it_is)[0]
    return tuple(dict.fromkeys([*first, *every, surnames().get(character, first[0])]))


def near_keys(name: str) -> tuple[str, str]:
    """Two keys of the sounds of a name: one that sounds the same has both, one with another character has one still.

    The halves of a name of four characters and more; of a shorter one, all but the last and all but the middle. A name
    of three with another surname keeps neither: that is another family.
    """
    characters = usual(name)
    # Each character by itself: read as words, 长寿 and 长受 would not begin alike.
    sounds = [readings(character)[0] for character in characters]
    if characters and characters[0] in surnames():
        sounds[0] = surnames()[characters[0]]
    back = sounds[2:] if len(sounds) > 3 else sounds[:1] + sounds[2:] if len(sounds) == 3 else sounds
    return " ".join(sounds[:2]), " ".join(back)


def _as_it_is(text: Any) -> Any:
    """What has no pinyin stays; the stubs know only functions of str."""
    return list(text)


@lru_cache(maxsize=1)
def surnames() -> dict[str, str]:
    """How a character is read as a surname, where that differs from how it is usually read."""
    with OVERRIDES.open(encoding="utf-8", newline="") as file:
        return {row["surname"]: row["pinyin_as_surname"] for row in csv.DictReader(file)}


@lru_cache(maxsize=4096)
def _keys(name: str, *, surname: bool) -> tuple[str, str]:
    plain = without_dots(name)
    if not plain:
        return "", ""
    first = pinyin(plain, style=Style.NORMAL, errors=_as_it_is)
    every = pinyin(plain, style=Style.NORMAL, heteronym=True, errors=_as_it_is)
    # The dictionary's own reading comes first, so that it survives the cut.
    sounds = [list(dict.fromkeys([*leading, *rest])) for leading, rest in zip(first, every, strict=True)]
    if surname and plain[0] in surnames():
        # 单增 is a Tibetan given name as often as Mr Shan: the surname reading leads, the others stay.
        sounds[0] = list(dict.fromkeys([surnames()[plain[0]], *sounds[0]]))
    return (
        _joined(("".join(parts) for parts in product(*sounds)), PINYIN_LENGTH),
        _joined(("".join(part[0] for part in parts) for parts in product(*sounds)), INITIALS_LENGTH),
    )


def _joined(variants: Iterable[str], limit: int) -> str:
    """Distinct variants, as many as fit; only a first one that is too long by itself is cut."""
    distinct = list(dict.fromkeys(islice(variants, MAX_READINGS * 8)))
    out = distinct[0][:limit]
    for variant in distinct[1:MAX_READINGS]:
        if len(out) + 1 + len(variant) > limit:
            break
        out += f" {variant}"
    return out
