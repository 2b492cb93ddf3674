"""The English of the interface: whole, faithful to its placeholders, and on every page.

`make check` collects the texts anew and so finds one that was never collected; here stands what needs no gettext tools.
"""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.utils.translation import override

from disputes.moves import MOVES
from tests import factories
from tests.factories import NOW
from tests.house.tree import ROOT, Source, sources

CHINESE = re.compile(r"[\u4e00-\u9fff]+")
PLACEHOLDER = re.compile(r"%\(\w+\)|\{\w+\}")
PO = ROOT / "locale" / "en" / "LC_MESSAGES" / "django.po"

#: What a person may type into a field whatever the language is.
TYPED = {"今天", "明天", "昨天", "周五", "万", "不清楚"}


def catalogue() -> dict[str, list[str]]:
    """Every Chinese text with its English, both forms where it counts something."""
    with PO.with_suffix(".mo").open("rb") as file:
        texts: dict[str | tuple[str, int], str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    found: dict[str, list[str]] = {}
    for key, text in texts.items():
        if key:
            found.setdefault(key if isinstance(key, str) else key[0], []).append(text)
    return found


def test_every_text_has_its_english() -> None:
    po = PO.read_text(encoding="utf-8")
    assert "#, fuzzy" not in po
    # msgfmt leaves out what is empty or fuzzy, so an old .mo and an unfinished .po both show as a difference here
    assert len(re.findall(r"^msgid ", po, re.MULTILINE)) - 1 == len(catalogue())


def test_the_english_keeps_the_placeholders_and_is_english() -> None:
    wrong = []
    for text, versions in catalogue().items():
        for english in versions:
            if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(english)):
                wrong.append(f"placeholders: {text!r} / {english!r}")
            if set(CHINESE.findall(english)) - TYPED:
                wrong.append(f"Chinese: {english!r}")
    assert not wrong, "\n".join(wrong)


# --- no text that cannot be translated --------------------------------------------------------------------------------

TRANSLATED = re.compile(
    r"{% comment %}.*?{% endcomment %}|{#.*?#}|{% blocktranslate\b.*?{% endblocktranslate %}"
    r"|{% translate\b.*?%}|\b_\(\"[^\"]*\"\)",
    re.DOTALL,
)


def test_templates_show_no_chinese_of_their_own() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {found[0]}"
        for file in sorted((ROOT / "templates").rglob("*.html"))
        if (found := CHINESE.findall(TRANSLATED.sub("", file.read_text(encoding="utf-8"))))
    ]
    assert not wrong, "\n".join(wrong)


#: Modules whose Chinese is no text of the interface; each with the reason.
READS_CHINESE = {
    "config/settings.py": "a language by its own name; the title of the API's document",
    "disputes/drawing.py": "docs/states.md shows the words of the screen beside those of the code",
    "disputes/matching.py": "names that stand for nobody and are not searched for",
    "disputes/field/pasted.py": "tables as people head and fill them",
    "disputes/models.py": "a case's title, in the language of its facts",
    "disputes/papers/dossier.py": "the index of a dossier: papers are Chinese in every language",
    "disputes/papers/kinds.py": "fields of templates and words of papers",
    "disputes/papers/models.py": "fields of templates",
    "disputes/papers/shipped.py": "fonts and styles by their names",
    "disputes/papers/template.py": "a sample that every field is tried with",
    "disputes/papers/typeset.py": "styles by their names",
    "disputes/papers/words.py": "numbers, days and amounts as papers write them",
    "disputes/parsing.py": "dates and amounts as people write them",
    "disputes/search/text.py": "numbers of cases as people write them",
    "followups/papers.py": "fields of a template and words of a paper",
    "ledgers/columns.py": "names under which old ledgers know a column, and those that no column may have",
    "ledgers/files.py": "the official file's name and sheet",
    "ledgers/report/narrative.py": "fields of a template and words of an official text",
    "ledgers/report/sheet.py": "the official file's sheet",
    "ledgers/export.py": "the name of a file's sheet",
    "ledgers/imports/checking.py": "cells as people fill them",
    "ledgers/imports/mapping.py": "columns as people head them",
    "ledgers/imports/mending.py": "the file to mend is headed as ledgers are",
    "ledgers/imports/reader.py": "sheets and totals as people call them",
    "ledgers/imports/reading.py": "heads, totals and months as people write them",
    "ledgers/imports/words.py": "words of the code tables as people write them",
    "villages/forms.py": "a date as people write it",
    "villages/importing.py": "the official names of divisions",
    "villages/passwords.py": "words too easy to guess",
    "villages/setup.py": "the name of an office",
}
MARKS = {"_", "_g", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}


