"""What is missing in a plan or a record, or must not be: fact name → sentence. Called by the doors of `models` only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from disputes.facts import chairs
from disputes.models import Agreement, Dispute, Party
from disputes.safeguards import needs_guardian
from disputes.sessions.models import LATEST, MOST_INVITED, Attendee, Session, Venue, moment_words
from villages.models import Role, User

Facts = Mapping[str, Any]
Errors = dict[str, str]
ONE_DAY = dt.timedelta(hours=24)


# --- the plan --------------------------------------------------------------------------------------------------------
def wrong_plan(session: Session, facts: Facts, *, by: User, at: dt.datetime) -> Errors:
    """Time, place, chair and those asked; whether the room is free is asked under its lock."""
    case, errors = session.dispute, {}
    starts_at, ends_at, venue = (facts.get(name) for name in ("starts_at", "ends_at", "venue"))
    if starts_at is None:
        errors["starts_at"] = _("填写哪天几点开")
    elif starts_at - at > LATEST:
        errors["starts_at"] = _("%(when)s 在一年以后，核对年份") % {"when": moment_words(starts_at)}
    elif timezone.localdate(starts_at) < case.found_on:
        errors["starts_at"] = _("日期要不早于排查日期（%(day)s）") % {"day": case.found_on}
    if starts_at and ends_at and not starts_at < ends_at <= starts_at + ONE_DAY:
        errors["ends_at"] = _("结束时间要晚于开始时间，并且在同一天")
    if venue is None and not facts.get("place"):
        errors["venue"] = _("选会议室，或者写明地点")
    elif venue is not None and venue.pk != session.venue_id and venue not in Venue.objects.on_offer(case):
        errors["venue"] = _("这间会议室不在这里用，在列出的里面选")
    chair = facts.get("chair")
    if chair is None:
        errors["chair"] = _("选主持人")
    elif sentence := _why_not_chair(session, chair, by):
        errors["chair"] = sentence
    elif sentence := why_not_on_track(facts.get("track") or "", chair, timezone.localdate(starts_at or at)):
        errors["track"] = sentence
    errors |= _wrong_parties(case, facts, timezone.localdate(starts_at or at))
    if sentence := _why_not_asked(facts.get("invited") or ()):
        errors["invited"] = sentence
    return errors


def _why_not_chair(session: Session, chair: User, by: User) -> str | None:
    """Who may stand as the chair of an agreement here may chair a session; one who was chosen stays."""
    if chair.pk == session.chair_id or chairs(session.dispute, by).filter(pk=chair.pk).exists():
        return None
    return _("%(name)s 不能主持这里的联调会，在列出的人里选") % {"name": chair.name}


def why_not_on_track(track: str, chair: User, day: dt.date) -> str | None:
    """Who chairs decides the papers: a people's mediator, or an officer on the public-security track."""
    roles = chair.roles_on(day) if track else frozenset()
    if track == Agreement.Track.PEOPLE and Role.MEDIATOR not in roles:
        return _("%(name)s 不是人民调解员，不能主持人民调解。换主持人，或者不选调解类别") % {"name": chair.name}
    if track == Agreement.Track.POLICE and Role.OFFICER not in roles:
        return _("%(name)s 不是民警，不能主持治安调解。换主持人，或者不选调解类别") % {"name": chair.name}
    return None


