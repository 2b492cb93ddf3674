"""The list: conditions, what may be found by whom, keyset pages, one price for any number of rows."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from disputes import filters
from disputes.models import Dispute, SavedFilter
from tests import factories

pytestmark = pytest.mark.django_db


def numbers(client, **query) -> list[str]:
    response = client.get("/disputes/", query)
    assert response.status_code == 200, response.content.decode()[:2000]
    return [row["no"] for row in response.context["rows"]]


def test_conditions(w, sign_in):
    first = factories.register(w)
    second = factories.mediating(w, village=w.village, type_l1="02", type_l2="0201", source="01")
    second.grade(by=w.assistant, at=factories.NOW, level="red", reason="持械")
    third = factories.at_room(w)
    client = sign_in(w.officer)
    a, b, c = first.case_no, second.case_no, third.case_no
    assert numbers(client) == [c, b, a], "newest first"
    assert numbers(client, desk="mine") == [c]
    assert numbers(client, status="mediating") == [b]
    assert numbers(client, status=["mediating", "waiting"]) == [c, b, a]
    assert numbers(client, tier="2") == [c]
    assert numbers(client, type_l1="02") == numbers(client, source="01") == numbers(client, danger="red") == [b]
    assert numbers(client, village=w.village.code) == [c, b, a]
    assert numbers(client, village=w.sister_village.code) == []
    assert numbers(client, handler="me") == []
    assert numbers(sign_in(w.assistant), handler="me") == [b]
    assert numbers(client, found_from="今天") == [c, b, a]
    assert numbers(client, found_to="昨天") == []
    assert numbers(client, due="overdue") == []
    assert numbers(client, due="week") == [c, b, a]


def test_words_find_numbers_names_pinyin_phones_and_villages(w, sign_in):
    case = factories.register(w)
    factories.register(w, parties=[{"side": "A", "name": "李国栋"}], narrative="水渠淤塞")
    client = sign_in(w.officer)
    tail = case.case_no[-9:]
    for q in (
        case.case_no, case.case_no.replace("-2026-", "（2026）"), case.case_no.replace("-", "－"), tail,
        "马文林", "文林", "mawenlin",
        "MWL", "13812346021", "138 1234 6021", "6021", "620699197401010013", "马文林 王世昌",
    ):  # fmt: skip
        assert numbers(client, q=q) == [case.case_no], q
    assert len(numbers(client, q="石门")) == len(numbers(client, q="620623-103-2026")) == 2
    assert len(numbers(client, q="淤塞")) == 1, "the narrative is searched when nothing else fits"
    assert numbers(client, q="没有这个人") == [] == numbers(client, q="620623-102-2026-0001")


def test_a_hidden_name_is_not_found_either(w, sign_in):
    case = factories.register(w, type_l1="01", type_l2="0101", narrative="家里的事")
    for q in ("马文林", "mwl", "13812346021", "6021", "620699197401010013"):
        assert numbers(sign_in(w.officer), q=q) == numbers(sign_in(w.supervisor), q=q) == [], q
        assert numbers(sign_in(w.assistant), q=q) == [case.case_no]


def test_lists_mask_as_the_case_does(w, sign_in):
    factories.register(w, type_l1="01", type_l2="0101")
    assert "马文林" not in sign_in(w.officer).get("/disputes/").content.decode()
    assert "马*" in sign_in(w.supervisor).get("/disputes/").content.decode()
    assert "马文林" in sign_in(w.assistant).get("/disputes/").content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"status": "gone"}, {"tier": "7"}, {"village": "620623102201"}, {"township": "x"}, {"danger": "pink"},
        {"due": "never"}, {"found_from": "正月初八"}, {"found_to": "abc"}, {"desk": "theirs"}, {"q": "长" * 200},
        {"type_l1": "null"}, {"handler": "1"}, {"q": "a\x01b"},
    ],
)  # fmt: skip
def test_conditions_that_nobody_offered_are_a_sentence(w, sign_in, query):
    factories.register(w)
    response = sign_in(w.officer).get("/disputes/", query)
    assert response.status_code == 422 and 'class="es"' in response.content.decode()
    assert not response.context["rows"]


@pytest.mark.parametrize("mark", ["", "x", "-1", "99999999999999999999", "1.000000_2", "0", "１", "1; drop"])
def test_a_mangled_place_in_the_list_is_harmless(w, sign_in, mark):
    factories.register(w)
    client = sign_in(w.officer)
    for name in ("after", "before"):
        assert client.get("/disputes/", {name: mark}).status_code == 200
        query = {name: mark, "desk": "mine", "status": "waiting"}
        assert client.get("/disputes/", query).status_code == 200


def test_outsiders(w, sign_in):
    case = factories.register(w)
    assert numbers(sign_in(w.far_officer)) == [] == numbers(sign_in(w.foreign_officer), q=case.case_no)
    for user in (w.department, w.counsellor, w.sysadmin, w.secadmin, w.auditor, w.nobody):
        assert sign_in(user).get("/disputes/").status_code == 403


@pytest.mark.parametrize("query", [{}, {"desk": "mine", "status": "waiting"}, {"status": "waiting", "tier": "1"}])
def test_three_rows_cost_what_one_costs(w, sign_in, query):
    client = sign_in(w.assistant)
    factories.register(w)
    client.get("/disputes/", query)
    with CaptureQueriesContext(connection) as one:
        assert len(numbers(client, **query)) == 1
    for _n in range(2):
        factories.register(w)
    with CaptureQueriesContext(connection) as three:
        assert len(numbers(client, **query)) == 3
    assert len(one) == len(three) <= 20, [q["sql"][:150] for q in three]


def walk(client, url: str, name: str) -> list[list[str]]:
    pages = []
    while url:
        response = client.get(url)
        pages.append([row["no"] for row in response.context["rows"]])
        url = response.context[name] and "/disputes/" + response.context[name]
    return pages


@pytest.mark.parametrize("query", ["?", "?desk=mine&status=waiting"])
def test_pages_go_forth_and_back_without_gap_or_double(w, sign_in, query, monkeypatch):
    monkeypatch.setattr(filters, "PAGE", 3)
    for n in range(8):
        factories.register(w, at=factories.NOW + dt.timedelta(minutes=n // 3))
    order = ("arrived_at", "pk") if "waiting" in query else ("-pk",)
    everything = list(Dispute.objects.order_by(*order).values_list("case_no", flat=True))
    client = sign_in(w.assistant)
    forth = walk(client, "/disputes/" + query, "next")
    assert [no for page in forth for no in page] == everything and [len(p) for p in forth] == [3, 3, 2]
    url = "/disputes/" + query
    while True:
        following = client.get(url).context["next"]
        if not following:
            break
        url = "/disputes/" + following
    back = walk(client, url, "previous")
    assert back[0] == forth[-1] and [no for page in reversed(back) for no in page][-8:] == everything


def test_the_count_stops_at_a_thousand(w, sign_in, monkeypatch):
    monkeypatch.setattr(filters, "COUNTED", 2)
    for _n in range(3):
        factories.register(w)
    assert "超过 1,000 件" in sign_in(w.assistant).get("/disputes/").content.decode()


def test_the_queue_shows_who_sent_it_and_why(w, sign_in):
    factories.at_room(w)
    page = sign_in(w.officer).get("/disputes/?desk=mine&status=waiting").content.decode()
    assert "事实争议，需要丈量" in page and "才让卓玛" in page and "moves/take_up/" in page and "moves/return/" in page


def test_chips_take_one_condition_away(w, sign_in):
    factories.register(w)
    client = sign_in(w.assistant)
    response = client.get("/disputes/?q=没有的人&status=closed&status=merged&tier=3")
    chips = {c["text"]: c["url"] for c in response.context["chips"]}
    assert set(chips) == {"搜索“没有的人”", "已结案", "已并案", "层级 乡镇综治中心"}
    assert "status=closed" not in chips["已结案"] and "status=merged" in chips["已结案"] and "tier=3" in chips["已结案"]
    page = response.content.decode()
    assert "没有符合条件的案件" in page and "去掉“已结案”" in page


def test_saved_conditions_are_ones_own(w, sign_in):
    client, other = sign_in(w.assistant), sign_in(w.officer)
    client.post("/disputes/saved/", {"name": "在办", "query": "status=waiting&status=mediating&evil=1&after=3"})
    row = SavedFilter.objects.get()
    assert row.query == "status=waiting&status=mediating"
    assert (
        "在办" in client.get("/disputes/").content.decode()
        and "在办" not in other.get("/disputes/saved").content.decode()
    )
    assert other.post(f"/disputes/saved/{row.pk}/delete/").status_code == 404
    client.post("/disputes/saved/", {"name": "", "query": "tier=1"})
    client.post("/disputes/saved/", {"name": "空", "query": ""})
    assert SavedFilter.objects.count() == 1
    client.post(f"/disputes/saved/{row.pk}/delete/")
    assert not SavedFilter.objects.exists()


def test_the_directory_counts_what_the_list_shows(w, sign_in):
    factories.register(w)
    factories.settled(w)
    cell = filters.open_by_area(w.officer, [w.village, w.sister_village])
    assert cell == {w.village.pk: {"text": "1", "url": cell[w.village.pk]["url"]}}
    assert len(sign_in(w.officer).get(cell[w.village.pk]["url"]).context["rows"]) == 1
    assert filters.open_by_area(w.far_officer, [w.village]) == {}


def test_a_name_cannot_become_markup(w, sign_in):
    factories.register(w, parties=[{"side": "A", "name": "<b>'马\"&"}])
    page = sign_in(w.officer).get("/disputes/").content.decode()
    assert "&lt;b&gt;&#x27;马&quot;&amp;" in page
    assert "<b>'马" not in page
