"""Redis that answers nothing (SIGSTOP): pages and moves go on without waiting, and the pump needs no broker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections

from followups.models import Notice
from tests import factories as f
from tests.ground.servers import ROOT, bare_environment, free_port, running, wait_until

#: Runs in a process of its own, whose broker is the frozen Redis, and says how long each step took.
STEPS = """
import json, os, sys, threading, time
import django
django.setup()
from django.template.loader import get_template
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from disputes.models import Dispute
from followups.pump import pump_once
from tests import factories as f
from types import SimpleNamespace
from villages.models import Office, User

w = SimpleNamespace(
    assistant=User.objects.get(username="assistant"), village_mediator=User.objects.get(username="village_mediator"),
    committee=Office.objects.get(code="620623103201-V"),
    mediator=User.objects.get(username="mediator"), centre_office=Office.objects.get(code="620623103-C"),
)
w.village = w.committee.area
now, took = timezone.now(), {}

def step(name, call):
    start = time.monotonic()
    result = call()
    took[name] = time.monotonic() - start
    return result

# The program itself is loaded first, without a request: reading it from a busy disk is no waiting for a broker.
get_resolver().url_patterns
for name in ("home.html", "followups/queue.html", "followups/visit.html", "followups/notices.html"):
    get_template(name)
client = Client()
client.force_login(w.assistant)
case = step("register", lambda: f.register(w, at=now))
step("take_up", lambda: case.perform("take_up", by=w.assistant, at=now, handler=w.assistant))
facts = f.settlement(w, case, now, organisation=w.committee, chair=w.village_mediator)
step("settle", lambda: case.perform("settle", by=w.assistant, at=now, **facts))
assert case.visits.count() == 4
for url in ("/", "/followups/", f"/followups/{case.case_no}/", "/notices/", "/healthz/"):
    assert step(url, lambda: client.get(url)).status_code == 200, url
step("pump", pump_once)
from config.celery import app
assert app.conf.broker_url == sys.argv[1]
asking = threading.Thread(target=lambda: app.send_task("followups.pump", retry=False), daemon=True)
asking.start()
asking.join(2)
took["broker"] = "waits" if asking.is_alive() else "answered"
print(json.dumps(took), flush=True)
os._exit(0)
"""


@pytest.mark.slow
def test_pages_moves_and_the_pump_do_not_wait_for_a_frozen_redis(w, tmp_path):
    if not shutil.which("redis-server"):
        assert os.environ.get("CI") != "true", "redis-server is missing: apt-get install redis-server"
        pytest.skip("redis-server is not installed")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    f.register(w)
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        secret = f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else ""
        url = f"postgres://{database['USER']}{secret}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    connections.close_all()
    redis = f"redis://127.0.0.1:{port}/0"
    environment = bare_environment(
        DJANGO_SETTINGS_MODULE="config.settings",
        DATABASE_URL=url,
        REDIS_URL=redis,
        VAR_DIR=str(django_settings.VAR_DIR),
        ALLOWED_HOSTS="testserver",
        DJANGO_DEBUG="1",  # no collected static files are needed
    )
    with running(command, bare_environment(), tmp_path / "redis.log") as process:
        wait_until(lambda: "eady to accept" in (tmp_path / "redis.log").read_text(), 10)
        process.send_signal(signal.SIGSTOP)
        try:
            done = subprocess.run(
                [sys.executable, "-c", STEPS, redis],
                cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
            )  # fmt: skip
        finally:
            process.send_signal(signal.SIGCONT)
    assert done.returncode == 0, done.stderr[-3000:]
    took = json.loads(done.stdout.splitlines()[-1])
    assert took.pop("broker") == "waits"  # it is really frozen: whoever had asked it would still stand there
    assert max(took.values()) < 1.5, took
    assert Notice.objects.exists()  # what happened meanwhile was told without it
