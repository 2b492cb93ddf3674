"""The doors through which accounts, postings, areas, offices, codes and settings change.

Each door asks why not, writes, and appends its row to the log in one transaction. Pages, commands and the shell pass
through the same door; forms only check shape.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.authtoken.models import Token

from audit.locks import locked
from audit.models import NO_COUNTY, Action, record
from villages.models import ADMIN_ROLES, Area, Code, Coverage, Office, Policy, Posting, Role, User, in_force
from villages.passwords import initial_password
from villages.pinyin import normal_dots, person_keys, place_keys
from villages.policy import CATALOGUE, policy_on
from villages.sessions import end_everything

INITIAL_PASSWORD_HOURS = 24

#: Which roles exist at which kind of office.
ROLES_AT: dict[str, tuple[Role, ...]] = {
    Office.Kind.VILLAGE: (Role.ASSISTANT, Role.GRID, Role.MEDIATOR, Role.COUNSELLOR),
    Office.Kind.ROOM: (Role.OFFICER, Role.ASSISTANT, Role.MEDIATOR, Role.COUNSELLOR),
    Office.Kind.STATION: (Role.OFFICER, Role.DEPARTMENT, Role.SUPERVISOR),
    Office.Kind.CENTRE: (Role.CENTRE, Role.MEDIATOR, Role.COUNSELLOR, Role.SUPERVISOR),
    Office.Kind.JUSTICE: (Role.DEPARTMENT, Role.MEDIATOR, Role.COUNSELLOR),
    Office.Kind.DEPARTMENT: (Role.DEPARTMENT, Role.COUNSELLOR),
    Office.Kind.COUNTY: (
        Role.DEPARTMENT,
        Role.COUNSELLOR,
        Role.SUPERVISOR,
        Role.SYSADMIN,
        Role.SECADMIN,
        Role.AUDITOR,
    ),
}
#: What the lead of a police room or a township centre may assign within their own area.
ROLES_BY_LEAD = frozenset({Role.ASSISTANT, Role.GRID, Role.MEDIATOR, Role.OFFICER, Role.CENTRE, Role.COUNSELLOR})


class Refused(Exception):
    """A change that was not made; the text is the sentence for the person, `field` the input it belongs to."""

    def __init__(self, sentence: str, field: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


def county_of(user: User | None) -> str:
    """The county whose chain of the log takes this person's acts."""
    offices = user.scope.offices if user is not None and user.pk else ()
    return offices[0].area.county_code if offices else NO_COUNTY


# --- accounts --------------------------------------------------------------------------------------------------------
def create_account(*, username: str, name: str, phone: str, by: User, at: dt.datetime) -> tuple[User, str]:
    """A new account and its initial password: random, valid for 24 hours and for one sign-in."""
    name = normal_dots(name)
    pinyin, initials = person_keys(name)
    user = User(username=username, name=name, pinyin=pinyin, initials=initials, phone=phone)
    password = _give_initial_password(user, at)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            record(
                action=Action.MANAGE, actor=by, county=county_of(by), subject=f"user:{user.pk}",
                detail={"did": "create", "username": username}, at=at,
            )  # fmt: skip
    except IntegrityError:
        raise Refused(_("账号 %(name)s 已经有人用，换一个") % {"name": username}, "username") from None
    return user, password


def reset_password(*, user: User, by: User, at: dt.datetime) -> str:
    """A new initial password; the old one, every session and the access token end at once."""
    with transaction.atomic():
        user = locked(User.objects.filter(pk=user.pk)).get()
        password = _give_initial_password(user, at)
        user.save(update_fields=["password", "must_change_password", "initial_password_until", "password_changed_at"])
        end_everything(user)
        _log_user(user, by, at, did="reset_password")
    return password


def _give_initial_password(user: User, at: dt.datetime) -> str:
    password = initial_password()
    user.set_password(password)
    user.must_change_password = True
    user.initial_password_until = at + dt.timedelta(hours=INITIAL_PASSWORD_HOURS)
    user.password_changed_at = at
    return password


def edit_account(*, user: User, name: str, phone: str, by: User, at: dt.datetime) -> None:
    """Correct a person's name and work phone."""
    name = normal_dots(name)
    with transaction.atomic():
        user = locked(User.objects.filter(pk=user.pk)).get()
        changed = [field for field, value in (("name", name), ("phone", phone)) if getattr(user, field) != value]
        if not changed:
            return
        user.name, user.phone = name, phone
        user.pinyin, user.initials = person_keys(name)
        user.save(update_fields=["name", "phone", "pinyin", "initials"])
        _log_user(user, by, at, did="edit", fields=changed)


