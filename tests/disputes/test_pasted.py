"""Rows as WPS and Excel copy them: quoted cells, heads, what is wrong where, and saved all at once or not at all."""

from __future__ import annotations

import uuid

import pytest
from django.core.exceptions import ValidationError

from audit.models import AccessLog
from disputes.field import pasted
from disputes.field.models import Capture, Visit
from disputes.models import FactsMissing, MoveRefused
from tests import factories as f
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def w():
    return f.world()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a\tb\r\nc\td\r\n", [["a", "b"], ["c", "d"]]),
        ('a\t"第一行\n第二行"\tb\nc', [["a", "第一行\n第二行", "b"], ["c"]]),
        ('"他说""不行"""\tb', [['他说"不行"', "b"]]),
        ('"北渠"那边\tb', [['"北渠"那边', "b"]]),  # typed quotes are no quoting
        ('"没有收尾\tb\nc', [['"没有收尾', "b"], ["c"]]),
        ("\t甲\n\n \t \n乙", [["", "甲"], ["乙"]]),
        ("", []),
    ],
)
def test_cells(text, rows):
    assert pasted.cells_of(text) == rows


def test_without_heads_the_order_is_that_of_the_form(w):
    table = pasted.read("马文林\t王世昌，韩玉山\t邻里\t渠口吵\t需要跟进\t是\t后沟\n\t\t\t有人吵")
    first, second = table.rows
    assert first.facts == {
        "side_a": "马文林", "side_b": "王世昌、韩玉山", "kind": "02", "words": "渠口吵", "found": "follow",
        "may_escalate": True, "place": "后沟",
    }  # fmt: skip
    assert (second.facts["words"], second.facts["may_escalate"], table.wrong) == ("有人吵", False, [])


def test_heads_are_recognised_in_any_order_and_unknown_ones_are_named(w):
    table = pasted.read("序号\t简要情况\t甲 方：\t纠纷类型\n1\t界桩被冲走\t马文林\t草场界线纠纷\n2\t欠款\t\t")
    assert [row.facts["words"] for row in table.rows] == ["界桩被冲走", "欠款"]
    assert (table.rows[0].facts["kind"], table.rows[0].facts["side_a"], table.unused) == ("0905", "马文林", ["序号"])
    assert [row.facts["words"] for row in pasted.read("渠口吵\n井口吵").rows] == ["渠口吵", "井口吵"]


def test_what_is_wrong_is_said_by_row_and_column(w):
    table = pasted.read(
        "马文林\t王世昌\t飞船\t吵\t打了\t也许\n马文林\t王世昌\t02\t\n好\t\t\t行" + "\t" * 3 + "长" * 201
    )
    assert [(row.number, sorted(row.errors)) for row in table.wrong] == [
        (1, ["found", "kind", "may_escalate"]), (2, ["words"]), (3, ["place"]),
    ]  # fmt: skip
    assert "没有“飞船”这一类" in table.rows[0].errors["kind"]
    with pytest.raises(ValidationError, match="一次最多 200 行，现在是 201 行"):
        pasted.read("\n".join(["渠口吵"] * 201))
    with pytest.raises(ValidationError, match="没有读到内容"):
        pasted.read("甲方\t乙方\n\n")


def save(w, walk, words, number=None, by=None) -> int:
    rows = [{"words": word, "may_escalate": word == "要打起来"} for word in words]
    return walk.capture_many(by=by or w.assistant, at=NOW, rows=rows, submission=number or uuid.uuid4())


def test_all_rows_are_saved_in_one_go_and_once(w):
    walk, number = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date()), uuid.uuid4()
    logged = AccessLog.objects.count()
    assert [save(w, walk, ["渠口", "井口", "水槽"], number) for _twice in range(2)] == [3, 3]
    assert Capture.objects.count() == 3 and AccessLog.objects.count() == logged + 1
    assert save(w, walk, ["渠口"]) == 1  # another paste of the same words is another thing


def test_one_bad_row_saves_none(w):
    walk = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date())
    for words in (["渠口", ""], [], ["渠口"] * 201):
        with pytest.raises(FactsMissing):
            save(w, walk, words)
    with pytest.raises(MoveRefused, match="才让卓玛"):
        save(w, walk, ["渠口"], by=w.officer)
    assert not Capture.objects.exists()


def test_a_pasted_settlement_waits_for_what_is_missing(w):
    walk = Visit.objects.begin(by=w.assistant, at=NOW, village=w.village, visited_on=NOW.date())
    row = pasted.read("马文林\t王世昌\t邻里\t说开了\t当场化解").rows[0]
    walk.capture_many(by=w.assistant, at=NOW, rows=[row.facts], submission=uuid.uuid4())
    assert Capture.objects.get().lacking_for(w.officer).startswith("缺：谁说和的")
