"""Outcome flags: who enters them, what they count, and that they are put to nobody's name."""

import datetime as dt
import uuid

import pytest
from django.db import IntegrityError, models, transaction

from audit.models import AccessLog
from disputes.models import FactsMissing, MoveRefused, NotYours, Party
from disputes.outcomes.models import OutcomeFlag
from tests import factories as f

GIVEN = {"kind": "suicide", "on": f.NOW.date(), "people": 2}


def test_a_flag_is_an_event_of_the_case_and_counts_people(w):
    case = f.mediating(w)
    flag = OutcomeFlag.objects.raise_on(case, by=w.assistant, at=f.NOW, **GIVEN)
    event = case.events.first()
    assert (event.kind, event.facts["outcome"], event.facts["people"]) == ("outcome", "suicide", 2)
    assert AccessLog.objects.filter(subject=case.case_no, event_hash=event.hash).exists()
    flag.take_back(by=w.assistant, at=f.NOW)
    assert case.events.first().kind == "outcome_off"
    assert not OutcomeFlag.objects.standing().exists() and case.outcomes.count() == 1
    with pytest.raises(MoveRefused, match="已经撤销"):
        flag.take_back(by=w.assistant, at=f.NOW)


def test_the_same_form_twice_is_one_flag(w):
    case, form = f.mediating(w), uuid.uuid4()
    for _ in range(2):
        OutcomeFlag.objects.raise_on(case, by=w.assistant, at=f.NOW, submission=form, **GIVEN)
    assert case.outcomes.count() == 1 and case.events.filter(kind="outcome").count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"), [({"people": 0}, "people"), ({"people": 10_000}, "people"), ({"on": dt.date(2026, 3, 3)}, "on")]
)
def test_a_flag_counts_somebody_on_a_day_that_has_been(w, wrong, field):
    with pytest.raises(FactsMissing) as missing:
        OutcomeFlag.objects.raise_on(f.mediating(w), by=w.assistant, at=f.NOW, **GIVEN | wrong)
    assert list(missing.value.errors) == [field]
    case = f.mediating(w)
    with pytest.raises(IntegrityError), transaction.atomic():
        OutcomeFlag.objects.create(dispute=case, by=w.assistant, at=f.NOW, **GIVEN | {"people": 0})


def test_the_desk_of_the_case_enters_it(w):
    case = f.mediating(w)
    with pytest.raises(MoveRefused, match="由他们登记"):
        OutcomeFlag.objects.raise_on(case, by=w.officer, at=f.NOW, **GIVEN)
    with pytest.raises(NotYours):
        OutcomeFlag.objects.raise_on(case, by=w.supervisor, at=f.NOW, **GIVEN)
    settled = f.settled(w)
    assert OutcomeFlag.objects.raise_on(settled, by=w.assistant, at=f.NOW, **GIVEN).pk


def test_no_column_of_it_leads_to_a_person_of_the_case():
    related = {field.related_model for field in OutcomeFlag._meta.get_fields() if isinstance(field, models.ForeignKey)}
    assert Party not in related
    texts = [field.name for field in OutcomeFlag._meta.get_fields() if isinstance(field, models.TextField)]
    assert texts == []  # no room for a name


def test_the_page_keeps_what_was_typed_and_the_panel_shows_it(w, client):
    case = f.mediating(w)
    client.force_login(w.assistant)
    page = client.get(f"/disputes/{case.case_no}/outcomes/").content.decode()
    assert "checked" not in page.split("<main")[1]  # nothing is chosen beforehand
    typed = {"kind": "crime", "on": "2026-03-02", "people": "-1"}
    answer = client.post(f"/disputes/{case.case_no}/outcomes/", typed)
    assert answer.status_code == 422
    assert "人数至少 1 人" in answer.content.decode() and 'value="-1"' in answer.content.decode()
    answer = client.post(f"/disputes/{case.case_no}/outcomes/", typed | {"people": "3"})
    assert answer.status_code == 302
    shown = client.get(f"/disputes/{case.case_no}/").content.decode()
    assert "防止民转刑" in shown and "登记统计标志" in shown
    flag = case.outcomes.get()
    assert client.post(f"/disputes/{case.case_no}/outcomes/{flag.pk}/off/").status_code == 302
    assert case.outcomes.get().off_at is not None
