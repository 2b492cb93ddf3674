"""What the product deliberately does not keep about a person (product.md), in no model, form, answer or column."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django import forms
from django.apps import apps
from django.urls import get_resolver
from rest_framework import serializers

from disputes.facts import FACTS
from ledgers.columns import ALL
from ledgers.profiles import SHIPPED
from tests.house.tree import ROOMS

#: English names of columns and Chinese words of labels.
FORBIDDEN = re.compile(
    r"ethni|nationalit|\bnation\b|minorit|religio|faith|belief|politic|party_member|educat|schooling|literacy|diploma"
    r"|petition|xinfang|prior_|criminal_record|conviction|convict|offence_history|risk_score|score|credit|rating|rank"
    r"|watch|blacklist|key_person|face_|fingerprint|latitude|longitude|gps|location_track"
    r"|民族|族别|宗教|信仰|政治面貌|党员|文化程度|学历|受教育|上访|信访|前科|劣迹|违法记录|犯罪记录|风险评分|积分|信用|排名"
    r"|重点人员|黑名单|人脸|指纹|经纬度",
    re.IGNORECASE,
)
#: Names that only look so; each with the reason.
ALLOWED = {
    "education": "ReturnVisit: what legal education the visitor gave (法治宣传内容), not what schooling somebody has",
    "法治宣传内容": "the same",
}


def models() -> Iterator[tuple[str, str]]:
    for model in apps.get_models():
        if model._meta.app_label in ROOMS:
            for field in model._meta.get_fields():
                yield f"{model.__name__}.{field.name}", f"{field.name} {getattr(field, 'verbose_name', '')}"


def below(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield child
        yield from below(child)


def form_fields() -> Iterator[tuple[str, str]]:
    assert get_resolver().url_patterns  # every view and with it every form is imported
    for form in {*below(forms.Form), *below(forms.ModelForm)}:
        if form.__module__.split(".")[0] in ROOMS:
            for name, field in form.base_fields.items():
                yield f"{form.__name__}.{name}", f"{name} {field.label or ''}"


def answers() -> Iterator[tuple[str, str]]:
    assert get_resolver().url_patterns
    for serializer in set(below(serializers.Serializer)):
        if serializer.__module__.split(".")[0] in ROOMS:
            for name, field in serializer._declared_fields.items():
                yield f"{serializer.__name__}.{name}", f"{name} {field.label or ''} {field.help_text or ''}"
            for name in getattr(getattr(serializer, "Meta", None), "fields", ()):
                yield f"{serializer.__name__}.{name}", name


def columns() -> Iterator[tuple[str, str]]:
    shown = [column for profile in SHIPPED.values() for column in profile.columns]
    for column in [*ALL.values(), *shown]:
        yield f"ledger {column.key}", f"{column.key} {column.label} {column.group}"


def facts() -> Iterator[tuple[str, str]]:
    for name, fact in FACTS.items():
        yield f"fact {name}", f"{name} {fact.label}"


def is_forbidden(words: str) -> bool:
    for allowed in ALLOWED:
        words = re.sub(rf"(?<![a-z_]){allowed}(?![a-z_])", "", words)
    return bool(FORBIDDEN.search(words))


@pytest.mark.parametrize("source", [models, form_fields, answers, columns, facts], ids=lambda source: source.__name__)
def test_no_forbidden_field(source) -> None:
    found = list(source())
    assert found
    assert [where for where, words in found if is_forbidden(words)] == []


@pytest.mark.parametrize(
    "words",
    [
        "ethnicity 民族",
        "religion",
        "political_status 政治面貌",
        "education_level 文化程度",
        "petition_history",
        "prior_offence",
    ]
    + ["risk_score", "has_prior_offences", "x 前科", "is_watched", "person_rating"],
)
def test_a_forbidden_name_is_seen(words: str) -> None:
    assert is_forbidden(words)
