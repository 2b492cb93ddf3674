"""The access log: who did, saw, printed, exported or was refused what; chained per county, append-only.

Every row carries the hash of the row before it, and the county's head row says where the chain ends. An edit, a
deletion, an insertion, a swap or a cut tail is therefore found by `verify`; that the head itself was rewritten is found
by heads anchored outside the database (`manage.py verify_audit --anchor FILE`). The law asks for logs that stay at
least six months (网络安全法 art. 21); these are never deleted, and no foreign key can delete them along.
"""

import hashlib
import ipaddress
import json
import re
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import models, transaction
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.locks import locked

NO_COUNTY = "000000"
GENESIS = "0" * 64
READ_ONCE = timedelta(minutes=10)

# What a row's hash covers: everything but the row's own id and the hash itself.
HASHED = (
    "county",
    "seq",
    "at",
    "actor_id",
    "actor_name",
    "action",
    "subject",
    "detail",
    "event_hash",
    "request_id",
    "address",
    "prev_hash",
)


class Action(models.TextChoices):
    """What was done, as the auditor filters it."""

    MOVE = "move", _("办理")
    CREATE = "create", _("登记")
    EDIT = "edit", _("修改")
    READ = "read", _("查看")
    REVEAL = "reveal", _("查看完整信息")
    EXPORT = "export", _("导出")
    PRINT = "print", _("打印")
    LOGIN = "login", _("登录")
    LOGIN_FAILED = "login_failed", _("登录失败")
    LOGOUT = "logout", _("退出")
    REFUSED = "refused", _("拒绝访问")
    IMPORT = "import", _("导入")
    MANAGE = "manage", _("系统管理")
    ATTACH = "attach", _("上传附件")
    DOWNLOAD = "download", _("下载")
    NOTE = "note", _("工作记录")


class ChainHead(models.Model):
    """Where a county's chain ends; the row that serialises its writers."""

    county = models.CharField(max_length=6, unique=True)
    seq = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)

    def __str__(self) -> str:
        return f"{self.county}/{self.seq}"


class AccessLog(models.Model):
    """One act of one person; written by `record` only, changed by nobody (audit/triggers.py)."""

    county = models.CharField(_("县"), max_length=6)
    seq = models.PositiveBigIntegerField(_("序号"))
    at = models.DateTimeField(_("时间"))
    # The account may be gone one day, the row stays: a number and the name of that moment, no foreign key.
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("人员"), max_length=150, blank=True)
    action = models.CharField(_("操作"), max_length=20, choices=Action.choices)
    subject = models.CharField(_("对象"), max_length=200, blank=True)
    detail = models.JSONField(_("详情"), default=dict)
    event_hash = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(_("请求编号"), max_length=64, blank=True)
    address = models.CharField(_("地址"), max_length=45, blank=True)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("操作日志")
        constraints = [
            models.UniqueConstraint(fields=["county", "seq"], name="access_log_has_one_row_per_place"),
            models.UniqueConstraint(fields=["county", "prev_hash"], name="access_log_never_forks"),
        ]
        indexes = [models.Index(fields=["actor_id", "subject", "action", "at"], name="access_log_read_once")]

    def __str__(self) -> str:
        return f"{self.county}/{self.seq} {self.action} {self.subject}"


class StoredAnswer(models.Model):
    """The first answer to a request with an Idempotency-Key, replayed for 90 days (audit/idempotency.py)."""

    user_id = models.BigIntegerField()
    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    # Answers copy personal data, so they are sealed like it.
    body_sealed = models.TextField(blank=True)
    uid = models.UUIDField(default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_id", "key"], name="one_answer_per_user_and_key")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.key}"


def record(
    *,
    action: str,
    actor: Any = None,
    county: str = NO_COUNTY,
    subject: str = "",
    detail: Mapping[str, Any] | None = None,
    event_hash: str = "",
    at: datetime | None = None,
    request: Any = None,
) -> AccessLog:
    """The row just appended to the county's chain, in the caller's transaction.

    Call it last in a transaction: it locks the county's head row until the commit. Without a savepoint of its own, a
    failure here dooms the caller's transaction even if the exception is caught: no act without its row. A refusal that
    rolls back is recorded after the rollback. `detail` holds codes, counts and field names, never personal text.
    """
    with transaction.atomic(savepoint=False):
        if not re.fullmatch(r"[0-9]{6}", county):
            raise ValueError(f"county must be a 6-digit division code, not {county!r}.")
        row = AccessLog(
            county=county,
            at=(at or timezone.now()).astimezone(UTC),
            actor_id=getattr(actor, "pk", None),
            actor_name=one_line(_name_of(actor), 150),
            action=Action(action).value,
            subject=one_line(subject, 200),
            detail=_plain(detail or {}),
            event_hash=event_hash,
            request_id=one_line(getattr(request, "request_id", ""), 64),
            address=_address_of(request),
        )
        head = _locked_head(county)
        row.seq, row.prev_hash = head.seq + 1, head.hash
        row.hash = _digest({name: getattr(row, name) for name in HASHED} | {"at": _instant(row.at)})
        row.save(force_insert=True)
        ChainHead.objects.filter(pk=head.pk).update(seq=row.seq, hash=row.hash)
    return row


def record_read_once(
    *,
    actor: Any,
    subject: str,
    action: str = Action.READ,
    county: str = NO_COUNTY,
    detail: Mapping[str, Any] | None = None,
    at: datetime | None = None,
    request: Any = None,
) -> AccessLog | None:
    """The row of this reading, or None when the same person read the same subject less than 10 minutes before."""
    at = at or timezone.now()
    seen = AccessLog.objects.filter(
        actor_id=getattr(actor, "pk", None), subject=one_line(subject, 200), action=action, at__gt=at - READ_ONCE
    )
    if seen.filter(at__lte=at).exists():
        return None
    return record(action=action, actor=actor, county=county, subject=subject, detail=detail, at=at, request=request)


def one_line(text: object, limit: int) -> str:
    """`text` with line breaks, terminal escapes and direction marks spelled out, so that nobody can forge a line."""
    escaped = "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        else character
        for character in str(text)
    )
    return escaped[:limit]


