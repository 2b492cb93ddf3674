import os
import signal
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from audit.idempotency import KeyReused, purge, replay_or_run
from audit.models import AccessLog, StoredAnswer, record

AT = datetime(2026, 10, 8, 9, 30, tzinfo=UTC)
ANSWER = '{"case_no":"620623-102-2026-0001","name":"扎西"}'


class Handler:
    """A request handler whose effect is one row of the log."""

    def __init__(self, status=201, seconds=0.0):
        self.status, self.seconds = status, seconds

    def __call__(self):
        record(action="create", subject="intake")
        time.sleep(self.seconds)
        return self.status, ANSWER


def ask(run, user=1, key="k-1", body="a" * 64, at=AT):
    return replay_or_run(user=SimpleNamespace(pk=user), key=key, body_hash=body, run=run, at=at)


@pytest.mark.django_db
def test_a_repeated_request_acts_once_and_gets_the_first_answer():
    assert ask(Handler()) == (201, ANSWER, False)
    assert ask(Handler(), at=AT + timedelta(days=89)) == (201, ANSWER, True)
    assert AccessLog.objects.count() == 1


@pytest.mark.django_db
def test_the_answer_is_kept_sealed():
    ask(Handler())
    assert "扎西" not in StoredAnswer.objects.get().body_sealed
    assert "620623" not in StoredAnswer.objects.get().body_sealed


@pytest.mark.django_db
def test_the_same_key_with_another_body_is_refused():
    ask(Handler())
    with pytest.raises(KeyReused):
        ask(Handler(), body="b" * 64)
    assert AccessLog.objects.count() == 1


@pytest.mark.django_db
def test_another_users_key_is_invisible():
    ask(Handler())
    assert ask(Handler(), user=2, body="b" * 64) == (201, ANSWER, False)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [400, 409, 422, 500])
def test_only_success_is_kept(status):
    assert ask(Handler(status)) == (status, ANSWER, False)
    assert not StoredAnswer.objects.exists()
    assert ask(Handler(), body="b" * 64) == (201, ANSWER, False)


@pytest.mark.django_db
def test_a_handler_that_raises_leaves_neither_effect_nor_key():
    def fail():
        record(action="create", subject="intake")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ask(fail)
    assert not AccessLog.objects.exists()
    assert not StoredAnswer.objects.exists()


@pytest.mark.django_db
def test_after_90_days_the_key_is_free_and_the_answer_gone():
    ask(Handler())
    later = AT + timedelta(days=90)
    assert ask(Handler(), body="b" * 64, at=later) == (201, ANSWER, False)
    assert purge(at=later) == 0
    assert purge(at=later + timedelta(days=90)) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_has_1_to_200_characters(key):
    with pytest.raises(ValueError):
        ask(Handler(), key=key)


@pytest.mark.django_db(transaction=True)
def test_two_processes_at_once_act_once_and_get_one_answer(in_processes, key_file):
    answers = in_processes(4, lambda number: ask(Handler(seconds=0.5)))
    assert sorted(answers) == [(201, ANSWER, False)] + [(201, ANSWER, True)] * 3
    assert AccessLog.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_second_of_two_runs_when_the_first_one_failed(in_processes):
    answers = in_processes(2, lambda number: ask(Handler(409 if number == 0 else 201, seconds=0.5)))
    assert (201, ANSWER, False) in answers
    assert StoredAnswer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_handler_killed_in_the_middle_leaves_nothing_and_the_retry_runs(in_processes):
    def dies(number):
        child = os.fork()
        if child == 0:
            ask(lambda: (Handler()(), os.kill(os.getpid(), signal.SIGKILL)))
        return os.waitpid(child, 0)[1]

    assert in_processes(1, dies) == [signal.SIGKILL]
    assert not AccessLog.objects.exists()
    assert ask(Handler()) == (201, ANSWER, False)
    assert AccessLog.objects.count() == 1