def set_active(*, user: User, active: bool, by: User, at: dt.datetime) -> None:
    """Enable or disable an account; disabling ends its sessions and its token in the same transaction."""
    if user.pk == by.pk and not active:
        raise Refused(_("不能停用自己的账号，由另一位系统管理员来办"))
    with transaction.atomic():
        user = locked(User.objects.filter(pk=user.pk)).get()
        if user.is_active == active:
            return
        user.is_active = active
        user.save(update_fields=["is_active"])
        if not active:
            end_everything(user)
        _log_user(user, by, at, did="enable" if active else "disable")


def make_token(*, user: User, at: dt.datetime) -> str:
    """A new access token for the API, shown once; the one before ends."""
    with transaction.atomic():
        Token.objects.filter(user=user).delete()
        token = Token.objects.create(user=user)
        _log_user(user, user, at, did="make_token")
    return token.key


def revoke_token(*, user: User, at: dt.datetime) -> None:
    """End this person's access token."""
    with transaction.atomic():
        if Token.objects.filter(user=user).delete()[0]:
            _log_user(user, user, at, did="revoke_token")


def set_messages(
    *, user: User, at: dt.datetime, email: str, by_email: bool, by_webhook: bool, request: Any = None
) -> None:
    """Where this person is told of notices while the system is closed; the log keeps what changed, no address."""
    wanted = {"email": email, "by_email": by_email, "by_webhook": by_webhook}
    changed = sorted(name for name, value in wanted.items() if getattr(user, name) != value)
    if not changed:
        return
    with transaction.atomic():
        for name in changed:
            setattr(user, name, wanted[name])
        user.save(update_fields=changed)
        record(
            action=Action.MANAGE, actor=user, county=county_of(user), subject=f"user:{user.pk}",
            detail={"did": "set_messages", "changed": changed}, at=at, request=request,
        )  # fmt: skip


def _log_user(user: User, by: User, at: dt.datetime, **detail: Any) -> None:
    record(
        action=Action.MANAGE, actor=by, county=county_of(by), subject=f"user:{user.pk}",
        detail={**detail, "username": user.username}, at=at,
    )  # fmt: skip


# --- postings --------------------------------------------------------------------------------------------------------
def offices_assignable(by: User) -> QuerySet[Office]:
    """The offices to which this person may post people: all for the security administrator, else the own area."""
    offices = Office.objects.filter(in_force())
    if by.scope.has(Role.SECADMIN):
        return offices
    led = offices.filter(pk__in=by.scope.leads, kind__in=[Office.Kind.ROOM, Office.Kind.CENTRE])
    if not led.exists():
        return offices.none()
    areas = Area.objects.filter(coverage__in=Coverage.objects.filter(in_force(), office__in=led))
    below = Coverage.objects.filter(in_force()).filter(Q(area__in=areas) | Q(area__parent__in=areas))
    kinds = [Office.Kind.VILLAGE]
    if led.filter(kind=Office.Kind.CENTRE).exists():
        kinds.append(Office.Kind.ROOM)
    return offices.filter(Q(pk__in=led) | Q(kind__in=kinds, coverage__in=below)).distinct()


def may_assign(by: User) -> bool:
    """Whether this person assigns people anywhere."""
    return by.scope.has(Role.SECADMIN) or bool(by.scope.leads and offices_assignable(by).exists())


def roles_assignable(by: User, office: Office) -> list[Role]:
    """The roles that this person may give at this office."""
    roles = ROLES_AT.get(office.kind, ())
    return [role for role in roles if by.scope.has(Role.SECADMIN) or role in ROLES_BY_LEAD]


def appoint(
    *, user: User, office: Office, role: str, mark: str, valid_from: dt.date, valid_to: dt.date | None,
    by: User, at: dt.datetime,
) -> Posting:  # fmt: skip
    """Post a person to an office, from a day on."""
    if not offices_assignable(by).filter(pk=office.pk).exists():
        raise Refused(_("%(office)s 不在你能安排的范围内，由安全管理员安排") % {"office": office.name}, "office")
    if role not in ROLES_AT.get(office.kind, ()):
        raise Refused(
            _("%(kind)s没有“%(role)s”这个岗位") % {"kind": office.get_kind_display(), "role": Role(role).label},
            "role",
        )
    if role not in roles_assignable(by, office):
        raise Refused(_("“%(role)s”由安全管理员安排") % {"role": Role(role).label}, "role")
    if role in ADMIN_ROLES and user.pk == by.pk:
        raise Refused(_("不能给自己安排管理员岗位，由另一位安全管理员来办"), "user")
    if valid_to is not None and valid_to <= valid_from:
        raise Refused(_("止要晚于起（%(day)s）") % {"day": valid_from}, "valid_to")
    try:
        with transaction.atomic():
            # The person's row serialises two administrators who would each give one of two roles that exclude another.
            user = locked(User.objects.filter(pk=user.pk)).get()
            if not user.is_active:
                raise Refused(_("%(name)s 的账号已停用，先由系统管理员启用") % {"name": user.name}, "user")
            _refuse_clashes(user, office, role, mark, valid_from, valid_to)
            posting = Posting.objects.create(
                user=user, office=office, role=role, mark=mark, valid_from=valid_from, valid_to=valid_to
            )
            _log_posting(posting, by, at, did="appoint")
    except IntegrityError:
        raise Refused(_("刚才有人做了同样的安排，刷新后再看")) from None
    return posting


