"""`make run` as a user meets it: one command, one Ctrl-C, nothing left behind."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.ground.servers import ROOT, ask, bare_environment, free_port, running, wait_until

pytestmark = pytest.mark.slow
RUN = [sys.executable, "scripts/run.py", "--port"]


@pytest.fixture
def home(tmp_path):
    """A VAR_DIR whose database is migrated and holds one person, so that no demo data are loaded."""
    environment = bare_environment(VAR_DIR=str(tmp_path), PUMP_TICK_SECONDS="1", POLICY_PROFILE="demo")
    make_person = (
        "from django.contrib.auth import get_user_model; "
        "get_user_model().objects.create_user('wang', 'pw-of-wang', name='王某')"
    )
    for command in (["migrate", "-v0"], ["shell", "-v0", "-c", make_person]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True)
    return tmp_path, environment


def members(session: int) -> list[str]:
    """Session, process id, state and command line of everything alive in that session."""
    listed = subprocess.run(["ps", "-ww", "-eo", "sid,pid,stat,args"], capture_output=True, text=True, check=True)
    # -ww: without a terminal ps may cut a line at 80 signs, and with it the name of the program.
    rows = [line.split(maxsplit=3) for line in listed.stdout.splitlines()[1:]]
    return [" ".join(row) for row in rows if int(row[0]) == session and not row[2].startswith("Z")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_sweeps_and_stops_cleanly(home, number):
    folder, environment = home
    port, log = free_port(), folder / "run.log"
    with running([*RUN, str(port)], environment, log) as process:
        wait_until(lambda: ask(port, "/healthz/")[0] == 200, 60, log)
        wait_until(lambda: ask(port, "/healthz/reminders/")[0] == 200, 60, log)
        assert ask(port, "/login/")[0] == 200
        assert len(members(process.pid)) >= 4  # head, web, its worker, Celery and its pool
        process.send_signal(number)
        assert process.wait(25) == 0, log.read_text()
        wait_until(lambda: not members(process.pid), 5)
    assert "Stopped." in log.read_text()
    assert "Traceback" not in log.read_text()


def test_nothing_outlives_a_killed_head(home):
    folder, environment = home
    port, log = free_port(), folder / "run.log"
    with running([*RUN, str(port)], environment, log) as process:
        wait_until(lambda: ask(port, "/healthz/")[0] == 200, 60, log)
        process.kill()
        wait_until(lambda: not members(process.pid), 25)


def test_a_killed_worker_is_started_again(home):
    folder, environment = home
    port, log = free_port(), folder / "run.log"
    with running([*RUN, str(port)], environment, log) as process:
        wait_until(lambda: ask(port, "/healthz/reminders/")[0] == 200, 60, log)
        wait_until(lambda: celery_processes(process.pid), 20, log)
        worker = min(celery_processes(process.pid))
        # Younger than ten seconds it would count as misconfigured.
        wait_until(lambda: age(worker) > 11, 20, log)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: "is started again" in log.read_text(), 10, log)
        assert ask(port, "/healthz/")[0] == 200
        wait_until(lambda: len(celery_processes(process.pid)) >= 2, 20, log)


def celery_processes(session: int) -> list[int]:
    return [int(line.split()[1]) for line in members(session) if "celery" in line]


def age(pid: int) -> int:
    """Seconds since the process started; an error when it is gone."""
    return int(subprocess.run(["ps", "-o", "etimes=", "-p", str(pid)], capture_output=True, text=True).stdout)


def test_a_taken_port_is_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*RUN, str(port)], cwd=ROOT, env=bare_environment(VAR_DIR=str(tmp_path)), capture_output=True, text=True
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {port} is taken: stop what listens there, or choose another one with: make run PORT={port + 1}\n"
    )
