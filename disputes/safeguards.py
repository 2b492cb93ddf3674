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

from disputes.masking import mask_name
from villages.models import Role

if TYPE_CHECKING:
    from disputes.models import Check, Dispute, Party
    from villages.models import User

    Facts = Mapping[str, Any] | None

#: The family screen's five questions (suggested; DVA 2): beating, restraint, insult or intimidation, threat, fear.
SAFETY_QUESTIONS = ("beating", "restraint", "insult", "threat", "fear")
#: What a family case with a yes needs besides an agreement (DVA 16, 17, 23).
DISPOSITIONS = ("criticism", "warning_letter", "protection_order", "police")
EXCLUSIONS_VERSION = "APR-179/2018"
ACCEPTANCE_VERSION = "PMR-22/2002"  # 人民调解工作若干规定 22
#: Compensation for land that was taken is outside land arbitration (农村土地承包经营纠纷调解仲裁法 2).
TAKEN_LAND = ("1101", "1102", "1105")


def latest(case: Dispute, kind: str) -> Check | None:
    """The latest answer of the present round to this kind of check; one query for all kinds, once per instance."""
    if "_answered" not in case.__dict__:
        case.__dict__["_answered"] = {
            row.kind: row for row in case.checks.filter(round=case.round).select_related("by").order_by("pk")
        }
    return case.__dict__["_answered"].get(kind)


def no_mediation(case: Dispute, by: User | None, at: dt.datetime) -> str | None:
    """Why no session of mediation may be held, whoever chairs it: refusal, suspected crime, bullying, acceptance."""
    names = case.refusing_parties()
    if names:
        shown = [mask_name(name) for name in names] if case.names_hidden_from(by) else names
        return _(
            "%(names)s 明确表示不愿意调解，不能再调解。可以调解不成或引导其他途径；本人改变主意的，先记“本人撤回拒绝”"
        ) % {"names": "、".join(shown)}
    return handed_over(case, by, None, at) or bullying(case, by, None, at) or not_acceptable(case, by, None, at)


def why_no_note(case: Dispute, by: User, at: dt.datetime, way: str, is_attempt: bool) -> str | None:
    """Why this progress note cannot be written; None when it can."""
    if way == "phone" and case.is_family and not any(p.safe_to_call for p in case.principal_parties()):
        return no_safe_call()
    return no_mediation(case, by, at) if is_attempt else None


def no_safe_call() -> str:
    """Nobody in a family case is called without a note when and where that is safe (DVA 5)."""
    return _("婚恋家庭纠纷没有登记“方便联系的方式”，不能打电话。改为入户或当面，或者先在“当事人”里补上")


def stays_registered(case: Dispute, facts: Mapping[str, Any]) -> str | None:
    """What stops a mediation is not edited away: an officer lifts it with a reason (`lift`)."""
    for name in ("crime_suspected", "bullying"):
        if getattr(case, name) and facts.get(name) is False:
            return _("涉嫌犯罪、学生欺凌登记后不能直接改掉，由民警在“解除登记”里写明理由")
    if case.is_family and facts.get("type_l1", case.type_l1) != case.type_l1:
        screen = latest(case, "family")
        if (screen and screen.outcome != "no") or case.letters.exists():
            return _("安全问题有“是”或者出过告诫书，纠纷类型不能改成别的大类")
    return None


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
    if case.attempts_at_this_tier().exists() or no_mediation(case, by, at):  # what may not be tried need not be
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