def _overlapping(valid_from: dt.date, valid_to: dt.date | None) -> Q:
    overlap = Q(valid_to__isnull=True) | Q(valid_to__gt=valid_from)
    return overlap & Q(valid_from__lt=valid_to) if valid_to else overlap


def _refuse_clashes(
    user: User, office: Office, role: str, mark: str, valid_from: dt.date, valid_to: dt.date | None
) -> None:
    held = user.postings.filter(_overlapping(valid_from, valid_to))
    roles = set(held.values_list("role", flat=True))
    if held.filter(office=office, role=role).exists():
        raise Refused(_("%(name)s 在这段时间已经担任这个岗位") % {"name": user.name}, "user")
    if role in ADMIN_ROLES and roles & (ADMIN_ROLES - {role}):
        raise Refused(
            _("系统、安全、审计管理员要由三个人分别担任，%(name)s 已是其中之一") % {"name": user.name}, "role"
        )
    # 三员分立: whoever manages accounts, rights or logs handles no cases (GB/T 22239-2019).
    if role in ADMIN_ROLES and roles - ADMIN_ROLES:
        raise Refused(_("%(name)s 还有办案岗位，管理员不办案。先结束办案岗位") % {"name": user.name}, "role")
    if role not in ADMIN_ROLES and roles & ADMIN_ROLES:
        raise Refused(_("%(name)s 是管理员，管理员不办案。先结束管理员岗位") % {"name": user.name}, "role")
    if mark:
        holder = office.postings.filter(_overlapping(valid_from, valid_to), mark=mark).select_related("user").first()
        if holder:
            raise Refused(
                _("%(office)s 的%(mark)s现在是 %(name)s，先结束那个岗位")
                % {"office": office.name, "mark": Posting.Mark(mark).label, "name": holder.user.name},
                "mark",
            )


def end_posting(*, posting: Posting, on: dt.date, handover: str, by: User, at: dt.datetime) -> None:
    """End a posting on a day (the first that no longer counts), with what the leaver hands over."""
    if not offices_assignable(by).filter(pk=posting.office_id).exists():
        raise Refused(_("%(office)s 不在你能安排的范围内，由安全管理员安排") % {"office": posting.office.name})
    if posting.role not in roles_assignable(by, posting.office):
        raise Refused(_("“%(role)s”由安全管理员安排") % {"role": posting.get_role_display()})
    if on < posting.valid_from:
        raise Refused(_("结束日期不能早于起（%(day)s）") % {"day": posting.valid_from}, "valid_to")
    with transaction.atomic():
        posting = locked(Posting.objects.filter(pk=posting.pk)).get()
        if posting.valid_to is not None and posting.valid_to <= on:
            raise Refused(_("这个岗位已在 %(day)s 结束") % {"day": posting.valid_to})
        posting.valid_to, posting.handover = on, handover
        posting.save(update_fields=["valid_to", "handover"])
        _log_posting(posting, by, at, did="end")


def _log_posting(posting: Posting, by: User, at: dt.datetime, *, did: str) -> None:
    record(
        action=Action.MANAGE,
        actor=by,
        county=posting.office.area.county_code,
        subject=f"posting:{posting.pk}",
        detail={
            "did": did,
            "username": posting.user.username,
            "office": posting.office.code,
            "role": posting.role,
            "mark": posting.mark,
            "from": str(posting.valid_from),
            "to": str(posting.valid_to or ""),
        },
        at=at,
    )


# --- areas and offices -----------------------------------------------------------------------------------------------
def edit_area(
    *, area: Area, name: str, short_name: str, served: bool, valid_to: dt.date | None, by: User, at: dt.datetime
) -> None:
    """Correct a division by hand; the next import keeps the short name unless the name itself changes."""
    values = {"name": name, "short_name": short_name, "served": served, "valid_to": valid_to}
    with transaction.atomic():
        area = locked(Area.objects.filter(pk=area.pk)).get()
        changed = [field for field, value in values.items() if getattr(area, field) != value]
        if not changed:
            return
        for field, value in values.items():
            setattr(area, field, value)
        area.pinyin, area.initials = place_keys(short_name)
        area.save(update_fields=[*values, "pinyin", "initials"])
        record(
            action=Action.MANAGE, actor=by, county=area.county_code, subject=f"area:{area.code}",
            detail={"did": "edit", "fields": changed}, at=at,
        )  # fmt: skip


