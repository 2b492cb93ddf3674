"""One POST of JSON to the message gateway of 政务微信, DingTalk or SMS: keyed, signed, in bounded time."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings

from followups.channels.answers import Answer, Outcome, Reason, at_most, failure

LATER = {408, 425, 429, 500, 503}  # said by the gateway itself: not taken
UNCLEAR = {502, 504}  # said by something in front of it, which does not know either


def signature(moment: str, body: bytes) -> str:
    """sha256=… over the moment and the body; the gateway computes the same and compares."""
    signed = hmac.new(settings.WEBHOOK_SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


def post(key: str, payload: dict[str, Any]) -> Answer:
    """What became of it. Only the number of the answer is read: whatever else a gateway writes is not trusted."""
    parts = urlsplit(settings.WEBHOOK_URL)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    line = kind(parts.hostname or "", parts.port, timeout=settings.OUTBOX_CONNECT_SECONDS)
    body, moment = orjson.dumps(payload), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "X-Timestamp": moment,
        "X-Signature": signature(moment, body),
        "Connection": "close",
    }
    try:
        try:
            line.connect()
        except OSError as error:
            return Answer(Outcome.UNREACHABLE, failure(Reason.GATEWAY_AWAY, error))
        line.sock.settimeout(settings.OUTBOX_TOTAL_SECONDS)
        with at_most(settings.OUTBOX_TOTAL_SECONDS, line.sock):
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            try:
                line.request("POST", path, body, headers)
            except OSError as error:  # the body is short of its length: nobody can have taken it
                return Answer(Outcome.NOT_NOW, failure(Reason.CUT_OFF, error))
            try:
                status = line.getresponse().status
            except (http.client.RemoteDisconnected, OSError) as error:
                return Answer(Outcome.UNKNOWN, failure(Reason.NO_ANSWER, error))
            except (http.client.HTTPException, ValueError) as error:
                return Answer(Outcome.UNCLEAR, failure(Reason.GARBAGE, error))
    finally:
        line.close()
    if 200 <= status < 300:
        return Answer(Outcome.SENT)
    outcome = Outcome.NOT_NOW if status in LATER else Outcome.UNCLEAR if status in UNCLEAR else Outcome.REFUSED
    if status >= 500 and outcome is Outcome.REFUSED:
        outcome = Outcome.NOT_NOW
    return Answer(outcome, Reason.GATEWAY_ANSWER.with_detail(status))
