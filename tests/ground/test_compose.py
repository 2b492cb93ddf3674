"""docker-compose.yml without Docker: its promises read from the file, its commands run on real services."""

import re
import shutil
import sys

import psycopg2
import pytest
import redis
import yaml
from django.conf import settings
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from tests.ground.servers import ROOT, ask, bare_environment, free_port, running, wait_until

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "beat")


def resolved(text: str, variables: dict[str, str]) -> str:
    """`text` as compose would read it: ${NAME}, ${NAME:-default}, ${NAME:?hint}."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if variables.get(name):
            return variables[name]
        assert kind != ":?", f"{name}: {rest}"
        return rest or ""

    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, text)


def test_the_five_services_and_their_health_checks():
    assert set(SERVICES) == {"db", "redis", "web", "worker", "beat", "migrate"}
    for name in ("db", "redis", "web", "worker", "beat"):
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES["db"]["image"] == "postgres:15"
    assert SERVICES["redis"]["image"] == "redis:7"


def test_redis_evicts_nothing():
    command = SERVICES["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_ours_run_without_root_and_without_privileges():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER app" in lines
    assert not [line for line in lines[lines.index("USER app") :] if line.startswith("RUN")]
    for name in OURS:
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["read_only"] is True


def test_only_the_web_port_is_published_and_only_on_this_machine():
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["web"]["ports"])


def test_no_secret_stands_in_the_file():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "SECRET" in name or "DATABASE_URL" in name:
                # it comes from the environment: needed, or nothing at all
                assert "${DB_PASSWORD:?" in value or value == f"${{{name}:-}}"


def test_everything_that_migrates_waits_for_the_database():
    assert SERVICES["migrate"]["restart"] == "no"
    for name in ("web", "worker", "beat"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.fixture
def database():
    """The address of an empty database on the server of DATABASE_URL, gone afterwards."""
    named = settings.DATABASES["default"]
    address = {"host": named["HOST"], "port": named["PORT"], "user": named["USER"], "password": named["PASSWORD"]}
    server = psycopg2.connect(dbname="postgres", **address)
    server.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    name = f"disputes_compose_{free_port()}"
    with server.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    secret = f":{named['PASSWORD']}" if named["PASSWORD"] else ""
    yield f"postgres://{named['USER']}{secret}@{named['HOST']}:{named['PORT'] or 5432}/{name}"
    with server.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    server.close()


@pytest.fixture
def broker():
    """The address of an empty Redis database, emptied again afterwards."""
    address = re.sub(r"/\d+$", "", settings.REDIS_URL) + "/15"
    client = redis.Redis.from_url(address)
    client.flushdb()
    yield address
    client.flushdb()
    client.close()


@pytest.mark.services
def test_the_commands_of_the_file_deliver_a_reminder(database, broker, tmp_path):
    port = free_port()
    elsewhere = {  # what differs outside a container: addresses, folders, and a faster tick
        "DATABASE_URL": database,
        "REDIS_URL": broker,
        "GRANIAN_HOST": "127.0.0.1",
        "GRANIAN_PORT": str(port),
        "VAR_DIR": str(tmp_path),
        "SECRET_KEY_FILE": str(tmp_path / "keys/secret_key"),
        "FIELD_KEYS_FILE": str(tmp_path / "keys/field_keys.json"),
        "PUMP_TICK_SECONDS": "1",
    }
    variables = {"DB_PASSWORD": "unused-here", "ALLOWED_HOSTS": "disputes.example"}

    def start(name: str, command: list[str] | None = None):
        own = {key: resolved(str(value), variables) for key, value in SERVICES[name]["environment"].items()}
        environment = bare_environment(**(own | elsewhere))
        words = command or [resolved(word, variables) for word in SERVICES[name]["command"]]
        program = shutil.which(words[0], path=environment["PATH"])
        return running([program or words[0], *words[1:]], environment, tmp_path / f"{name}.log")

    with start("migrate") as migrate:
        assert migrate.wait(180) == 0, (tmp_path / "migrate.log").read_text()
    # The image holds the static files already.
    with start("migrate", [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]) as collect:
        assert collect.wait(60) == 0, (tmp_path / "migrate.log").read_text()

    with start("web"), start("worker"), start("beat"):
        wait_until(lambda: ask(port, "/healthz/")[0] == 200, 60, tmp_path / "web.log")
        wait_until(lambda: ask(port, "/healthz/reminders/")[0] == 200, 60, tmp_path / "worker.log")
        assert ask(port, "/login/")[0] in {301, 200}
        with start("migrate", [sys.executable, "-m", "tests.ground.one_reminder", "make"]) as make:
            assert make.wait(60) == 0, (tmp_path / "migrate.log").read_text()

        def delivered() -> bool:
            with start("migrate", [sys.executable, "-m", "tests.ground.one_reminder", "look"]) as look:
                return look.wait(60) == 0

        wait_until(delivered, 60, tmp_path / "worker.log")
    for name in ("web", "worker", "beat"):
        assert "Traceback" not in (tmp_path / f"{name}.log").read_text()
