"""Browser files: the vendored ones are what their checksums say, ours and theirs keep to what Chromium 92 knows."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
CSS = sorted(STATIC.rglob("*.css"))
OWN_JS = sorted((STATIC / "js").glob("*.js"))
SUMS = {STATIC / "vendor/SHA256SUMS": STATIC, ROOT / "tests/e2e/vendor/SHA256SUMS": ROOT / "tests/e2e/vendor"}


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


@pytest.mark.parametrize("sums", SUMS, ids=lambda p: p.parent.parent.name)
def test_vendored_files_match_their_checksums(sums):
    listed = dict(reversed(line.split("  ", 1)) for line in sums.read_text().splitlines())
    base = SUMS[sums]
    assert len(listed) >= 4
    for name, digest in listed.items():
        assert hashlib.sha256((base / name).read_bytes()).hexdigest() == digest, name
    found = {p.relative_to(base).as_posix() for p in sums.parent.rglob("*") if p.is_file() and p != sums}
    assert found <= set(listed), "a vendored file without a checksum"


def test_every_vendored_package_has_its_licence():
    for folder in (STATIC / "vendor").iterdir():
        if folder.is_dir():
            assert (folder / "LICENSE").stat().st_size > 300, folder.name


@pytest.mark.parametrize("path", CSS, ids=lambda p: p.name)
def test_css_keeps_to_chromium_92(path):
    text = _without_comments(path.read_text())
    for word in (":has(", "color-mix(", "oklch(", "light-dark(", "@layer", "@container", "@import"):
        assert word not in text, word
    assert not re.search(r"\d(d|s|l)v[hw]\b", text), "dynamic viewport units need a newer kernel"
    assert not re.search(r"url\(\s*['\"]?(https?:)?//", text), "an asset of another host"


def test_own_css_has_no_nesting_and_no_inset_shorthand():
    text = _without_comments((STATIC / "app.css").read_text())
    assert not re.search(r"(?<![\w-])inset\s*:", text)
    stack: list[str] = []
    for before, brace in re.findall(r"([^{}]*)([{}])", text):
        if brace == "}":
            stack.pop()
            continue
        assert not stack or stack[-1].startswith("@media"), f"nested rule: {before.strip()[:80]}"
        stack.append(before.strip())
    assert not stack


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.js")) + CSS, ids=lambda p: p.name)
def test_no_source_map_reference(path):
    assert "sourceMappingURL" not in path.read_text(), "the manifest storage refuses a file that is not there"


@pytest.mark.parametrize("path", OWN_JS, ids=lambda p: p.name)
def test_own_js_keeps_to_es2017_and_the_csp(path):
    text = re.sub(r"(^|\s)//.*", "", path.read_text())
    newer = r"\?\.[A-Za-z_(\[]|\?\?|\bcatch\s*\{|\.finally\(|\.\.\.\w|\bfor await\b|\.replaceAll\(|\.at\(|\.flat\("
    assert not re.search(newer, text), re.search(newer, text)
    assert not re.search(r"\beval\(|new Function|document\.write|localStorage|sessionStorage|indexedDB", text)
    if re.search(r"[\"']key(down|press)[\"']", text):
        assert "isComposing(e)" in text, "a key handler without the input-method guard"
    assert not re.search(r"https?://", text), "another host"
