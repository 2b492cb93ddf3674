"""Files of a case or a capture: judged by what they hold, sealed on disk under a name of ours, served by their owner.

What a file holds is looked at in a process of its own (`disputes.examiner`), never here. The original goes out as it
came in, always as a download, so a file that is two things at once is only ever the harmless one; it stays untouched as
evidence (档案法 37: hash, author and time). Of a picture two previews without any metadata lie sealed beside it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import logging
import os
import re
import subprocess
import sys
import time
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import keyring
from audit.models import Action, record, record_read_once
from disputes.models import Attachment, Dispute, Event, MoveRefused, NotYours
from disputes.moves import Status
from villages.models import DESK_ROLES, User

if TYPE_CHECKING:
    from django.http import HttpRequest

log = logging.getLogger("disputes.attachments")

_TABLE = "disputes_attachment"
EXAMINER = Path(__file__).with_name("examiner.py")
EXAMINER_SECONDS = 20  # by the clock on the wall, on a machine that is busy; it may compute for 5 of them
LONGEST_NAME = 100

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
PICTURES = ("jpg", "jpeg", "png", "webp")
#: Why the examiner refuses a file, in words that name it and say what to do.
REASONS = {
    "type": gettext_lazy("“%(name)s”的内容和扩展名 %(ext)s 对不上，用原来的程序另存一份再传"),
    "broken": gettext_lazy("“%(name)s”不完整或已损坏，打不开。重新拍一张，或用原来的程序另存一份再传"),
    "heavy": gettext_lazy("“%(name)s”展开后太大（像素太多或压缩得太狠），没有收下。缩小后另存一份再传"),
    "locked": gettext_lazy("“%(name)s”加了密码或权限限制，没法检查。去掉以后另存一份再传"),
    "program": gettext_lazy("“%(name)s”里有宏、脚本或嵌入的程序，没有收下。另存为不带宏的文件，或导出 PDF 再传"),
    "remote": gettext_lazy("“%(name)s”里有连到外面的模板、数据或图片，没有收下。断开链接，或导出 PDF 再传"),
    "double": gettext_lazy("“%(name)s”同时也是另一种文件（压缩包、网页或 PDF），没有收下。用原来的程序另存一份再传"),
    "odd": gettext_lazy("“%(name)s”的内部结构不正常，没有收下。用 WPS 打开后另存一份再传"),
}
#: Names that Windows keeps for devices.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


class FileRefused(MoveRefused):
    """Files that are not taken, a sentence each; the rest of the form stays. `indexes` are their places in the form."""

    def __init__(self, *sentences: str, indexes: Iterable[int] = ()):
        super().__init__("；".join(sentences))
        self.sentences, self.indexes = list(sentences), list(indexes)


def folder() -> Path:
    """Where sealed files lie; outside every folder that a web server serves."""
    return Path(settings.VAR_DIR) / "files" / "attachments"


def path_of(uid: uuid.UUID, size: int = 0) -> Path:
    """The sealed original, or its preview of that size."""
    return folder() / uid.hex[:2] / f"{uid.hex}{f'.{size}' if size else ''}.sealed"


#: What parts the folders of a path, also where it came through an address or was marked by `config.uploads`.
_SEPARATOR = re.compile(r"[\\/]|%2f|%5c", re.IGNORECASE)


def climbs(raw: str) -> bool:
    """Whether a file's name is a path that leads out of its folder."""
    return ".." in _SEPARATOR.split(raw)[:-1]