def _wrong_parties(case: Dispute, facts: Facts, day: dt.date) -> Errors:
    """Somebody must be asked; minors come with a guardian (APR 181); families not into one room by default."""
    known = {party.pk: party for party in case.parties.all()}
    wanted, guardians = set(facts.get("parties") or ()), set(facts.get("guardians") or ())
    if not wanted <= known.keys():
        return {"parties": _("本案没有这个当事人，在列出的里面选")}
    asked = [known[pk] for pk in sorted(wanted)]
    sides = {party.side for party in asked}
    if sides <= {Party.Side.THIRD}:
        return {"parties": _("至少请一方当事人")}
    minors = [party for party in asked if needs_guardian(party, day)]
    lacking = [party.name for party in minors if not party.guardian_name]
    if lacking:
        return {
            "parties": _("%(names)s 未满 18 周岁，还没有登记监护人。先在“当事人”里补上监护人")
            % {"names": "、".join(lacking)}
        }
    alone = [party.name for party in minors if party.pk not in guardians]
    if alone:
        return {"parties": _("%(names)s 未满 18 周岁，要同时请监护人到场。勾选监护人") % {"names": "、".join(alone)}}
    if case.is_family and {Party.Side.A, Party.Side.B} <= sides:
        if not facts.get("together"):
            return {"together": _("婚恋家庭纠纷分开约见双方。去掉一方，另约一场；确实要同坐一间屋的勾选并写明理由")}
        if not facts.get("together_reason"):
            return {"together_reason": _("写明为什么让双方同坐一间屋")}
    return {}


def _why_not_asked(rows: Iterable[Facts]) -> str | None:
    """Relatives, neighbours, offices and others are asked unless a party refuses them (PMA 20)."""
    rows = list(rows)
    if len(rows) > MOST_INVITED:
        return _("最多请 %(n)s 个单位或人") % {"n": MOST_INVITED}
    for row in rows:
        if not (row.get("office") or row.get("user") or row.get("name")):
            return _("选单位或人员，或者写姓名")
        if row.get("name") and not row.get("capacity"):
            return _("选%(name)s的身份：亲属、邻里、村组干部等") % {"name": row["name"]}
        if row.get("consent") == Attendee.Consent.REFUSED:
            return _("当事人不同意%(name)s参加，不能请他。去掉这一行") % {"name": _name_of(row)}
    return None


def _name_of(row: Facts) -> str:
    who = row.get("office") or row.get("user")
    return who.name if who else row.get("name") or ""


def conflict_words(venue: Venue, other: Session, by: User) -> str:
    """Which session already has the room: its case by number only for those who may read it."""
    seen = Dispute.objects.visible_to(by).filter(pk=other.dispute_id).exists()
    return _(
        "%(venue)s 在 %(from)s–%(until)s 已约了联调会（%(which)s，主持人%(chair)s）。换时间或地点，或者勾选仍用"
    ) % {
        "venue": venue,
        "from": moment_words(other.starts_at),
        "until": timezone.localtime(other.ends_at).strftime("%H:%M"),
        "which": other.dispute.case_no if seen else other.office.name,
        "chair": other.chair.name,
    }


# --- the record ------------------------------------------------------------------------------------------------------
def wrong_record(session: Session, facts: Facts, *, by: User, at: dt.datetime) -> Errors:
    """A person's facts are named `attended_<attendee id>` and `consent_<attendee id>`."""
    kinds = Session.Outcome
    outcome = facts.get("outcome") or ""
    if outcome not in kinds.values:
        return {"outcome": _("选这次的结果")}
    if outcome == kinds.NOT_HELD:
        return {} if facts.get("reason") else {"reason": _("写明为什么没有开成")}
    errors = _wrong_times(session, facts, at)
    chair = facts.get("chair") or session.chair
    day = timezone.localdate(facts.get("held_at") or at)
    if sentence := _why_not_chair(session, chair, by) or why_not_on_track(session.track, chair, day):
        errors["chair"] = sentence
    errors |= _wrong_attendance(session, facts, outcome, day)
    errors |= _wrong_recusal(session, facts.get("recusal") or {}, chair)
    if outcome == kinds.AGREED and not facts.get("points_agreed"):
        errors["points_agreed"] = _("写明说到一起的是什么：谁、做什么、什么时候")
    if outcome != kinds.AGREED and not facts.get("points_open"):
        errors["points_open"] = _("写明还没谈拢的是什么")
    next_on = facts.get("next_on")
    if outcome == kinds.CONTINUE and not next_on:
        errors["next_on"] = _("填写下次哪天接着谈")
    elif next_on and next_on < day:
        errors["next_on"] = _("下次日期不能早于这一次")
    return errors


