"""Templates that an administrator replaces: what is refused, by name, and that an old version stays as it was."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from docx import Document

from audit.models import AccessLog
from disputes.attachments import FileRefused
from disputes.models import NotYours
from disputes.papers import shipped, template, typeset
from disputes.papers.kinds import kinds
from disputes.papers.models import PDF, Paper, PaperTemplate
from tests import factories
from tests.disputes.papers.test_papers import ASKED, written
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def w():
    return factories.world()


def word(*lines: str, rows: tuple[str, ...] = ()) -> bytes:
    """A DOCX as somebody without our styles would write it."""
    document = Document()
    for line in lines:
        document.add_paragraph(line)
    if rows:
        table = document.add_table(rows=0, cols=2, style="Table Grid")
        for row in rows:
            for cell, text in zip(table.add_row().cells, row.split("|"), strict=True):
                cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def changed(content: bytes, **parts: bytes | None) -> bytes:
    """The package with parts replaced or added; `document` is the body."""
    names = {"document": "word/document.xml", "header": "word/header1.xml", "rels": "word/_rels/document.xml.rels"}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        given = {names.get(key, key): value for key, value in parts.items()}
        for name in before.namelist():
            if name not in given:
                after.writestr(name, before.read(name))
        for name, value in given.items():
            after.writestr(name, value or b"")
    return out.getvalue()


def replace(w, content: bytes, kind: str = "acceptance", name: str = "模板.docx", by=None) -> PaperTemplate:
    file = SimpleUploadedFile(name, content)
    return PaperTemplate.objects.replace(kind, by=by or w.sysadmin, at=NOW, file=file, note="试改")


def test_a_new_version_is_used_and_the_old_one_stays_readable(w) -> None:
    case = written(w)
    before = Paper.objects.issue(case, kinds()["acceptance"], by=w.assistant, at=NOW, asked=ASKED)
    old = before.read(PDF, by=w.assistant, at=NOW)
    row = replace(w, word("受理登记表（新）", "{{ 案号 }}", rows=("单位|{{ 单位 }}",)))
    after = Paper.objects.issue(case, kinds()["acceptance"], by=w.assistant, at=NOW, asked=ASKED)
    assert (before.template.version, after.template.version, row.version) == (1, 2, 2)
    said = typeset.words_of(typeset.blocks_of(Document(io.BytesIO(after.read("docx", by=w.assistant, at=NOW)))))
    assert said == f"受理登记表（新）\n{case.case_no}\n单位\n石门村人民调解委员会"
    assert bytes(PaperTemplate.objects.get(kind="acceptance", version=1).content) == shipped.docx_of("acceptance")
    assert before.read(PDF, by=w.assistant, at=NOW) == old
    assert AccessLog.objects.get(subject="template:acceptance").detail["version"] == 2


def test_a_release_with_a_newer_template_does_not_push_out_the_administrators(w, monkeypatch) -> None:
    for _n in range(2):
        assert PaperTemplate.objects.kept("acceptance", NOW).version == 1
    next_release, the_one_after = word("{{ 案号 }}"), word("{{ 案号 }}", "更新")
    monkeypatch.setattr(shipped, "docx_of", lambda kind: next_release)
    assert PaperTemplate.objects.current("acceptance").version == 2
    replace(w, word("{{ 单位 }}"))
    monkeypatch.setattr(shipped, "docx_of", lambda kind: the_one_after)
    assert PaperTemplate.objects.current("acceptance").version == 3


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (["{{ 电话号码 }}"], "电话号码"),
        (["{{ 当事人 }}"], "当事人"),
        (["{{ 案号.姓名 }}"], "案号.姓名"),
        (["{%p for 人 in 当事人 %}", "{{ 人.民族别 }}", "{%p endfor %}"], "当事人.民族别"),
        (["{%p for 人 in 亲属 %}", "{{ 人.姓名 }}", "{%p endfor %}"], "亲属.姓名"),
        (["{%p if 病史 %}", "有", "{%p endif %}"], "病史"),
    ],
)
def test_an_unknown_field_is_refused_by_name(w, lines, named) -> None:
    with pytest.raises(template.TemplateRefused) as refused:
        replace(w, word(*lines))
    assert f"“{named}”" in refused.value.sentence and "可以用的字段" in refused.value.sentence
    assert PaperTemplate.objects.filter(by__isnull=False).count() == 0


@pytest.mark.parametrize(
    "text",
    [
        "{{ 案号.__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ 案号|upper }}",
        "{{ range(9) }}",
        "{{ 案号 ~ 单位 }}",
        "{% set x = 1 %}",
        "{% include 'x' %}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ 9**9**9 }}",
        "{{ 案号[0] }}",
        "{% macro a() %}{% endmacro %}",
        "{{ 案号 }",
        "{{ }}",
    ],
)
def test_more_than_fields_and_loops_is_refused(w, text) -> None:
    with pytest.raises(template.TemplateRefused):
        replace(w, word(text if text != "{{ 案号 }" else "{{ 案号 } {% x"))


BODY = b"<w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'><w:body>%s</w:body></w:document>"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04 broken", "损坏"),
        (b"%PDF-1.7", "对不上"),
        (changed(word("一"), document=BODY % b"<w:p><w:r><w:drawing/></w:r></w:p>"), "图片"),
        (changed(word("一"), document=BODY % b"<w:p><w:ins w:id='1'/></w:p>"), "修订"),
        (changed(word("一"), document=BODY % b"<w:p><w:r><w:instrText>DATE</w:instrText></w:r></w:p>"), "域"),
        (changed(word("一"), header=b"<w:hdr><w:p><w:r><w:t>x</w:t></w:r></w:p></w:hdr>"), "页眉"),
        (changed(word("一"), rels=b"<Relationships><Relationship TargetMode='External'/></Relationships>"), "链接"),
        (changed(word("一"), **{"docProps/core.xml": b"<x>{{ y }}</x>"}), "正文"),
        (changed(word("一"), **{"word/big.xml": b"0" * (21 * 2**20)}), "太大"),
        (changed(word("一"), **{"word/embeddings/a.bin": b"x"}), "嵌入"),
        (changed(word("一"), document=b"<w:document"), "打不开"),
    ],
)
def test_a_hostile_file_is_refused_with_a_sentence(w, content, says) -> None:
    with pytest.raises((template.TemplateRefused, FileRefused)) as refused:
        replace(w, content)
    assert says in refused.value.sentence or "对不上" in refused.value.sentence


def test_tables_in_tables_are_refused(w) -> None:
    document = Document()
    document.add_table(rows=1, cols=1).cell(0, 0).add_table(rows=1, cols=1)
    out = io.BytesIO()
    document.save(out)
    with pytest.raises(template.TemplateRefused) as refused:
        replace(w, out.getvalue())
    assert "表格里还有表格" in refused.value.sentence


def test_only_a_system_administrator_replaces_templates(w) -> None:
    for who in (w.assistant, w.supervisor, w.secadmin):
        with pytest.raises(NotYours):
            replace(w, word("{{ 案号 }}"), by=who)


def test_what_a_person_typed_is_never_read_as_a_template(w) -> None:
    content = word("{{ 案号 }}", "{{ 简要情况 }}")
    values = {"案号": "{{ 单位 }}", "简要情况": "<w:p/>{% for x in y %} & <b>"}
    said = typeset.words_of(typeset.blocks_of(template.fill(content, values).document))
    assert said == "{{ 单位 }}\n<w:p/>{% for x in y %} & <b>"


def test_the_fonts_are_what_their_checksums_say_and_their_licence_is_there() -> None:
    import hashlib

    listed = dict(reversed(line.split()) for line in (typeset.FONTS / "SHA256SUMS").read_text().splitlines())
    assert listed == {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in typeset.FONTS.glob("*.otf")}
    assert "SIL OPEN FONT LICENSE" in (typeset.FONTS / "LICENSE").read_text(encoding="utf-8").upper()


def test_the_units_own_fonts_come_first(settings, tmp_path) -> None:
    settings.PAPER_FONTS_DIR = str(tmp_path)
    assert typeset.font_folders() == [tmp_path, typeset.FONTS]