def clean_name(raw: str) -> str:
    """The last part of a file's name without characters that steer a terminal, a path, a header or the reading order.

    It is only ever shown; what is written to disk and sent in headers is a name of ours.
    """
    base = _SEPARATOR.split(raw)[-1]
    base = "".join(c for c in base if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    base = re.sub(r'[<>:"|?*]', "_", base).strip(". ")
    if _DEVICE.match(base):
        base = f"_{base}"
    stem, dot, extension = base.rpartition(".")
    return f"{stem[:LONGEST_NAME]}{dot}{extension[:10]}" if dot else base[:LONGEST_NAME]


# --- judging ---------------------------------------------------------------------------------------------------------
def judge(file: File, taken: Iterable[str] = TYPES) -> tuple[str, str, bytes, dict[int, bytes]]:
    """(clean name, content type, content, previews by size) of an uploaded file; FileRefused with a sentence."""
    name = clean_name(file.name or "")
    shown = name or _("文件")
    if climbs(file.name or ""):
        raise FileRefused(_("“%(name)s”的文件名里带有上级目录（../），没有收下。改个名字再传") % {"name": shown})
    extension = PurePosixPath(name).suffix.lower().lstrip(".")
    if extension not in taken:
        kinds = _("照片（jpg、png、webp）")
        if taken is TYPES:
            kinds = _("照片（jpg、png、webp）、pdf、docx、xlsx 和录音（mp3、m4a）")
        raise FileRefused(_("“%(name)s”不能上传。可以传%(kinds)s") % {"name": shown, "kinds": kinds})
    if not file.size:
        raise FileRefused(_("“%(name)s”是空的，重新选一个") % {"name": shown})
    if file.size > settings.ATTACHMENT_MAX_BYTES:
        raise FileRefused(
            _("“%(name)s”有 %(size)s MB，最多 %(limit)s MB。压缩后再传，或者分成几个文件")
            % {"name": shown, "size": -(-file.size // 2**20), "limit": settings.ATTACHMENT_MAX_BYTES // 2**20}
        )
    file.seek(0)
    content = file.read(settings.ATTACHMENT_MAX_BYTES + 1)
    reason, previews = _examine(extension, content)
    if reason:
        raise FileRefused(str(REASONS[reason]) % {"name": shown, "ext": extension})
    return name, TYPES[extension], content, previews


def _examine(extension: str, content: bytes) -> tuple[str, dict[int, bytes]]:
    """(reason or empty, previews): what the examiner says, and where it was stopped or fell, that it was too much."""
    command = [sys.executable, "-I", str(EXAMINER), extension]
    try:
        done = subprocess.run(
            command, input=content, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/",
            timeout=EXAMINER_SECONDS, check=True,
        )  # fmt: skip
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        log.warning("The examiner of a %s of %d bytes was stopped: %s", extension, len(content), type(error).__name__)
        return "heavy", {}
    line, _newline, rest = done.stdout.partition(b"\n")
    told = json.loads(line)
    previews, at = {}, 0
    for size, length in told.get("previews", {}).items():
        previews[int(size)] = rest[at : at + length]
        at += length
    return told.get("refused", ""), previews


# --- keeping ---------------------------------------------------------------------------------------------------------
@dataclass
class Received:
    """A file that was judged and lies sealed on disk; it stays when it has its row at the end of `receiving`."""

    name: str
    content_type: str
    size: int
    sha256: str
    has_preview: bool
    uid: uuid.UUID = field(default_factory=uuid.uuid4)

    def take(self, *, by: User, at: dt.datetime, **owner: Any) -> Attachment:
        """Its row, inside the owner's transaction: `dispute` and `event`, or `capture`."""
        told = {name: getattr(self, name) for name in ("uid", "name", "content_type", "size", "sha256", "has_preview")}
        return Attachment.objects.create(**told, by=by, at=at, **owner)


@contextlib.contextmanager
def receiving(files: Iterable[File], *, most: int = 0, only: Iterable[str] = TYPES) -> Iterator[list[Received]]:
    """Judge and seal `files`; what has no row at the end, and all of them after an error, are removed.

    It stands around the transaction, so that the slow part holds no lock. At most `most` files (default: as many as
    one submission may hold) of the extensions `only`. Raises FileRefused, with a sentence for each bad one.
    """
    files, most = list(files), most or settings.ATTACHMENTS_PER_SUBMISSION
    kept: list[Received] = []
    sentences, indexes = [], []
    try:
        if len(files) > most:
            raise FileRefused(_("一次最多传 %(n)d 个文件，现在选了 %(m)d 个") % {"n": most, "m": len(files)})
        for index, file in enumerate(files):
            try:
                kept.append(_seal(*judge(file, only)))
            except FileRefused as refused:
                sentences.append(refused.sentence)
                indexes.append(index)
        if sentences:
            raise FileRefused(*sentences, indexes=indexes)
        yield kept
    except BaseException:
        _forget(kept)
        raise
    # a form that was sent twice is kept once: the files of the second have no row
    rows = Attachment.objects.filter(uid__in=[one.uid for one in kept])
    known = set(rows.values_list("uid", flat=True)) if kept else set()
    _forget(one for one in kept if one.uid not in known)


def _forget(files: Iterable[Received]) -> None:
    for one in files:
        for size in (0, *Attachment.PREVIEWS):
            path_of(one.uid, size).unlink(missing_ok=True)


def _seal(name: str, content_type: str, content: bytes, previews: Mapping[int, bytes]) -> Received:
    digest = hashlib.sha256(content).hexdigest()
    one = Received(name, content_type, len(content), digest, has_preview=bool(previews))
    try:
        for size, piece in ((0, content), *previews.items()):
            write_whole(path_of(one.uid, size), keyring.seal_bytes(piece, uid=one.uid, **_cell(size)))
    except BaseException:  # the disk is full
        for size in (0, *previews):
            path_of(one.uid, size).unlink(missing_ok=True)
        raise
    return one


def _cell(size: int) -> dict[str, str]:
    return {"table": _TABLE, "column": f"preview{size}" if size else "file"}


def may_attach(case: Dispute, by: User) -> str | None:
    """Why `by` cannot add files now; None when they can. Raises NotYours for roles that never can."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_("你的岗位不上传附件。需要的联系责任单位"))
    if case.status in (Status.VOIDED, Status.MERGED):
        return _("案件已%(status)s，不能再传附件") % {"status": case.get_status_display()}
    # a bound against flooding: two at once may pass it by one, which is not worth a lock
    if case.attachments.count() >= settings.ATTACHMENTS_PER_CASE:
        return _("本案已有 %(n)d 个附件，不能再传。几张照片可以合成一份 PDF，或另记在进展里") % {
            "n": settings.ATTACHMENTS_PER_CASE
        }
    return None


def attach(
    case: Dispute,
    by: User,
    at: dt.datetime,
    file: File | Received,
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
    file: File | Received,
    event: Event | None = None,
    request: HttpRequest | None = None,
) -> Attachment:
    """The same, for a door that has judged itself who may attach."""
    if not isinstance(file, Received):
        with receiving([file]) as (one,):
            return keep(case, by, at, one, event=event, request=request)
    with transaction.atomic():
        facts = {"size": file.size, "sha256": file.sha256}
        hangs_on = event or case._append("attach", by=by, at=at, facts=facts, request=request)
        row = file.take(by=by, at=at, dispute=case, event=hangs_on)
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
    return row


def write_whole(path: Path, content: bytes) -> None:
    """Whole or not at all: a file that a crash cut short must not look like evidence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


# --- reading ---------------------------------------------------------------------------------------------------------
def serve(
    row: Attachment,
    *,
    by: User,
    at: dt.datetime,
    size: int = 0,
    case: Dispute | None = None,
    request: HttpRequest | None = None,
) -> HttpResponse:
    """The original as a download, or a preview of that size to look at; logged before a byte is read.

    `case` is the one whose page asked, where the file is a photo of a capture. Nobody keeps a copy on the way, and
    whatever a browser takes it for, it runs in a sandbox without scripts, cookies or other files.
    """
    how = "inline" if size else "attachment"
    return HttpResponse(
        read(row, by=by, at=at, size=size, case=case, request=request),
        content_type="image/jpeg" if size else row.content_type,
        headers={
            "Content-Disposition": f'{how}; filename="{download_name(row, size, case)}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-store",
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )


def read(
    row: Attachment,
    *,
    by: User,
    at: dt.datetime,
    size: int = 0,
    case: Dispute | None = None,
    request: HttpRequest | None = None,
) -> bytes:
    """The content, or its preview of that size, after its AccessLog row was written; SealBroken when it was altered.

    A thumbnail is part of reading its page: one row in ten minutes stands for all of them.
    """
    county, subject = (case.case_no[:6], case.case_no) if case else row.subject
    told: dict[str, Any] = {
        "actor": by,
        "county": county,
        "subject": subject,
        "detail": {"attachment": row.pk, **({"preview": size} if size else {})},
        "at": at,
        "request": request,
    }
    with transaction.atomic():
        if size == Attachment.THUMB:
            record_read_once(**told)
        else:
            record(action=Action.READ if size else Action.DOWNLOAD, **told)
    return content_of(row, size)


def content_of(row: Attachment, size: int = 0) -> bytes:
    """The content as it was attached, or a preview. For `read` and for those that log themselves who reads it."""
    content = keyring.unseal_bytes(path_of(row.uid, size).read_bytes(), uid=row.uid, **_cell(size))
    if not size and hashlib.sha256(content).hexdigest() != row.sha256:
        raise keyring.SealBroken("the file is not the one that was attached")
    return content


def download_name(row: Attachment, size: int = 0, case: Dispute | None = None) -> str:
    """A file name that says which case or capture, and nothing about people."""
    stem = f"{case.case_no if case else row.subject[1]}-{row.pk}"
    return f"{stem}-{size}.jpg" if size else f"{stem}{PurePosixPath(row.name).suffix.lower()}"


# --- what was left behind --------------------------------------------------------------------------------------------
#: A submission under way has its file before its row.
LEFT_AFTER = dt.timedelta(days=1)
MOST_LEFT = 100
_OURS = re.compile(r"([0-9a-f]{32})(\.[0-9]+)?\.(sealed|part)")


def sweep() -> int:
    """Remove sealed files without a row, left by a server that was killed in between; how many.

    A database that knows none of many files is more likely the wrong one than all of them are litter: then nothing is
    removed, and the log says so.
    """
    long_ago = time.time() - LEFT_AFTER.total_seconds()
    found = {
        path: uuid.UUID(match[1])
        for path in folder().glob("??/*")
        if (match := _OURS.fullmatch(path.name)) and path.stat().st_mtime < long_ago
    }
    known: set[uuid.UUID] = set()
    numbers = sorted(set(found.values()))
    for start in range(0, len(numbers), 500):
        known.update(Attachment.objects.filter(uid__in=numbers[start : start + 500]).values_list("uid", flat=True))
    left = [path for path, uid in found.items() if uid not in known or path.suffix == ".part"]
    if len(left) > max(MOST_LEFT, len(known)):
        log.error("%d sealed files have no row, %d have one: is this their database? All stay.", len(left), len(known))
        return 0
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def sweep_once_a_day() -> int:
    """`sweep` in one round of the pump of many.

    A file beside the folder says when it was done last, so that the other rounds ask no database.
    """
    stamp = folder().with_suffix(".swept")
    if stamp.exists() and stamp.stat().st_mtime > time.time() - LEFT_AFTER.total_seconds():
        return 0
    left = sweep()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()
    return left
