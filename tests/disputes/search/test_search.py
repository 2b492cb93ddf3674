"""Search: every form of input finds what it should, by what the viewer may read, and the index follows every door."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disputes.bulk import Draft, write_cases
from disputes.models import Dispute, rules_on
from disputes.search import find, index
from disputes.search.models import SearchEntry
from disputes.search.text import BadQuery, pairs, plain, read, searchable
from tests import factories
from tests.factories import NOW, PARTY_A, PARTY_B, register
from villages.models import User

TIBETAN = {"side": "A", "name": "扎西·顿珠", "alias": "老扎", "phone": "13612347788"}
CHILD = {"side": "B", "name": "李小燕", "birth_on": dt.date(2014, 5, 1), "guardian_name": "李国富"}


def numbers(user: User, typed: str, after: int | None = None) -> list[str]:
    query = read(typed)
    assert query is not None
    fresh = User.objects.get(pk=user.pk)
    return [case.case_no for case in find.cases(fresh, query, after).cases]


# --- what finds -------------------------------------------------------------------------------------------------------
NUMBERS = """
620623-103-2026-0001 620623－103－2026－0001 620623—103—2026—0001 620623-103〔2026〕0001 620623-103-2026-1
〔2026〕1号 ﹝2026﹞1号 (2026)1号 （2026）1号 [2026]1号 【2026】第1号 〔２０２６〕１号 〔2026〕0001号 〔2026〕1
天政调〔2026〕1号 石门调解〔2026〕第0001号 2026-1 2026-0001 2026年1号 2026年第1号 2026年第0001号 103-2026-0001
1号 第1号 0001号 第0001号 001 620623-103-2026-00 620623-103 620623-
""".split()


@pytest.mark.parametrize("typed", NUMBERS)
def test_a_number_is_found_in_every_form(w, typed: str) -> None:
    case = register(w, parties=[PARTY_A, PARTY_B])
    assert numbers(w.officer, typed) == [case.case_no]
    assert numbers(w.officer, f"  {typed}　") == [case.case_no]
    assert numbers(w.supervisor, typed) == [case.case_no], "a number is no name"
    assert numbers(w.far_officer, typed) == [] == numbers(w.foreign_officer, typed)


def test_another_number_is_not_found(w) -> None:
    register(w)
    for typed in ("〔2025〕1号", "2026-2", "2号", "102-2026-0001", "620623-103-2026-0002", "620622-"):
        assert numbers(w.officer, typed) == [], typed


WORDS = """
马文林 马文 文林 mawenlin mawen wenlin mwl wl MWL ＭＷＬ 马文林,王世昌 王世昌、马文林 mwl 13812346021 6021 4417 ６０２１
夏季草场 界桩 洪水 12亩 王世 shichang wsc 620699197401010013
""".split()


@pytest.mark.parametrize("typed", [*WORDS, "马文林 王世昌", "mwl 草场", "ma wen lin", "138 1234 6021", "马 文林"])
def test_words_find_the_case(w, typed: str) -> None:
    case = register(w)
    register(w, parties=[{"side": "A", "name": "赵有福"}, {"side": "B", "name": "杨敏"}], narrative="浇水先后。")
    assert numbers(w.officer, typed) == [case.case_no]
    assert numbers(w.far_officer, typed) == []


@pytest.mark.parametrize(
    "typed",
    [
        "扎西顿珠",
        "扎西·顿珠",
        "扎西•顿珠",
        "扎西．顿珠",
        "扎西 顿珠",
        "西顿",
        "顿珠",
        "zxdz",
        "zhaxidunzhu",
        "老扎",
        "lz",
        "7788",
    ],
)
def test_dots_in_a_name_make_no_difference(w, typed: str) -> None:
    case = register(w, parties=[TIBETAN, PARTY_B])
    assert numbers(w.officer, typed) == [case.case_no]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("单永强", "shanyongqiang"), ("单永强", "syq"), ("单永强", "danyongqiang"), ("解志明", "xiezhiming"),
        ("曾玉兰", "zengyulan"), ("曾玉兰", "cengyulan"), ("仇长青", "qiuchangqing"), ("仇长青", "qiuzhangqing"),
        ("吕乐", "lvle"), ("吕乐", "lüyue"), ("区小重", "ouxiaochong"), ("翟朝阳", "zhaizhaoyang"),
    ],
)  # fmt: skip
def test_surnames_and_heteronyms_are_found_in_every_reading(w, name: str, typed: str) -> None:
    case = register(w, parties=[{"side": "A", "name": name}, PARTY_B])
    assert numbers(w.officer, typed) == [case.case_no]


def test_a_longer_word_stands_as_one(w) -> None:
    register(w, parties=[{"side": "A", "name": "马文海"}, {"side": "B", "name": "王文林"}])
    assert numbers(w.officer, "马文林") == [] and len(numbers(w.officer, "马文")) == 1


def test_a_pair_does_not_reach_across_a_stop(w) -> None:
    register(w, narrative="草场相邻。界桩被冲走")
    assert numbers(w.officer, "邻界") == [] and len(numbers(w.officer, "相邻。界桩")) == 1


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("马", "至少写两个连着的字，一个字查出来的太多"),
        ("马 王", "至少写两个连着的字，一个字查出来的太多"),
        ("，。！", "没有能查的字。写案号、姓名、拼音、村名、电话后四位或者经过里的几个字"),
        ("'", "没有能查的字。写案号、姓名、拼音、村名、电话后四位或者经过里的几个字"),
        ("草场" * 31, "最多 60 字，现在是 62 字"),
        ("aa bb cc dd ee ff gg", "一次最多查 6 个词，先去掉几个"),
        ("草\u202e场", "内容里有不能保存的控制字符，删掉后再保存"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_answered_with_a_sentence(w, typed: str, sentence: str) -> None:
    with pytest.raises(BadQuery) as refused:
        read(typed)
    assert refused.value.sentence == sentence
    assert read("  ") is None


@pytest.mark.parametrize("typed", ['a" OR "b', "马文*", "NOT 草场", "words:草场", "{}", "草场' --", "%%", "__", "\\\\"])
def test_signs_of_query_languages_mean_nothing(w, typed: str) -> None:
    register(w)
    try:
        query = read(typed)
    except BadQuery:
        return
    assert query is not None
    find.cases(w.officer, query)


def test_pages_follow_each_other_and_the_count_is_whole(w) -> None:
    made = [register(w).case_no for _ in range(45)][::-1]
    query, seen, after = read("草场"), [], None
    assert query is not None
    for _ in range(3):
        found = find.cases(w.officer, query, after)
        assert (found.count, found.capped) == (45, False)
        seen += [case.case_no for case in found.cases]
        after = found.next
    assert seen == made and after is None


# --- what must not find -----------------------------------------------------------------------------------------------
LEAKS = ("马文林", "马文", "文林", "mawenlin", "mwl", "6021", "13812346021", "620699197401010013", "扎顿", "老马")


def leaky(w, **facts) -> Dispute:
    """A case whose people stand in its story, too, with and without dots."""
    people = [{**PARTY_A, "alias": "老马哥"}, {**TIBETAN, "side": "B"}]
    story = "马文林与扎西顿珠因水渠争吵，马文林说扎西·顿珠先动手，电话13812346021可以问。"
    return register(w, parties=people, narrative=story, place="马文林家门口", **facts)


def test_who_reads_masked_names_finds_nothing_by_them(w) -> None:
    case = leaky(w)
    for typed in (*LEAKS, "扎西顿珠", "西顿", "顿珠", "zxdz", "7788", "老马哥"):
        if typed not in ("扎顿", "老马"):
            assert numbers(w.officer, typed) == [case.case_no], typed
        for supervisor in (w.supervisor, w.town_supervisor):
            assert numbers(supervisor, typed) == [], typed
            assert numbers(supervisor, f"水渠 {typed}") == [], "no probing by what else is found"
    for typed in ("水渠", "争吵", "先动手", case.case_no):
        assert numbers(w.supervisor, typed) == [case.case_no] == numbers(w.officer, typed)


@pytest.mark.parametrize("kind", ["family", "minor"])
def test_a_protected_case_is_found_by_name_at_its_desk_alone(w, kind: str) -> None:
    facts = {"type_l1": "01", "type_l2": "0101"} if kind == "family" else {}
    people = [PARTY_A, CHILD if kind == "minor" else PARTY_B]
    case = register(w, parties=people, narrative="马文林家中争吵，水渠边上动了手。", **facts)
    assert case.protected
    for typed in (
        "马文林",
        "文林",
        "mwl",
        "6021",
        "13812346021",
        *(["李小燕", "lxy", "李国富"] if kind == "minor" else []),
    ):
        assert numbers(w.assistant, typed) == [case.case_no], typed
        assert numbers(w.officer, typed) == [] == numbers(w.centre, typed), typed
    assert numbers(w.officer, "水渠") == [case.case_no]


def test_a_phone_or_id_number_in_the_story_is_not_in_the_index(w) -> None:
    case = leaky(w)
    entry = SearchEntry.objects.get(dispute=case)
    for column in (entry.words, entry.full, entry.shown):
        for digits in ("13812346021", "6021", "1381", "620699197401010013", "13612347788", "7788"):
            assert digits not in column, digits
    assert "马文林" not in entry.shown and "扎西顿珠" not in entry.shown and "马文林" in entry.full
    assert numbers(w.supervisor, "13812346021") == [] == numbers(w.supervisor, "3812")


def test_the_list_finds_no_hidden_name_in_the_story_either(w, client) -> None:
    case = leaky(w)
    for user, hits in ((w.supervisor, 0), (w.officer, 1)):
        client.force_login(user)
        for typed in ("马文林说", "马文林 水渠", "文林说"):
            shown = client.get("/disputes/", {"q": typed}).content.decode()
            assert shown.count(f'href="/disputes/{case.case_no}/"') == hits, (user, typed)


@pytest.mark.parametrize("who", ["department", "counsellor", "sysadmin", "secadmin", "auditor", "nobody"])
def test_whoever_reads_no_cases_finds_none(w, who: str) -> None:
    case = leaky(w)
    for typed in ("马文林", "水渠", case.case_no, "1号", "6021"):
        assert numbers(getattr(w, who), typed) == []


def test_a_mediator_of_the_township_finds_what_lies_on_the_desk(w) -> None:
    case = factories.at_centre(w)
    assert numbers(w.mediator, "马文林") == [case.case_no] == numbers(w.mediator, "草场")
    other = register(w)
    assert other.case_no not in numbers(w.mediator, "马文林")


def test_an_entry_goes_with_its_case(w) -> None:
    case = register(w)
    case.search_entry.delete()
    assert numbers(w.officer, "马文林") == []
    register(w)
    assert len(numbers(w.officer, "马文林")) == 1


def test_a_village_given_to_another_township_keeps_its_old_cases(w) -> None:
    old = register(w)
    w.village.parent = w.far_township
    w.village.save()
    assert numbers(w.assistant, "马文林") == [old.case_no]


# --- the index follows every door -------------------------------------------------------------------------------------
def agrees_with_the_tables() -> None:
    """Made anew from the tables, no entry changes, and none is lacking."""

    def stored() -> dict[int, tuple[str, str, str]]:
        return {row.pk: (row.words, row.full, row.shown) for row in SearchEntry.objects.all()}

    before = stored()
    assert before.keys() == set(Dispute.objects.values_list("pk", flat=True))
    index.index_cases(before)
    assert stored() == before


def test_editing_moves_what_finds_the_case(w) -> None:
    case = register(w)
    party = case.parties.get(name="马文林")
    people = [{"pk": party.pk, "name": "马雯琳", "phone": "13700001234"}, {"side": "C", "name": "赵有财"}]
    case.edit(by=w.assistant, at=NOW, version=case.version, facts={"narrative": "两家为树枝争吵"}, parties=people)
    for typed in ("马文林", "草场", "6021"):
        assert numbers(w.officer, typed) == [], typed
    for typed in ("马雯琳", "树枝", "1234", "赵有财", "zyc"):
        assert numbers(w.officer, typed) == [case.case_no], typed
    agrees_with_the_tables()


def test_a_case_made_a_family_case_hides_its_names(w) -> None:
    case = register(w, narrative="马文林与王世昌吵架")
    assert numbers(w.officer, "马文林") == [case.case_no]
    case.edit(by=w.assistant, at=NOW, version=case.version, facts={"type_l1": "01", "type_l2": "0101"})
    assert numbers(w.officer, "马文林") == [] and numbers(w.officer, "吵架") == [case.case_no]


def test_splitting_merging_reopening_and_voiding_keep_cases_found(w) -> None:
    case, other = register(w), register(w)
    case.perform("take_up", by=w.assistant, at=NOW, handler=w.assistant)
    case.perform("split", by=w.assistant, at=NOW, parts=["草场界线", "打井的水"], reason="两件事")
    part = Dispute.objects.get(split_from=case)
    assert numbers(w.officer, "打井") == [part.case_no]
    assert set(numbers(w.officer, "马文林")) == {case.case_no, other.case_no, part.case_no}
    other.perform("merge", by=w.assistant, at=NOW, target=case, reason="同一件")
    part.ask_void(by=w.assistant, at=NOW, reason="重复")
    done = factories.settled(w)
    done.perform("reopen", by=w.assistant, at=NOW, reason="又吵", report="界桩又被拔了")
    everything = {case.case_no, other.case_no, part.case_no, done.case_no}
    assert set(numbers(w.officer, "mwl")) == everything == set(numbers(w.officer, "6021"))
    agrees_with_the_tables()


def test_cases_written_in_bulk_are_found(w) -> None:
    facts = {"village": w.village, "type_l1": "09", "type_l2": "0905", "source": "06", "found_on": NOW.date()}
    draft = Draft.register(
        case_no="620623-103-2026-0007", by=w.assistant, at=NOW, desk=w.committee, rules=rules_on(NOW.date()),
        facts=facts | {"narrative": "两家为界桩争执", "tier": 1}, parties=[dict(PARTY_A), dict(TIBETAN, side="B")],
    )  # fmt: skip
    write_cases([draft])
    for typed in ("马文林", "zxdz", "6021", "界桩", "7号"):
        assert numbers(w.officer, typed) == ["620623-103-2026-0007"], typed
    agrees_with_the_tables()


def test_cases_without_an_entry_are_mended(w) -> None:
    cases = [register(w) for _ in range(3)]
    SearchEntry.objects.filter(pk__in=[case.pk for case in cases[:2]]).delete()
    assert numbers(w.officer, "mwl") == [cases[2].case_no]
    assert index.mend(limit=1) == 1 and index.mend() == 1 and index.mend() == 0
    assert len(numbers(w.officer, "mwl")) == 3
    SearchEntry.objects.update(words="", full="", shown="")
    call_command("index_search", "--all", verbosity=0)
    assert len(numbers(w.officer, "mwl")) == 3
    agrees_with_the_tables()


# --- properties -------------------------------------------------------------------------------------------------------
HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5)
SIGNS = st.sampled_from("，。、；：！？ 　（）\n0123456789ABCabc㎡①２Ａ·\U00020000")
STORY = st.text(st.one_of(HAN, HAN, HAN, SIGNS), min_size=2, max_size=60)


@given(name=st.text(HAN, min_size=2, max_size=6), story=STORY)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_two_neighbouring_characters_find_the_case(w, name: str, story: str) -> None:
    case = register(w, parties=[{"side": "A", "name": name}, PARTY_B], narrative=story)
    shown = searchable(story)[0]
    asked = [name[n : n + 2] for n in range(len(name) - 1)]
    asked += [shown[n : n + 2] for n in range(len(shown) - 1) if " " not in shown[n : n + 2]]
    for pair in asked:
        assert case.case_no in numbers(w.officer, pair), (pair, name, story)


@given(st.text(max_size=40))
def test_places_lead_back_into_the_text(text: str) -> None:
    runs, places = plain(text)
    assert len(runs) == len(places) and all(0 <= place < len(text) for place in places)
    assert places == sorted(places) and "  " not in runs
    again, _ = plain(runs)
    assert pairs(again) >= pairs(runs) - {pair for pair in pairs(runs) if not pair.isalnum()}


@given(st.text(st.one_of(HAN, SIGNS), max_size=30))
def test_marking_changes_no_character(text: str) -> None:
    runs = searchable(text)[0]
    for n in range(len(runs) - 1):
        if " " not in runs[n : n + 2]:
            pieces = find.marked(text, [runs[n : n + 2]])
            assert "".join(piece for piece, _hit in pieces) == text and any(hit for _piece, hit in pieces)
