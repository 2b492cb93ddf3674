"""Celery's settings: what must never travel, and a schedule of one line."""

from config.broker import SCHEME
from config.celery import app, broker


def test_the_whole_schedule_is_the_pump_the_jobs_and_the_figures(settings):
    assert set(app.conf.beat_schedule) == {"pump", "jobs", "figures"}
    assert app.conf.beat_schedule["figures"]["task"] == "ledgers.figures"
    assert app.conf.beat_schedule["jobs"]["task"] == "ledgers.jobs"
    assert app.conf.beat_schedule["jobs"]["schedule"] == settings.JOBS_TICK_SECONDS
    assert app.conf.beat_schedule["pump"]["task"] == "followups.pump"
    assert app.conf.beat_schedule["pump"]["schedule"] == settings.PUMP_TICK_SECONDS
    assert app.conf.beat_scheduler == "celery.beat:Scheduler"  # in memory: nothing a kill -9 leaves broken


def test_the_tasks_exist():
    app.loader.import_default_modules()
    assert {"followups.pump", "ledgers.jobs", "ledgers.figures"} <= set(app.tasks)


def test_no_pickle_and_no_results():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.task_ignore_result is True
    assert app.conf.result_backend is None
    assert app.conf.task_acks_late is True


def test_embedded_the_broker_is_a_folder_under_var(settings, tmp_path):
    settings.REDIS_URL, settings.VAR_DIR = "", tmp_path
    options = broker()
    assert options["broker_url"] == f"{SCHEME}://"
    assert options["broker_transport_options"]["data_folder_in"] == str(tmp_path / "broker/queue")
    assert (tmp_path / "broker/queue").is_dir()


def test_with_redis_every_socket_has_a_time_limit(settings):
    settings.REDIS_URL = "redis://127.0.0.1:6379/15"
    options = broker()
    assert options["broker_url"] == settings.REDIS_URL
    assert 1 < options["broker_transport_options"]["socket_timeout"] <= 5
    assert options["broker_transport_options"]["socket_connect_timeout"] <= 2
