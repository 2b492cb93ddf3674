"""Who serves which village: areas, offices, users, postings; and the tables that everything else reads.

Rights come from postings (a role at an office, from–to), never from flags on the user. Nothing here is deleted:
rows are end-dated, so that last year's ledger still finds its village, its office and its code.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from villages.scope import Scope


def today() -> dt.date:
    """The civil day in Asia/Shanghai."""
    return timezone.localdate()


def in_force(day: dt.date | None = None, prefix: str = "") -> Q:
    """Rows whose valid_from–valid_to covers `day` (valid_to is the first day that no longer counts)."""
    day = day or today()
    return Q(**{f"{prefix}valid_from__lte": day}) & (
        Q(**{f"{prefix}valid_to__isnull": True}) | Q(**{f"{prefix}valid_to__gt": day})
    )


class StoreQuerySet(models.QuerySet):
    def store(self, *, new: list, changed: list, fields: list[str]) -> None:
        """Write a checked file in few statements: a whole city must not hold SQLite's writer lock row by row."""
        self.bulk_create(new, batch_size=500)
        self.bulk_update(changed, fields, batch_size=500)


class Area(models.Model):
    """An administrative division: city 2, county 3, township 4, village 5, village group 6 (added by hand)."""

    class Level(models.IntegerChoices):
        CITY = 2, _("市")
        COUNTY = 3, _("县区")
        TOWNSHIP = 4, _("乡镇")
        VILLAGE = 5, _("村（社区）")
        GROUP = 6, _("村民小组")

    code = models.CharField(_("代码"), max_length=12, unique=True)
    name = models.CharField(_("名称"), max_length=80)
    short_name = models.CharField(_("简称"), max_length=80)
    level = models.PositiveSmallIntegerField(_("级别"), choices=Level.choices)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    parent_code = models.CharField(max_length=12, blank=True)  # the first row's parent may lie outside the file
    pinyin = models.CharField(max_length=200, blank=True)  # full pinyin, every reading, blank-separated
    initials = models.CharField(max_length=80, blank=True)
    served = models.BooleanField(_("有人服务"), default=True)  # False: pseudo townships, 虚拟社区
    valid_from = models.DateField(_("启用日期"), default=dt.date(2020, 6, 30))
    valid_to = models.DateField(_("停用日期"), null=True, blank=True)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged_from")

    objects = StoreQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        indexes = [models.Index(fields=["parent", "code"], name="area_children_in_code_order")]

    def __str__(self) -> str:
        return self.name

    @property
    def full_name(self) -> str:
        """Township and village: village names repeat inside one county (大湾村 in 打柴沟镇 and 天堂镇)."""
        if self.level == self.Level.VILLAGE and self.parent:
            return f"{self.parent.short_name}{self.short_name}"
        return self.short_name

    @property
    def county_code(self) -> str:
        """The six digits that lead a case number and name an audit chain."""
        return self.code[:6]


class Office(models.Model):
    """A body that handles, supports or supervises. Tiers 1–3 are desks, each serving areas by Coverage."""

    class Kind(models.TextChoices):
        VILLAGE = "village", _("村（居）委会")
        ROOM = "room", _("警务室")
        STATION = "station", _("派出所")
        CENTRE = "centre", _("乡镇综治中心")
        JUSTICE = "justice", _("司法所")
        DEPARTMENT = "department", _("部门")
        COUNTY = "county", _("县级机关")

    TIER = {Kind.VILLAGE: 1, Kind.ROOM: 2, Kind.CENTRE: 3}
    KIND_OF_TIER = {1: Kind.VILLAGE, 2: Kind.ROOM, 3: Kind.CENTRE}

    code = models.CharField(_("编码"), max_length=20, unique=True)
    kind = models.CharField(_("类别"), max_length=12, choices=Kind.choices)
    name = models.CharField(_("名称"), max_length=80)
    area = models.ForeignKey(Area, models.PROTECT, related_name="offices", verbose_name=_("所在区划"))
    phone = models.CharField(_("值班电话"), max_length=20, blank=True)
    valid_from = models.DateField(_("启用日期"), default=dt.date(2020, 6, 30))
    valid_to = models.DateField(_("停用日期"), null=True, blank=True)

    class Meta:
        ordering = ["code"]
        indexes = [models.Index(fields=["area", "kind"], name="office_by_area_and_kind")]

    def __str__(self) -> str:
        return self.name

    @property
    def tier(self) -> int | None:
        return self.TIER.get(self.Kind(self.kind))


