"""Templates: nothing that the content security policy forbids, no dead icon, and dead ends that tell nothing."""

import re
from pathlib import Path

import pytest
from django.template.loader import get_template, render_to_string
from django.test import RequestFactory

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(
    p
    for folder in [ROOT / "templates", *ROOT.glob("*/templates")]
    for p in folder.rglob("*")
    if p.suffix in {".html", ".svg"}
)
FORBIDDEN = {
    "inline style": r"\sstyle\s*=",
    "style element": r"<style[\s>]",
    "inline script": r"<script(?![^>]*\ssrc=)",
    "script with content": r"<script[^>]*\ssrc=[^>]*>\s*[^\s<]",
    "event attribute": r"\son[a-z]+\s*=\s*[\"']",
    "javascript address": r"javascript:",
    "htmx event attribute": r"\bhx-on\b",
    "another host": r"(src|href|action)\s*=\s*[\"'](https?:)?//",
    "native validation": r"<(input|select|textarea)[^>]*\srequired[\s>=]",
}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_template_obeys_the_content_security_policy(path):
    text = path.read_text()
    for what, pattern in FORBIDDEN.items():
        found = re.search(pattern, text)
        assert not found, f"{what}: {text[found.start() : found.start() + 80]}"


def test_every_icon_is_in_the_sprite():
    sprite = set(re.findall(r'<symbol id="([a-z0-9-]+)"', (ROOT / "static/icons.svg").read_text()))
    used = {name for path in TEMPLATES for name in re.findall(r'{%\s*icon\s+"([^"]+)"', path.read_text())}
    used |= {m for path in TEMPLATES for m in re.findall(r'{%\s*tag\s+\S+\s+"\w"\s+"([^"]+)"', path.read_text())}
    assert used, "no icons found: the pattern is wrong"
    assert used <= sprite, used - sprite


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_template_compiles(path):
    get_template(path.relative_to(next(q for q in path.parents if q.name == "templates")).as_posix())


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_dead_ends_render_without_context_and_hold_no_form_and_no_number(name):
    text = render_to_string(name)
    body = re.sub(r"<[^>]*>", "", text[text.index("<main") : text.index("</main>")])
    assert "<form" not in text and "<input" not in text and 'class="nb"' not in text
    assert not re.search(r"\d", body), body
    assert "<a " in text, "no way on"
    assert not re.search(r"请|抱歉|非法|无效|您", text)


def test_not_found_is_the_same_for_every_address_and_every_context():
    factory = RequestFactory()
    first = render_to_string("404.html", {"nav": [{"label": None, "items": []}], "unread_count": 5}, factory.get("/a/"))
    assert first == render_to_string("404.html", {"request_path": "/disputes/1/"}, factory.get("/disputes/1/"))


def test_base_renders_for_an_anonymous_reader_without_any_shell_variable():
    text = render_to_string("base.html")
    assert 'lang="zh-CN"' in text and "<main" in text and 'class="side"' not in text
