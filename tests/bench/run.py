"""make bench: the product against its floors, in one run, through the real server, on SQLite and on PostgreSQL.

Every request of ours is followed by one of its floor over the same kept-alive connection, so that a busy machine slows
both; medians over all rounds. Sizes by BENCH_N (default 10000,100000), databases by BENCH_DB (sqlite,postgres), the
PostgreSQL server by DATABASE_URL, single pages by BENCH_ROWS ("save a capture,triage page"). Prints a table and writes
var/bench/results.json.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import psycopg2

from tests.bench import search
from tests.bench.prepare import MONTH, PASSWORD

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "var" / "bench" / "results.json"
SIZES = [int(n) for n in os.environ.get("BENCH_N", "10000,100000").split(",")]
BACKENDS = os.environ.get("BENCH_DB", "sqlite,postgres").split(",")
SERVER = os.environ.get("DATABASE_URL") or "postgres://postgres@127.0.0.1:5432/postgres"
ONLY = [name for name in os.environ.get("BENCH_ROWS", "").split(",") if name]
ROUNDS, EACH = int(os.environ.get("BENCH_ROUNDS", "3")), 40
Call = Callable[[int], "tuple[str, str, bytes | None]"]


@dataclass
class Site:
    """One prepared database with its server and what the clients must know of it."""

    backend: str
    size: int
    folder: Path
    env: dict[str, str]
    facts: dict[str, Any]
    port: int = 0

    def client(self, username: str) -> Client:
        return Client(self.port, username)


class Client:
    """One kept-alive connection with a session, as a browser has it."""

    def __init__(self, port: int, username: str) -> None:
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=900)
        self.cookies: dict[str, str] = {}
        self.time(("GET", "/login/", None))
        form = urlencode({"username": username, "password": PASSWORD, "csrfmiddlewaretoken": self.cookies["csrftoken"]})
        status, _body, _ms = self.send("POST", "/login/", form.encode())
        if status != 302 or "sessionid" not in self.cookies:
            raise SystemExit(f"Sign-in of {username} was answered with {status}.")

    def send(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes, float]:
        """Status, body and milliseconds until the last byte."""
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if body is not None:
            kind = "json" if path.startswith("/api/") else "x-www-form-urlencoded"
            headers |= {"Content-Type": f"application/{kind}", "X-CSRFToken": self.cookies["csrftoken"]}
        began = time.perf_counter()
        self.http.request(method, path, body, headers)
        answer = self.http.getresponse()
        content = answer.read()
        spent = (time.perf_counter() - began) * 1000
        for value in answer.headers.get_all("Set-Cookie") or ():
            name, _, rest = value.partition("=")
            self.cookies[name] = rest.split(";", 1)[0]
        return answer.status, content, spent

    def time(self, call: tuple[str, str, bytes | None]) -> float:
        status, content, spent = self.send(*call)
        if status != (200 if call[0] == "GET" or call[1].startswith("/api/") else 302):
            text = re.sub(r"<[^>]+>|\s+", " ", content.decode(errors="replace"))
            raise SystemExit(f"{call[0]} {call[1]} was answered with {status}: {text[:300]}")
        return spent


#: Who looks, where it is not the township's user.
WHO = {"ledger page": "supervisor1"}


# --- what is measured ------------------------------------------------------------------------------------------------
def calls(facts: dict[str, Any]) -> dict[str, tuple[Call, Call, float]]:
    """Row → (ours, floor, goal) of the township's user, or of whom WHO names; `i` makes each request a fresh one."""
    cases = facts["cases"]
    filed = {
        "village": facts["village"], "kind": facts["type"], "source": "06",
        "found_on": "2026-11-02", "narrative": "两户为浇水先后争吵，渠口的闸板被挪动。", "tier": "3",
        "complexity": "ordinary", "danger": "", "parties-TOTAL_FORMS": "2", "parties-INITIAL_FORMS": "0",
        "parties-0-side": "A", "parties-0-kind": "person", "parties-1-side": "B", "parties-1-kind": "person",
    }  # fmt: skip

    def post(path: str) -> Call:
        """Other people each time: the page looks for cases of the same parties, and finding one it would ask first."""

        def call(i: int) -> tuple[str, str, bytes]:
            people = {
                f"parties-{n}-{field}": value
                for n, phone in ((0, 13_100_000_000), (1, 13_200_000_000))
                for field, value in (("name", f"{'马王'[n]}{chr(0x5000 + i)}"), ("phone", str(phone + 7919 * i)))
            }
            return "POST", path, urlencode(filed | people).encode()

        return call

    def get(path: str) -> Call:
        return lambda i: ("GET", path, None)

    def told(path: str) -> Call:
        heard = {"kind": "02", "found": "follow", "words": "院墙滴水，两家又争起来。", "place": "后沟"}
        return lambda i: ("POST", path, urlencode(heard | {"side_a": f"马{i}", "side_b": f"王{i}"}).encode())

    def entry(i: int) -> tuple[str, str, bytes]:
        return "POST", "/api/v1/disputes/similar/", json.dumps(facts["entries"][i % len(facts["entries"])]).encode()

    def phone(i: int) -> tuple[str, str, None]:
        told = facts["entries"][i % len(facts["entries"])]
        return "GET", f"/bench/lookup/?phone={told['parties'][0]['phone']}", None

    def one(path: str) -> Call:
        return lambda i: ("GET", path.format(quote(cases[i % len(cases)])), None)

    return {
        "list page": (get("/disputes/"), get("/bench/list/"), 2),
        "filtered list": (get("/disputes/?status=mediating"), get("/bench/list/?status=mediating"), 2),
        "case page": (one("/disputes/{}/"), one("/bench/case/{}/"), 3),
        "API list, 50 rows": (get("/api/v1/disputes/"), get("/bench/api/"), 2),
        "matching, one entry": (entry, phone, 10),
        "register": (post("/disputes/new/"), post("/bench/register/"), 3),
        "save a capture": (told(f"/visits/{facts['walk']}/"), told(f"/bench/capture/{facts['walk']}/"), 3),
        "triage page": (get("/triage/"), get("/bench/triage/"), 3),
        "inbox": (get("/inbox/"), get("/bench/inbox/"), 3),
        "home page": (get("/"), get("/bench/home/"), 3),
        "ledger page": (get(f"/ledger/?month={MONTH}"), get(f"/bench/ledger/page/?month={MONTH}"), 3),
        **search.calls(facts),
    }