class CoverageQuerySet(models.QuerySet["Coverage"]):
    def desk_for(self, village: Area, tier: int, day: dt.date | None = None) -> Office | None:
        """The office that serves `village` at `tier`: by the village itself, else by its township. None is a gap."""
        return self.desks_for(village, [tier], day).get(tier)

    def desks_for(self, village: Area, tiers: Iterable[int], day: dt.date | None = None) -> dict[int, Office]:
        """The same for several tiers at once: tier → office, without those that nobody serves; one query."""
        kinds = {Office.KIND_OF_TIER[tier]: tier for tier in tiers}
        rows = (
            self.filter(in_force(day), in_force(day, "office__"), office__kind__in=list(kinds))
            .filter(area__in=[village.pk, village.parent_id])
            .select_related("office")
            .order_by("-area__level", "-pk")
        )
        found: dict[int, Office] = {}
        for row in rows:
            found.setdefault(kinds[Office.Kind(row.office.kind)], row.office)
        return found


class Coverage(models.Model):
    """Which office serves which village (tiers 1 and 2) or township (tier 3, stations, county bodies)."""

    office = models.ForeignKey(Office, models.PROTECT, related_name="coverage")
    area = models.ForeignKey(Area, models.PROTECT, related_name="coverage")
    valid_from = models.DateField(default=dt.date(2020, 6, 30))
    valid_to = models.DateField(null=True, blank=True)

    objects = CoverageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["office", "area"], condition=Q(valid_to=None), name="office_serves_an_area_once_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["area", "office"], name="coverage_by_area")]

    def __str__(self) -> str:
        return f"{self.office} – {self.area}"


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields) -> User:
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person who signs in. What they may do is read from their postings (`scope`)."""

    class FontSize(models.TextChoices):
        NORMAL = "m", _("标准")
        LARGE = "l", _("大")
        HUGE = "xl", _("特大")

    username = models.CharField(_("账号"), max_length=40, unique=True)
    name = models.CharField(_("姓名"), max_length=50)
    pinyin = models.CharField(max_length=200, blank=True)
    initials = models.CharField(max_length=60, blank=True)
    phone = models.CharField(_("工作电话"), max_length=20, blank=True)
    is_active = models.BooleanField(_("启用"), default=True)
    must_change_password = models.BooleanField(default=False)
    password_changed_at = models.DateTimeField(null=True, blank=True)
    initial_password_until = models.DateTimeField(null=True, blank=True)  # single use, 24 h
    font_size = models.CharField(_("字号"), max_length=2, choices=FontSize.choices, default=FontSize.NORMAL)
    single_keys = models.BooleanField(_("单键快捷键"), default=True)
    after_save = models.CharField(max_length=8, default="stay")  # 留在本案 / 下一条 / 返回列表
    email = models.EmailField(_("接收通知的邮箱"), max_length=120, blank=True)
    by_email = models.BooleanField(_("通知发到邮箱"), default=True)
    by_webhook = models.BooleanField(_("通知发到政务微信、钉钉或短信"), default=True)
    created_at = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["name"]

    objects = UserManager()

    class Meta:
        ordering = ["username"]

    def __str__(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name

    @property
    def scope(self) -> Scope:
        """What this person's postings of today let them see and do; loaded once per instance, i.e. per request."""
        from villages.scope import scope_of  # scope reads these models

        if not hasattr(self, "_scope"):
            self._scope = scope_of(self)
        return self._scope

    def roles_on(self, day: dt.date) -> frozenset[str]:
        """The roles held on `day`, at any office."""
        return frozenset(self.postings.filter(in_force(day)).values_list("role", flat=True))

    def forget_scope(self) -> None:
        """Drop the loaded scope, after postings changed."""
        self.__dict__.pop("_scope", None)


class Role(models.TextChoices):
    ASSISTANT = "assistant", _("警务助理")
    GRID = "grid", _("网格员")
    MEDIATOR = "mediator", _("人民调解员")
    OFFICER = "officer", _("社区民警")
    CENTRE = "centre", _("综治中心工作人员")
    DEPARTMENT = "department", _("部门联络员")
    COUNSELLOR = "counsellor", _("心理疏导员")
    SUPERVISOR = "supervisor", _("督导")
    SYSADMIN = "sysadmin", _("系统管理员")
    SECADMIN = "secadmin", _("安全管理员")
    AUDITOR = "auditor", _("审计管理员")


#: Roles that handle cases at a desk.
DESK_ROLES = frozenset({Role.ASSISTANT, Role.GRID, Role.MEDIATOR, Role.OFFICER, Role.CENTRE})
#: Roles that answer a whistle for their office (吹哨—响应—支援): its desks, or its contact.
RESPONDER_ROLES = DESK_ROLES | {Role.DEPARTMENT}
#: 三员分立: accounts, rights and logs are three people, none of whom sees case content (GB/T 22239-2019).
ADMIN_ROLES = frozenset({Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR})


