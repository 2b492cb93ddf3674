"""Take each guard of tests/house/guards.toml away in a copy of the tree, see its test red, write the page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def copy_tree(target: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)


def outcome(guard: dict, tree: Path, database: str) -> str:
    """`red` when the test fails with the guard gone, else what went wrong."""
    kept: dict[Path, str] = {}
    try:
        for name, old, new in guard["edits"]:
            file = tree / name
            text = file.read_text(encoding="utf-8")
            kept.setdefault(file, text)
            if text.count(old) != 1:
                return f"the edit of {name} does not fit"
            file.write_text(text.replace(old, new), encoding="utf-8")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-n0",
                "-x",
                "-q",
                "-p",
                "no:cacheprovider",
                "-m",
                "not browser",
                guard["test"],
            ],
            cwd=tree,
            env=os.environ | ({"DATABASE_URL": database} if database else {}),
            capture_output=True,
            text=True,
        )
        # 1: a test failed. Anything else is no proof: nothing was collected, or pytest itself broke.
        return "red" if done.returncode == 1 else f"NOT red (exit {done.returncode})\n{done.stdout[-600:]}"
    finally:
        for file, text in kept.items():
            file.write_text(text, encoding="utf-8")


def main() -> int:
    wanted = sys.argv[1:]
    guards = tomllib.loads((ROOT / "tests/house/guards.toml").read_text(encoding="utf-8"))["guard"]
    database = os.environ.get("DATABASE_URL", "")
    rows, failed = [], 0
    with tempfile.TemporaryDirectory(prefix="disputes-red-") as folder:
        copy_tree(Path(folder))
        for guard in guards:
            if wanted and not any(word in guard["name"] for word in wanted):
                continue
            if database and guard.get("only") == "sqlite":
                continue
            found = outcome(guard, Path(folder), database)
            failed += found != "red"
            print(f"{found}: {guard['name']}", flush=True)
            rows.append(f"| {guard['name']} | {guard['gone']} | `{guard['test']}` | {found.partition(chr(10))[0]} |")
    if not wanted:
        head = [
            "# Red proofs",
            "",
            "A test counts only after it was seen failing with its guard removed. `python scripts/red_proofs.py` takes",
            "each guard of `tests/house/guards.toml` away in a copy of the tree, runs its test and writes this table.",
            "",
            "| guard | removed | test | seen |",
            "|---|---|---|---|",
        ]
        (ROOT / "docs/red-proofs.md").write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