def alternate(client: Client, ours: Call, floor: Call, numbers: range) -> tuple[list[float], list[float]]:
    """Both, one after the other, once for each number; the first pair only warms up."""
    a, b = [], []
    for i in numbers:
        pair = (client.time(ours(i)), client.time(floor(i)))
        if i > numbers.start:
            a.append(pair[0])
            b.append(pair[1])
    return a, b


def measure(sites: list[Site]) -> list[dict[str, Any]]:
    """Every row of one backend, the sizes interleaved round by round."""
    rows = []
    backend = sites[0].backend
    desks = {(site.size, who): site.client(who) for site in sites for who in {"centre1", *WHO.values()}}
    found: dict[tuple[str, int], tuple[list[float], list[float]]] = {}
    goals: dict[str, float] = {}
    for turn in range(ROUNDS):
        for name in calls(sites[0].facts):
            if ONLY and name not in ONLY:
                continue
            for site in sites:
                ours, floor, goals[name] = calls(site.facts)[name]
                first = turn * (EACH + 1)
                pair = alternate(
                    desks[site.size, WHO.get(name, "centre1")], ours, floor, range(first, first + EACH + 1)
                )
                kept = found.setdefault((name, site.size), ([], []))
                kept[0].extend(pair[0])
                kept[1].extend(pair[1])
    for (name, size), (ours_ms, floor_ms) in found.items():
        rows.append(result(name, backend, size, statistics.median(ours_ms), statistics.median(floor_ms), goals[name]))
    if "export through the worker" in ONLY:
        rows += [row for site in sites for row in exports(site)]
    if "reminder sweep" in ONLY or "in-app notices" in ONLY:
        rows += [row for site in sites for row in outbox(site) if row["row"] in ONLY]
    if "monthly report" in ONLY:
        rows += [row for site in sites for row in months(site)]
    if not ONLY or "dashboard" in ONLY:
        rows += [row for site in sites for row in figures(site)]
    if ONLY:
        return rows
    for site in sites:
        rows += exports(site)
        rows += papers(site)
        rows += outbox(site)
        rows += months(site)
    if len(sites) > 1:
        small, big = sites[0].size, sites[-1].size
        for name in ("list page", "case page", search.ROW):
            a, b = (statistics.median(found[name, size][0]) for size in (big, small))
            rows.append(result(f"{name}, {big:,} beside {small:,}", backend, big, a, b, 1.3))
        peaks = [peak_memory(site) for site in (sites[-1], sites[0])]
        name = f"ledger export, peak MB, {big:,} beside {small:,}"
        rows.append(result(name, backend, big, peaks[0], peaks[1], 1.1))
    return rows


def result(row: str, backend: str, n: int, ours: float, floor: float, goal: float) -> dict[str, Any]:
    ratio = round(ours / floor, 2)
    return {
        "row": row, "backend": backend, "n": n, "ours_ms": round(ours, 2), "floor_ms": round(floor, 2),
        "ratio": ratio, "goal": goal, "ok": ratio <= goal,
    }  # fmt: skip


def papers(site: Site) -> list[dict[str, Any]]:
    """One agreement beside bare typst on the same page; a dossier of thirty pages beside one second."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.papers"],
        env=site.env,
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    took = json.loads(run.stdout.splitlines()[-1])
    return [
        result("agreement as PDF", site.backend, site.size, *took["agreement"], 1.5),
        result("dossier of 30 pages, beside 1 s", site.backend, site.size, took["dossier"], 1000, 1),
    ]


def outbox(site: Site) -> list[dict[str, Any]]:
    """Ten open reminders per dispute and one in a hundred of them due: claimed beside the bare UPDATE, told beside
    bare INSERTs."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.outbox", str(site.size)],
        env=site.env,
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    took = json.loads(run.stdout.splitlines()[-1])
    return [
        result("reminder sweep", site.backend, took["open"], *took["sweep"], 1.5),
        result("in-app notices", site.backend, took["due"], *took["notices"], 2),
    ]


