"""The product's own source, parsed once: what the tests of the codebase read."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

#: Lowest first. A room imports itself and those to its left.
ROOMS = ("audit", "villages", "disputes", "followups", "ledgers", "config")


@dataclass(frozen=True)
class Source:
    """One module: its path from the root, and its tree."""

    path: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.path.split("/")[0]

    @classmethod
    def of(cls, path: str, text: str) -> Source:
        return cls(path, ast.parse(text))


@functools.cache
def sources() -> tuple[Source, ...]:
    """Every module of every room, migrations apart."""
    return tuple(
        Source.of(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
        for room in ROOMS
        for file in sorted((ROOT / room).rglob("*.py"))
        if "migrations" not in file.parts
    )


def calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the name of what is called: `update` for both update() and rows.update()."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node, node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node, node.func.id


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, inside functions too; a relative one is spelled out."""
    package = source.path.split("/")[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, node.module] if node.module else above)
            yield node.lineno, base
            for name in node.names:
                yield node.lineno, f"{base}.{name.name}"
    # importlib.import_module("disputes.models") and Django's import_string
    for node, name in calls(source):
        if name in {"import_module", "import_string"} and node.args and isinstance(node.args[0], ast.Constant):
            yield node.lineno, str(node.args[0].value)
