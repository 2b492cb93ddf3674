"""The table of acts: what somebody answers or reports beside the moves, read by pages, API, case page and tests.

An act leaves status and tier alone. It is asked (`why_not`), done on the locked case (`perform`) and leaves an Event of
its own kind; personal text goes to the event's words or to sealed columns, never into its facts.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit.locks import locked
from disputes import clock, effects
from disputes import safeguards as s
from disputes.facts import (
    CHOICE,
    DAY,
    DISPOSITION_NAMES,
    EXCLUSION_LIST,
    LINE,
    OF_CASE,
    SAFETY,
    TEXT,
    TICK,
    YES_NO,
    YUAN,
    Choices,
    Fact,
    read,
)
from disputes.models import Agreement, Check, Dispute, Event, FactsMissing, MoveRefused, NotYours, Obligation, Party
from disputes.moves import OPEN, Status
from disputes.safe.models import (
    KEPT,
    Confirmation,
    NoPenalty,
    PoliceSession,
    PoliceTrack,
    Task,
    WarningLetter,
    add_task,
    end_tasks,
    keep_tasks,
    police_desk,
    standing,
)
from villages.models import DESK_ROLES, Coverage, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest

Facts = Mapping[str, Any]
Kept = tuple[dict[str, Any], str]
Guard = Callable[[Dispute, User, "Facts | None", dt.datetime], "str | None"]
W, M = OPEN
KEPT_CODES = (Obligation.Performance.ON_THE_SPOT, Obligation.Performance.DONE)

#: Who: somebody at the case's desk; its handler (the desk while there is none); an officer there; a task's office, too.
DESK, HANDLER, OFFICER, TASK = "desk", "handler", "officer", "task"


@dataclass(frozen=True)
class Act:
    """One row. `needs` must be given, `also` may be; `unless` are guards; `fits` tells which cases have such an act;
    `hint` is the law in a sentence."""

    label: Any
    who: str
    from_: tuple[str, ...]
    effect: Callable[[Dispute, User, dt.datetime, Facts], Kept]
    needs: tuple[str, ...]
    also: tuple[str, ...] = ()
    unless: tuple[Guard, ...] = ()
    fits: Callable[[Dispute], bool] = lambda case: True
    hint: Any = ""

    @property
    def facts(self) -> tuple[str, ...]:
        return self.needs + self.also

    @property
    def roles(self) -> frozenset[str]:
        """Who may ever do this."""
        return frozenset({Role.OFFICER}) if self.who == OFFICER else frozenset(DESK_ROLES)


# --- what may be chosen ----------------------------------------------------------------------------------------------
def _fixed(choices: Any) -> Callable[[Dispute], Choices]:
    return lambda case: tuple(choices)


def side_of(party: Party) -> str:
    """甲方, with the number among its side where there are several: it stands where a name must not."""
    side = [p.pk for p in party.dispute.principal_parties() if p.side == party.side]
    label = str(party.get_side_display())
    return f"{label} {side.index(party.pk) + 1}" if len(side) > 1 and party.pk in side else label


def parties(case: Dispute) -> Choices:
    return tuple((str(p.pk), side_of(p)) for p in case.principal_parties())


def obligations(case: Dispute) -> Choices:
    """The lines of the present agreement on which something may still be said."""
    rows = standing(case).obligations
    return tuple((str(row.pk), f"{side_of(row.debtor)}：{row.what}（{row.due_on}）") for row in rows)


def visits_to_make(case: Dispute) -> Choices:
    """Open visits after a 告诫书: whom, by which office, until when."""
    rows = standing(case).open_tasks(Task.Kind.LETTER)
    words = _g("%(side)s，%(office)s查访，%(day)s前")
    return tuple(
        (str(row.pk), words % {"side": side_of(row.party), "office": row.office.name, "day": row.due_on})
        for row in rows
        if row.party
    )


#: Neighbours and what has no type of its own: noise stands there (the primary types have none for it).
NOISE_L1 = ("02", "10", "99")
STOPS: Choices = (("crime_suspected", _("涉嫌犯罪")), ("bullying", _("学生欺凌")))


FACTS: dict[str, Fact] = {
    "reserved": Fact(_("依法只能由专门机关处理，或者依法不能用民间调解解决的"), YES_NO),
    "elsewhere": Fact(_("人民法院、公安机关或者其他机关已经受理或者解决的"), YES_NO),
    "safety": Fact(_("安全问题"), SAFETY, _("逐项问过本人再选，只有经办人能看到答案")),
    "disposition": Fact(_("处置"), CHOICE, _("有“是”的必须选，化解前可以补"), choices=_fixed(DISPOSITION_NAMES)),
    "deed": Fact(_("属于哪种行为"), CHOICE, choices=_fixed(PoliceTrack.Deed.choices)),
    "lesser": Fact(_("情节较轻"), YES_NO),
    "ground": Fact(_("为什么适合调解"), CHOICE, choices=_fixed(PoliceTrack.Ground.choices)),
    "exclusions_clear": Fact(_("不适用治安调解的情形"), YES_NO, EXCLUSION_LIST),
    "suspect": Fact(_("哪一方是违法嫌疑人"), CHOICE, choices=_fixed(PoliceTrack.Suspect.choices)),
    "established": Fact(_("查明的事实"), TEXT, _("调解前要查明事实、收集证据；只写与本案有关的")),
    "plain": Fact(_("情节轻微、事实清楚、因果关系明确，对医疗费用和损失没有争议"), TICK, _("现场治安调解的必须勾选")),
    "held_on": Fact(_("调解日期"), DAY),
    "place_kind": Fact(_("在哪种场所"), CHOICE, choices=_fixed(PoliceSession.Place.choices)),
    "place": Fact(_("地点"), LINE, limit=200),
    "officers": Fact(_("民警人数"), CHOICE, choices=_fixed((("1", _("一名")), ("2", _("两名")), ("3", _("三名以上"))))),
    "recording": Fact(_("录音录像编号"), LINE, _("一名民警主持的必须填。只记编号，不存录像"), limit=60),
    "second_why": Fact(
        _("为什么再次调解"), CHOICE, _("第二次调解的选一个"), choices=_fixed(PoliceSession.Second.choices)
    ),
    "happened_when": Fact(_("发生时间"), LINE, limit=60),
    "happened_where": Fact(_("发生地点"), LINE, limit=200),
    "people_there": Fact(_("涉及人员和在场人员"), LINE, limit=300),
    "cause": Fact(_("起因"), TEXT),
    "course": Fact(_("经过"), TEXT),
    "circumstances": Fact(_("情节"), TEXT),
    "consequence": Fact(_("结果"), TEXT),
    "perform_way": Fact(_("履行方式"), LINE, _("如 当面现金交付、转账"), limit=300),
    "failure": Fact(_("哪种情形"), CHOICE, choices=_fixed(PoliceTrack.Failure.choices)),
    "failed_on": Fact(_("未达成或不履行的日期"), DAY, _("治安案件的办案期限从这一天起算")),
    "civil_told_on": Fact(_("告知可以起诉的日期"), DAY, _("民事赔偿可以向人民法院起诉")),
    "dealt_on": Fact(_("依法处理的日期"), DAY, _("只记日期，处理结果在公安系统里")),
    "performed_on": Fact(_("履行日期"), DAY),
    "applied_on": Fact(_("双方书面申请的日期"), DAY),
    "both": Fact(_("双方都已书面申请"), TICK),
    "undecided": Fact(_("公安机关尚未作出处理决定"), TICK),
    "approved": Fact(_("是否同意不予处罚"), YES_NO),
    "decided_on": Fact(_("审批日期"), DAY),
    "number": Fact(_("告诫书编号"), LINE, _("同一编号再填一次，就是补登送交日期"), limit=60),
    "issued_on": Fact(_("出具日期"), DAY),
    "warned": Fact(_("加害人是哪一方"), OF_CASE, choices=parties),
    "victim": Fact(_("受害人是哪一方"), OF_CASE, choices=parties),
    "served_warned_on": Fact(_("送交加害人的日期"), DAY),
    "served_victim_on": Fact(_("送交受害人的日期"), DAY),
    "served_committee_on": Fact(_("通知村（居）委会的日期"), DAY),
    "task": Fact(_("哪一次查访"), OF_CASE, choices=visits_to_make),
    "done_on": Fact(_("查访日期"), DAY),
    "note": Fact(_("情况"), TEXT, limit=1000),
    "signed_on": Fact(_("最后签名盖章的日期"), DAY, _("书面协议自最后一方签名盖章起生效")),
    "asked": Fact(_("双方是否申请司法确认"), YES_NO),
    "requested_on": Fact(_("申请日期"), DAY, _("双方共同申请，协议生效之日起 30 天内")),
    "jointly": Fact(_("双方共同申请"), TICK),
    "court": Fact(_("人民法院"), LINE, limit=80),
    "ruling": Fact(_("裁定"), CHOICE, choices=_fixed(Confirmation.Ruling.choices)),
    "ruled_on": Fact(_("裁定日期"), DAY),
    "obligation": Fact(_("哪一项"), OF_CASE, choices=obligations),
    "performance": Fact(_("履行情况"), CHOICE, choices=_fixed(Obligation.Performance.choices)),
    "paid": Fact(_("已付金额（元）"), YUAN, _("部分履行的填")),
    "dissuaded": Fact(_("劝阻了哪一方"), OF_CASE, choices=parties),
    "dissuaded_on": Fact(_("劝阻日期"), DAY),
    "dissuaded_at": Fact(_("几点"), LINE, _("写成 22:30 的样子"), limit=5),
    "said": Fact(_("劝阻经过"), TEXT, _("当时什么声音、怎么劝的、对方怎么答复"), limit=1000),
    "flag": Fact(_("解除哪一项"), CHOICE, choices=_fixed(STOPS)),
    "reason": Fact(_("理由"), TEXT),
}


def clean_all(
    name: str, raw: Facts, *, case: Dispute, by: User, today: dt.date
) -> tuple[dict[str, Any], dict[str, str]]:
    """(facts for `perform`, sentence per fact that could not be read), as `disputes.facts.clean_all` does for moves."""
    facts, errors = {}, {}
    for fact in ACTS[name].facts:
        try:
            value = read(FACTS[fact], raw.get(fact), case=case, by=by, today=today)
        except ValidationError as error:
            errors[fact] = " ".join(error.messages)
        else:
            if value not in (None, "", [], {}):
                facts[fact] = value
    return facts, errors


# --- asking and doing ------------------------------------------------------------------------------------------------
def why_not(case: Dispute, name: str, *, by: User, at: dt.datetime, facts: Facts | None = None) -> str | None:
    """The sentence that refuses this act now, or None; with `facts` None judged by the case alone, for a button.

    Raises NotYours for a role that never has it, KeyError for an act that does not exist.
    """
    row = ACTS[name]
    if by.scope.roles.isdisjoint(row.roles):
        raise NotYours(_g("你的岗位不办理“%(move)s”。需要的联系责任单位") % {"move": row.label})
    if not row.fits(case):
        return _g("本案不用办“%(move)s”") % {"move": row.label}
    if case.status not in row.from_:
        return _g("案件现在是“%(status)s”，不能办“%(move)s”") % {
            "status": case.get_status_display(),
            "move": row.label,
        }
    sentence = _whose_turn(case, row, by)
    if sentence:
        return sentence
    for guard in row.unless:
        sentence = guard(case, by, facts, at)
        if sentence:
            return sentence
    return None


def _whose_turn(case: Dispute, row: Act, by: User) -> str | None:
    if row.who == TASK:
        offices = {case.desk_id, *(task.office_id for task in standing(case).tasks)}
        if offices.isdisjoint(by.scope.desks):
            return _g("由%(desk)s和承担查访、核实的单位办理") % {"desk": case.desk.name}
        return None
    if case.desk_id not in by.scope.desks:
        return _g("这个案件现在由%(desk)s办理，由他们办“%(move)s”。可以记进展") % {
            "desk": case.desk.name,
            "move": row.label,
        }
    if row.who == HANDLER and case.handler_id not in (None, by.pk):
        handler = case.handler
        return _g("安全问题只由经办人询问和查看。联系%(who)s") % {"who": handler.name if handler else ""}
    return None


def acts_for(case: Dispute, user: User, at: dt.datetime) -> dict[str, str | None]:
    """Every act that this role has on such a case in this status → None, or why not now."""
    return {
        name: why_not(case, name, by=user, at=at)
        for name, row in ACTS.items()
        if case.status in row.from_ and not user.scope.roles.isdisjoint(row.roles) and row.fits(case)
    }


def perform(
    case: Dispute,
    name: str,
    *,
    by: User,
    at: dt.datetime,
    facts: Facts,
    submission: uuid.UUID | None = None,
    request: HttpRequest | None = None,
) -> Event:
    """See `Dispute.act`."""
    row = ACTS[name]
    with transaction.atomic():
        held = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
        if submission:
            earlier = held.events.filter(kind=name, by=by, facts__submission=str(submission)).first()
            if earlier:
                return earlier
        sentence = why_not(held, name, by=by, at=at)
        if sentence:
            raise MoveRefused(sentence)
        missing = {need: needed(need) for need in row.needs if facts.get(need) in (None, "", {}, [])}
        if missing:
            raise FactsMissing(missing)
        sentence = _days(held, facts, at) or why_not(held, name, by=by, at=at, facts=facts)
        if sentence:
            raise MoveRefused(sentence)
        kept, text = row.effect(held, by, at, facts)
        if submission:
            kept["submission"] = str(submission)
        event = held.append_event(name, by=by, at=at, text=text, facts=kept, request=request)
    case.forget()
    case._prefetched_objects_cache = {}
    return event


def needed(fact: str) -> str:
    """What to fill in."""
    row = FACTS[fact]
    words = _g("选“%(what)s”") if row.kind in (CHOICE, OF_CASE, YES_NO, TICK) else _g("填写“%(what)s”")
    return words % {"what": row.label}


def _days(case: Dispute, facts: Facts, at: dt.datetime) -> str | None:
    """What is reported happened on a day between the case's discovery and today."""
    today = timezone.localdate(at)
    for name, value in facts.items():
        if FACTS[name].kind != DAY:
            continue
        if value > today:
            return _g("“%(what)s”%(day)s在今天之后，写实际发生的那天") % {"what": FACTS[name].label, "day": value}
        if value < case.found_on:
            return _g("“%(what)s”要不早于排查日期（%(day)s）") % {"what": FACTS[name].label, "day": case.found_on}
    return None


