"""The product as it runs: granian, a Celery worker with beat, demo data; and a Chromium that sees what a person sees.

With DATABASE_URL and REDIS_URL set the parts are PostgreSQL and Redis, else the embedded ones. Everything is made for
the run and removed after it; pictures stay under var/e2e/.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit, urlunsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURES = ROOT / "var" / "e2e"
PASSWORD = "tianzhu-demo-2026"
BROWSER_ARGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def own_database(url: str) -> Iterator[str]:
    """A PostgreSQL database of this run beside the one that `url` names."""
    import psycopg2

    parts = urlsplit(url)
    name = f"e2e_{os.getpid()}"
    admin = psycopg2.connect(urlunsplit(parts._replace(path="/postgres")))
    admin.autocommit = True
    try:
        admin.cursor().execute(f'CREATE DATABASE "{name}"')
        yield urlunsplit(parts._replace(path=f"/{name}"))
        admin.cursor().execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        admin.close()


@pytest.fixture(scope="session")
def product() -> Iterator[SimpleNamespace]:
    """The running product: `.base` its address, `.env` its environment."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="disputes-e2e-"))
        outside = os.environ.get("E2E_DATABASE_URL", "")
        env = {
            key: value
            for key, value in os.environ.items()
            if key not in {"DATABASE_URL", "DJANGO_SETTINGS_MODULE", "TEST_RUN_DIR", "PYTEST_CURRENT_TEST"}
        }
        env |= {"VAR_DIR": folder, "POLICY_PROFILE": "demo", "INSECURE_HTTP": "1", "PUMP_TICK_SECONDS": "2"}
        if outside:
            env["DATABASE_URL"] = stack.enter_context(own_database(outside))
        manage = [sys.executable, str(ROOT / "manage.py")]
        for command in (
            ["migrate", "-v0"],
            ["createcachetable"],
            ["collectstatic", "--noinput", "-v0"],
            ["load_demo", "--disputes", "60", "--password", PASSWORD],
        ):
            subprocess.run([*manage, *command], cwd=ROOT, env=env, check=True, stdin=subprocess.DEVNULL)
        port = free_port()
        parts = [
            ["granian", "--interface", "wsgi", "config.wsgi:application", "--host", "127.0.0.1", "--port", str(port)],
            ["celery", "-A", "config", "worker", "-B", "-c", "1", "-s", f"{folder}/schedule", "-l", "WARNING"],
        ]
        bin_dir = Path(sys.executable).parent
        for command in parts:
            log = stack.enter_context(open(f"{folder}/{command[0]}.log", "wb"))
            process = subprocess.Popen(
                [str(bin_dir / command[0]), *command[1:]], cwd=ROOT, env=env, stdout=log, stderr=log
            )
            stack.callback(stop, process)
        base = f"http://127.0.0.1:{port}"
        wait_until_it_answers(f"{base}/healthz/", Path(folder) / "granian.log")
        yield SimpleNamespace(base=base, env=env, manage=manage)


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_it_answers(url: str, log: Path) -> None:
    for _ in range(120):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"{url} does not answer:\n{log.read_text(errors='replace')[-2000:]}")


class Eyes:
    """A person at a screen, and what must never happen while they look."""

    def __init__(self, context, base: str, story: str):
        self.page, self.base, self.story, self.step = context.new_page(), base, story, 0
        self.problems: list[str] = []
        host = urlsplit(base).netloc
        self.page.on("console", lambda m: m.type == "error" and self.problems.append(f"console: {m.text}"))
        self.page.on("pageerror", lambda e: self.problems.append(f"script: {e}"))
        self.page.on(
            "request",
            lambda r: (
                urlsplit(r.url).netloc not in (host, "")
                and not r.url.startswith(("data:", "blob:"))
                and self.problems.append(f"outside: {r.url}")
            ),
        )
        self.axe = (ROOT / "tests/e2e/vendor/axe.min.js").read_text(encoding="utf-8")

    def go(self, path: str) -> None:
        answer = self.page.goto(self.base + path)
        assert answer is not None and answer.status < 400, (path, answer and answer.status)

    def submit(self, label: str) -> None:
        """Press the button and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.locator("main").get_by_role("button", name=label, exact=True).first.click()

    def look(self, name: str) -> None:
        """A picture at 1440 and 390 px; no A/AA violation, no sideways scroll, exactly one h1."""
        self.step += 1
        folder = PICTURES / self.story
        folder.mkdir(parents=True, exist_ok=True)
        for width, height in ((1440, 900), (390, 844)):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.screenshot(path=folder / f"{self.step:02d}-{name}-{width}.png", full_page=True)
            over = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if over > 1:
                self.problems.append(f"{name} at {width}: {over} px sideways")
            # From the top: a sticky bar covers whatever lies under it, and where the page stands must not be chance.
            self.page.evaluate("window.scrollTo(0, 0)")
            self.page.evaluate(self.axe)
            self.problems += self.page.evaluate(
                """async name => {const r = await axe.run(document,
                {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']});
                return r.violations.map(v => `${name}: ${v.id} ${v.nodes[0].target}`)}""",
                f"{name} at {width}",
            )
        self.page.set_viewport_size({"width": 1440, "height": 900})
        if self.page.locator("h1").count() != 1:
            self.problems.append(f"{name}: not one h1")

    def text(self) -> str:
        return self.page.inner_text("main")


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def sign_in(product, chromium, request):
    """sign_in("officer1") → Eyes of that person; at the end nobody saw a problem."""
    seen: list[Eyes] = []

    def enter(username: str, **options: object) -> Eyes:
        options = {"locale": "zh-CN", "accept_downloads": True, **options}
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, **options)
        eyes = Eyes(context, product.base, request.node.name.removeprefix("test_"))
        eyes.page.goto(product.base + "/login/")
        eyes.page.fill("input[name=username]", username)
        eyes.page.fill("input[name=password]", PASSWORD)
        eyes.page.locator("form:has(input[name=password])").evaluate("f => f.requestSubmit()")
        eyes.page.wait_for_url(lambda url: "/login" not in url)
        seen.append(eyes)
        return eyes

    yield enter
    problems = [f"{eyes.page.url}: {problem}" for eyes in seen for problem in eyes.problems]
    for eyes in seen:
        eyes.page.context.close()
    assert not problems, "\n".join(problems)