def months(site: Site) -> list[dict[str, Any]]:
    """The county's monthly report beside the grouped statements that it needs."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.months"],
        env=site.env,
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    took = json.loads(run.stdout.splitlines()[-1])
    return [result("monthly report", site.backend, site.size, *took["report"], 3)]


def figures(site: Site) -> list[dict[str, Any]]:
    """The year of a county beside its stored sums, rendered bare; once more while one village is behind."""

    def told(*words: str) -> dict[str, float]:
        command = [sys.executable, "-m", "tests.bench.figures", *words]
        run = subprocess.run(command, env=site.env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(run.stdout.splitlines()[-1])

    rows = []
    page, floor = (lambda i: ("GET", "/dashboard/?period=2026", None)), (lambda i: ("GET", "/bench/dashboard/", None))
    counted = told()
    say(f"{site.backend}, {site.size:,} disputes: {counted['units']} units counted in {counted['seconds']:.1f} s")
    for name, goal, words in (("dashboard", 3, ()), ("dashboard, one village just changed", 10, ("--behind",))):
        if words:
            told(*words)
        client = site.client("supervisor1")  # a new one: the server closes what was silent for so long
        a, b = alternate(client, page, floor, range(EACH + 1))
        rows.append(result(name, site.backend, site.size, statistics.median(a), statistics.median(b), goal))
    return rows


def exports(site: Site) -> list[dict[str, Any]]:
    """A month through the worker beside the bare query and the fast writer."""
    took = _exported(site)
    return [result("export through the worker", site.backend, took["rows"], *took["worker"], 1.5)]


def peak_memory(site: Site) -> float:
    """Megabytes of a process of its own that exports the month as the worker does."""
    return _exported(site, "--memory")["peak_mb"]


def _exported(site: Site, *words: str) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.exports", *words],
        env=site.env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return json.loads(run.stdout.splitlines()[-1])


# --- databases and servers -------------------------------------------------------------------------------------------
@contextlib.contextmanager
def database(backend: str, folder: Path, size: int) -> Iterator[str]:
    """The URL of an empty database, dropped afterwards."""
    if backend == "sqlite":
        yield f"sqlite:///{folder}/db.sqlite3"
        return
    name = f"bench_{os.getpid()}_{size}"
    connection = psycopg2.connect(urlsplit(SERVER)._replace(path="/postgres").geturl())
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f'CREATE DATABASE "{name}"')
    try:
        yield urlsplit(SERVER)._replace(path=f"/{name}").geturl()
    finally:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        connection.close()


@contextlib.contextmanager
def prepared(backend: str, size: int) -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="disputes-bench-"))
    try:
        with database(backend, folder, size) as url:
            env = {
                **os.environ, "DATABASE_URL": url, "VAR_DIR": str(folder), "LOG_LEVEL": "ERROR",
                "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
            }  # fmt: skip
            env.pop("REDIS_URL", None)
            began = time.monotonic()
            made = subprocess.run(
                [sys.executable, "-m", "tests.bench.prepare", str(size)],
                env=env, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True,
            )  # fmt: skip
            say(f"{backend}, {size:,} disputes: filled in {time.monotonic() - began:.0f} s")
            yield Site(backend, size, folder, env, json.loads(made.stdout.splitlines()[-1]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def served(site: Site) -> Iterator[Site]:
    """The production server in front of the site, ended by its own process group."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        site.port = probe.getsockname()[1]
    command = [
        str(Path(sys.executable).parent / "granian"), "--interface", "wsgi", "--host", "127.0.0.1",
        "--port", str(site.port), "--workers", "1", "--blocking-threads", "4", "--log-level", "error",
        "config.wsgi:application",
    ]  # fmt: skip
    server = subprocess.Popen(command, env=site.env, cwd=ROOT, start_new_session=True)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", site.port), 1):
                break
            time.sleep(0.1)
        yield site
    finally:
        server.terminate()
        server.wait(20)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(rows: list[dict[str, Any]]) -> str:
    lines = [f"{'row':<52} {'database':<9} {'n':>9} {'ours ms':>10} {'floor ms':>10} {'ratio':>6} {'goal':>5}"]
    for r in rows:
        lines.append(
            f"{r['row']:<52} {r['backend']:<9} {r['n']:>9,} {r['ours_ms']:>10.2f} {r['floor_ms']:>10.2f} "
            f"{r['ratio']:>6.2f} {r['goal']:>5} {'ok' if r['ok'] else 'MISSED'}"
        )
    return "\n".join(lines)


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers and databases go with us
    rows: list[dict[str, Any]] = []
    for backend in BACKENDS:
        with contextlib.ExitStack() as stack:
            sites = [stack.enter_context(prepared(backend, size)) for size in sorted(SIZES)]
            for site in sites:
                stack.enter_context(served(site))
            rows += measure(sites)
        say(table([row for row in rows if row["backend"] == backend]))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1))
    print(table(rows))
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