# --- acceptance and the family screen --------------------------------------------------------------------------------
def acceptance(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    found = [name for name in ("reserved", "elsewhere") if facts[name]]
    outcome = ",".join(found) or "fit"
    Check.objects.create(
        dispute=case, round=case.round, kind=Check.Kind.ACCEPTANCE, version=s.ACCEPTANCE_VERSION, outcome=outcome,
        by=by, at=at,
    )  # fmt: skip
    return {"outcome": "fit" if not found else "unfit"}, ""


def all_five(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    if facts is None:
        return None
    if facts.get("safety"):
        return s.unanswered_questions(facts["safety"])
    stored = s.latest(case, Check.Kind.FAMILY)
    if stored is None:
        return s.unanswered_questions({})
    return None if facts.get("disposition") else _g("回答五个安全问题，或者选处置")


def screen(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    effects.keep_screen(case, by, at, facts)
    return {}, ""  # neither the answers nor whether there was a yes: the timeline is read by others too


# --- the public-security track ---------------------------------------------------------------------------------------
def police(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    """The wizard's three steps; a later answer takes the place of an earlier one."""
    row = standing(case).track or PoliceTrack(dispute=case, round=case.round)
    row.deed, row.lesser, row.ground = facts["deed"], facts["lesser"], facts["ground"]
    row.suspect, row.plain = facts.get("suspect", ""), bool(facts.get("plain"))
    row.established = facts.get("established", "")
    row.by, row.at = by, at
    row.save()
    effects.keep_exclusions(case, by, at, clear=facts["exclusions_clear"])
    case.forget()
    return {"fits": s.police_applies(case) is None}, ""


def still_fits(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    return s.police_applies(case)


def may_be_mediated(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    for guard in (s.minor_without_guardian, s.child_without_consent, s.agents):
        sentence = guard(case, by, facts, at)
        if sentence:
            return sentence
    return s.no_mediation(case, by, at)


def facts_established(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    """APR 180: facts first, then mediation."""
    track = standing(case).track
    if track and not track.established:
        return _g("治安调解要先查明事实。先在“治安调解适用核对”里写查明的事实")
    return None


def enough_officers(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    """One officer alone mediates in a standard place with a full recording only (PSA 108)."""
    if facts is None or facts["officers"] != "1":
        return None
    if facts["place_kind"] != PoliceSession.Place.STANDARD:
        return _g("一名民警单独调解，只能在规范设置的执法办案场所。换场所，或者由两名以上民警主持")
    if not facts.get("recording"):
        return _g("一名民警单独调解，要全程同步录音录像。填录音录像编号，或者由两名以上民警主持")
    return None


def held_days(case: Dispute) -> list[dt.date]:
    """The days of this round's sessions under police chair."""
    return [row.held_on for row in standing(case).sessions]


def session_in_time(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    """Once; a second time within seven working days of the first, for a reason (APR 183)."""
    if facts is None:
        return None
    held, day, rules = held_days(case), facts["held_on"], case.rules(at)
    if day in held:
        return _g("%(day)s 的治安调解已经登记过") % {"day": day}
    problem = clock.session_problem(held, day, rules.calendar, rules.policy["police_sessions"])
    if problem == "many":
        return _g("治安调解一般一次，必要时再调解一次，已经记了 %(n)s 次。登记未达成，由公安机关依法处理") % {
            "n": len(held)
        }
    if problem == "early":
        return _g("这次调解要晚于上一次（%(day)s）") % {"day": max(held)}
    if problem == "late":
        return _g("第二次治安调解要在第一次之后 7 个工作日内（%(day)s前）完成。登记未达成，由公安机关依法处理") % {
            "day": clock.second_session_until(min(held), rules.calendar)
        }
    if held and not facts.get("second_why"):
        return _g("再次调解的选为什么：公安机关认为有必要，或者当事人申请")
    return None


def police_session(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    given = {name: facts[name] for name in ("held_on", "place_kind", "place")}
    row = PoliceSession.objects.create(
        dispute=case, round=case.round, officers=int(facts["officers"]), recording=facts.get("recording", ""),
        second_why=facts.get("second_why", "") if held_days(case) else "", by=by, at=at, **given,
    )  # fmt: skip
    return {"held_on": row.held_on.isoformat(), "officers": row.officers, "recorded": bool(row.recording)}, ""


def has_track(case: Dispute) -> bool:
    return standing(case).track is not None


def police_terms(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    track = standing(case).track
    assert track is not None
    for name in PoliceTrack.TERMS:
        setattr(track, name, facts.get(name, ""))
    track.save(update_fields=PoliceTrack.TERMS)
    return {"missing": len(track.missing_terms())}, ""


def failed_when(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    track = standing(case).track
    if track and track.failure:
        return _g("已经登记过（%(day)s），不用再办") % {"day": track.failed_on}
    if facts is None:
        return None
    agreement = standing(case).agreement
    reached = agreement is not None and agreement.track == Agreement.Track.POLICE
    if facts["failure"] == PoliceTrack.Failure.NOT_PERFORMED and not reached:
        return _g("还没有达成治安调解协议，选“未达成协议”")
    if facts["failure"] == PoliceTrack.Failure.NOT_REACHED and case.status != M:
        return _g("已经达成治安调解协议，选“达成协议后不履行”")
    return None


def police_failed(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    """It goes back to the police: a task, with the day from which their clock runs (APR 185)."""
    track = standing(case).track
    assert track is not None
    for name in ("failure", "failed_on", "civil_told_on"):
        setattr(track, name, facts[name])
    track.save(update_fields=["failure", "failed_on", "civil_told_on"])
    day = case.rules(at).calendar.add(timezone.localdate(at), 1)
    add_task(case, Task.Kind.POLICE, day, police_desk(case))
    return {"failure": track.failure, "failed_on": facts["failed_on"].isoformat(), "office": police_desk(case).pk}, ""


def to_deal_with(case: Dispute) -> bool:
    return bool(standing(case).open_tasks(Task.Kind.POLICE))


def police_dealt(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    end_tasks(case, (Task.Kind.POLICE,), Task.State.DONE, by=by, on=facts["dealt_on"])
    return {"dealt_on": facts["dealt_on"].isoformat()}, ""


def not_by_police(case: Dispute) -> bool:
    agreement = standing(case).agreement
    return agreement is not None and agreement.track != Agreement.Track.POLICE


def all_kept(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    """No penalty only for what was performed; a plain “已调解” does not end a public-order case (PSA 9 ¶4)."""
    if standing(case).no_penalty:
        return _g("双方的申请已经登记过，不用再办")
    open_ = sum(row.performance not in KEPT_CODES for row in standing(case).obligations)
    if open_:
        return _g("协议还有 %(n)s 项没有履行完毕，不能申请不予处罚。先记履行情况") % {"n": open_}
    if facts is not None and not (facts["both"] and facts["undecided"]):
        return _g("要双方都书面申请，并且公安机关尚未作出处理决定")
    return None


def no_penalty(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    row = NoPenalty.objects.create(
        dispute=case, round=case.round, performed_on=facts["performed_on"], applied_on=facts["applied_on"], by=by, at=at
    )
    return {"applied_on": row.applied_on.isoformat()}, ""


def applied_for(case: Dispute) -> bool:
    return standing(case).no_penalty is not None


def another_decides(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    row = standing(case).no_penalty
    assert row is not None
    if row.decided_on:
        return _g("已经审批，不用再办")
    if row.by_id == by.pk:
        return _g("申请由你登记，由另一名民警审批")
    return None


def no_penalty_done(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    row = standing(case).no_penalty
    assert row is not None
    row.approved, row.decided_on, row.decided_by = facts["approved"], facts["decided_on"], by
    row.save(update_fields=["approved", "decided_on", "decided_by"])
    return {"approved": row.approved, "decided_on": row.decided_on.isoformat()}, ""


# --- warning letters -------------------------------------------------------------------------------------------------
def two_people(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    if facts is not None and facts["warned"] == facts["victim"]:
        return _g("加害人和受害人不能是同一方的同一个人")
    return None


def letter(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    """A letter and four visits: station and village committee each to both (DVA 16-17); again: when it was served."""
    row = case.letters.filter(number=facts["number"]).first()
    new = row is None
    if row is None:
        row = WarningLetter(dispute=case, number=facts["number"], by=by, at=at)
    row.issued_on, row.warned_id, row.victim_id = facts["issued_on"], int(facts["warned"]), int(facts["victim"])
    for name in WarningLetter.SERVED:
        setattr(row, name, facts.get(name) or getattr(row, name))
    row.save()
    committee = Coverage.objects.desk_for(case.village, 1) or case.desk
    if new:
        day = facts["issued_on"] + dt.timedelta(days=case.rules(at).policy["letter_visit_days"])
        day = case.rules(at).calendar.next_workday(day)
        for office in dict.fromkeys((police_desk(case), committee)):
            for party in (row.warned, row.victim):
                add_task(case, Task.Kind.LETTER, day, office, party=party, letter=row)
    return {"letter": row.pk, "committee": committee.pk, "issued_on": row.issued_on.isoformat()}, ""


def has_visits(case: Dispute) -> bool:
    return bool(standing(case).open_tasks(Task.Kind.LETTER))


def own_visit(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    if facts is None:
        return None
    row = case.tasks.select_related("office").get(pk=int(facts["task"]))
    if row.office_id not in by.scope.desks:
        return _g("这次查访由%(office)s办理") % {"office": row.office.name}
    return None


def letter_visit(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    row = case.tasks.select_related("party__dispute").get(pk=int(facts["task"]))
    row.state, row.done_on, row.by = Task.State.DONE, facts["done_on"], by
    row.save(update_fields=["state", "done_on", "by"])
    side = row.party.side if row.party else ""
    return {"side": side, "done_on": row.done_on.isoformat()}, facts.get("note", "")


# --- agreements that are kept ----------------------------------------------------------------------------------------
def is_written(case: Dispute) -> bool:
    agreement = standing(case).agreement
    return agreement is not None and agreement.result == Agreement.Result.WRITTEN


def signed_in_order(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    agreement = standing(case).agreement
    if facts is not None and agreement and facts["signed_on"] < agreement.agreed_on:
        return _g("签名盖章要不早于达成日期（%(day)s）") % {"day": agreement.agreed_on}
    return None


def signed(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    """The day from which a written agreement has effect; the court's deadline moves along."""
    agreement = standing(case).agreement
    assert agreement is not None
    agreement.signed_on = facts["signed_on"]
    agreement.save(update_fields=["signed_on"])
    for task in case.tasks.open().filter(kind=Task.Kind.CONFIRM, round=case.round):
        until = clock.confirmation_until(agreement.effective_on)
        task.since, task.due_on = task.since + (until - task.due_on), until
        task.save(update_fields=["since", "due_on"])
    return {"signed_on": facts["signed_on"].isoformat()}, ""


def may_be_confirmed(case: Dispute) -> bool:
    agreement = standing(case).agreement
    return agreement is not None and agreement.may_be_confirmed


def confirmed_in_time(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    """Both jointly, within thirty days of the agreement's effect (PMA 33)."""
    agreement = standing(case).agreement
    assert agreement is not None
    earlier = standing(case).confirmation
    if earlier and earlier.asked:
        return _g("已经在 %(day)s 申请司法确认，不用再办") % {"day": earlier.requested_on}
    if facts is None or not facts["asked"]:
        return None
    day, until = facts.get("requested_on"), clock.confirmation_until(agreement.effective_on)
    if day is None:
        return _g("填写双方申请司法确认的日期")
    if agreement.result == Agreement.Result.WRITTEN and agreement.signed_on is None:
        return _g("先登记最后签名盖章的日期，司法确认的 30 天从那天起算")
    if day < agreement.effective_on:
        return _g("申请日期要不早于协议生效日期（%(day)s）") % {"day": agreement.effective_on}
    if day > until:
        return _g("司法确认要在协议生效之日起 30 天内申请，%(day)s 已经截止。不履行的可以就协议向人民法院起诉") % {
            "day": until
        }
    if not facts.get("jointly"):
        return _g("司法确认由双方共同申请。只有一方愿意的不能申请，可以就协议向人民法院起诉")
    return None


def confirm(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    agreement = standing(case).agreement
    assert agreement is not None
    row = standing(case).confirmation or Confirmation(agreement=agreement)
    row.asked, row.by, row.at = facts["asked"], by, at
    row.requested_on, row.court = (facts["requested_on"], facts.get("court", "")) if row.asked else (None, "")
    row.save()
    end_tasks(case, (Task.Kind.CONFIRM,), Task.State.DONE, by=by, on=timezone.localdate(at))
    return {"asked": row.asked, **({"requested_on": row.requested_on.isoformat()} if row.requested_on else {})}, ""


def is_asked(case: Dispute) -> bool:
    row = standing(case).confirmation
    return row is not None and row.asked


def ruled_once(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    row = standing(case).confirmation
    assert row is not None
    if row.ruling:
        return _g("裁定已经登记（%(day)s），不用再办") % {"day": row.ruled_on}
    if facts is not None and row.requested_on and facts["ruled_on"] < row.requested_on:
        return _g("裁定日期要不早于申请日期（%(day)s）") % {"day": row.requested_on}
    return None


def confirm_ruled(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    row = standing(case).confirmation
    assert row is not None
    row.ruling, row.ruled_on = facts["ruling"], facts["ruled_on"]
    row.save(update_fields=["ruling", "ruled_on"])
    return {"ruling": row.ruling, "ruled_on": row.ruled_on.isoformat()}, ""


def has_obligations(case: Dispute) -> bool:
    return bool(standing(case).obligations)


def performance_fits(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    """The answer agrees with the day, the amount and what was said before."""
    if facts is None:
        return None
    row = Obligation.objects.select_related("agreement").get(pk=int(facts["obligation"]))
    code, today, answers = facts["performance"], timezone.localdate(at), Obligation.Performance
    if code in KEPT_CODES:
        if facts.get("performed_on") is None:
            return _g("履行了的填履行日期")
        if facts["performed_on"] < row.agreement.agreed_on:
            return _g("履行日期要不早于达成日期（%(day)s）") % {"day": row.agreement.agreed_on}
    if code == answers.PARTLY and row.amount is not None:
        paid = facts.get("paid")
        if paid is None or not 0 < paid < row.amount:
            return _g("部分履行的填已付金额，要少于 %(amount)s 元") % {"amount": f"{row.amount:,.2f}"}
    if code == answers.NOT_DUE and row.due_on < today:
        return _g("这一项在 %(day)s 已经到期，不能选“未到期”") % {"day": row.due_on}
    if code == answers.OVERDUE and row.due_on >= today:
        return _g("这一项 %(day)s 才到期，不能选“逾期未履行”") % {"day": row.due_on}
    return None


def performance(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    row = Obligation.objects.get(pk=int(facts["obligation"]))
    row.performance = facts["performance"]
    done = row.performance in KEPT_CODES
    row.performed_on = facts.get("performed_on") if done else None
    row.paid = row.amount if done else facts.get("paid")
    row.reported_by, row.reported_at = by, at
    row.save(update_fields=["performance", "performed_on", "paid", "reported_by", "reported_at"])
    keep_tasks(case, by, row.performed_on or timezone.localdate(at))
    return {"obligation": row.pk, "performance": row.performance}, facts.get("note", "")


# --- dissuasion ------------------------------------------------------------------------------------------------------
def is_noise(case: Dispute) -> bool:
    return case.type_l1 in NOISE_L1


def at_a_time(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    if facts is None:
        return None
    if not re.fullmatch("([01]?[0-9]|2[0-3]):[0-5][0-9]", facts["dissuaded_at"].replace("：", ":")):
        return _g("“几点”写成 22:30 的样子，按 24 小时写")
    return None


def dissuade(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    """What was said on the spot, with its time: after it, and mediation, failed the police may punish (PSA 88)."""
    party = case.parties.get(pk=int(facts["dissuaded"]))
    hour, minute = facts["dissuaded_at"].replace("：", ":").split(":")
    when = {"dissuaded_on": facts["dissuaded_on"].isoformat(), "dissuaded_at": f"{hour:0>2}:{minute}"}
    return {"party": party.pk, "side": party.side, **when}, facts["said"]


# --- lifting a stop --------------------------------------------------------------------------------------------------
def is_stopped(case: Dispute) -> bool:
    return case.crime_suspected or case.bullying


def is_registered(case: Dispute, by: User, facts: Facts | None, at: dt.datetime) -> str | None:
    if facts is not None and not getattr(case, facts["flag"]):
        return _g("本案没有登记这一项，不用解除")
    return None


def lift(case: Dispute, by: User, at: dt.datetime, facts: Facts) -> Kept:
    """An officer says why a suspicion no longer stands; the reason is words, the flag a fact."""
    setattr(case, facts["flag"], False)
    case.version += 1
    case.save(update_fields=[facts["flag"], "version"])
    return {"flag": facts["flag"]}, facts["reason"]


def is_family(case: Dispute) -> bool:
    return case.is_family


# fmt: off
ACTS: dict[str, Act] = {
    # name                  label                       who      from              effect
    "acceptance":      Act(_("受理核对"),               DESK,    OPEN,             acceptance,
                           ("reserved", "elsewhere"),
                           hint=_("有一项选“是”的不属于人民调解受理范围，选“引导其他途径”告知当事人找谁")),
    "screen":          Act(_("安全问题"),               HANDLER, (W, M, Status.SETTLED), screen,
                           (), ("safety", "disposition"), (all_five,), is_family,
                           hint=_("单独询问，不和对方同时在场。有“是”的不能只按调解化解，要写明处置")),
    "police":          Act(_("治安调解适用核对"),       OFFICER, OPEN,             police,
                           ("deed", "lesser", "ground", "exclusions_clear"), ("suspect", "plain", "established"),
                           hint=_("三步：行为和情节、适合调解的理由、七种不适用的情形。七种情形只记有没有，不记是哪一种")),
    "police_session":  Act(_("记一次治安调解"),         OFFICER, (M,),             police_session,
                           ("held_on", "place_kind", "place", "officers"), ("recording", "second_why"),
                           (still_fits, facts_established, may_be_mediated, enough_officers, session_in_time),
                           has_track,
                           hint=_("一般一次；必要时再调解一次，在第一次之后 7 个工作日内完成")),
    "police_terms":    Act(_("治安调解协议内容"),       OFFICER, (M,),             police_terms,
                           (), PoliceTrack.TERMS, (still_fits,), has_track,
                           hint=_("协议书要写全这些内容。协议内容和履行期限在“化解”里填")),
    "police_failed":   Act(_("治安调解未成或不履行"),   OFFICER, (M, *KEPT),       police_failed,
                           ("failure", "failed_on", "civil_told_on"), (), (failed_when,), has_track,
                           hint=_("由公安机关依法处理，办案期限从这一天起算；民事赔偿告知可以向人民法院起诉")),
    "police_dealt":    Act(_("治安案件已依法处理"),     OFFICER, (M, Status.REFERRED, *KEPT), police_dealt,
                           ("dealt_on",), fits=to_deal_with),
    "no_penalty":      Act(_("登记不予处罚申请"),       OFFICER, KEPT,             no_penalty,
                           ("performed_on", "applied_on", "both", "undecided"), (), (all_kept,), not_by_police,
                           hint=_("治安案件经人民调解或自行和解并履行的，双方书面申请，经公安机关认可，可以不予处罚")),
    "no_penalty_done": Act(_("审批不予处罚"),           OFFICER, KEPT,             no_penalty_done,
                           ("approved", "decided_on"), (), (another_decides,), applied_for),
    "letter":          Act(_("登记告诫书"),             OFFICER, (W, M, *KEPT),    letter,
                           ("number", "issued_on", "warned", "victim"), WarningLetter.SERVED, (two_people,), is_family,
                           hint=_("送交双方并通知村（居）委会；派出所和村（居）委会对双方查访。只在本案里看得到")),
    "letter_visit":    Act(_("登记告诫书查访"),         TASK,    (W, M, *KEPT),    letter_visit,
                           ("task", "done_on"), ("note",), (own_visit,), has_visits),
    "signed":          Act(_("登记签名盖章"),           DESK,    KEPT,             signed,
                           ("signed_on",), (), (signed_in_order,), is_written),
    "confirm":         Act(_("司法确认"),               DESK,    KEPT,             confirm,
                           ("asked",), ("requested_on", "jointly", "court"), (confirmed_in_time,), may_be_confirmed,
                           hint=_("双方共同向人民法院申请，不收费。法院 3 日内决定是否受理，15 日内裁定")),
    "confirm_ruled":   Act(_("登记司法确认裁定"),       DESK,    KEPT,             confirm_ruled,
                           ("ruling", "ruled_on"), (), (ruled_once,), is_asked),
    "performance":     Act(_("记履行情况"),             TASK,    KEPT,             performance,
                           ("obligation", "performance"), ("performed_on", "paid", "note"), (performance_fits,),
                           has_obligations),
    "dissuade":        Act(_("记一次劝阻"),             DESK,    OPEN,             dissuade,
                           ("dissuaded", "dissuaded_on", "dissuaded_at", "said"), (), (at_a_time,), is_noise,
                           hint=_("噪声扰民的，每次劝阻都记时间；劝阻、调解以后仍不改正的，可以打印出来作为依据")),
    "lift":            Act(_("解除登记"),               OFFICER, OPEN,             lift,
                           ("flag", "reason"), (), (is_registered,), is_stopped,
                           hint=_("经查不构成的，由民警写明理由后解除。每次解除都记入办理记录")),
}
# fmt: on
assert {fact for row in ACTS.values() for fact in row.facts} == FACTS.keys()
