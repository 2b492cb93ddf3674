"""Secrets that set-up makes once and keeps in files with owner-only rights."""

import os
import secrets
from pathlib import Path


def write_once(path: Path, content: str) -> str:
    """The content of `path`; when there is no such file it is made, readable by its owner only.

    Two processes that start together end with the same content: the loser of the exclusive create reads the winner's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(scratch, path)  # atomic, and refuses to overwrite: exactly one process wins
        except FileExistsError:
            pass
        finally:
            os.unlink(scratch)
    return path.read_text(encoding="utf-8").strip()


def read_or_make_secret(path: Path) -> str:
    """A 64-character random secret kept at `path`."""
    return write_once(path, secrets.token_urlsafe(48))
