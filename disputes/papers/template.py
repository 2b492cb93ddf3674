"""Word templates: which fields one uses, whether it may be used at all, and one filled in.

A template is an ordinary DOCX with fields in double braces, {{ 编号 }}, and loops and conditions that stand in a line
or a table row of their own, {%p for 人 in 当事人 %} … {%p endfor %}. Nothing else of Jinja is taken: what an
administrator uploads runs with the rights of the server, so a template may name fields and repeat lines, no more.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from django.utils.translation import gettext as _
from docx import Document as open_docx
from docx.document import Document
from docxtpl import DocxTemplate
from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from disputes.models import MoveRefused

#: Scalar fields, and lists with the fields of their rows.
Fields = Mapping[str, tuple[str, ...]]

MAX_BYTES, MAX_UNPACKED, MAX_MEMBERS = 2 * 2**20, 20 * 2**20, 200


class TemplateRefused(MoveRefused):
    """The uploaded file cannot be a template; the sentence names what stands in the way."""


@dataclass(frozen=True)
class Used:
    """A field that a template prints: a scalar, or `attribute` of each row of a list."""

    name: str
    attribute: str = ""

    def __str__(self) -> str:
        return f"{self.name}.{self.attribute}" if self.attribute else self.name


class _Plain(ImmutableSandboxedEnvironment):
    """Jinja without any function, filter or test, and with an error for what is not given."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=True)
        for table in (self.globals, self.filters, self.tests):
            table.clear()
        self.compiled = lru_cache(maxsize=128)(super().from_string)

    def from_string(self, source: Any, *_: Any, **__: Any) -> Template:
        """The same template is compiled once: that is half of the time of filling one in."""
        return self.compiled(source)


@cache
def environment() -> _Plain:
    return _Plain()


def body_of(content: bytes) -> str:
    """The template's body as the text that Jinja sees."""
    template = DocxTemplate(io.BytesIO(content))
    template.init_docx()
    return template.patch_xml(template.get_xml())


@lru_cache(maxsize=128)
def used(content: bytes) -> tuple[Used, ...]:
    """The fields that the template prints, in order; TemplateRefused where it does more than that."""
    try:
        tree = environment().parse(body_of(content))
    except TemplateError as error:
        raise TemplateRefused(
            _("模板里的字段写法不对：%(why)s。字段写成 {{ 编号 }}，循环单独占一行") % {"why": error.message}
        ) from None
    return tuple(dict.fromkeys(_walk(tree, {})))


def _walk(node: nodes.Node, rows: dict[str, str]) -> Iterator[Used]:
    """Every printed field; `rows` maps the name of a loop's row to its list."""
    if isinstance(node, nodes.Template | nodes.Output):
        for child in node.iter_child_nodes():
            yield from _walk(child, rows)
    elif isinstance(node, nodes.TemplateData):
        return
    elif isinstance(node, nodes.Name | nodes.Getattr):
        yield _field(node, rows)
    elif isinstance(node, nodes.For) and not (node.recursive or node.test or node.else_):
        if not isinstance(node.iter, nodes.Name) or not isinstance(node.target, nodes.Name):
            raise _too_much(node)
        inner = {**rows, node.target.name: node.iter.name}
        for child in node.body:
            yield from _walk(child, inner)
    elif isinstance(node, nodes.If) and not node.elif_:
        _field(node.test, rows)
        for child in [*node.body, *node.else_]:
            yield from _walk(child, rows)
    else:
        raise _too_much(node)


def _field(node: nodes.Node, rows: dict[str, str]) -> Used:
    if isinstance(node, nodes.Name):
        return Used(node.name)
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return Used(rows.get(node.node.name, node.node.name), node.attr)
    raise _too_much(node)


def _too_much(node: nodes.Node) -> TemplateRefused:
    return TemplateRefused(
        _("模板只能用字段、循环和条件，这里用了别的（%(what)s）。删掉后再传") % {"what": type(node).__name__}
    )


def check(content: bytes, fields: Fields) -> None:
    """Refuse a template that is no plain DOCX, or that names a field which the paper does not have."""
    _check_parts(content)
    for field in (*used(content), *_tested(content)):
        known = fields.get(field.name)
        if known is None or (field.attribute not in known if field.attribute else bool(known)):
            raise TemplateRefused(
                _("模板里的“%(field)s”不是这种文书的字段。可以用的字段：%(known)s")
                % {"field": field, "known": "、".join(listed(fields))}
            )
    try:
        fill(content, {name: [dict.fromkeys(keys, "一")] if keys else "一" for name, keys in fields.items()})
    except (TemplateError, ValueError, KeyError, TypeError):
        raise TemplateRefused(_("这个模板填不进内容。循环的开头和结尾各占一行（表格里各占一行），再传一次")) from None


