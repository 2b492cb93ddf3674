"""What came of one try to send, as far as it can be known."""

from __future__ import annotations

import contextlib
import enum
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass


class Outcome(enum.Enum):
    SENT = enum.auto()
    REFUSED = enum.auto()  # for good: trying again changes nothing
    NOT_NOW = enum.auto()  # surely not taken; later perhaps
    UNREACHABLE = enum.auto()  # the same, and so for every other message of this round
    UNCLEAR = enum.auto()  # an answer that nobody can read: not taken, as far as one can tell
    UNKNOWN = enum.auto()  # all of it left, and no answer came


@dataclass(frozen=True)
class Answer:
    """`reason` is in our own words, a number or the name of an error: what a server wrote stands nowhere."""

    outcome: Outcome
    reason: str = ""


def failure(words: str, error: Exception) -> str:
    return f"{words}（{type(error).__name__}）"


@contextlib.contextmanager
def at_most(seconds: float, line: socket.socket | None) -> Iterator[None]:
    """Cut the line when it takes longer: a timeout of the socket begins anew with every byte that drips in."""

    def cut() -> None:
        with contextlib.suppress(OSError):
            if line is not None:
                line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
