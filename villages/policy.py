"""The numbers a county may set, with effect dates: catalogue, defaults, bounds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from villages.models import Policy, today


@dataclass(frozen=True)
class Item:
    """One number: what it is, its unit, its default and the bounds within which it may be set."""

    label: str | Promise
    unit: str | Promise
    default: int
    low: int
    high: int


WORKDAYS, DAYS, MINUTES, YES_NO = _("个工作日"), _("天"), _("分钟"), _("是 1 / 否 0")

#: Defaults of product.md (Clocks) and domain.md 6.9.
CATALOGUE: dict[str, Item] = {
    "take_up_days": Item(_("受理时限"), WORKDAYS, 1, 1, 10),
    "tier_days_1": Item(_("村级调解时限"), WORKDAYS, 3, 1, 60),
    "tier_days_2": Item(_("警务室联动时限"), WORKDAYS, 7, 1, 60),
    "tier_days_3": Item(_("乡镇综治中心时限"), WORKDAYS, 15, 1, 60),
    "case_days": Item(_("全案时限，自首次受理起"), DAYS, 30, 5, 180),
    "escalate_after_days": Item(_("到期后自动上报"), WORKDAYS, 2, 1, 20),
    "first_visit_days": Item(_("首次回访，化解后"), DAYS, 15, 1, 90),
    "visit_retry_days": Item(_("没联系上，再次回访"), DAYS, 3, 1, 30),
    "red_visit_1_days": Item(_("红色等级加访，化解后（0 不加）"), DAYS, 7, 0, 365),
    "red_visit_2_days": Item(_("红色等级第二次加访，化解后（0 不加）"), DAYS, 30, 0, 365),
    "red_visit_3_days": Item(_("红色等级第三次加访，化解后（0 不加）"), DAYS, 90, 0, 365),
    "orange_visit_1_days": Item(_("橙色等级加访，化解后（0 不加）"), DAYS, 30, 0, 365),
    "orange_visit_2_days": Item(_("橙色等级第二次加访，化解后（0 不加）"), DAYS, 90, 0, 365),
    "visit_remind_days": Item(_("回访提前提醒"), DAYS, 3, 0, 15),
    "alarm_minutes": Item(_("可能激化没有确认，再次提醒"), MINUTES, 30, 5, 1440),
    "message_minutes": Item(_("邮件和消息网关，两次之间至少隔"), MINUTES, 30, 5, 750),
    "danger_days": Item(_("风险等级有效期"), DAYS, 30, 1, 90),
    "unmerge_days": Item(_("并案可撤销期限"), DAYS, 30, 1, 90),
    "whistle_answer_days": Item(_("吹哨答复时限"), WORKDAYS, 1, 1, 10),
    "whistle_read_days": Item(_("吹哨结束后部门还能查看"), DAYS, 30, 0, 180),
    "police_sessions": Item(_("治安调解最多几次"), _("次"), 2, 1, 5),
    "letter_visit_days": Item(_("告诫书送达后查访"), DAYS, 7, 1, 30),
    "due_soon_days": Item(_("案件到期前提醒"), WORKDAYS, 2, 0, 10),
    "alarm_rounds": Item(_("可能激化提醒几次没有确认，报副职，再报上级"), _("次"), 2, 1, 10),
    "urge_times": Item(_("一轮里最多催办几次"), _("次"), 3, 1, 10),
    "close_not_by_handler": Item(_("警务室、综治中心结案须由经办人以外的人办理"), YES_NO, 1, 0, 1),
    "resolution_rule": Item(
        _("化解率的口径：1 累计化解 / 累计登记，2 本期办结 /（结转 + 新收）"), _("1 或 2"), 1, 1, 2
    ),
    "defer_days": Item(_("待办最多推迟"), WORKDAYS, 5, 1, 20),
}


def policy_on(day: dt.date | None = None) -> Mapping[str, int]:
    """Every number in force on `day` (default today); one query."""
    values = {key: item.default for key, item in CATALOGUE.items()}
    for key, value in (
        Policy.objects.filter(valid_from__lte=day or today()).order_by("valid_from", "pk").values_list("key", "value")
    ):
        values[key] = value
    return values
