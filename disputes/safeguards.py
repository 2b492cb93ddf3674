"""The `unless` rules of the table of moves: each returns a sentence (the fact, then the way out) or None.

A guard sees the locked case, who moves it (None is the clock), the facts given (None when only asking whether the
move could be made at all: then it judges by the case alone) and the moment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from villages.models import Role

if TYPE_CHECKING:
    from disputes.models import Dispute
    from villages.models import User

    Facts = Mapping[str, Any] | None

#: The family screen's five questions (suggested; DVA 2): beating, restraint, insult or intimidation, threat, fear.
SAFETY_QUESTIONS = ("beating", "restraint", "insult", "threat", "fear")
#: What a family case with a yes needs besides an agreement (DVA 16, 17, 23).
DISPOSITIONS = ("criticism", "warning_letter", "protection_order", "police")
EXCLUSIONS_VERSION = "APR-179/2018"


def past_case_limit(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Past the case's own limit no other desk could do more: only 化解, 延期, 引导 and 调解不成 remain."""
    if case.case_due_on and timezone.localdate(at) > case.case_due_on:
        return _("全案时限 %(day)s 已过，不能再转手。可以化解、延期、引导其他途径或调解不成") % {
            "day": case.case_due_on
        }
    return None


def attempt_first(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """A person escalates after one recorded attempt at this tier, or when it may come to blows (PMA 25)."""
    if by is None or facts is None or facts.get("may_escalate"):
        return None
    if case.attempts_at_this_tier().exists():
        return None
    return _("先登记至少一次调解（记进展，选“调解”），或者勾选“可能激化”")


def settle_from_waiting(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """From waiting only on the spot at the village."""
    from disputes.moves import Status, Tier

    if case.status != Status.WAITING:
        return None
    if case.tier != Tier.VILLAGE:
        return _("还没有受理，先受理再化解。当场化解只在村级")
    if facts is not None and not facts.get("on_the_spot"):
        return _("还没有受理。当场化解的勾选“当场化解”，否则先受理")
    return None


def refusal(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """A party that clearly refuses must not be mediated (PMA 17; APR 179 no. 4)."""
    names = case.refusing_parties()
    if names and facts is None:
        return _("%(names)s 明确表示不愿意调解，不能化解。可以调解不成或引导其他途径") % {"names": "、".join(names)}
    return None


def consents(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Every principal party has agreed, each by itself (PMA 3, 23)."""
    if facts is None:
        return None
    given = facts.get("consents") or {}
    parties = case.principal_parties()
    if not parties:
        return _("还没有登记当事人，先在“当事人”里补上甲方和乙方")
    lacking = [p.name for p in parties if given.get(p.pk, p.consent) != "agreed"]
    if lacking:
        return _("%(names)s 还没有同意。逐一确认当事人自愿，或者选“调解不成”") % {"names": "、".join(lacking)}
    return None


def crime(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Suspected crime is not mediated away (PSA 3): only 引导 to the police remains."""
    if case.crime_suspected:
        return _("本案登记了涉嫌犯罪，不能按调解化解。选“引导其他途径”，转公安机关")
    return None


def bullying(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Bullying among pupils: penalty or corrective measures, no simple mediation (PSA 60)."""
    if case.bullying:
        return _("本案登记了学生欺凌，不能按一般调解化解。选“引导其他途径”，转公安机关或教育部门")
    return None


def minor_without_guardian(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Parents or guardians of minors are told to attend (APR 181)."""
    names = [p.name for p in case.parties.all() if p.is_minor(timezone.localdate(at)) and not p.guardian_name]
    if names:
        return _("%(names)s 未满 18 周岁，还没有登记监护人。先在“当事人”里补上监护人") % {"names": "、".join(names)}
    return None


def papers(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Who mediates decides the papers, not the tier (product.md; PMA 28–30, APR 178, 184)."""
    if facts is None:
        return None
    chair, result = facts["chair"], facts["result"]
    day = facts.get("agreed_on") or timezone.localdate(at)
    roles = chair.roles_on(day)
    if result == "self":
        return None
    if Role.MEDIATOR not in roles and not (Role.OFFICER in roles and facts.get("track") == "police"):
        return _("%(name)s 不是人民调解员，也没有走治安调解，不能出调解协议。换调解员主持，或者结果选“自行和解”") % {
            "name": chair.name
        }
    if result == "written" and not facts.get("obligations"):
        return _("书面协议要写明履行内容：谁、做什么、什么时候。至少填一行")
    return None


def family_screen(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """A family case answers five questions; with any yes it cannot be closed as settled alone (DVA 2, 13–17, 23)."""
    if facts is None or not case.is_family:
        return None
    answers = facts.get("safety") or {}
    missing = [q for q in SAFETY_QUESTIONS if answers.get(q) is None]
    if missing:
        return _("婚恋家庭纠纷要先逐项回答五个安全问题，还差 %(n)s 项") % {"n": len(missing)}
    if any(answers.values()) and facts.get("disposition") not in DISPOSITIONS:
        return _("安全问题有“是”，不能只按化解处理。写明处置：批评教育、告诫书、人身安全保护令或已转公安")
    return None


def exclusions(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Any of the seven exclusions stops the public-security path (APR 179); which one is not stored."""
    if facts is None or facts.get("track") != "police" or facts["result"] == "self":
        return None
    if facts.get("exclusions_clear") is None:
        return _("治安调解要先核对七种不适用调解的情形，选“都没有”或“有”")
    if not facts["exclusions_clear"]:
        return _("有不适用治安调解的情形，不能按治安调解化解。选“引导其他途径”，转公安机关查处")
    return None


def dates(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Nothing agreed or told before the case was found or in the future; no new limit in the past."""
    if facts is None:
        return None
    today = timezone.localdate(at)
    for name in ("agreed_on", "told_on"):
        day = facts.get(name)
        if day and day > today:
            return _("日期 %(day)s 在今天之后，写实际发生的那天") % {"day": day}
        if day and day < case.found_on:
            return _("日期要不早于排查日期（%(day)s）") % {"day": case.found_on}
    for name in ("until", "due_on"):
        day = facts.get(name)
        if day and day <= today:
            return _("新期限 %(day)s 要晚于今天") % {"day": day}
        if day and (day - today).days > 366:
            return _("新期限 %(day)s 超过一年，核对年份") % {"day": day}
    return None


def tier_not_below(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """A relapse goes to the tier that settled the case, or above."""
    if facts and facts.get("tier") and facts["tier"] < case.tier:
        return _("重启的层级不能低于原来化解的层级（%(tier)s）") % {"tier": case.get_tier_display()}
    return None


def not_the_handler(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """销号 needs a reviewer: at tiers 2–3 not the handler (setting)."""
    if by and case.tier > 1 and case.handler_id == by.pk and case.rules(at).policy["close_not_by_handler"]:
        return _("经办人不能给自己办的案件结案，由本单位另一人核对后结案")
    return None


def only_when_paused(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    return None if case.is_paused else _("案件没有中止，不用恢复")


def merge_target(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    if facts is None:
        return None
    target = facts["target"]
    if target.pk == case.pk:
        return _("不能并入自己，选另一件案件")
    if not target.is_open:
        return _("%(no)s 已经不在办理中，不能并入。选一件在办的案件") % {"no": target.case_no}
    if target.township_id != case.township_id:
        return _("%(no)s 是别的乡镇的案件，不能并入") % {"no": target.case_no}
    return None


def unmerge_in_time(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    days = case.rules(at).policy["unmerge_days"]
    if case.left_at and at - case.left_at > dt.timedelta(days=days):
        return _("并案已过 %(days)s 天，不能撤销。需要继续处理的，登记一件新案") % {"days": days}
    return None


def two_parts(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    if facts is not None and len(facts.get("parts") or ()) < 2:
        return _("拆成几件至少要写两件")
    return None


def only_registered(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """A number is voided only while nothing but registration happened."""
    if case.events.exclude(kind__in=("register", "void_asked", "edit", "draft")).exists() or case.round > 1:
        return _("案件已经有办理记录，不能作废。可以撤回或并案")
    return None


def second_person(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """A voided number takes two people: one asks, another does it."""
    asked = case.events.filter(kind="void_asked").order_by("-pk").first()
    if asked is None:
        return _("作废要两个人：先由一人提请作废，再由本单位另一人办理")
    if by is not None and asked.by_id == by.pk:
        return _("你已提请作废，由本单位另一人办理")
    return None