def _tested(content: bytes) -> Iterator[Used]:
    """What conditions ask, which must be known, too. A loop over what is no list fails when it is tried."""
    tree = environment().parse(body_of(content))
    targets = {node.target.name: node.iter.name for node in tree.find_all(nodes.For)}  # type: ignore[attr-defined]
    for node in tree.find_all(nodes.If):
        yield _field(node.test, targets)


def listed(fields: Fields) -> list[str]:
    """Every field as it is written in a template."""
    return [text for name, keys in fields.items() for text in ([f"{name}.{key}" for key in keys] or [name])]


def _check_parts(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise TemplateRefused(_("模板最多 2 MB，去掉图片后再传"))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
                raise TemplateRefused(_("这个 docx 展开后太大，不像模板。另存一份再传"))
            parts = {member.filename: archive.read(member) for member in members}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError):
        raise TemplateRefused(_("打不开这个 docx，用 WPS 或 Word 另存一份再传")) from None
    body = parts.get("word/document.xml", b"")
    for mark, what in (
        (rb"<w:drawing|<w:pict|<w:object|<mc:AlternateContent", _("图片或文本框")),
        (rb"<w:ins |<w:del |<w:moveFrom", _("修订痕迹")),
        (rb"<w:altChunk|<w:sdt>|<w:fldSimple|<w:instrText", _("域或内容控件")),
    ):
        if re.search(mark, body):
            raise TemplateRefused(_("模板里有%(what)s，排不成 PDF。删掉（接受修订）后再传") % {"what": what})
    for name, part in parts.items():
        if name.endswith(".rels") and re.search(rb"""TargetMode\s*=\s*["']External""", part):
            raise TemplateRefused(_("模板里有指向外部的链接。删掉后再传"))
        if name.endswith(".bin") or "embeddings/" in name:
            raise TemplateRefused(_("模板里有宏或嵌入的文件。删掉后再传"))
        if re.match(r"word/(header|footer|footnotes|endnotes)\d*\.xml$", name) and re.search(rb"<w:t[ >]", part):
            raise TemplateRefused(_("模板有页眉、页脚或脚注，页码由系统加。删掉后再传"))
        if name != "word/document.xml" and (b"{{" in part or b"{%" in part):
            raise TemplateRefused(_("字段只能写在正文里，不能写在文档属性里"))
    try:
        document = open_docx(io.BytesIO(content))
    except Exception:  # whatever python-docx makes of a broken package: the file is not one
        raise TemplateRefused(_("打不开这个 docx，用 WPS 或 Word 另存一份再传")) from None
    if any(cell.tables for table in document.tables for row in table.rows for cell in row.cells):
        raise TemplateRefused(_("表格里还有表格，排不成 PDF。拆开后再传"))


class _Gap(str):
    """An empty value that reports itself where a template prints it; a condition reads it as no."""

    name: str
    found: dict[str, None]

    def __new__(cls, name: str, found: dict[str, None]) -> _Gap:
        gap = super().__new__(cls, "")
        gap.name, gap.found = name, found
        return gap

    def __html__(self) -> str:
        self.found[self.name] = None
        return ""


@dataclass(frozen=True)
class Filled:
    """A filled-in template, and the fields that it prints although they are empty."""

    document: Document
    gaps: list[str]

    def docx(self) -> bytes:
        out = io.BytesIO()
        self.document.save(out)
        return out.getvalue()


def fill(content: bytes, values: Mapping[str, Any]) -> Filled:
    """The template with `values` in it. A line break in a value begins a new paragraph."""
    gaps: dict[str, None] = {}
    template = DocxTemplate(io.BytesIO(content))
    context = {name: _value(value, name, gaps) for name, value in values.items()}
    template.render(context, environment(), autoescape=True)
    return Filled(template.docx, list(gaps))


def _value(value: Any, name: str, gaps: dict[str, None]) -> Any:
    if isinstance(value, str):
        text = re.sub(r"\s*\n\s*", "\a", value.strip()).replace("\t", " ")
        return text or _Gap(name, gaps)
    if isinstance(value, Mapping):
        return {key: _value(inner, f"{name}.{key}", gaps) for key, inner in value.items()}
    return [_value(inner, name, gaps) for inner in value]
