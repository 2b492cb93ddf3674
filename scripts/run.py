"""`make run`: prepares the embedded install, then keeps web server, worker and scheduler going until Ctrl-C.

This process is the head of the group: whatever ends it ends the others, and they never outlive it.
"""

import argparse
import contextlib
import ctypes
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO_PASSWORD = "tianzhu-demo-2026"
GRACE_SECONDS = 20
# A child that dies sooner than this after its start is misconfigured; starting it again would only fill the screen.
SETTLED_SECONDS = 10

sys.path.insert(0, str(ROOT))
os.chdir(ROOT)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("POLICY_PROFILE", "demo")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def prepare() -> None:
    """Migrates, collects the static files when they changed, and fills an empty database with demo data."""
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)

    sources = sorted(p for p in (ROOT / "static").rglob("*") if p.is_file())
    facts = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in sources]
    state = hashlib.sha256(repr(facts).encode() + (ROOT / "requirements.txt").read_bytes()).hexdigest()
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if not stamp.exists() or stamp.read_text() != state:
        say("Collecting the static files …")
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(state)

    if not get_user_model().objects.exists():
        say("The database is empty: loading the demo data (once, about a minute) …")
        call_command("load_demo", password=DEMO_PASSWORD)


def die_with_parent() -> None:
    """In a child: ask Linux for a SIGTERM when this group's head dies, even by kill -9."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Child:
    """One of the processes, in a group of its own so that a Ctrl-C in the terminal reaches only the head."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.command = command
        self.start()

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, process_group=0, preexec_fn=die_with_parent)

    def end(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)


def keep_going(children: list[Child], stop: threading.Event) -> int:
    """Starts again whatever dies, until `stop`; 1 when a process cannot live at all."""
    while not stop.wait(0.5):
        for child in children:
            code = child.process.poll()
            if code is None:
                continue
            if time.monotonic() - child.started < SETTLED_SECONDS:
                say(f"The {child.name} ended at once with code {code}; its last lines above say why.")
                return 1
            child.end(signal.SIGKILL)  # what is left of its group
            say(f"The {child.name} ended with code {code} and is started again.")
            child.start()
    return 0


def stop_all(children: list[Child], hurry: threading.Event) -> None:
    for child in children:
        child.end(signal.SIGTERM)
    until = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < until and not hurry.is_set() and any(c.process.poll() is None for c in children):
        time.sleep(0.1)
    for child in children:
        child.end(signal.SIGKILL)
        child.process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve the product on this machine, with demo data.")
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    if not port_is_free(port):
        say(f"Port {port} is taken: stop what listens there, or choose another one with: make run PORT={port + 1}")
        return 1

    stop, hurry = threading.Event(), threading.Event()

    def on_signal(number: int, frame: object) -> None:
        (hurry if stop.is_set() else stop).set()

    prepare()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)

    here = Path(sys.executable).parent
    children = [
        Child(
            "web server",
            [str(here / "granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
            + ["--workers", "1", "--blocking-threads", "4", "--log-level", "warning", "config.wsgi:application"],
        ),
        Child(
            "worker with scheduler",
            [
                str(here / "celery"),
                "-A",
                "config",
                "--quiet",
                "worker",
                "--beat",
                "--concurrency",
                "1",
                "--loglevel",
                "INFO",
            ]
            + ["--without-gossip", "--without-mingle", "--without-heartbeat"],
        ),
    ]
    say(f"Serving http://127.0.0.1:{port} - sign in as officer1, centre1 … with {DEMO_PASSWORD}; Ctrl-C stops it.")
    try:
        return keep_going(children, stop)
    finally:
        stop.set()
        stop_all(children, hurry)
        say("Stopped.")


if __name__ == "__main__":
    sys.exit(main())
