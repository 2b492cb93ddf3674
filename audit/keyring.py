"""Sealed values and keyed indexes: personal data at rest, with the keys outside the database (PIPL art. 51).

A sealed value names its algorithm and its key, so that both can change while old values stay readable. It is bound to
the cell it was made for: one row's ciphertext is refused in any other row, column or table.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from config.keys import write_once

ALGORITHM = "g1"  # AES-256-GCM, 96-bit random nonce before the ciphertext, 128-bit tag after it
NONCE_BYTES = 12


class SealBroken(Exception):
    """The value was altered, belongs to another cell, or its key is not in the ring."""


@dataclass(frozen=True)
class Ring:
    """The keys of one state of the key file."""

    path: Path
    version: tuple[int, int]
    current: str
    keys: dict[str, AESGCM]
    index: bytes


_cached: Ring | None = None


def seal(text: str, *, table: str, column: str, uid: UUID) -> str:
    """`text` encrypted for one cell, as `g1.<key id>.<base64url>`; `uid` is the row's own, made before the insert."""
    ring = _ring()
    sealed = _encrypt(ring, text.encode(), _cell(table, column, uid))
    return f"{ALGORITHM}.{ring.current}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def unseal(token: str, *, table: str, column: str, uid: UUID) -> str:
    """The text that `seal` was given for the same cell; otherwise SealBroken."""
    try:
        algorithm, key_id, encoded = token.split(".")
        sealed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise SealBroken("not a sealed value") from None
    # The last base64 character has unused bits; only one spelling of a value is accepted.
    if base64.urlsafe_b64encode(sealed).decode().rstrip("=") != encoded:
        raise SealBroken("not the canonical spelling of a sealed value")
    return _decrypt(algorithm, key_id, sealed, _cell(table, column, uid)).decode()


def seal_bytes(content: bytes, *, table: str, column: str, uid: UUID) -> bytes:
    """`content` (a file) encrypted for one cell, as `g1.<key id>.` and the raw ciphertext."""
    ring = _ring()
    return f"{ALGORITHM}.{ring.current}.".encode() + _encrypt(ring, content, _cell(table, column, uid))


def unseal_bytes(content: bytes, *, table: str, column: str, uid: UUID) -> bytes:
    """The bytes that `seal_bytes` was given for the same cell; otherwise SealBroken."""
    try:
        algorithm, key_id, sealed = content.split(b".", 2)
        return _decrypt(algorithm.decode("ascii"), key_id.decode("ascii"), sealed, _cell(table, column, uid))
    except ValueError:
        raise SealBroken("not a sealed file") from None


def blind_index(kind: str, value: str) -> str:
    """A keyed fingerprint (128 bits, 32 hex characters) by which equal values find each other; "" for no value.

    Keyed because all ID numbers of a county can be hashed in seconds. Full-width digits, spaces, dashes and a small x
    make no difference; `kind` keeps a phone from matching an ID number with the same digits.
    """
    normalised = "".join(
        character
        for character in unicodedata.normalize("NFKC", value)
        if not character.isspace() and unicodedata.category(character) not in {"Pd", "Cf", "Cc"}
    ).upper()
    if not normalised:
        return ""
    return hmac.new(_ring().index, f"{kind}|{normalised}".encode(), hashlib.sha256).hexdigest()[:32]


def rotate() -> str:
    """The id of a new current key; earlier keys stay in the ring, so every value sealed before still opens."""
    path = _ring().path
    scratch = path.with_name(f".{path.name}.rotating")
    # The exclusive create is the lock: of two rotations at once the second fails instead of losing the first's key.
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            content = json.loads(path.read_text(encoding="utf-8"))
            key_id = _new_key_id()
            content["keys"][key_id] = _new_key()
            content["current"] = key_id
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    return key_id


def _ring() -> Ring:
    """The ring of the key file as it is now: re-read when the file changed, so that rotation needs no restart."""
    global _cached
    path = Path(settings.FIELD_KEYS_FILE)
    cached = _cached if _cached is not None and _cached.path == path else None
    if cached is None:
        # Only a process that never saw the file may make it: a ring that vanishes later is an error to be seen,
        # because a fresh one would seal new values while no old one opens.
        key_id = _new_key_id()
        write_once(path, json.dumps({"current": key_id, "keys": {key_id: _new_key()}, "index": _new_key()}, indent=1))
    status = path.stat()
    version = (status.st_mtime_ns, status.st_ino)
    if cached is None or cached.version != version:
        content = json.loads(path.read_text(encoding="utf-8"))
        cached = _cached = Ring(
            path=path,
            version=version,
            current=content["current"],
            keys={key_id: AESGCM(base64.b64decode(key)) for key_id, key in content["keys"].items()},
            index=base64.b64decode(content["index"]),
        )
    return cached


def _new_key_id() -> str:
    return secrets.token_hex(4)


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _cell(table: str, column: str, uid: UUID) -> bytes:
    return f"{table}|{column}|{uid}".encode()


def _encrypt(ring: Ring, plain: bytes, cell: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + ring.keys[ring.current].encrypt(nonce, plain, cell)


def _decrypt(algorithm: str, key_id: str, sealed: bytes, cell: bytes) -> bytes:
    if algorithm != ALGORITHM:
        raise SealBroken("unknown algorithm")
    key = _ring().keys.get(key_id)
    if key is None:
        raise SealBroken("unknown key")
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], cell)
    except (InvalidTag, ValueError):  # ValueError: cut shorter than a nonce
        raise SealBroken("altered, or sealed for another cell") from None
