"""Jobs: claimed once, held by a lease, fenced, shown as they go, stopped between steps, and ended with a sentence."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from followups.pump import database_now
from ledgers.jobs import running
from ledgers.jobs.models import TRIES, CancelAsked, Job, JobFailed, LeaseLost, TooMany

LEASE = dt.timedelta(seconds=60)


@pytest.fixture
def kind(monkeypatch):
    """`kind(step, stopped)` makes that the work of the jobs called "try"."""
    monkeypatch.setattr(running, "_steps", dict(running._steps))
    monkeypatch.setattr(running, "_chores", [])

    def set_to(step, stopped=lambda job: None):
        running.register("try", step, stopped=stopped)

    return set_to


def ask(user, **more) -> Job:
    return Job.ask("try", owner=user, at=timezone.now(), **more)


def claim(now=None, at_once=1) -> Job | None:
    return Job.objects.claim_one(now=now or database_now(), lease=LEASE, at_once=at_once)


def test_steps_run_until_there_is_nothing_more(w, kind):
    seen = []

    def step(job):
        seen.append(job.done)
        job.progress(job.done + 1)
        return job.done < 3

    kind(step)
    job = ask(w.officer, total=3)
    assert running.run_waiting(5) == 1
    job.refresh_from_db()
    assert (seen, job.state, job.done, job.total, job.percent) == ([0, 1, 2], "done", 3, 3, 100)
    assert job.started_at and job.ended_at and job.leased_until is None
    assert running.run_waiting(5) == 0


def test_a_job_without_time_left_is_put_back_and_gone_on_with(w, kind):
    def step(job):
        job.progress(job.done + 1)
        return job.done < 3

    kind(step)
    job = ask(w.officer)
    for done in (1, 2):
        running.run(claim(), until=0.0)
        job.refresh_from_db()
        assert (job.state, job.done, job.deaths) == ("waiting", done, 0)
    running.run(claim(), until=0.0)
    job.refresh_from_db()
    assert job.state == "done"


def test_whoever_waited_longest_goes_first(w, kind):
    kind(lambda job: True)
    first, second = ask(w.officer), ask(w.mediator)
    for expected in (first, second, first, second):
        job = claim()
        assert job.pk == expected.pk
        job.put_back()


def test_a_held_job_is_claimed_by_nobody_until_its_lease_is_over(w, kind):
    ask(w.officer)
    ask(w.officer)
    now = database_now()
    mine = claim(now)
    assert claim(now) is None  # one at a time
    assert claim(now, at_once=2).pk != mine.pk
    assert claim(now, at_once=9) is None
    later = now + LEASE + dt.timedelta(seconds=1)
    taken = claim(later)
    assert (taken.pk, taken.attempt, taken.deaths) == (mine.pk, mine.attempt + 1, 1)


def test_whoever_lost_the_lease_writes_nothing_more(w, kind):
    ask(w.officer)
    slow = claim()
    other = claim(database_now() + 2 * LEASE)
    for act in (slow.beat, lambda: slow.end("done"), lambda: transaction.atomic()(slow.hold)()):
        with pytest.raises(LeaseLost):
            act()
    slow.put_back()
    other.refresh_from_db()
    assert (other.state, other.attempt) == ("running", slow.attempt + 1)
    other.end("done")


def test_progress_holds_the_lease(w, kind):
    ask(w.officer)
    job = claim()
    before = database_now() + dt.timedelta(seconds=1)
    Job.objects.update(leased_until=before)
    job.progress(5, 10)
    row = Job.objects.get()
    assert (row.done, row.total, row.percent) == (5, 10, 50)
    assert row.leased_until > before + dt.timedelta(seconds=50)
    job.progress(6)
    assert Job.objects.get().done == 5  # not every row is a write
    job.end("done")
    assert Job.objects.get().done == 6


def test_what_waits_is_cancelled_at_once(w, kind):
    stopped = []
    kind(lambda job: False, stopped.append)
    job = ask(w.officer)
    running.cancel(job)
    row = Job.objects.get()
    assert (row.state, [one.pk for one in stopped]) == ("cancelled", [job.pk])
    running.cancel(row)
    assert len(stopped) == 1
    assert running.run_waiting(1) == 0


def test_what_runs_is_cancelled_between_two_steps(w, kind):
    stopped = []

    def step(job):
        job.progress(job.done + 1)
        running.cancel(Job.objects.get())
        return True

    kind(step, stopped.append)
    ask(w.officer)
    running.run_waiting(5)
    row = Job.objects.get()
    assert (row.state, row.done, len(stopped)) == ("cancelled", 1, 1)


def test_what_was_cancelled_does_not_end_as_done(w, kind):
    """The last transaction of a step asks once more."""

    def step(job):
        running.cancel(Job.objects.get())
        with transaction.atomic(), pytest.raises(CancelAsked):
            job.hold()
        raise CancelAsked

    kind(step)
    ask(w.officer)
    running.run_waiting(5)
    assert Job.objects.get().state == "cancelled"


def test_a_refusal_of_the_step_is_the_sentence_of_the_job(w, kind):
    def step(job):
        raise JobFailed("表里没有行")

    stopped = []
    kind(step, stopped.append)
    ask(w.officer)
    running.run_waiting(5)
    row = Job.objects.get()
    assert (row.state, row.error, len(stopped)) == ("failed", "表里没有行", 1)


def test_what_falls_over_is_tried_again_later_and_not_for_ever(w, kind):
    calls = []

    def step(job):
        calls.append(job.attempt)
        raise ZeroDivisionError

    kind(step)
    ask(w.officer)
    running.run_waiting(5)
    assert (Job.objects.get().state, claim()) == ("waiting", None)  # not at once
    for n in range(1, TRIES + 1):
        running.run(claim(database_now() + n * 2 * LEASE), until=0)
    row = Job.objects.get()
    assert (row.state, len(calls)) == ("failed", TRIES)
    assert f"中断了 {TRIES} 次" in row.error


def test_a_person_has_three_at_a_time(w, kind):
    jobs = [ask(w.officer) for _ in range(3)]
    with pytest.raises(TooMany, match="你已经有 3 个任务"):
        ask(w.officer)
    ask(w.mediator)
    kind(lambda job: False)
    running.cancel(jobs[0])
    ask(w.officer)


def test_chores_run_in_every_tick_and_one_that_fails_stops_none(w, kind, monkeypatch):
    seen = []

    def broken(at):
        raise ZeroDivisionError

    running.chore(broken)
    running.chore(seen.append)
    running.run_waiting(1)
    assert len(seen) == 1


# --- the page -------------------------------------------------------------------------------------------------------
def test_the_page_asks_for_itself_while_the_job_goes_on(w, kind, client):
    kind(lambda job: False)
    job = ask(w.officer, total=200)
    Job.objects.update(done=50)
    client.force_login(w.officer)
    answer = client.get(job.get_absolute_url(), headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert "50 / 200 行" in text and 'value="25"' in text and 'hx-trigger="every 1s"' in text
    assert "HX-Refresh" not in answer
    answer = client.post(f"/jobs/{job.uid}/cancel/", {"next": "//evil.example/"})
    assert answer["Location"] == job.get_absolute_url()
    answer = client.get(job.get_absolute_url(), headers={"HX-Request": "true"})
    assert "已取消" in answer.content.decode() and "hx-get" not in answer.content.decode()
    assert answer["HX-Refresh"] == "true"


def test_a_job_is_its_owners(w, kind, client):
    job = ask(w.officer)
    for person in (w.mediator, w.supervisor):
        client.force_login(person)
        assert client.get(job.get_absolute_url()).status_code == 404
        assert client.post(f"/jobs/{job.uid}/cancel/").status_code == 404
    assert Job.objects.get().state == "waiting"
