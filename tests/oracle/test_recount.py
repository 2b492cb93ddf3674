"""Each rate against a recount that reads tables only; each number of the pages against its list (domain.md 8.4)."""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client

from disputes.models import Dispute
from ledgers.dashboard import sums
from ledgers.dashboard.board import Board
from ledgers.dashboard.models import MonthSum, Touched
from ledgers.periods import Period
from ledgers.rates import FIGURES, GROUPS, OF_RESOLUTION, ORDER, Ref, Within, rates_on, rows_of
from tests.demo.conftest import MONDAY, loaded
from tests.oracle.recount import Recount
from villages.models import Area, User
from villages.policy import policy_on

pytestmark = pytest.mark.django_db
PERIODS = ("2026-02", "2026-Q1", "2025-Q4", "2025", "2025-03..2026-03")
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker) -> Iterator[None]:
    """A year of a county; three kinds of people look at it."""
    with django_db_blocker.unblock(), loaded(disputes=70):
        yield


def pump() -> None:
    while sums.refresh():
        pass


def test_the_recount_knows_nothing_of_the_ledgers() -> None:
    for node in ast.walk(ast.parse((HERE / "recount.py").read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert name.split(".")[0] not in {"ledgers", "disputes", "followups", "villages", "audit", "config"}, name


def area_of(user: User) -> tuple[str, set[int]]:
    scope = user.scope
    for level, ids in (("county", scope.counties), ("township", scope.townships), ("village", scope.villages)):
        if ids:
            return level, set(ids)
    raise AssertionError("nobody's area")


def recounted(user: User, text: str, rule: int = 1) -> dict[str, tuple[int, int]]:
    period, (level, area) = Period.parse(text), area_of(user)
    last = period.day_after - dt.timedelta(days=1)
    count = Recount(level=level, area=area, first=period.first_day, last=last, today=MONDAY)
    return count.rates(rule)


@pytest.mark.parametrize("name", ["supervisor1", "centre1", "officer1"])
def test_every_rate_of_the_demo_county_is_counted_alike(demo, name: str) -> None:
    user = User.objects.get(username=name)
    pump()
    for text in PERIODS:
        period = Period.parse(text)
        told = sums.Sums(user, last=period.last, today=MONDAY)
        for rule in OF_RESOLUTION:
            rates = rates_on({**policy_on(MONDAY), "resolution_rule": rule})
            assert list(rates) == ORDER
            ours = {key: (told.count(rate.top, period), told.count(rate.bottom, period)) for key, rate in rates.items()}
            assert ours == recounted(user, text, rule), text


def test_the_year_has_something_to_divide_in_every_rate(demo) -> None:
    """A recount of nothing proves nothing."""
    year = recounted(User.objects.get(username="supervisor1"), "2025-03..2026-03")
    assert {key for key, (top, bottom) in year.items() if not top or top == bottom} <= {"satisfied_a", "success"}
    assert all(bottom for _top, bottom in year.values()), year


def differences(user: User, texts=PERIODS, township: Area | None = None) -> list[str]:
    """Numbers that are not the length of their list."""
    wrong, within = [], Within(user.scope.cases)
    within = within.narrowed(township=township.code) if township else within
    for text in texts:
        period = Period.parse(text)
        told = sums.Sums(user, last=period.last, township=township, today=MONDAY)
        for key, figure in FIGURES.items():
            groups = [(group,) for group in GROUPS.get(key, {})] if figure.group else []
            for some in [(), *groups]:
                n, rows = told.count(Ref(key, some), period), rows_of(key, within, period, MONDAY, some).count()
                if n != rows:
                    wrong.append(f"{text} {key} {some}: {n} told, {rows} listed")
    return wrong


@pytest.mark.parametrize("name", ["supervisor1", "officer1", "centre1"])
def test_every_number_is_the_length_of_its_list_before_and_after_it_was_stored(demo, name: str) -> None:
    user = User.objects.get(username=name)
    with transaction.atomic():
        MonthSum.objects.all().delete()
        Touched.objects.note(Dispute.objects.order_by().values_list(*sums.UNIT).distinct())
    assert differences(user, PERIODS[1:2]) == []
    pump()
    assert MonthSum.objects.exists() and not sums.touched(sums.Q())
    assert differences(user) == []


def test_a_county_is_the_sum_of_its_townships_and_one_of_them_can_be_picked(demo) -> None:
    pump()
    user, period = User.objects.get(username="supervisor1"), Period.parse("2025-03..2026-03")
    told = sums.Sums(user, last=period.last, today=MONDAY)
    parts = told.parts(period)
    for key in ("opened", "left", "reach", "calls"):
        total = told.count(Ref(key), period)
        assert total and total == sum(told.count(Ref(key), period, months) for months in parts.values())
    town = Area.objects.get(pk=next(iter(parts)))
    assert differences(user, PERIODS[4:], township=town) == []
    villages = sums.Sums(user, last=period.last, township=town, today=MONDAY).parts(period)
    assert set(villages) <= set(Area.objects.filter(parent=town).values_list("pk", flat=True))


def test_every_link_of_the_page_opens_a_list_of_that_length(demo) -> None:
    user = User.objects.get(username="supervisor1")
    pump()
    client = Client()
    client.force_login(user)
    page = client.get("/dashboard/?period=2025-03..2026-03").content.decode()
    links = {
        unescape(url): int(n.replace(",", ""))
        for url, n in re.findall(r'href="(/dashboard/list/[^"]+)"[^>]*>([\d,]+)<', page)
    }
    assert len(links) > 100
    for url, n in links.items():
        listed = client.get(url)
        assert listed.status_code == 200, url
        assert listed.context["page"].paginator.count == n, url
        assert (f"共 {n:,} " in listed.content.decode()) or not n, url


def test_nothing_on_the_page_is_in_the_order_of_its_size(demo) -> None:
    """Areas stand in the order of the directory, whatever they count (domain.md 8.4: no ranking)."""
    board = Board(User.objects.get(username="supervisor1"), Period.parse("2025"), today=MONDAY)
    names = [str(line.head) for line in board.by_area().rows]
    order = list(
        Area.objects.filter(short_name__in=names, level=4).order_by("code").values_list("short_name", flat=True)
    )
    assert names == order and len(names) > 2
