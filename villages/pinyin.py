"""Search keys of Chinese names: full pinyin and initials, in every reading, so that 马文林 is found by mwl.

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


@lru_cache(maxsize=1)
def surnames() -> dict[str, str]:
    """How a character is read as a surname, where that differs from how it is usually read."""
    with OVERRIDES.open(encoding="utf-8", newline="") as file:
        return {row["surname"]: row["pinyin_as_surname"] for row in csv.DictReader(file)}


@lru_cache(maxsize=4096)
def _keys(name: str, *, surname: bool) -> tuple[str, str]:
    plain = re.sub(rf"[\s{re.escape(DOT + DOTS)}]+", "", name).lower()
    if not plain:
        return "", ""
    split: Any = list  # what has no pinyin stays, character by character; the stubs know only functions of str
    usual = pinyin(plain, style=Style.NORMAL, errors=split)
    every = pinyin(plain, style=Style.NORMAL, heteronym=True, errors=split)
    # The dictionary's own reading comes first, so that it survives the cut.
    readings = [list(dict.fromkeys([*first, *rest])) for first, rest in zip(usual, every, strict=True)]
    if surname and plain[0] in surnames():
        # 单增 is a Tibetan given name as often as Mr Shan: the surname reading leads, the others stay.
        readings[0] = list(dict.fromkeys([surnames()[plain[0]], *readings[0]]))
    return (
        _joined(("".join(parts) for parts in product(*readings)), PINYIN_LENGTH),
        _joined(("".join(part[0] for part in parts) for parts in product(*readings)), INITIALS_LENGTH),
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
