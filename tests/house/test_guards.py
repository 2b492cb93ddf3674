"""The list of red proofs stays true: every edit still fits the source, every test still exists, the page lists them."""

from __future__ import annotations

import tomllib

import pytest

from tests.house.tree import ROOT

GUARDS = tomllib.loads((ROOT / "tests/house/guards.toml").read_text(encoding="utf-8"))["guard"]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard["name"])
def test_the_guard_is_still_there_to_be_removed(guard: dict) -> None:
    for name, old, new in guard["edits"]:
        assert (ROOT / name).read_text(encoding="utf-8").count(old) == 1 and old != new
    file, _, test = guard["test"].partition("::")
    assert not test or f"def {test.partition('[')[0]}(" in (ROOT / file).read_text(encoding="utf-8")


def test_the_page_lists_every_guard_as_seen_red() -> None:
    """After a change of guards.toml: python scripts/red_proofs.py."""
    page = (ROOT / "docs/red-proofs.md").read_text(encoding="utf-8")
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in page.splitlines() if line.startswith("| ")}
    assert [guard["name"] for guard in GUARDS if not rows.get(guard["name"], "").endswith("| red |")] == []
