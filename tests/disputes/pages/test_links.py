"""Merged and split cases: the old number leads on, nothing is lost, and taking it back ends the redirect."""

from __future__ import annotations

import datetime as dt

import pytest

from disputes.field.models import Visit
from disputes.models import Dispute
from tests import factories as f
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def text(answer) -> str:
    return answer.content.decode()


def merged(w, **other) -> tuple[Dispute, Dispute]:
    """One case merged into another; the first came from a visit and has a note."""
    old, into = f.mediating(w, **other), f.mediating(w)
    old.add_note(by=w.assistant, at=NOW, text="先看了旧界桩")
    walk = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date())
    heard = walk.capture(by=w.assistant, at=NOW, facts={"side_a": "马文林", "words": "马文林说界桩冲走了"})
    heard.sort("join", by=w.officer, at=NOW, version=1, target=old)
    old.perform("merge", by=w.assistant, at=NOW, target=into, reason="同一件事")
    return old, into


def test_the_old_number_leads_to_the_case_that_goes_on(w, sign_in):
    old, into = merged(w)
    client = sign_in(w.assistant)
    answer = client.get(f"/disputes/{old.case_no}/")
    assert (answer.status_code, answer.url) == (302, f"/disputes/{into.case_no}/?merged={old.case_no}")
    page = text(client.get(answer.url))
    assert f"{old.case_no} 已并入 {into.case_no}" in page and f"/disputes/{old.case_no}/?keep=1" in page
    assert "已并入" not in text(client.get(f"/disputes/{into.case_no}/?merged=620623-103-2026-9999"))
    assert "已并入" not in text(client.get(f"/disputes/{into.case_no}/"))


def test_nothing_of_it_is_lost(w, sign_in):
    old, into = merged(w)
    client = sign_in(w.assistant)
    kept = text(client.get(f"/disputes/{old.case_no}/?keep=1"))
    assert "先看了旧界桩" in kept and "马文林说界桩冲走了" in kept and f"/disputes/{into.case_no}/" in kept
    page = text(client.get(f"/disputes/{into.case_no}/"))
    assert "并入的案件" in page and "马文林说界桩冲走了" in page and old.case_no in page
    for n in range(60):
        Dispute.objects.get(pk=old.pk).append_event("source", by=w.assistant, at=NOW, text=f"第{n}条")
    kept = text(client.get(f"/disputes/{old.case_no}/?keep=1"))
    assert "?keep=1&amp;before=" in kept  # turning the page of the old file stays in the old file


def test_a_chain_of_merged_cases_leads_to_its_end(w, sign_in):
    old, into = merged(w)
    last, client = f.mediating(w), sign_in(w.assistant)
    into.perform("merge", by=w.assistant, at=NOW, target=last, reason="还是同一件事")
    answer = client.get(f"/disputes/{old.case_no}/", follow=True)
    assert answer.redirect_chain[-1][0] == f"/disputes/{last.case_no}/?merged={into.case_no}"
    page = text(client.get(f"/disputes/?q={old.case_no}"))
    assert f"{old.case_no} 已并入 {last.case_no}" in page


@pytest.mark.parametrize("start", [0, 11])
def test_searching_the_old_number_finds_the_case_that_goes_on(w, sign_in, start):
    old, into = merged(w)
    page = text(sign_in(w.assistant).get(f"/disputes/?q={old.case_no[start:]}"))
    assert f"{old.case_no} 已并入 {into.case_no}" in page and page.count(f"/disputes/{into.case_no}/") >= 2
    plain = text(sign_in(w.assistant).get(f"/disputes/?q={into.case_no}"))
    assert "已并入" not in plain and old.case_no not in plain


def test_taking_it_back_through_the_page_ends_the_redirect(w, sign_in):
    old, into = merged(w)
    client, here = sign_in(w.assistant), f"/disputes/{old.case_no}/"
    kept = text(client.get(f"{here}?keep=1"))
    assert f"{here}moves/unmerge/" in kept
    answer = client.post(f"{here}moves/unmerge/", {"version": old.version, "reason": "不是一件事"})
    assert answer.url == here and client.get(here).status_code == 200
    old.refresh_from_db()
    assert (old.status, old.merged_into) == ("mediating", None)
    assert "并入的案件" not in text(client.get(f"/disputes/{into.case_no}/"))
    assert "已并入" not in text(client.get(f"/disputes/?q={old.case_no}"))


def test_after_thirty_days_it_stays_merged(w, sign_in, monkeypatch):
    from django.utils import timezone

    old, _into = merged(w)
    monkeypatch.setattr(timezone, "now", lambda: NOW + dt.timedelta(days=31))
    refused = sign_in(w.assistant).post(
        f"/disputes/{old.case_no}/moves/unmerge/", {"version": old.version, "reason": "x"}
    )
    assert refused.status_code == 409 and "30 天" in text(refused)


def test_who_may_not_read_the_other_case_is_led_nowhere(w, sign_in):
    old, into = f.at_centre(w), f.mediating(w)
    old.perform("take_up", by=w.centre, at=NOW, handler=w.mediator)
    old.perform("merge", by=w.centre, at=NOW, target=into, reason="同一件事")
    client = sign_in(w.mediator)  # sees the centre's desk alone
    page = client.get(f"/disputes/{old.case_no}/")
    assert page.status_code == 200 and "本案已并入另一件案件" in text(page) and into.case_no not in text(page)
    assert into.case_no not in text(client.get(f"/disputes/?q={old.case_no}"))


def test_names_hidden_in_the_merged_case_stay_hidden_in_the_other(w, sign_in):
    _old, into = merged(w, type_l1="01", type_l2="0101")
    assert "马文林说界桩" not in text(sign_in(w.officer).get(f"/disputes/{into.case_no}/"))
    assert "马*说界桩" in text(sign_in(w.officer).get(f"/disputes/{into.case_no}/"))


def test_parts_and_the_whole_show_one_another(w, sign_in):
    case, client = f.mediating(w), sign_in(w.assistant)
    case.perform("split", by=w.assistant, at=NOW, parts=["草场界线", "打伤羊只"], reason="两件事")
    part = case.parts.get()
    page = text(client.get(f"/disputes/{case.case_no}/"))
    assert "分出的案件" in page and f"/disputes/{part.case_no}/" in page
    page = text(client.get(f"/disputes/{part.case_no}/"))
    assert "由这件分出" in page and f"/disputes/{case.case_no}/" in page
