"""`make check` after ruff: types, migrations, translations and deployment settings; every finding, then exit 1."""

import gettext
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCALE = Path("locale/en/LC_MESSAGES")


def run(title: str, *command: str, cwd: Path = ROOT, **environment: str) -> bool:
    """Whether the command succeeded; its output is shown only when it did not."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(f"{title}: {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
    if done.returncode:
        print(done.stdout)
    return done.returncode == 0


def texts(compiled: Path) -> dict[str, str]:
    with compiled.open("rb") as file:
        catalog = gettext.GNUTranslations(file)._catalog
    return {str(key): text for key, text in catalog.items() if key}


def translations(scratch: Path) -> list[str]:
    """What is wrong with locale/en: texts not collected, not translated, fuzzy, or a .mo that is not the .po's."""
    if not shutil.which("msgfmt"):
        return ["gettext is missing: apt-get install gettext"]
    po, mo = ROOT / LOCALE / "django.po", ROOT / LOCALE / "django.mo"
    if not po.exists() or not mo.exists():
        return [f"{LOCALE}/django.po or .mo is missing: run make messages"]
    built = scratch / "built.mo"
    done = subprocess.run(["msgfmt", "--check-format", "-o", built, po], capture_output=True, text=True)
    if done.returncode:
        return [done.stderr]
    wrong = [] if texts(built) == texts(mo) else ["django.mo was not compiled from django.po: run make messages"]

    # Collect once more in a copy of the tree, so that a check changes nothing in it: a text that django.po lacks comes
    # out untranslated or, where it resembles another one, fuzzy.
    tree = scratch / "tree"
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py", "*.html", "*.txt", "*.po"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, listed):
        if not name.startswith("tests/") and (ROOT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    command = [sys.executable, "manage.py", "makemessages", "-l", "en", "--no-location", "--no-obsolete"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env=os.environ | {"VAR_DIR": str(scratch)})
    if done.returncode:
        return [*wrong, done.stdout + done.stderr]
    for option in ("--untranslated", "--only-fuzzy"):
        command = ["msgattrib", option, "--no-wrap", "--no-obsolete", str(tree / LOCALE / "django.po")]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.findall(r'^msgid ((?:".*"\n)+)', out, re.MULTILINE)
        wrong += [f"no translation: {text.strip()}" for text in found if text.strip() != '""']
    return wrong


def main() -> int:
    python = sys.executable
    with tempfile.TemporaryDirectory(prefix="disputes-check-") as folder:
        scratch = Path(folder)
        embedded = {"VAR_DIR": folder}
        results = [
            run("types", python, "-m", "mypy", ".", **embedded),
            run("migrations", python, "manage.py", "makemigrations", "--check", "--dry-run", **embedded),
            run(
                "deployment settings",
                *(python, "manage.py", "check", "--deploy", "--fail-level", "WARNING"),
                **embedded,
                POLICY_PROFILE="mlps",
                DJANGO_DEBUG="0",
                SECRET_KEY=secrets.token_urlsafe(48),
                ALLOWED_HOSTS="disputes.example",
                BEHIND_TLS_PROXY="1",
            ),
        ]
        wrong = translations(scratch)
        print(f"translations: {'FAILED' if wrong else 'ok'}")
        for line in wrong:
            print(f"  {line}")
    return 0 if all(results) and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
