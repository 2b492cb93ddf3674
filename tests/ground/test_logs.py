"""Log lines: one record, one line, whatever was typed."""

import logging
import re

import pytest

from config.logs import OneLineFormatter, current_request_id


def line(message: str, *args: object, **more: object) -> str:
    record = logging.LogRecord("disputes.views", logging.INFO, "x.py", 1, message, args, more.get("exc_info"))
    return OneLineFormatter().format(record)


@pytest.mark.parametrize(
    "payload",
    [
        "a\nINFO forged",
        "a\r\nb",
        "a\x1b[2Jb",
        "a\x9b31mb",
        "a\x00b",
        "a\u2028b",
        "a\u202eb",
        "a\x0bb\x0cb\x85b",
        "a\x7fb",
    ],
)
def test_a_payload_stays_one_harmless_line(payload):
    text = line("title %s", payload)
    assert len(text.splitlines()) == 1
    assert text.isprintable()


def test_chinese_and_tibetan_text_stays_readable():
    assert line("卓玛·才让 བོད").endswith("卓玛·才让 བོད")


def test_a_line_says_when_with_the_offset_what_and_for_which_request():
    token = current_request_id.set("E-3F2A9C")
    try:
        text = line("hello")
    finally:
        current_request_id.reset(token)
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d INFO disputes\.views E-3F2A9C hello"
    assert re.fullmatch(pattern, text)


def test_a_traceback_is_one_line_too():
    try:
        raise ValueError("bad\nvalue")
    except ValueError as error:
        text = line("failed", exc_info=(type(error), error, error.__traceback__))
    assert len(text.splitlines()) == 1
    assert "ValueError: bad" in text
