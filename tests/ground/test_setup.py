"""scripts/env.sh: what a user reads when the machine lacks something, and that nothing to do costs nothing."""

import hashlib
import shutil
import subprocess

import pytest

from tests.ground.servers import ROOT, bare_environment


@pytest.fixture
def tree(tmp_path):
    """The files that set-up needs, in a folder of their own."""
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/env.sh", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def set_up(tree, which="runtime", **environment):
    return subprocess.run(
        ["bash", "scripts/env.sh", which],
        cwd=tree, env=bare_environment() | environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def fake_python(tree, answers):
    """A python3 that answers the n-th question of the script with the n-th exit code."""
    program = tree / "python-of-another-day"
    cases = "\n".join(f"*{word}*) exit {code} ;;" for word, code in answers.items())
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\ncase "$*" in\n{cases}\nesac\n'
    )
    program.chmod(0o755)
    return str(program)


def test_an_old_python_is_one_sentence(tree):
    done = set_up(tree, PYTHON=fake_python(tree, {"version_info": 1}))
    assert done.returncode == 1
    assert done.stderr == (
        "Python 3.9.2 is too old: install Python 3.11 or newer and run: make PYTHON=python3.11 run\n"
    )


def test_a_missing_venv_module_is_one_sentence(tree):
    done = set_up(tree, PYTHON=fake_python(tree, {"version_info": 0, "ensurepip": 1}))
    assert done.returncode == 1
    assert done.stderr == "Python's venv module is missing: apt-get install python3-venv\n"


def test_no_python_is_one_sentence(tree):
    done = set_up(tree, PYTHON="no-such-python")
    assert done.returncode == 1
    assert done.stderr == "Python 3.11 or newer is missing: apt-get install python3 python3-venv\n"


def stamp(tree, *locks):
    text = b"".join((tree / name).read_bytes() for name in ("requirements.txt", *locks))
    (tree / ".venv/bin").mkdir(parents=True, exist_ok=True)
    (tree / ".venv/bin/python").write_text("#!/bin/sh\nexit 1\n")
    (tree / ".venv/bin/python").chmod(0o755)
    (tree / ".venv/.installed").write_text(hashlib.sha256(text).hexdigest() + "\n")


@pytest.mark.parametrize(
    ("installed", "asked", "at_once"),
    [
        ("requirements.txt", "runtime", True),
        ("requirements-dev.txt", "runtime", True),  # dev is a superset
        ("requirements-dev.txt", "dev", True),
        ("requirements.txt", "dev", False),
    ],
)
def test_what_is_installed_already_is_not_touched(tree, installed, asked, at_once):
    stamp(tree, installed)
    done = set_up(tree, asked, PYTHON="no-such-python")
    assert (done.returncode == 0) is at_once


def test_a_changed_lock_is_noticed(tree):
    stamp(tree, "requirements-dev.txt")
    with (tree / "requirements.txt").open("a") as lock:
        lock.write("# one more package\n")
    assert set_up(tree, PYTHON="no-such-python").returncode == 1
