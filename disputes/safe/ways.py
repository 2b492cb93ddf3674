"""The other ways that are told when mediation ends without success, by what the dispute is about (PMA 26)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from disputes.models import Dispute
from disputes.safeguards import TAKEN_LAND

COURT = ("court", _("向人民法院起诉。调解不影响起诉，诉讼时效一般为三年，从知道权利受到损害之日起算"))
LAND = ("arbitral", _("向农村土地承包仲裁委员会申请仲裁，时效两年；也可以不经仲裁直接向人民法院起诉"))
LABOUR = ("arbitral", _("先向劳动人事争议仲裁委员会申请仲裁，时效一年；对裁决不服的再向人民法院起诉"))
TAKEN = (
    "admin",
    _("征收补偿不属于农村土地承包仲裁的范围：对补偿决定不服的，六十日内申请行政复议，或者六个月内向人民法院起诉"),
)
TENURE = ("admin", _("土地、草原、林木的所有权和使用权争议，先由乡镇或县级人民政府处理，对处理决定不服的再复议或起诉"))
OFFICE = ("admin", _("找主管部门处理，或者申请行政裁决、行政复议"))
CONSUMER = ("admin", _("向市场监督管理部门投诉，或者拨打 12315"))
DANGER = ("police", _("有人身危险的马上报警；可以向人民法院申请人身安全保护令，村（居）委会和公安机关可以代为申请"))
POLICE = ("police", _("属于违反治安管理的，由公安机关依法处理；民事赔偿可以向人民法院起诉"))

Way = tuple[str, Any]


def ways_for(case: Dispute) -> list[Way]:
    """(code of `facts.WAYS`, sentence) in the order in which they are told; the court always first."""
    l1, l2 = case.type_l1, case.type_l2
    if l2 in TAKEN_LAND:
        return [COURT, TAKEN]
    if l2 == "0901":
        return [COURT, LAND]
    if l1 == "09":
        return [COURT, TENURE]
    if l1 == "07":
        return [COURT, LABOUR]
    if l2 == "0601":
        return [COURT, CONSUMER]
    if l1 == "01":
        return [COURT, DANGER]
    if l1 in ("03", "05"):
        return [COURT, POLICE]
    return [COURT, OFFICE]