class Posting(models.Model):
    """A role at an office, from–to; a person may hold several."""

    class Mark(models.TextChoices):
        NONE = "", _("无")
        LEAD = "lead", _("负责人")
        DEPUTY = "deputy", _("副职")

    user = models.ForeignKey(User, models.PROTECT, related_name="postings", verbose_name=_("人员"))
    office = models.ForeignKey(Office, models.PROTECT, related_name="postings", verbose_name=_("单位"))
    role = models.CharField(_("岗位"), max_length=12, choices=Role.choices)
    mark = models.CharField(_("职务标记"), max_length=8, choices=Mark.choices, blank=True, default=Mark.NONE)
    valid_from = models.DateField(_("起"), default=today)
    valid_to = models.DateField(_("止"), null=True, blank=True)
    handover = models.CharField(_("交接说明"), max_length=500, blank=True)  # written when the posting ends

    class Meta:
        ordering = ["office", "role", "user"]
        constraints = [
            models.UniqueConstraint(
                fields=["office", "mark"],
                condition=Q(valid_to=None) & ~Q(mark=""),
                name="one_lead_and_one_deputy_per_office",
            ),
            models.UniqueConstraint(
                fields=["user", "office", "role"], condition=Q(valid_to=None), name="a_posting_is_held_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gte=models.F("valid_from")), name="posting_ends_after_it_began"
            ),
        ]
        indexes = [models.Index(fields=["office", "role"], name="posting_by_office_and_role")]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()}, {self.office}"


class SpecialDay(models.Model):
    """A day on which the calendar departs from Monday–Friday: a holiday, or a make-up working day (调休)."""

    class Kind(models.TextChoices):
        HOLIDAY = "holiday", _("放假")
        WORKDAY = "workday", _("调休上班")
        NORMAL = "normal", _("照常，安排已撤销")  # a later table took the day back: kept, never deleted

    day = models.DateField(_("日期"), unique=True)
    kind = models.CharField(_("性质"), max_length=8, choices=Kind.choices)
    name = models.CharField(_("名称"), max_length=40, blank=True)

    objects = StoreQuerySet.as_manager()

    class Meta:
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day} {self.get_kind_display()}"


class Code(models.Model):
    """One entry of an official or local code table; codes are strings, used ones are end-dated, never deleted."""

    LOCAL = "local"  # standing of a code that the county added by hand
    TABLES = {
        "case_source": _("案件来源"),
        "dispute_type_zz_l1": _("纠纷大类"),
        "dispute_type_zz_l2": _("纠纷类型"),
        "dispute_type_moj_stat": _("人民调解统计类型"),
        "dispute_type_moj_stat_ext": _("人民调解统计类型（省里增加）"),
        "dispute_type_police_call": _("接处警纠纷类型"),
        "event_scale": _("事件规模"),
        "event_level": _("事件级别"),
        "event_nature": _("事件性质"),
        "publicity_topic": _("法治宣传主题"),
        "resolution_method": _("化解方式"),
        "sex_gb2261": _("性别"),
    }

    table = models.CharField(_("字典"), max_length=40)
    code = models.CharField(_("代码"), max_length=8)
    name = models.CharField(_("名称"), max_length=80)
    name_en = models.CharField(_("英文名称"), max_length=80, blank=True)
    active = models.BooleanField(_("可选用"), default=True)
    standing = models.CharField(_("依据"), max_length=120, blank=True)
    valid_from = models.DateField(_("启用日期"), default=dt.date(2020, 1, 1))
    valid_to = models.DateField(_("停用日期"), null=True, blank=True)

    objects = StoreQuerySet.as_manager()

    class Meta:
        ordering = ["table", "code"]
        constraints = [models.UniqueConstraint(fields=["table", "code"], name="a_code_stands_once_in_its_table")]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def table_name(cls, table: str) -> str:
        """What people call that table; a table that only this county has goes by its own name."""
        return str(cls.TABLES.get(table, table))


class TypeMap(models.Model):
    """Level-2 dispute type → code on the upstream 综治 platform and people's-mediation statistics type (enter once)."""

    zz_l2 = models.CharField(max_length=4, unique=True)
    name = models.CharField(max_length=80)
    zz_upstream = models.CharField(max_length=4)
    moj = models.CharField(max_length=2)
    moj_name = models.CharField(max_length=80)
    valid_to = models.DateField(null=True, blank=True)

    objects = StoreQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.zz_l2} {self.name}"


class Policy(models.Model):
    """A number the county has set, from a day on; `villages.policy` holds the catalogue and the defaults."""

    key = models.CharField(_("项目"), max_length=40)
    value = models.IntegerField(_("数值"))
    valid_from = models.DateField(_("生效日期"))
    set_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["key", "-valid_from", "-pk"]
        constraints = [models.UniqueConstraint(fields=["key", "valid_from"], name="one_value_per_key_and_day")]

    def __str__(self) -> str:
        return f"{self.key} = {self.value}"


class Draft(models.Model):
    """What someone typed and has not submitted: sealed, since it copies phones, ID numbers and addresses."""

    user = models.ForeignKey(User, models.CASCADE, related_name="drafts")
    key = models.CharField(max_length=80)  # which form: "register", "note:<case>", "move:settle:<case>", …
    url = models.CharField(max_length=200)  # where to go on writing
    uid = models.UUIDField(default=uuid.uuid4)
    sealed = models.TextField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_draft_per_user_and_form")]

    def __str__(self) -> str:
        return self.key
