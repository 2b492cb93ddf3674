"""The page: who has it, what it says, and that a wrong question gets a sentence."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories as f

URL = "/ledger/"


@pytest.fixture
def march(w):
    """A settled case and an open one in 松山镇, both of March 2026."""
    return [f.settled(w), f.register(w, at=f.moment("2026-03-05 10:00"))]


def get(client, user, **query):
    client.force_login(user)
    return client.get(URL, query)


def test_the_page_shows_the_month(client, w, march):
    answer = get(client, w.officer, month="2026-03")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "上期结转 0 + 本期新收 2 = 本期办结 1 + 期末在办 1" in text
    assert all(case.case_no in text for case in march)
    assert "马文林" in text and "138****6021" in text and "13812346021" not in text


@pytest.mark.parametrize(
    "month",
    ["2026-13", "2026-00", "abc", "", "2026-3", "9999-12", "0000-01", "2026-10-01", "２０２６-10", "2026-10\n1"],
)
def test_a_month_that_is_none_gets_a_sentence(client, w, month):
    answer = get(client, w.officer, month=month)
    assert answer.status_code == 422
    assert "认不出月份" in answer.content.decode()


def test_a_condition_outside_the_choices_gets_the_same_sentence_whether_it_exists_or_not(client, w, march):
    foreign = get(client, w.officer, month="2026-03", village=w.far_village.code)
    unknown = get(client, w.officer, month="2026-03", village="620623999999")
    assert foreign.status_code == unknown.status_code == 422
    assert "村（社区）不在可选的范围里" in foreign.content.decode()


@pytest.mark.parametrize("who", ["department", "counsellor", "sysadmin", "secadmin", "auditor", "nobody"])
@pytest.mark.parametrize("url", [URL, URL + "download/"])
def test_who_has_no_ledger_is_told_so(client, w, who, url):
    client.force_login(getattr(w, who))
    answer = client.get(url)
    assert answer.status_code == 403
    assert "你的岗位不看工作台账" in answer.content.decode()


@pytest.mark.parametrize("who", ["assistant", "grid", "mediator", "officer", "centre", "supervisor", "town_supervisor"])
def test_desks_and_supervisors_have_it(client, w, who):
    assert get(client, getattr(w, who)).status_code == 200


def test_an_empty_month_leads_to_the_nearest_that_has_rows(client, w):
    case = f.settled(w)
    text = get(client, w.officer, month="2026-06").content.decode()
    assert "这个月没有案件" in text and 'href="?month=2026-03"' in text and case.case_no not in text
    text = get(client, w.officer, month="2025-11").content.decode()
    assert 'href="?month=2026-03"' in text


def test_conditions_narrow_rows_and_sums_alike(client, w, march):
    settled, waiting = march
    text = get(client, w.officer, month="2026-03", status="open").content.decode()
    assert waiting.case_no in text and settled.case_no not in text
    assert "上期结转 0 + 本期新收 1 = 本期办结 0 + 期末在办 1" in text
    assert "状态：在办" in text
    for query in ({"township": w.township.code}, {"village": w.village.code}, {"type": "09"}, {"status": "settled"}):
        assert settled.case_no in get(client, w.officer, month="2026-03", **query).content.decode()
    assert settled.case_no not in get(client, w.officer, month="2026-03", type="02").content.decode()
    assert settled.case_no in get(client, w.officer, month="2026-03", office=w.committee.code).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_rows(client, w):
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(URL, {"month": "2026-03"}).status_code == 200
        return len(found)

    f.settled(w)
    get(client, w.officer)
    one = queries()
    for _ in range(4):
        f.settled(w)
        f.register(w)
    assert queries() == one


def test_rows_are_numbered_through_the_pages(client, w, monkeypatch):
    monkeypatch.setattr("ledgers.views.PAGE", 2)
    cases = [f.register(w) for _ in range(3)]
    text = get(client, w.officer, month="2026-03", page=2).content.decode()
    assert cases[2].case_no in text and cases[0].case_no not in text
    assert '<td class="f1 num">3</td>' in text
    assert "合计 3 件" in text


def test_the_print_holds_every_row_and_its_number_in_the_log(client, w, monkeypatch):
    from audit.models import AccessLog

    monkeypatch.setattr("ledgers.views.PAGE", 2)
    cases = [f.register(w) for _ in range(3)]
    text = get(client, w.officer, month="2026-03", print="1").content.decode()
    assert all(case.case_no in text for case in cases)
    row = AccessLog.objects.get(action="print")
    assert row.detail == {"month": "2026-03", "count": 3, "format": "print"}
    assert f"编号 {row.county}/{row.seq}" in text
    monkeypatch.setattr("ledgers.views.PRINT_LIMIT", 2)
    assert get(client, w.officer, month="2026-03", print="1").status_code == 422
