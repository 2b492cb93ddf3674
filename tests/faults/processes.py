"""Real processes on the test's own database: forked, so that a new one stands at once, and ended by id."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connections

CONTEXT = multiprocessing.get_context("fork")


def _main(function: Callable[..., None], args: tuple[Any, ...]) -> None:
    try:
        random.seed(os.getpid())
        function(*args)
    finally:
        connections.close_all()


def start(function: Callable[..., None], *args: Any) -> Any:
    """A process that runs `function` with connections of its own."""
    connections.close_all()  # a forked child must neither share nor close the parent's connection
    process = CONTEXT.Process(target=_main, args=(function, args), daemon=True)
    process.start()
    return process


def kill(process: Any) -> None:
    """kill -9, and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.join(10)


@contextlib.contextmanager
def several(count: int, function: Callable[..., None], *args: Any) -> Iterator[list[Any]]:
    """`count` processes of `function(number, *args)`; at the end none of those in the list is left."""
    processes = [start(function, number, *args) for number in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            kill(process)


def together(count: int, function: Callable[..., Any], *args: Any, seconds: float = 300) -> list[Any]:
    """What `function(number, *args)` returned in each of `count` processes that began at the same moment."""
    results, barrier = CONTEXT.Queue(), CONTEXT.Barrier(count)

    def child(number: int) -> None:
        barrier.wait(60)
        try:
            results.put((number, function(number, *args)))
        except Exception as error:  # the test must see it, not only the log
            results.put((number, repr(error)))

    with several(count, child) as processes:
        found = [results.get(timeout=seconds) for _ in processes]
        for process in processes:
            process.join(30)
    return [answer for _number, answer in sorted(found, key=lambda row: row[0])]


def wait_until(true: Callable[[], object], seconds: float) -> bool:
    """Whether `true()` became so within `seconds`."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