def untranslatable(source: Source) -> Iterator[str]:
    """Chinese that a person would read in every language: outside _() and no docstring."""
    allowed: set[int] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in MARKS:
                allowed |= {id(inner) for argument in node.args for inner in ast.walk(argument)}
        elif isinstance(node, ast.Expr):
            allowed.add(id(node.value))
    for node in ast.walk(source.tree):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if CHINESE.search(text) and id(node) not in allowed:
            yield f"{source.path}:{node.lineno} {text[:40]!r}"


def test_modules_show_no_chinese_of_their_own() -> None:
    """The invented cases of config/demo are data, and Chinese."""
    found = {source.path: list(untranslatable(source)) for source in sources()}
    wrong = [
        line
        for path, lines in found.items()
        if path not in READS_CHINESE and not path.startswith("config/demo/")
        for line in lines
    ]
    assert not wrong, "\n".join(wrong)
    assert not [path for path in READS_CHINESE if not found[path]], "an exception that nothing needs"
    planted = Source.of("disputes/x.py", '"""说明"""\nA = _("好")\nB = "不好"\n')
    assert [line.split(" ")[0] for line in untranslatable(planted)] == ["disputes/x.py:3"]


# --- the pages --------------------------------------------------------------------------------------------------------

PAGES = [
    "/",
    "/todo/",
    "/visits/",
    "/visits/new/",
    "/triage/",
    "/whistles/?view=in",
    "/whistles/?view=out",
    "/disputes/",
    "/disputes/new/",
    "/followups/",
    "/followups/route/",
    "/followups/coverage/",
    "/followups/coverage/visits/",
    "/followups/look-back/",
    "/counselling/",
    "/todo/",
    "/todo/print/",
    "/hand-over/",
    "/notices/",
    "/notices/?by=case",
    "/me/notices/",
    "/ledger/",
    "/dashboard/?period=2026-03",
    "/dashboard/list/opened/?period=2026-03",
    "/villages/",
]
PAGES += ["/villages/gaps/", "/me/", "/me/password/", "/help/", "/nowhere/"]


def data_words() -> list[str]:
    """Everything Chinese in the database, the longest first: names and facts stay as they were written."""
    words = {"简体中文", *TYPED}
    for model in apps.get_models():
        if model._meta.app_label in {"villages", "disputes", "followups"}:
            for row in model._default_manager.values():
                words |= {word for value in row.values() for word in CHINESE.findall(str(value))}
    return sorted(words, key=len, reverse=True)


@pytest.fixture
def english() -> Client:
    client = Client()
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    return client


def chinese_in(page: str, words: list[str]) -> list[str]:
    """The words of the interface that stayed Chinese; what is left of data counts by its characters."""
    text = re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)
    for word in words:
        text = text.replace(word, "")
    return CHINESE.findall(text)


@pytest.mark.django_db
def test_pages_are_english_in_english(english: Client) -> None:
    w = factories.world()
    case = factories.at_room(w)
    english.force_login(w.officer)
    whistle = factories.blow(case, w.officer, w.department_office)
    settled = factories.settled(w, type_l1="02", type_l2="0201")
    words = data_words()
    moves = [f"/disputes/{case.case_no}/whistles/new/", f"/whistles/{whistle.uid}/"]
    moves += [f"/disputes/{case.case_no}/", f"/disputes/{case.case_no}/edit/"]
    moves += [f"/disputes/{case.case_no}/moves/{name}/" for name in MOVES]
    moves += [f"/followups/{settled.case_no}/", f"/counselling/new/?case={case.case_no}"]
    wrong = []
    for address in [*PAGES, *moves]:
        answer = english.get(address)
        page = answer.content.decode()
        assert answer.status_code in {200, 404, 409}, (address, answer.status_code)
        assert '<html lang="en"' in page, address
        wrong += [f"{address}: {left}" for left in [chinese_in(page, words)] if left]
    assert not wrong, "\n".join(wrong)


@pytest.mark.django_db
def test_the_language_is_chosen_before_and_after_signing_in() -> None:
    client = Client()
    assert '<html lang="zh-CN"' in client.get("/login/").content.decode()
    answer = client.post("/i18n/setlang/", {"language": "en", "next": "/login/"})
    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    page = client.get("/login/").content.decode()
    assert '<html lang="en"' in page and 'value="zh-hans"' in page and "简体中文" in page
    assert not chinese_in(page, ["简体中文", *TYPED])
    # a next that leads to another host is not followed
    away = client.post("/i18n/setlang/", {"language": "zh-hans", "next": "https://elsewhere.example/"})
    assert away["Location"] == "/"
    assert '<html lang="zh-CN"' in client.get("/login/").content.decode()


@pytest.mark.django_db
def test_the_file_stays_chinese_whatever_language_its_writer_works_in() -> None:
    """Two moves join their facts into one sentence, which is stored: the next reader may read another language."""
    w = factories.world()
    case = factories.at_room(w)
    with override("en"):
        case.perform("return", by=w.officer, at=NOW, reason="材料不全", to_add="补照片")
    assert case.events.get(kind="return").text.body == "材料不全\n要补充：补照片"