def save_office(
    *, office: Office | None, kind: str, name: str, area: Area, phone: str, valid_to: dt.date | None,
    serves: Iterable[Area], by: User, at: dt.datetime, day: dt.date,
) -> Office:  # fmt: skip
    """A new or corrected office and the areas that it serves from `day` on."""
    with transaction.atomic():
        if office is None:
            office = Office(code=_office_code(kind, area), kind=kind, area=area)
        else:
            office = locked(Office.objects.filter(pk=office.pk)).get()
        did = "edit" if office.pk else "create"
        if valid_to and office.postings.filter(_overlapping(valid_to, None)).exists():
            raise Refused(_("%(name)s 还有人在岗，先结束他们的岗位") % {"name": office.name}, "valid_to")
        office.name, office.phone, office.valid_to = name, phone, valid_to
        office.save()
        wanted = {item.pk for item in serves}
        for row in office.coverage.filter(in_force(day)).exclude(area__in=wanted):
            row.valid_to = day
            row.save(update_fields=["valid_to"])
        present = set(office.coverage.filter(in_force(day)).values_list("area_id", flat=True))
        for area_id in sorted(wanted - present):
            # Given back on the day it was taken away: the same row goes on.
            again = office.coverage.filter(area_id=area_id, valid_to=day).first()
            row = again or Coverage(office=office, area_id=area_id, valid_from=day)
            row.valid_to = None
            row.save()
        record(
            action=Action.MANAGE, actor=by, county=office.area.county_code, subject=f"office:{office.code}",
            detail={"did": did, "serves": len(wanted)}, at=at,
        )  # fmt: skip
    return office


def _office_code(kind: str, area: Area) -> str:
    letter = {"village": "V", "room": "R", "station": "S", "centre": "C", "justice": "J", "department": "D"}.get(
        kind, "B"
    )
    stem = f"{area.code.rstrip('0') if area.level == Area.Level.COUNTY else area.code[:9]}-{letter}"
    taken = set(Office.objects.filter(code__startswith=stem).values_list("code", flat=True))
    return next(f"{stem}{n}" for n in range(1, len(taken) + 2) if f"{stem}{n}" not in taken)


# --- code tables and settings ----------------------------------------------------------------------------------------
def save_code(
    *, code: Code | None, table: str, number: str, name: str, name_en: str, active: bool, valid_to: dt.date | None,
    by: User, at: dt.datetime,
) -> Code:  # fmt: skip
    """A renamed, end-dated or new local code; none is ever deleted, because cases carry it."""
    try:
        with transaction.atomic():
            if code is None:
                code = Code(table=table, code=number, standing=Code.LOCAL)
            else:
                code = locked(Code.objects.filter(pk=code.pk)).get()
            did = "edit" if code.pk else "create"
            code.name, code.name_en, code.active, code.valid_to = name, name_en, active, valid_to
            code.save()
            record(
                action=Action.MANAGE, actor=by, county=county_of(by), subject=f"code:{code.table}/{code.code}",
                detail={"did": did, "name": name, "active": active, "to": str(valid_to or "")}, at=at,
            )  # fmt: skip
    except IntegrityError:
        raise Refused(_("代码 %(code)s 在这个字典里已经有了") % {"code": number}, "number") from None
    return code


def policy_changes(values: Mapping[str, int], on: dt.date) -> list[tuple[str, int, int]]:
    """(key, old, new) of every number that these values would change from `on` on."""
    present = policy_on(on)
    return [(key, present[key], value) for key, value in values.items() if value != present[key]]


def set_policy(*, values: Mapping[str, int], on: dt.date, by: User, at: dt.datetime, day: dt.date) -> int:
    """Set the numbers that differ, with effect from `on` (today or later); returns how many."""
    if on < day:
        raise Refused(_("生效日期不能早于今天（%(day)s），已经算好的期限不倒改") % {"day": day}, "valid_from")
    for key, value in values.items():
        item = CATALOGUE[key]
        if not item.low <= value <= item.high:
            raise Refused(
                _("%(label)s要在 %(low)d 到 %(high)d 之间") % {"label": item.label, "low": item.low, "high": item.high},
                key,
            )
    with transaction.atomic():
        changes = policy_changes(values, on)
        for key, _old, new in changes:
            Policy.objects.update_or_create(key=key, valid_from=on, defaults={"value": new, "set_by": by, "set_at": at})
        if changes:
            record(
                action=Action.MANAGE, actor=by, county=county_of(by), subject="policy",
                detail={"from": str(on), "set": {key: [old, new] for key, old, new in changes}}, at=at,
            )  # fmt: skip
    return len(changes)
