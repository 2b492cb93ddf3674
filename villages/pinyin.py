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

DATA = Path(__file__).resolve().parent.parent / "data"
OVERRIDES, VARIANTS = DATA / "surname_pinyin_overrides.csv", DATA / "name_variants.csv"
DOT = "·"  # U+00B7
#: What people type for the dot in 扎西·顿珠; a blank between two Han characters is one too.
DOTS = "•・．‧∙⋅●﹒｡。.'’‘`｀"
MAX_READINGS = 24  # of one name; a long village name of heteronyms would multiply without end
LONG_NAME, LONG_PART = 6, 6  # characters: of a longer name one reading, and by parts of at most so many
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


@lru_cache(maxsize=4096)
def spellings(name: str) -> frozenset[str]:
    """Every way to type a part of a person's name in letters: 马文林 by mawenlin, mawen, wenlin, ma, mwl, mw, wl.

    A part is a run of characters; every reading of a short name counts, of a long one (an organisation's) the usual.
    """
    plain = without_dots(name)
    if not plain:
        return frozenset()
    sounds = _sounds(plain, surname=True)
    if len(sounds) > LONG_NAME:
        sounds = [one[:1] for one in sounds]
    elif len(sounds) == len(plain):
        # read as words, 长青 would be chang alone: by itself the character has its other readings, too
        sounds = [list(dict.fromkeys([*one, *readings(plain[n])])) for n, one in enumerate(sounds)]
    found: set[str] = set()
    for begin in range(len(sounds)):
        for end in (*range(begin + 1, min(begin + LONG_PART, len(sounds)) + 1), *([len(sounds)] if begin == 0 else [])):
            part = sounds[begin:end]
            found.update("".join(one) for one in islice(product(*part), MAX_READINGS))
            if len(part) > 1:
                initials = [list(dict.fromkeys(sound[:1] for sound in one)) for one in part]
                found.update("".join(one) for one in islice(product(*initials), MAX_READINGS))
    return frozenset(found)


def without_dots(name: str) -> str:
    """The name as two ways of writing it are compared: no dots, no blanks, small letters."""
    return re.sub(rf"[\s{re.escape(DOT + DOTS)}]+", "", name).lower()


def usual(name: str) -> str:
    """`without_dots`, with every variant character as it is usually written: 峯 is 峰."""
    known = variants()
    return "".join(known.get(character, character) for character in without_dots(name))


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


@lru_cache(maxsize=1)
def variants() -> dict[str, str]:
    """The usual form of characters that names are also written with: 峯 for 峰, and 萧 where registers made it 肖."""
    with VARIANTS.open(encoding="utf-8", newline="") as file:
        return {row["variant"]: row["usual"] for row in csv.DictReader(file)}


@lru_cache(maxsize=4096)
def _keys(name: str, *, surname: bool) -> tuple[str, str]:
    plain = without_dots(name)
    if not plain:
        return "", ""
    sounds = _sounds(plain, surname=surname)
    return (
        _joined(("".join(parts) for parts in product(*sounds)), PINYIN_LENGTH),
        _joined(("".join(part[0] for part in parts) for parts in product(*sounds)), INITIALS_LENGTH),
    )


def _sounds(plain: str, *, surname: bool) -> list[list[str]]:
    """The readings of each character of a name without dots, the likeliest first."""
    first = pinyin(plain, style=Style.NORMAL, errors=_as_it_is)
    every = pinyin(plain, style=Style.NORMAL, heteronym=True, errors=_as_it_is)
    # The dictionary's own reading comes first, so that it survives the cut.
    sounds = [list(dict.fromkeys([*leading, *rest])) for leading, rest in zip(first, every, strict=True)]
    if surname and plain[0] in surnames():
        # 单增 is a Tibetan given name as often as Mr Shan: the surname reading leads, the others stay.
        sounds[0] = list(dict.fromkeys([surnames()[plain[0]], *sounds[0]]))
    return sounds


def _joined(variants: Iterable[str], limit: int) -> str:
    """Distinct variants, as many as fit; only a first one that is too long by itself is cut."""
    distinct = list(dict.fromkeys(islice(variants, MAX_READINGS * 8)))
    out = distinct[0][:limit]
    for variant in distinct[1:MAX_READINGS]:
        if len(out) + 1 + len(variant) > limit:
            break
        out += f" {variant}"
    return out
