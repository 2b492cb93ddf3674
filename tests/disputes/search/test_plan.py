"""How the database looks for two characters among 20,000 cases: by the index of words, never by reading them all."""

from __future__ import annotations

import random
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from disputes.models import Dispute, Party
from disputes.search import find, index
from disputes.search.text import read
from tests import factories
from villages.models import User

CASES, TOWNSHIPS = 20_000, 20


def fill(w) -> None:
    """As many cases over so many townships, told with a few hundred characters; every hundredth about a 水渠."""
    dice, like = random.Random(5), factories.register(w)
    towns = [w.township]
    towns += [factories.area(f"6206232{n:02}000", f"乡{n}", 4, w.county) for n in range(TOWNSHIPS - 1)]
    values = {f.attname: getattr(like, f.attname) for f in Dispute._meta.concrete_fields if not f.primary_key}
    letters = [chr(dice.randrange(0x4E00, 0x9FA5)) for _ in range(300)]
    made = []
    for n in range(CASES):
        story = "".join(dice.choices(letters, k=40)) + ("水渠" if n % 100 == 0 else "")
        own = {
            "uid": uuid.uuid4(),
            "case_no": f"620623-103-2025-{n:05}",
            "narrative": story,
            "township_id": dice.choice(towns).pk,
        }
        made.append(Dispute(**values | own))
    Dispute.objects.bulk_create(made, batch_size=500)
    people = [Party(side="A", name="".join(dice.choices(letters, k=3))) for _ in range(200)]
    for start in range(0, CASES, 500):
        index.keep((case, [dice.choice(people)]) for case in made[start : start + 500])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def plan(user: User, typed: str) -> str:
    query = read(typed)
    assert query is not None
    with CaptureQueriesContext(connection) as captured:
        found = find.cases(User.objects.get(pk=user.pk), query)
    assert found.cases
    asked = next(row["sql"] for row in captured if "disputes_searchentry" in row["sql"])
    with connection.cursor() as cursor:
        cursor.execute(("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + asked)
        return "\n".join(" ".join(map(str, row)) for row in cursor.fetchall())


@pytest.mark.full
def test_a_search_inside_a_township_reads_no_table_from_end_to_end(w) -> None:
    fill(w)
    for user in (w.centre, w.officer, w.assistant):
        said = plan(user, "水渠")
        print(user.username, said, sep="\n")
        if connection.vendor == "postgresql":
            assert "search_by_word" in said and "Seq Scan on disputes" not in said, said
        else:
            assert "disputes_search VIRTUAL TABLE INDEX" in said, said
            assert "SCAN disputes_dispute" not in said and "SCAN disputes_searchentry" not in said, said
    # a whole county asks the index of words, too; how its cases are joined is the planner's to choose
    for typed in ("水渠", "〔2025〕100号"):
        said = plan(w.supervisor, typed)
        assert ("search_by_word" in said) == (connection.vendor == "postgresql"), said
        assert "Scan on disputes_searchentry" not in said.replace("Bitmap Heap Scan", ""), said
