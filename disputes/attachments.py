"""Files of a case: judged by what they hold, sealed on disk under a name of ours, served only through their case.

Nothing is unpacked or decoded: pictures go out as they came in, always as a download, so a file that is two things at
once is only ever the harmless one. The original stays untouched as evidence (档案法 37: hash, author and time).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import re
import unicodedata
import uuid
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext as _

from audit import keyring
from audit.models import Action, record
from disputes.models import Attachment, Dispute, Event, MoveRefused, NotYours
from disputes.moves import Status
from villages.models import DESK_ROLES, User

if TYPE_CHECKING:
    from django.http import HttpRequest

_CELL = {"table": "disputes_attachment", "column": "file"}
MAX_MEMBERS, MAX_UNPACKED, MAX_RATIO = 2000, 200 * 1024 * 1024, 200

_OOXML = "application/vnd.openxmlformats-officedocument."
TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "docx": _OOXML + "wordprocessingml.document",
    "xlsx": _OOXML + "spreadsheetml.sheet",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
}
_MAIN_PART = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml"}


class FileRefused(MoveRefused):
    """The file is not taken; the rest of the form stays."""


def folder() -> Path:
    """Where sealed files lie; outside every folder that a web server serves."""
    return Path(settings.VAR_DIR) / "files" / "attachments"


def path_of(uid: uuid.UUID) -> Path:
    return folder() / uid.hex[:2] / f"{uid.hex}.sealed"


def clean_name(raw: str) -> str:
    """The last part of a file's name without characters that steer a terminal, a path or the reading direction."""
    base = re.split(r"[\\/]", raw)[-1]
    base = "".join(c for c in base if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}).strip(". ")
    stem, dot, extension = base.rpartition(".")
    return f"{stem[:100]}{dot}{extension[:10]}" if dot else base[:100]


def judge(file: File) -> tuple[str, str, bytes]:
    """(clean name, content type, content) of an uploaded file; FileRefused with a sentence."""
    name = clean_name(file.name or "")
    shown = name or _("文件")
    extension = PurePosixPath(name).suffix.lower().lstrip(".")
    if extension not in TYPES:
        raise FileRefused(
            _("“%(name)s”不能上传。可以传照片（jpg、png、webp）、pdf、docx、xlsx 和录音（mp3、m4a）") % {"name": shown}
        )
    if not file.size:
        raise FileRefused(_("“%(name)s”是空的，重新选一个") % {"name": shown})
    if file.size > settings.ATTACHMENT_MAX_BYTES:
        raise FileRefused(
            _("“%(name)s”有 %(size)s MB，最多 %(limit)s MB。压缩后再传，或者分成几个文件")
            % {"name": shown, "size": -(-file.size // 2**20), "limit": settings.ATTACHMENT_MAX_BYTES // 2**20}
        )
    file.seek(0)
    content = file.read(settings.ATTACHMENT_MAX_BYTES + 1)
    if not _agrees(extension, content):
        raise FileRefused(
            _("“%(name)s”的内容和扩展名 %(ext)s 对不上，用原来的程序另存一份再传") % {"name": shown, "ext": extension}
        )
    return name, TYPES[extension], content


def _agrees(extension: str, content: bytes) -> bool:
    """Whether the first bytes, and for office files the list of members, are what the extension says."""
    if extension in ("jpg", "jpeg"):
        return content.startswith(b"\xff\xd8\xff")
    if extension == "png":
        return content.startswith(b"\x89PNG\r\n\x1a\n")
    if extension == "webp":
        return content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    if extension == "pdf":
        return content.startswith(b"%PDF-")
    if extension == "mp3":
        return content.startswith(b"ID3") or (len(content) > 2 and content[0] == 0xFF and content[1] & 0xE6 == 0xE2)
    if extension == "m4a":
        return content[4:8] == b"ftyp" and content[8:11] in {b"M4A", b"mp4", b"iso", b"M4B", b"3gp"}
    return _is_office(extension, content)


def _is_office(extension: str, content: bytes) -> bool:
    """An office file by its table of members alone: nothing is unpacked, so no bomb can go off."""
    if not content.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return False
    names = {member.filename for member in members}
    unpacked = sum(member.file_size for member in members)
    return (
        len(members) <= MAX_MEMBERS
        and unpacked <= MAX_UNPACKED
        and unpacked <= MAX_RATIO * len(content)
        and not any(m.flag_bits & 1 for m in members)
        and not any(n.startswith(("/", "\\")) or ".." in n.split("/") or "\\" in n for n in names)
        and not any(n.lower().endswith(("vbaproject.bin", ".zip", ".exe")) for n in names)
        and {"[Content_Types].xml", _MAIN_PART[extension]} <= names
    )


def may_attach(case: Dispute, by: User) -> str | None:
    """Why `by` cannot add files now; None when they can. Raises NotYours for roles that never can."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_("你的岗位不上传附件。需要的联系责任单位"))
    if case.status in (Status.VOIDED, Status.MERGED):
        return _("案件已%(status)s，不能再传附件") % {"status": case.get_status_display()}
    return None


def attach(
    case: Dispute,
    by: User,
    at: dt.datetime,
    file: File,
    event: Event | None = None,
    request: HttpRequest | None = None,
) -> Attachment:
    """The file, sealed and added to the case; it hangs on `event` (a note), else on an `attach` event of its own.

    Raises FileRefused, MoveRefused or NotYours; then nothing was kept.
    """
    sentence = may_attach(case, by)
    if sentence:
        raise MoveRefused(sentence)
    return keep(case, by, at, file, event=event, request=request)


def keep(
    case: Dispute,
    by: User,
    at: dt.datetime,
    file: File,
    event: Event | None = None,
    request: HttpRequest | None = None,
) -> Attachment:
    """The same, for a door that has judged itself who may attach."""
    name, content_type, content = judge(file)
    row = Attachment(
        dispute=case,
        name=name,
        content_type=content_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        by=by,
        at=at,
    )
    path = path_of(row.uid)
    write_whole(path, keyring.seal_bytes(content, uid=row.uid, **_CELL))
    try:
        with transaction.atomic():
            facts = {"size": row.size, "sha256": row.sha256}
            row.event = event or case._append("attach", by=by, at=at, facts=facts, request=request)
            row.save(force_insert=True)
            if event is not None:  # `_append` has written the other kind's row
                record(
                    action=Action.ATTACH,
                    actor=by,
                    county=case.case_no[:6],
                    subject=case.case_no,
                    detail={"event": event.pk, **facts},
                    at=at,
                    request=request,
                )
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return row


def write_whole(path: Path, content: bytes) -> None:
    """Whole or not at all: a file that a crash cut short must not look like evidence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(scratch, path)


def read(row: Attachment, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> bytes:
    """The content, after its AccessLog row was written; SealBroken when the file was altered."""
    with transaction.atomic():
        record(
            action=Action.DOWNLOAD,
            actor=by,
            county=row.dispute.case_no[:6],
            subject=row.dispute.case_no,
            detail={"attachment": row.pk},
            at=at,
            request=request,
        )
    return content_of(row)


def content_of(row: Attachment) -> bytes:
    """The content as it was attached. For `read` and for the dossier, which log who reads it."""
    content = keyring.unseal_bytes(path_of(row.uid).read_bytes(), uid=row.uid, **_CELL)
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise keyring.SealBroken("the file is not the one that was attached")
    return content


def download_name(row: Attachment) -> str:
    """A file name that says which case, and nothing about people."""
    extension = PurePosixPath(row.name).suffix.lower()
    return f"{row.dispute.case_no}-{row.pk}{extension}"
