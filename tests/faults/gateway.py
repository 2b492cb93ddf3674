"""Real servers on this machine that receive messages: an HTTP gateway and a mail server, each in a process of its own.

They outlive the killed workers and append each message they took, with its key, to a file; whoever asks afterwards
counts the lines. What they do with a message is named by the mode in MODE, which a test may change while they run.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
import socket
import socketserver
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECRET = "the gateway's own"


@dataclass
class Server:
    """One running server; `mode` says what it does with the next message."""

    port: int
    folder: Path

    def behave(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)

    def got(self) -> list[dict[str, Any]]:
        """Every message that was taken, doubles included."""
        log = self.folder / "taken"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def times(self) -> Counter[str]:
        """How often each key reached somebody: a gateway that drops doubles passes each on once."""
        return Counter(row["key"] for row in self.got())


class Handler(socketserver.StreamRequestHandler):
    folder: Path
    timeout = 20

    def mode(self) -> str:
        return (self.folder / "mode").read_text()

    def take(self, **message: Any) -> None:
        with (self.folder / "taken").open("a") as out:
            out.write(json.dumps(message) + "\n")


class Gateway(Handler):
    """HTTP by hand: this must be able to answer what no HTTP library answers."""

    seen: set[str] = set()

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.answer(self.mode())

    def answer(self, mode: str) -> None:
        lines = list(iter(lambda: self.rfile.readline().decode().strip(), ""))
        if not lines:
            return
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        body = self.rfile.read(int(headers["content-length"]))
        if len(body) < int(headers["content-length"]):
            return  # its sender died in the middle
        signed = f"{headers['x-timestamp']}.".encode() + body
        expected = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, headers["x-signature"]):
            mode = "401"
        key = headers["idempotency-key"]
        if mode == "slow":
            time.sleep(30)
        elif mode == "drip":
            while True:
                self.wfile.write(b"H")
                time.sleep(0.1)
        elif mode == "garbage":
            self.wfile.write(b"\x00\xff<html>\r\n\r\n" * 100)
        elif mode.isdigit():
            self.wfile.write(f"HTTP/1.1 {mode} no\r\nContent-Length: 0\r\n\r\n".encode())
        else:
            if mode != "dedupe" or key not in self.seen:
                self.seen.add(key)
                self.take(**json.loads(body) | {"key": key})
            if mode != "drop":
                self.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")


class MailServer(Handler):
    """As much of SMTP as a client needs to hand over one message after the other."""

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.talk(self.mode())

    def talk(self, mode: str) -> None:
        if mode == "slow":
            time.sleep(30)
        self.say("220 here")
        for line in iter(lambda: self.rfile.readline().decode().strip(), ""):
            verb = line[:4].upper()
            if verb == "RCPT" and mode.isdigit():
                self.say(f"{mode} no such box")
            elif verb == "DATA":
                self.say("354 go on")
                text = ""
                for part in iter(self.rfile.readline, b""):
                    if part == b".\r\n":
                        break
                    text += part.decode()
                else:
                    return  # its sender died in the middle
                found = re.search(r"^Message-ID: <([0-9a-f-]{36})@", text, re.MULTILINE)
                self.take(key=found[1] if found else "", text=text)
                if mode == "drop":
                    return
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


KINDS = {"gateway": Gateway, "mail": MailServer}


@contextlib.contextmanager
def _running(kind: str, folder: Path, mode: str) -> Iterator[Server]:
    folder.mkdir()
    (folder / "mode").write_text(mode)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        # not forked: the database connection of the test stays its own
        command = [sys.executable, __file__, kind, str(folder), str(listening.fileno())]
        process = subprocess.Popen(command, pass_fds=[listening.fileno()])
        try:
            while not (folder / "ready").exists():  # a slow start must not look like a slow answer
                assert process.poll() is None
                time.sleep(0.01)
            yield Server(listening.getsockname()[1], folder)
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def webhook(settings: Any, folder: Path, mode: str = "plain") -> Iterator[Server]:
    """A gateway, and the settings that name it."""
    with _running("gateway", folder / "gateway", mode) as server:
        settings.WEBHOOK_URL, settings.WEBHOOK_SECRET = f"http://127.0.0.1:{server.port}/send?to=all", SECRET
        settings.WEBHOOK_DEDUPES = mode == "dedupe"
        yield server


@contextlib.contextmanager
def mail(settings: Any, folder: Path, mode: str = "plain") -> Iterator[Server]:
    """A mail server, and the settings that name it."""
    with _running("mail", folder / "mail", mode) as server:
        settings.EMAIL_BACKEND, settings.EMAIL_ON = "django.core.mail.backends.smtp.EmailBackend", True
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.DEFAULT_FROM_EMAIL = "notices@example.org"
        yield server


def main(kind: str, folder: str, listening: str) -> None:
    handler = KINDS[kind]
    handler.folder = Path(folder)
    server = Threads(("127.0.0.1", 0), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=int(listening))
    (Path(folder) / "ready").touch()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
