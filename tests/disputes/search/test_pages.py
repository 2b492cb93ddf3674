"""The page and the API of search: groups, marks, sentences, and nothing that the viewer may not read."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import AccessLog
from disputes.models import Dispute
from tests.factories import PARTY_A, PARTY_B, register
from villages.models import User


def page(user: User, typed: str, status: int = 200) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get("/search/", {"q": typed})
    assert answer.status_code == status
    return answer.content.decode()


def api(user: User, **query: str):
    client = Client()
    client.force_login(user)
    return client.get("/api/v1/search/", query)


def test_the_page_groups_marks_and_says_why(w) -> None:
    case = register(w, narrative="两户因界桩起争执，才让卓玛到场。")
    shown = page(w.officer, "马文林")
    assert f'href="/disputes/{case.case_no}/"' in shown and "<mark>马文林</mark>" in shown and "当事人" in shown
    assert "共 1 件" in shown
    shown = page(w.officer, "mwl")
    assert "<mark>马文林</mark>" in shown
    shown = page(w.officer, "6021")
    assert "<mark>138****6021</mark>" in shown and "13812346021" not in shown
    shown = page(w.officer, "界桩")
    assert "经过" in shown and "两户因<mark>界桩</mark>起争执" in shown
    shown = page(w.officer, "石门")
    assert 'href="/villages/620623103201/"' in shown and "<mark>石门</mark>村" in shown and "共 1 个村" in shown
    assert f'href="/disputes/?village={w.village.code}"' in shown
    shown = page(w.officer, "卓玛")
    assert "才让<mark>卓玛</mark>" in shown and "石门村委会" in shown and "同事" in shown
    assert page(w.officer, "smc").count('href="/villages/620623103201/"') == 0, "keys of villages come with the import"


def test_masked_people_read_masked_reasons(w) -> None:
    register(w, narrative="马文林说界桩被人挪动，马文林要讨说法。")
    shown = page(w.supervisor, "界桩")
    assert "马文林" not in shown and "马*说<mark>界桩</mark>被人挪动" in shown and "马*与王*草场界线纠纷" in shown
    answer = api(w.supervisor, q="界桩")
    assert "马文林" not in answer.content.decode() and answer.json()["cases"]["count"] == 1


def test_words_are_escaped(w) -> None:
    register(w, narrative="他写了<script>alert(1)</script>界桩")
    shown = page(w.officer, "写了")
    assert "<script>alert(1)" not in shown and "&lt;script&gt;" in shown
    shown = page(w.officer, "<b>界桩</b>")
    assert "<b>界桩" not in shown


@pytest.mark.parametrize("typed", ["马", "，。", "草场" * 31])
def test_what_cannot_be_asked_keeps_what_was_typed(w, typed: str) -> None:
    shown = page(w.officer, typed, 422)
    assert f'value="{typed}"' in shown and 'aria-invalid="true"' in shown
    answer = api(w.officer, q=typed)
    assert answer.status_code == 400 and list(answer.json()["errors"]) == ["q"]


def test_nothing_asked_and_nothing_found(w) -> None:
    assert "620623-103-2026-0001、〔2026〕1号" in page(w.officer, "")
    shown = page(w.officer, "没有这个人")
    assert "没有找到" in shown and "拼音首字母" in shown
    assert "单个字没有用来查：马" in page(w.officer, "马 草场")
    assert api(w.officer).status_code == 400


def test_pages_go_on_where_the_last_one_ended(w) -> None:
    for _ in range(23):
        register(w)
    first = api(w.officer, q="草场").json()["cases"]
    rest = api(w.officer, q="草场", after=first["next"]).json()["cases"]
    assert (first["count"], len(first["results"]), len(rest["results"]), rest["next"]) == (23, 20, 3, None)
    assert not {row["case_no"] for row in first["results"]} & {row["case_no"] for row in rest["results"]}
    shown = page(w.officer, "草场")
    assert "共 23 件" in shown and 'rel="next"' in shown and "after=" in shown
    assert api(w.officer, q="草场", after="x").status_code == 400


def test_the_box_of_every_page_leads_here(w, client) -> None:
    client.force_login(w.officer)
    assert 'action="/search/"' in client.get("/disputes/").content.decode()


def test_nothing_of_a_search_is_kept(w) -> None:
    register(w)
    before = AccessLog.objects.count()
    page(w.officer, "马文林")
    assert AccessLog.objects.count() == before


def test_outside_ones_scope_nothing_changes_the_answer(w) -> None:
    """T-02: the same bytes, whether the other township and county have such a case or not."""
    typed = ("马文林", "草场", "1号", "6021", "620623-102-2026-0001")
    before = [api(w.far_officer, q=one).content for one in typed]
    register(w, parties=[PARTY_A, PARTY_B])
    register(w, village=w.other_village, by=w.foreign_officer, tier=2)
    assert [api(w.far_officer, q=one).content for one in typed] == before


def test_a_page_asks_the_database_as_often_for_three_as_for_one(w) -> None:
    register(w)
    client = Client()
    client.force_login(w.officer)

    def queries(path: str) -> int:
        client.get(path, {"q": "草场"})
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path, {"q": "草场"}).status_code == 200
        return len(captured)

    one = [queries("/search/"), queries("/api/v1/search/")]
    for _ in range(2):
        register(w)
    assert Dispute.objects.count() == 3
    assert [queries("/search/"), queries("/api/v1/search/")] == one == [14, 18]
