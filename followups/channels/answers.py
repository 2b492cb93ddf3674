"""What came of one try to send, as far as it can be known."""

from __future__ import annotations

import contextlib
import enum
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Outcome(enum.Enum):
    SENT = enum.auto()
    REFUSED = enum.auto()  # for good: trying again changes nothing
    NOT_NOW = enum.auto()  # surely not taken; later perhaps
    UNREACHABLE = enum.auto()  # the same, and so for every other message of this round
    UNCLEAR = enum.auto()  # an answer that nobody can read: not taken, as far as one can tell
    UNKNOWN = enum.auto()  # all of it left, and no answer came


class Reason(TextChoices):
    """Why a message did not arrive, or may not have; kept as a code, told in the reader's language."""

    MAIL_AWAY = "mail_away", _("连不上邮件服务器")
    NO_SUCH_BOX = "no_such_box", _("邮件服务器不收这个邮箱")
    MAIL_REFUSED = "mail_refused", _("邮件服务器不收")
    BAD_MAIL = "bad_mail", _("这封邮件发不了")
    GATEWAY_AWAY = "gateway_away", _("连不上消息网关")
    GATEWAY_ANSWER = "gateway_answer", _("消息网关没有收下")
    CUT_OFF = "cut_off", _("没发完就断了")
    NO_ANSWER = "no_answer", _("发出后没有答复")
    GARBAGE = "garbage", _("答复看不懂")
    NO_WORDS = "no_words", _("写不成消息")
    TRIED_OUT = "tried_out", _("试了多次，不知道是否发出")
    NOT_AGAIN = "not_again", _("可能已发出，不再重发")

    def with_detail(self, detail: object) -> str:
        """What is kept: the code with a number, or with the name of an error."""
        return f"{self}:{detail}"


def in_words(kept: str) -> str:
    """What was kept of a failure, for whoever looks at it; what no channel wrote stands as it is."""
    code, _colon, detail = kept.partition(":")
    words = str(Reason(code).label) if code in Reason.values else code
    return f"{words}（{detail}）" if detail else words


@dataclass(frozen=True)
class Answer:
    """`reason` is a code of ours with a number or the name of an error: what a server wrote stands nowhere."""

    outcome: Outcome
    reason: str = ""


def failure(reason: Reason, error: Exception) -> str:
    return reason.with_detail(type(error).__name__)


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
