import csv
from pathlib import Path

import pytest

from villages.importing import short_name
from villages.pinyin import (
    INITIALS_LENGTH,
    PINYIN_LENGTH,
    near_keys,
    normal_dots,
    person_keys,
    place_keys,
    readings,
    usual,
    variants,
)

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.mark.parametrize(
    ("name", "pinyin", "initials"),
    [
        ("马文林", "mawenlin", "mwl"),
        ("扎西·顿珠", "zhaxidunzhu", "zxdz"),
        ("扎西顿珠", "zhaxidunzhu", "zxdz"),
        ("单增", "shanzeng", "sz"),  # as a surname
        ("单增", "danzeng", "dz"),  # as a Tibetan given name
        ("解晓东", "xiexiaodong", "xxd"),
        ("曾庆", "zengqing", "zq"),
        ("仇和", "qiuhe", "qh"),
        ("区伟", "ouwei", "ow"),
    ],
)
def test_a_person_is_found_by_full_pinyin_and_initials(name, pinyin, initials):
    full, short = person_keys(name)
    assert pinyin in full.split()
    assert initials in short.split()


def test_every_reading_of_a_place_is_kept():
    assert place_keys("华藏寺") == ("huacangsi huacangshi huazangsi huazangshi", "hcs hzs")


def test_a_surname_reading_does_not_change_places():
    assert "shan" not in place_keys("单")[0].split()[0]


def test_every_surname_of_the_table_leads_with_its_reading():
    with (DATA / "surname_pinyin_overrides.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert person_keys(f"{row['surname']}文")[0].startswith(row["pinyin_as_surname"])


@pytest.mark.parametrize("name", ["", "·", "𠮷田", "a1", "长" * 80, "朝阳行乐重长单解曾" * 8])
def test_odd_names_give_keys_that_fit(name):
    full, short = person_keys(name)
    assert len(full) <= PINYIN_LENGTH
    assert len(short) <= INITIALS_LENGTH
    assert "·" not in full + short


@pytest.mark.parametrize(
    "typed",
    ["扎西•顿珠", "扎西・顿珠", "扎西．顿珠", "扎西‧顿珠", "扎西'顿珠", "扎西.顿珠", "扎西 顿珠", " 扎西 · 顿珠 "],
)
def test_every_way_of_typing_the_dot_is_stored_as_one(typed):
    assert normal_dots(typed) == "扎西·顿珠"


def test_a_blank_between_latin_words_stays():
    assert normal_dots("John Smith") == "John Smith"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("石门村村民委员会", "石门村"),
        ("黄草川村民委员会", "黄草川村"),
        ("永兴新村村委会", "永兴新村"),
        ("大湾村委会", "大湾村"),
        ("兴盛社区居民委员会", "兴盛社区"),
        ("学勤社区居委会", "学勤社区"),
        ("团结居委会", "团结居委会"),
        ("社区居委会", "社区居委会"),
        ("地质新村虚拟社区", "地质新村虚拟社区"),
    ],
)
def test_short_names(name, short):
    assert short_name(name) == short


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("马文林", ("ma wen", "ma lin")),
        ("马雯琳", ("ma wen", "ma lin")),
        ("闫玉山", ("yan yu", "yan shan")),
        ("扎西·东珠", ("zha xi", "dong zhu")),
        ("单增", ("shan zeng", "shan zeng")),
        ("", ("", "")),
    ],
)
def test_keys_of_names_that_sound_almost_the_same(name, keys):
    assert near_keys(name) == keys


def test_a_variant_is_read_as_the_usual_form():
    for variant, usual_form in variants().items():
        assert usual(f"马{variant}") == f"马{usual_form}"
        assert set(readings(variant)) & set(readings(usual_form)), variant
        assert usual_form not in variants()