class Break(NamedTuple):
    """A place where a county's chain is not what was written."""

    county: str
    seq: int
    reason: str


class Chain(NamedTuple):
    """What reading one county's chain from end to end found."""

    county: str
    rows: int
    seq: int
    hash: str
    breaks: list[Break]


def verify(county: str | None = None) -> list[Break]:
    """Every place where the log was edited, deleted, inserted into, swapped or cut; empty when it is whole."""
    return [found for chain in chains(county) for found in chain.breaks]


def chains(county: str | None = None) -> Iterator[Chain]:
    """Each county's chain (or the one asked for), read row by row while others may go on writing."""
    written = AccessLog.objects.order_by().values_list("county", flat=True).distinct()
    known = set(ChainHead.objects.values_list("county", flat=True)).union(written)
    for name in sorted(known) if county is None else [county]:
        yield _read_chain(name)


def _read_chain(county: str) -> Chain:
    # The head is read before and after: rows appended meanwhile lie between the two, anything else was tampered with.
    before = ChainHead.objects.filter(county=county).first() or ChainHead(county=county)
    breaks: list[Break] = []
    rows, last, last_hash, known_hash = 0, 0, GENESIS, GENESIS
    # The stored text of the time is compared, not a parsed one: a column that does not parse is a finding too.
    stored = AccessLog.objects.filter(county=county).order_by("seq", "id")
    columns = [Cast("at", models.TextField()) if name == "at" else name for name in HASHED]
    for *values, row_hash in stored.values_list(*columns, "hash").iterator(chunk_size=2000):
        fields = dict(zip(HASHED, values, strict=True))
        seq = fields["seq"] if isinstance(fields["seq"], int) else last + 1
        if seq > last + 1:
            breaks.append(
                Break(
                    county, last + 1, gettext("缺少第 %(first)s 至 %(last)s 条") % {"first": last + 1, "last": seq - 1}
                )
            )
        elif seq < last + 1:
            breaks.append(Break(county, seq, gettext("序号重复")))
        elif fields["prev_hash"] != last_hash:
            breaks.append(Break(county, seq, gettext("与上一条不相连")))
        if _digest(fields | {"at": _instant(fields["at"])}) != row_hash:
            breaks.append(Break(county, seq, gettext("内容与校验值不符")))
        if seq == before.seq:
            known_hash = row_hash
        rows, last, last_hash = rows + 1, seq, row_hash
    after = ChainHead.objects.filter(county=county).first() or ChainHead(county=county)
    if last < before.seq:
        breaks.append(Break(county, last + 1, gettext("末尾被截断，应有 %(count)s 条") % {"count": before.seq}))
    elif last > after.seq:
        breaks.append(Break(county, after.seq + 1, gettext("链尾之后多出记录")))
    elif known_hash != before.hash or (last == after.seq and last_hash != after.hash):
        breaks.append(Break(county, before.seq, gettext("与链尾的校验值不符")))
    return Chain(county, rows, last, last_hash, breaks)


def _locked_head(county: str) -> ChainHead:
    heads = locked(ChainHead.objects.filter(county=county))
    head = heads.first()
    if head is None:
        # Two first writers at once: the database keeps one row, and both then wait for that one.
        ChainHead.objects.bulk_create([ChainHead(county=county)], ignore_conflicts=True)
        head = heads.get()
    return head


def _digest(fields: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON (sorted keys, no spaces, UTF-8) of a row's fields."""
    canonical = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=repr)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _instant(value: datetime | str) -> str:
    """The canonical spelling of a moment: UTC, microseconds; text that is no moment stays as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def _plain(value: Any) -> Any:
    """`value` in the JSON that both databases give back unchanged: a float or a date would come back different."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {one_line(key, 100): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return one_line(value, 1000)


def _name_of(actor: Any) -> str:
    if getattr(actor, "pk", None) is None:
        return ""
    return getattr(actor, "name", "") or actor.get_username()


def _address_of(request: Any) -> str:
    """The peer's address as the server saw it; a header the client can write is not asked."""
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except (AttributeError, ValueError):
        return ""
