"""How well earlier cases are found again, measured on pairs.py."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from disputes.matching import Suggestion, suggestions
from tests import factories
from tests.disputes.matching import pairs
from tests.disputes.matching.pairs import Example

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NUMBERS = ("同一身份证号", "同一电话")
Answers = list[tuple[Example, list[Suggestion]]]


def ask(w: SimpleNamespace, example: Example) -> list[Suggestion]:
    entry = example.entry
    return suggestions(w.officer, village=w.villages[entry.village], parties=entry.parties(), type_l2=entry.type_l2)


@pytest.fixture(scope="module")
def township(django_db_setup, django_db_blocker) -> Iterator[SimpleNamespace]:
    """A township of 3,300 cases with every entry's answer; taken back afterwards."""
    with django_db_blocker.unblock(), transaction.atomic():
        w, made = factories.world(), pairs.examples()
        pairs.write(w, made)
        w.made = made
        w.answers = [(example, ask(w, example)) for example in made]
        yield w
        transaction.set_rollback(True)


def found_again(answers: Answers) -> Counter[str]:
    return Counter(e.kind for e, found in answers if e.same and e.case in [one.case for one in found])


def test_nine_of_ten_pairs_are_found(township: SimpleNamespace) -> None:
    found = found_again(township.answers)
    assert sum(pairs.PAIRS.values()) == 300 and sum(pairs.OTHERS.values()) == 3000
    assert sum(found.values()) / 300 >= 0.9, found
    assert all(found[kind] / count >= 0.7 for kind, count in pairs.PAIRS.items()), found


def test_half_of_what_is_suggested_is_right(township: SimpleNamespace) -> None:
    shown = sum(len(found) for _example, found in township.answers)
    assert sum(found_again(township.answers).values()) / shown >= 0.5
    assert max(len(found) for _example, found in township.answers) <= 3


def test_a_namesake_of_another_village_is_never_first(township: SimpleNamespace) -> None:
    met = 0
    for example, found in township.answers:
        met += example.kind == "namesake in another village"
        if found and found[0].case.village != township.villages[example.entry.village]:
            assert found[0].reasons[0] in NUMBERS, example
    assert met == 1000


def test_nothing_of_another_township_is_suggested(township: SimpleNamespace) -> None:
    """Beside every pair stands a twin of its entry, told in the next township in the same words."""
    assert {one.case.township for _e, found in township.answers for one in found} == {township.township}
    for example in [example for example in township.made if example.same][:20]:
        parties = example.entry.parties()
        found = suggestions(township.far_officer, village=township.far_village, parties=parties)
        assert {one.case.township for one in found} == {township.far_township}, example


def test_every_step_reads_an_index(township: SimpleNamespace) -> None:
    example = next(e for e, found in township.answers if e.kind == "moved" and found)
    with CaptureQueriesContext(connection) as asked:
        ask(township, example)
    assert len(asked) == 4
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
        for query in asked.captured_queries:
            explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
            cursor.execute(f"{explain} {query['sql']}")
            plan = [str(row[-1]) for row in cursor.fetchall()]
            # neither a whole table nor the whole scope
            assert not [step for step in plan if re.search(r"SCAN|Seq Scan|case_by_", step)], plan
