"""The embedded queue between real processes: no reader ever meets half a file."""

import json
import multiprocessing
import time

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
