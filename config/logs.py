"""Log lines that cannot be forged: whatever a user typed, one record stays one line."""

import logging
import re
from contextvars import ContextVar
from datetime import datetime

# The request that this thread is serving; RequestIdMiddleware sets it.
current_request_id: ContextVar[str] = ContextVar("current_request_id", default="-")

# C0, DEL, C1 (ANSI sequences start in them), the two Unicode line ends, and the marks that turn text around.
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")


class OneLineFormatter(logging.Formatter):
    """`2026-11-23T09:15:02.123+08:00 INFO disputes.views E-3F2A9C message`, tracebacks included, always one line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        if record.stack_info:
            text = f"{text}\n{self.formatStack(record.stack_info)}"
        return f"{at} {record.levelname} {record.name} {current_request_id.get()} {UNSAFE.sub(_escape, text)}"
