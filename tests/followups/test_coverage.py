"""Oversight: every number is the length of the list it opens; hints name visits and accuse nobody; the route list."""

import datetime as dt
import re

import pytest
from django.utils import timezone

from followups import coverage
from followups.models import ReturnVisit
from followups.visits import record_visit, waive_visit
from tests import factories as f

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
HEARD = {"reached": True, "satisfaction": "yes", "mind": "calm", "demands": ""}


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def run(django_capture_on_commit_callbacks):
    def call(function, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return function(*args, **kwargs)

    return call


def settled(run, w, at, **facts):
    """Settled then, and its first visits fall on the 16th day at the latest."""
    return run(f.settled, w, at=at, **facts)


def reach(case, side, by, at, **answers):
    party = case.principal_parties()[side]
    facts = {"visited_on": timezone.localdate(at), "way": "home", "parties": {party.pk: {**HEARD, **answers}}}
    return record_visit(case=case, by=by, at=at, facts=facts)


@pytest.fixture
def county(w, now, run):
    """One case with one party visited in time and one late, one with one party waived and one not seen, one fresh."""
    w.first = settled(run, w, now - 60 * DAY)
    reach(w.first, 0, w.assistant, now - 50 * DAY)
    reach(w.first, 1, w.assistant, now - 5 * DAY)
    w.second = settled(run, w, now - 40 * DAY)
    waive_visit(case=w.second, party=w.second.principal_parties()[0], by=w.supervisor, at=now, reason="长期在外")
    w.fresh = settled(run, w, now - 1 * DAY)
    w.old = settled(run, w, now - 300 * DAY)
    return w


def test_every_number_opens_the_list_of_that_length(county, client):
    client.force_login(county.supervisor)
    page = client.get("/followups/coverage/?months=3").content.decode()
    row = re.search(r"<tbody>(.*?)</tbody>", page, re.S)[1]
    cells = re.findall(r'<td class="num">(?:<a href="([^"]+)">)?(\d+)', row)
    # settled, due, in time, late, not yet, waived
    assert [int(n) for _url, n in cells] == [3, 4, 1, 1, 1, 1]
    for url, n in cells:
        found = client.get(url.replace("&amp;", "&")).content.decode()
        assert found.count("<tr data-row") == int(n), url
        for name in ("马文林", "王世昌"):
            assert name not in found
    assert client.get("/followups/coverage/?months=24").content.decode().count(">4<") >= 1  # the old one, too


def test_coverage_is_read_by_supervisors_and_leads_of_their_own_area_alone(county, client):
    urls = ("/followups/coverage/", "/followups/coverage/visits/?kind=due", "/followups/look-back/")
    for who, status in [("supervisor", 200), ("town_supervisor", 200), ("assistant", 200), ("officer", 200),
                        ("grid", 403), ("second_officer", 403), ("sysadmin", 403), ("counsellor", 403)]:  # fmt: skip
        client.force_login(getattr(county, who))
        assert [client.get(url).status_code for url in urls] == [status] * 3, who
    lead = f.user("far_lead", "大湾负责人", (county.far_committee, "assistant", "lead"))
    client.force_login(lead)
    assert county.first.case_no not in client.get("/followups/look-back/").content.decode()


def test_looking_back_shows_last_and_next_contact_and_the_gaps(county, client, now):
    client.force_login(county.supervisor)
    reach(county.fresh, 0, county.assistant, now, mind="relapse")
    rows = {row.pk: row for row in coverage.look_back(county.supervisor, 3, timezone.localdate(now))}
    assert rows.keys() == {county.first.pk, county.second.pk, county.fresh.pk}
    second, fresh = rows[county.second.pk], rows[county.fresh.pk]
    assert coverage.gaps_of(second) == ["有逾期没做的回访", "有一方还没回访到", "到期没有履行"]
    assert (second.last_on, second.next_on < timezone.localdate(now)) == (None, True)
    assert coverage.gaps_of(fresh) == ["反弹苗头没核实"]
    assert fresh.last_on == timezone.localdate(now)
    for gap, n in [("late", 2), ("check", 1), ("", 3)]:
        page = client.get(f"/followups/look-back/?months=3&gap={gap}").content.decode()
        assert page.count("<tr data-row") == n, gap
        assert "马文林" not in page


# --- hints ------------------------------------------------------------------------------------------------------------
def hinted(w, now):
    return {hint.kind: hint for hint in coverage.hints(w.supervisor, 3, timezone.localdate(now))}


def made(w, run, now, n, **fields):
    """n visits that were made, each in a case of its own, an hour apart."""
    rows = []
    for k in range(n):
        case = settled(run, w, now - 20 * DAY)
        row = case.visits.filter(slot="first").first()
        given = {"state": "done", "visited_on": timezone.localdate(now), "by": w.grid, "satisfaction": "mostly"}
        ReturnVisit.objects.filter(pk=row.pk).update(
            **{**given, "entered_at": now - dt.timedelta(hours=k), **{k_: v(k) for k_, v in fields.items()}}
        )
        rows.append(row.pk)
    return rows


def test_the_same_words_in_more_than_three_cases(w, run, now, client):
    made(w, run, now, 3, demands=lambda k: "没有意见")
    made(w, run, now, 2, demands=lambda k: f"各不相同{k}")
    assert hinted(w, now) == {}
    made(w, run, now, 1, demands=lambda k: "没有意见")
    hint = hinted(w, now)["same_text"]
    assert len(hint.visits) == 4
    client.force_login(w.supervisor)
    page = client.get("/followups/coverage/").content.decode()
    assert "4 件案件的诉求和原话写得完全一样" in page and "没有意见" not in page
    behind = client.get(f"/followups/coverage/visits/?kind=same_text&of={hint.of}").content.decode()
    assert behind.count("<tr data-row") == behind.count("没有意见") == 4
    client.force_login(w.far_officer)
    assert client.get(f"/followups/coverage/visits/?kind=same_text&of={hint.of}").status_code == 403


def test_five_within_a_minute(w, run, now):
    made(w, run, now, 4, entered_at=lambda k: now - dt.timedelta(seconds=10 * k))
    assert hinted(w, now) == {}
    late = made(w, run, now, 1, entered_at=lambda k: now - dt.timedelta(seconds=61))
    assert hinted(w, now) == {}
    ReturnVisit.objects.filter(pk__in=late).update(entered_at=now - dt.timedelta(seconds=60))
    assert len(hinted(w, now)["burst"].visits) == 5
    ReturnVisit.objects.filter(pk__in=late).update(by=w.assistant)  # somebody else
    assert hinted(w, now) == {}


def test_minutes_after_the_settlement(w, run, now):
    case = settled(run, w, now - 20 * DAY)
    reach(case, 0, w.assistant, case.settled_at + dt.timedelta(minutes=31))
    assert hinted(w, now) == {}
    reach(case, 1, w.assistant, case.settled_at + dt.timedelta(minutes=30))
    assert len(hinted(w, now)["soon"].visits) == 1


def test_all_satisfied_needs_more_than_thirty(w, run, now, monkeypatch):
    monkeypatch.setattr(coverage, "ALL_SATISFIED", 3)
    made(w, run, now, 3, satisfaction=lambda k: "yes")
    assert hinted(w, now) == {}
    more = made(w, run, now, 1, satisfaction=lambda k: "yes")
    assert len(hinted(w, now)["all_satisfied"].visits) == 4
    ReturnVisit.objects.filter(pk__in=more).update(satisfaction="no")
    assert hinted(w, now) == {}


# --- the route list ---------------------------------------------------------------------------------------------------
def test_the_route_list_goes_by_village_masks_phones_and_leaves_families_out(w, run, now, client):
    case = settled(run, w, now - 20 * DAY)
    family = settled(run, w, now - 20 * DAY)
    type(family).objects.filter(pk=family.pk).update(type_l1="01", type_l2="0101")
    client.force_login(w.assistant)
    page = client.get("/followups/route/").content.decode()
    assert "石门村" in page and "138****6021" in page and "13812346021" not in page
    assert case.case_no in page and family.case_no not in page
    assert "另有 2 人次婚恋家庭纠纷的回访没有列入" in page
    early = client.get(f"/followups/route/?day={timezone.localdate(now) - 30 * DAY}").content.decode()
    assert case.case_no not in early and "另有" not in early
    wrong = client.get("/followups/route/?day=胡写")
    assert wrong.status_code == 200 and 'role="alert"' in wrong.content.decode()
