import multiprocessing
from types import SimpleNamespace

import pytest
from django.db import connections


@pytest.fixture(autouse=True)
def key_file(settings, tmp_path):
    """A key ring of the test's own, so that nothing meets the keys of the installation."""
    settings.FIELD_KEYS_FILE = tmp_path / "field_keys.json"
    return settings.FIELD_KEYS_FILE


@pytest.fixture
def assistant():
    return SimpleNamespace(pk=7, name="王警务", get_username=lambda: "assistant1")


@pytest.fixture
def in_processes():
    """Run a function in n real processes that start together, each with a connection of its own; their results."""

    def run(count, function, *args):
        connections.close_all()  # a forked child must not share the parent's connection
        context = multiprocessing.get_context("fork")
        results, barrier = context.Queue(), context.Barrier(count)

        def child(number):
            barrier.wait(30)
            try:
                results.put(function(number, *args))
            except Exception as error:
                results.put(repr(error))
            finally:
                connections.close_all()

        children = [context.Process(target=child, args=(number,), daemon=True) for number in range(count)]
        for process in children:
            process.start()
        answers = [results.get(timeout=120) for _ in children]
        for process in children:
            process.join(30)
        return answers

    return run
