"""The embedded queue between real processes: no reader ever meets half a file."""

import json
import multiprocessing
import time
from types import SimpleNamespace

import pytest
from kombu import Connection

from config.broker import SCHEME

MESSAGES = 3000
spawn = multiprocessing.get_context("spawn")


def connection(folder) -> Connection:
    where = {"data_folder_in": f"{folder}/queue", "data_folder_out": f"{folder}/queue"}
    return Connection(f"{SCHEME}://", transport_options=where | {"control_folder": f"{folder}/control"})


def put_all(folder):
    queue = connection(folder).SimpleQueue("celery")
    for number in range(MESSAGES):
        queue.put({"number": number})


def bind(folder, together, outcomes):
    channel = connection(folder).channel()
    channel.queue_declare("celery")
    channel.exchange_declare("celery", "direct")
    together.wait()
    try:
        channel.queue_bind("celery", "celery", "celery")
    except Exception as error:
        outcomes.put(repr(error))
    else:
        outcomes.put("")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "queue").mkdir()
    (tmp_path / "control").mkdir()
    return tmp_path


def test_a_reader_beside_a_writer_reads_every_message_once_and_whole(folder):
    queue = connection(folder).SimpleQueue("celery")
    writer = spawn.Process(target=put_all, args=(folder,))
    writer.start()
    read, until = [], time.monotonic() + 60
    while len(read) < MESSAGES and time.monotonic() < until:
        try:
            message = queue.get(block=False)
        except queue.Empty:
            continue
        message.ack()
        read.append(message.payload["number"])
    writer.join()
    assert sorted(read) == list(range(MESSAGES))
    assert list((folder / "queue").iterdir()) == []


def test_processes_that_bind_the_same_queue_at_once_agree_on_one_table(folder):
    together, outcomes = spawn.Barrier(4), spawn.Queue()
    processes = [spawn.Process(target=bind, args=(folder, together, outcomes)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [outcomes.get(timeout=60) for _ in processes] == [""] * 4
    for process in processes:
        process.join()
    assert json.loads((folder / "control/celery.exchange").read_text()) == [["celery", "", "celery"]]
    assert [path.name for path in (folder / "control").iterdir()] == ["celery.exchange"]


def test_a_message_that_a_full_redis_does_not_give_up_leaves_the_workers_hands(monkeypatch):
    """Else a worker with room for one waits for ever, after an outage that was over in a second."""
    from kombu.transport import redis
    from redis.exceptions import OutOfMemoryError

    from config.broker import RedisQoS, RedisTransport

    def refuse(self, delivery_tag, pipe=None):
        raise OutOfMemoryError

    assert Connection("redis://127.0.0.1:1/0").get_transport_cls() is RedisTransport
    monkeypatch.setattr(redis.QoS, "_remove_from_indices", refuse)
    held = RedisQoS(SimpleNamespace(do_restore=False), prefetch_count=1)
    held._delivered["tick"] = object()
    assert not held.can_consume()
    held.ack("tick")
    held._flush()
    assert held.can_consume()