def _wrong_times(session: Session, facts: Facts, at: dt.datetime) -> Errors:
    """It was held, and the parties were told their rights (PMA 23)."""
    held_at, ended_at, told_at = (facts.get(name) for name in ("held_at", "ended_at", "rights_told_at"))
    found_on, errors = session.dispute.found_on, {}
    if held_at is None:
        errors["held_at"] = _("填写实际哪天几点开的")
    elif held_at > at:
        errors["held_at"] = _("实际时间 %(when)s 还没到，写实际开的时间") % {"when": moment_words(held_at)}
    elif timezone.localdate(held_at) < found_on:
        errors["held_at"] = _("日期要不早于排查日期（%(day)s）") % {"day": found_on}
    if held_at and ended_at and not held_at < ended_at <= min(at, held_at + ONE_DAY):
        errors["ended_at"] = _("实际结束要晚于开始，并且不晚于现在")
    if told_at is None:
        errors["rights_told_at"] = _("先宣读权利义务，填写宣读的时间")
    elif told_at > at or (held_at and abs(told_at - held_at) > ONE_DAY):
        errors["rights_told_at"] = _("宣读的时间要在开会当天，并且不晚于现在")
    return errors


def _wrong_attendance(session: Session, facts: Facts, outcome: str, day: dt.date) -> Errors:
    """Who came is said of everybody; nobody takes part whom the parties have not agreed to (PMA 20)."""
    kinds, answers, rows = Attendee.Kind, facts.get("people") or {}, session.listed()
    if not {row.pk for row in rows} >= answers.keys():
        return {"people": _("名单里没有这个人，刷新后核对")}
    errors = {}
    for row in rows:
        answer = answers.get(row.pk) or {}
        came, consent = answer.get("attended"), answer.get("consent") or row.consent
        if came is None:
            errors[f"attended_{row.pk}"] = _("选%(name)s到了没有") % {"name": row.label}
        elif came and row.needs_consent and consent != Attendee.Consent.AGREED:
            errors[f"consent_{row.pk}"] = _("%(name)s参加要当事人同意，逐一问过再选") % {"name": row.label}
    for given in facts.get("walk_ins") or ():
        if sentence := _why_not_asked([given]):
            errors["walk_ins"] = sentence
        elif given.get("consent") != Attendee.Consent.AGREED:
            errors["walk_ins"] = _("%(name)s参加要当事人同意，逐一问过再选") % {"name": _name_of(given)}
    if errors:
        return errors
    came_here = [row for row in rows if answers[row.pk]["attended"]]
    present = {row.party_id: row for row in came_here if row.kind == kinds.PARTY}
    guardians = {row.party_id for row in came_here if row.kind == kinds.GUARDIAN}
    sides = {row.party.side for row in present.values() if row.party}
    if sides <= {Party.Side.THIRD}:
        return {"outcome": _("一方都没到的，结果选“没有开成”")}
    for pk, row in present.items():
        if row.party and needs_guardian(row.party, day) and pk not in guardians:
            return {
                f"attended_{row.pk}": _("%(name)s 未满 18 周岁，监护人没到不能谈（程序规定第一百八十一条）")
                % {"name": row.label}
            }
    everybody = {party.side for party in session.dispute.principal_parties()}
    if outcome == Session.Outcome.AGREED and not everybody <= sides:
        return {"outcome": _("双方没有都到场，不能算达成一致。选“下次接着谈”或“没有谈成”")}
    return {}


def _wrong_recusal(session: Session, recusal: Facts, chair: User) -> Errors:
    """Recusal 回避: by whom, about whom and how it was decided, or none of it; granted means another chair."""
    if not any(recusal.values()):
        return {}
    party, about, decision = recusal.get("by"), recusal.get("about"), recusal.get("decision")
    if party is None or party.dispute_id != session.dispute_id:
        return {"recusal_by": _("选谁提出回避")}
    if about is None:
        return {"recusal_about": _("选要谁回避")}
    if decision not in Session.Decision.values:
        return {"recusal_decision": _("选回避怎么决定的")}
    if decision == Session.Decision.GRANTED and about.pk == chair.pk:
        return {"recusal_decision": _("同意%(name)s回避的，主持人要换人") % {"name": about.name}}
    return {}