def handed_over(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Suspected crime neither ends nor is withdrawn here: it is handed to the police (PSA 3)."""
    if case.crime_suspected:
        return _("本案登记了涉嫌犯罪，只能移交。选“引导其他途径”，转公安机关")
    return None


def where_it_goes(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Suspected crime and bullying have ways of their own; of a crime only 已移交 and its time are kept (PSA 3, 60)."""
    if facts is None:
        return None
    if case.crime_suspected and facts["way"] != "police":
        return _("本案登记了涉嫌犯罪，引导去的途径只能选“公安机关依法处理”")
    if case.crime_suspected and facts.get("reason"):
        return _("涉嫌犯罪的只记已移交和时间，不写案情。把理由清空再办")
    if case.bullying and facts["way"] not in ("police", "admin"):
        return _("本案登记了学生欺凌，引导去的途径选“公安机关依法处理”或“行政途径”（教育部门）")
    if facts["way"] == "arbitral" and case.type_l2 in TAKEN_LAND:
        return _("征收补偿不属于农村土地承包仲裁的范围。选“行政途径”（行政复议）或“向人民法院起诉”")
    return None


def not_acceptable(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Answered on the acceptance list: reserved to an authority, or already in its hands (若干规定 22, check)."""
    check = latest(case, "acceptance")
    if check and check.outcome != "fit":
        return _("受理核对的结果是不属于人民调解受理范围。选“引导其他途径”，核对有误的重新核对")
    return None


def minor_without_guardian(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Parents or guardians of minors are told to attend (APR 181); from 16 not of who lives on own wages and agrees."""
    today = timezone.localdate(at)
    names = [party.name for party in case.parties.all() if lacks_guardian(party, today)]
    if names:
        return _("%(names)s 未满 18 周岁，还没有登记监护人。先在“当事人”里补上监护人") % {"names": "、".join(names)}
    return None


def needs_guardian(party: Party, today: dt.date) -> bool:
    """Whether this party does not act without a guardian (APR 181)."""
    from disputes.models import WAGES_FROM

    alone = party.own_wages and (party.age(today) or 0) >= WAGES_FROM
    return party.is_minor(today) and not alone


def lacks_guardian(party: Party, today: dt.date) -> bool:
    """Whether a guardian must be registered for this party."""
    return needs_guardian(party, today) and not party.guardian_name


def child_without_consent(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """What is kept about a child under 14 takes the guardian's consent (PIPL 31)."""
    today = timezone.localdate(at)
    names = [party.name for party in case.parties.all() if lacks_consent(party, today)]
    if names:
        return _("%(names)s 未满 14 周岁，监护人还没有同意登记个人信息。先在“当事人”里填监护人同意的日期") % {
            "names": "、".join(names)
        }
    return None


def lacks_consent(party: Party, today: dt.date) -> bool:
    """Whether a guardian's consent must be dated for this party."""
    from disputes.models import CHILD_UNDER

    age = party.age(today)
    return age is not None and age < CHILD_UNDER and not party.guardian_consent_on


def agents(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """On the police track the victim's agent is appointed in writing, with scope; the suspect has none (APR 181)."""
    from disputes.safe.models import standing

    track = standing(case).track
    for party in case.principal_parties():
        if not party.agent_name:
            continue
        if track and party.side in track.suspect:
            return _("违法嫌疑人不能委托代理人参加治安调解，%(name)s 要由本人参加。先在“当事人”里去掉代理人") % {
                "name": party.name
            }
        if not (party.agent_in_writing and party.agent_scope):
            return _("%(name)s 的代理人要有书面授权并写明代理权限。先在“当事人”里补上") % {"name": party.name}
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
    answers, stored = facts.get("safety") or {}, latest(case, "family")
    if answers or stored is None:
        sentence = unanswered_questions(answers)
        if sentence:
            return sentence
        dangerous, disposition = says_yes(answers), facts.get("disposition")
    else:
        outcome, _colon, known = stored.outcome.partition(":")
        dangerous, disposition = outcome == "yes", facts.get("disposition") or known
    if dangerous and disposition not in DISPOSITIONS:
        return _("安全问题有“是”，不能只按化解处理。写明处置：批评教育、告诫书、人身安全保护令或已转公安")
    return None


def unanswered_questions(answers: Mapping[str, Any]) -> str | None:
    """How many of the five questions are still open."""
    missing = open_questions(answers)
    if missing:
        return _("婚恋家庭纠纷要先逐项回答五个安全问题，还差 %(n)s 项") % {"n": missing}
    return None


def open_questions(answers: Mapping[str, Any]) -> int:
    return sum(answers.get(question) is None for question in SAFETY_QUESTIONS)


def says_yes(answers: Mapping[str, Any]) -> bool:
    """Whether any of the five was answered yes: then a disposition is written, too."""
    return any(answers.get(question) for question in SAFETY_QUESTIONS)


def exclusions(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Any of the seven exclusions stops the public-security path (APR 179); which one is not stored."""
    if facts is None or facts.get("track") != "police" or facts["result"] == "self":
        return None
    clear, stored = facts.get("exclusions_clear"), latest(case, "exclusions")
    if clear is None and stored:
        clear = stored.outcome == "none"
    if clear is None:
        return _("治安调解要先核对七种不适用调解的情形，选“都没有”或“有”")
    if not clear or (stored and stored.outcome != "none"):
        return excluded()
    return None


def excluded() -> str:
    """At least one of the seven exclusions applies (APR 179)."""
    return _("有不适用治安调解的情形，不能按治安调解化解。选“引导其他途径”，转公安机关查处")


def police_applies(case: Dispute) -> str | None:
    """Why 治安调解 does not apply as far as the wizard was answered; None when it does (APR 178-179, 185)."""
    from disputes.safe.models import standing

    track = standing(case).track
    if track is None:
        return _("治安调解先做适用核对（三步），在案件页“保障与履行”里办理")
    if track.deed == track.Deed.CIVIL:
        return _("核对结果只是民间纠纷，不是治安违法，不能按治安调解办理。按人民调解办理，或告知向法院起诉")
    if not track.fits:
        return _("核对结果不符合治安调解的条件。选“引导其他途径”，转公安机关查处")
    stored = latest(case, "exclusions")
    if stored and stored.outcome != "none":
        return excluded()
    if track.failure:
        return _("治安调解已登记未成，由公安机关依法处理。民事赔偿可以按人民调解办理，或告知向法院起诉")
    return None


def police_track(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """An agreement under police chair: applicable, held and recorded, and complete (PSA 9, 108; APR 178-184)."""
    if facts is None or facts.get("track") != "police" or facts["result"] == "self":
        return None
    sentence = police_applies(case) or agents(case, by, facts, at)
    if sentence:
        return sentence
    from disputes.safe.models import standing

    track = standing(case).track
    assert track is not None
    if facts.get("on_the_spot"):
        return _on_the_spot(track, facts)
    if not standing(case).sessions:
        return _("还没有登记治安调解的时间、地点和民警人数。先记一次治安调解；当场调解并当场履行的勾选“当场化解”")
    if facts["result"] != "written":
        return _("治安调解要有协议书，结果选“书面协议”；只有当场调解、当场履行并录音录像的可以不写")
    missing = track.missing_terms()
    if missing:
        return _("治安调解协议还缺：%(what)s。先在“治安调解协议内容”里写全") % {"what": "、".join(missing)}
    return None


def _on_the_spot(track: Any, facts: Mapping[str, Any]) -> str | None:
    """现场治安调解: trivial, clear, undisputed, kept at once; a full recording replaces the paper (APR 178)."""
    if not track.plain:
        return _("现场治安调解要情节轻微、事实清楚、对损失没有争议。重新核对并勾选，或者不选“当场化解”")
    late = [row for row in facts.get("obligations") or () if row["due_on"] != facts["agreed_on"]]
    if late:
        return _("现场治安调解要当场履行，履行期限写达成那天；以后履行的不选“当场化解”")
    if facts["result"] != "written" and not facts.get("recording"):
        return _("现场治安调解不写协议书的，要全程录音录像并填录音录像编号")
    return None


def obligations_unanswered(case: Dispute, by: User | None, facts: Facts, at: dt.datetime) -> str | None:
    """Performance is followed to the end: what is due is answered, or the reason why not is written (PMA 31)."""
    if facts is None or facts.get("reason"):
        return None
    from disputes.safe.models import standing

    today, silent = timezone.localdate(at), ("", "4")
    rows = [row for row in standing(case).obligations if row.performance in silent and row.due_on <= today]
    if rows:
        return _("有 %(n)s 项履行到期了还没有记结果（最早 %(day)s）。先记履行情况，或者写明结案理由") % {
            "n": len(rows),
            "day": min(row.due_on for row in rows),
        }
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
