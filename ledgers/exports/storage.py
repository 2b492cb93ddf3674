"""Where the files of exports lie: sealed in pieces, each bound to its place, under a name of ours.

A file is written beside its place, brought to the disk, and only then given its name: what is under a name is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _

from audit import keyring
from disputes.models import MoveRefused

TABLE = "ledgers_export"
PIECE = 1 << 20
NAME = re.compile(r"([0-9a-f]{32})\.([0-9]+)\.sealed(\.part)?")


def folder() -> Path:
    """Outside every folder that a web server serves; made when it is missing."""
    found = Path(settings.VAR_DIR) / "files" / "exports"
    found.mkdir(parents=True, exist_ok=True, mode=0o700)
    return found


def keep(uid: uuid.UUID, attempt: int, plain: BinaryIO) -> tuple[str, int, str]:
    """Seal what `plain` holds under a name of this attempt; (name, size, SHA-256) of the plain content."""
    name, digest, size, number = f"{uid.hex}.{attempt}.sealed", hashlib.sha256(), 0, 0
    place, part = folder() / name, folder() / f"{name}.part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            while piece := plain.read(PIECE):
                digest.update(piece)
                size += len(piece)
                sealed = keyring.seal_bytes(piece, table=TABLE, column=f"file{number}", uid=uid)
                out.write(len(sealed).to_bytes(4, "big") + sealed)
                number += 1
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    directory = os.open(folder(), os.O_RDONLY)
    try:
        os.fsync(directory)  # the name, too
    finally:
        os.close(directory)
    return name, size, digest.hexdigest()


def read(uid: uuid.UUID, name: str) -> Iterator[bytes]:
    """The content in pieces. MoveRefused when the file is gone; keyring.SealBroken when a piece was tampered with."""
    try:
        file = open(folder() / name, "rb")  # noqa: SIM115 - it goes with the answer
    except FileNotFoundError:
        raise MoveRefused(_("文件不在了，重新导出")) from None
    return _pieces(file, uid)


def _pieces(file: BinaryIO, uid: uuid.UUID) -> Iterator[bytes]:
    with file:
        number = 0
        while head := file.read(4):
            sealed = file.read(int.from_bytes(head, "big"))
            yield keyring.unseal_bytes(sealed, table=TABLE, column=f"file{number}", uid=uid)
            number += 1


def remove(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        (folder() / name).unlink()


def names() -> Iterator[tuple[str, uuid.UUID, int, bool]]:
    """(name, export, attempt, whole) of every file there."""
    for file in sorted(folder().iterdir()):
        if found := NAME.fullmatch(file.name):
            yield file.name, uuid.UUID(hex=found[1]), int(found[2]), not found[3]
