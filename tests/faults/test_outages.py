"""Redis flushed, frozen, full, and the database restarted under a real worker with its scheduler (T-13, T-14).

Intake goes on meanwhile, and what fell due is told soon after the return, by the same worker: nobody restarts it. The
tick is a thirtieth of the real one; the seconds that each return took are printed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections
from django.utils import timezone

from disputes.models import Dispute
from followups.models import Notice
from tests import factories as f
from tests.ground.servers import BIN, bare_environment, free_port, running, wait_until

TICK = 1.0  # of 30 s
RETURN = 2 * 60 / 30  # two minutes, scaled; a busy machine gets more patience, the figure is printed
PATIENCE = 40.0


def database_url() -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    secret = f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else ""
    return f"postgres://{database['USER']}{secret}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


class Plant:
    """A private Redis and one worker with its scheduler on it, both started for this test."""

    def __init__(self, w: Any, redis: subprocess.Popen, port: int, worker: subprocess.Popen, log: Path) -> None:
        self.w, self.redis, self.port, self.worker, self.log = w, redis, port, worker, log

    def cli(self, *words: str) -> str:
        """What redis-cli answers."""
        asked = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout

    def intake(self) -> Dispute:
        """A case that is overdue at once; the clock cannot pass it up, so that one kind of reminder follows."""
        case = f.register(self.w, by=self.w.centre, tier=3, at=timezone.now())
        Dispute.objects.filter(pk=case.pk).update(due_on=timezone.localdate(), escalate_on=None)
        return case

    def told(self, case: Dispute) -> list[int]:
        return sorted(Notice.objects.filter(dispute=case, kind="due").values_list("user", flat=True))

    def everybody_told(self, case: Dispute) -> float:
        """How long it took until everybody at the desk was told; each once, by the worker of the start."""
        people = sorted(user.pk for user in (self.w.centre, self.w.centre_lead, self.w.mediator))
        begun = time.monotonic()
        wait_until(lambda: len(self.told(case)) >= len(people), PATIENCE, self.log)
        assert self.told(case) == people
        assert self.worker.poll() is None
        return time.monotonic() - begun


@pytest.fixture
def plant(w, tmp_path) -> Iterator[Plant]:
    if not shutil.which("redis-server"):
        assert os.environ.get("CI") != "true", "redis-server is missing: apt-get install redis-server"
        pytest.skip("redis-server is not installed")
    port, log = free_port(), tmp_path / "worker.log"
    server = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    environment = bare_environment(
        DATABASE_URL=database_url(),
        REDIS_URL=f"redis://127.0.0.1:{port}/0",
        VAR_DIR=str(django_settings.VAR_DIR),
        PUMP_TICK_SECONDS=str(TICK),
        PUMP_LEASE_SECONDS="2",
        DJANGO_DEBUG="1",  # no collected static files are needed
    )
    connections.close_all()
    plain = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    work = [str(BIN / "celery"), "-A", "config", "--quiet", "worker", "--beat", "--concurrency", "1", *plain]
    with running(server, bare_environment(), tmp_path / "redis.log") as redis:
        wait_until(lambda: "eady to accept" in (tmp_path / "redis.log").read_text(), 10)
        with running(work, environment, log) as worker:
            yield Plant(w, redis, port, worker, log)


def flushed(plant: Plant) -> None:
    for _n in range(3):
        plant.cli("FLUSHALL")
        time.sleep(TICK / 3)


def frozen(plant: Plant) -> None:
    plant.redis.send_signal(signal.SIGSTOP)
    time.sleep(6 * TICK)  # longer than any time limit of a socket


def full(plant: Plant) -> None:
    plant.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
    plant.cli("CONFIG", "SET", "maxmemory", "1mb")
    subprocess.run(["redis-cli", "-p", str(plant.port), "SET", "x", "y" * 1000], capture_output=True, timeout=20)
    assert "OOM" in plant.cli("SET", "x", "y")
    time.sleep(3 * TICK)


def cut_off(plant: Plant) -> None:
    """Whatever the worker had open at the database is ended, as a restart does, again and again."""
    for _n in range(5):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        time.sleep(TICK / 2)


RETURNS: dict[Callable[[Plant], None], Callable[[Plant], object]] = {
    flushed: lambda plant: None,
    frozen: lambda plant: plant.redis.send_signal(signal.SIGCONT),
    full: lambda plant: plant.cli("CONFIG", "SET", "maxmemory", "0"),
}


@pytest.mark.slow
def test_reminders_flow_again_soon_after_redis_or_the_database_returns(plant):
    plant.everybody_told(plant.intake())
    outages = [*RETURNS, cut_off] if connection.vendor == "postgresql" else [*RETURNS]
    took = {}
    for outage in outages:
        try:
            outage(plant)
            case = plant.intake()  # goes on as if nothing were
        finally:
            RETURNS.get(outage, lambda plant: None)(plant)
        took[outage.__name__] = round(plant.everybody_told(case), 1)
    print(f"told after the return, {RETURN:.0f} s being two minutes scaled: {took}")
