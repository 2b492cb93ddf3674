"""The doors of a return visit: `record_visit`, `waive_visit`; and the guard that keeps a case open until then."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.locks import locked
from disputes import masking
from disputes.models import Dispute, Event, FactsMissing, MoveRefused, NotYours, Obligation, Party
from disputes.moves import Status
from disputes.safe.models import heard as keep_performance
from disputes.safeguards import no_safe_call
from followups.models import Handled, RelapseCheck, ReturnVisit
from followups.planning import VISITED
from villages.models import DESK_ROLES, Code, Role, User, in_force
from villages.workdays import load_calendar

State = ReturnVisit.State
#: Free text of a visit, in which names may stand.
SAID = ("demands", "education", "calming", "why_failed")
#: What a party that was reached answered, or was given.
HEARD = ("satisfaction", "mind", "demands", "topic", "education", "calming")
Performance = Obligation.Performance
TOPIC = "publicity_topic"


def settled_on(case: Dispute) -> dt.date | None:
    """The day on which the present round was settled."""
    return timezone.localdate(case.settled_at) if case.settled_at else None


def side_label(party: Party, parties: list[Party]) -> str:
    """甲方, or 甲方 2 where the side is several: a name for the timeline that names nobody."""
    side = [p.pk for p in parties if p.side == party.side]
    return f"{party.get_side_display()} {side.index(party.pk) + 1}" if len(side) > 1 else str(party.get_side_display())


def shown_name(case: Dispute, party: Party, viewer: User | None) -> str:
    """The party's name as this viewer may read it."""
    return masking.mask_name(party.name) if case.names_hidden_from(viewer) else party.name


def parties_without_visit(case: Dispute) -> list[Party]:
    """Principal parties of the present round with neither a visit that reached them nor a written waiver."""
    done = ReturnVisit.objects.filter(dispute=case, round=case.round, state__in=[State.DONE, State.WAIVED])
    reached = set(done.values_list("party_id", flat=True))
    return [party for party in case.principal_parties() if party.pk not in reached]


def why_visits_missing(case: Dispute, by: User | None, facts: Mapping[str, Any] | None, at: dt.datetime) -> str | None:
    """结案 waits for a visit that reached each party; while the visits are not planned yet it waits for these.

    It waits, too, for what a visit left open: a sign of relapse, or one more visit that was agreed on.
    """
    settlement = case.events.filter(kind="settle", round=case.round).order_by("-pk").first()
    if settlement and not Handled.objects.filter(event=settlement).exists():
        return _("回访还在安排，过一会儿再结案")
    missing = parties_without_visit(case)
    if not missing:
        return _why_visits_left_open(case)
    names = "、".join(shown_name(case, party, by) for party in missing)
    return _("还没有回访到 %(names)s。回访后再结案，确实不能回访的由督导书面免访") % {"names": names}


def _why_visits_left_open(case: Dispute) -> str | None:
    if RelapseCheck.objects.open().filter(dispute=case).exists():
        return _("回访发现的反弹苗头还没有核实，核实后再结案")
    again = (
        ReturnVisit.objects.planned().filter(dispute=case, round=case.round, reason=ReturnVisit.Reason.AGAIN).first()
    )
    if again:
        return _("上次回访的结论是再回访一次（%(day)s），回访后再结案") % {"day": again.due_on}
    return None


def why_not_visit(case: Dispute, by: User) -> str | None:
    """Why `by` cannot record a visit now; None when they can. Raises NotYours for roles that never do."""
    if by.scope.roles.isdisjoint(DESK_ROLES):
        raise NotYours(_("你的岗位不登记回访。需要的联系责任单位"))
    if case.status not in VISITED:
        return _("案件现在是“%(status)s”，化解后才登记回访") % {"status": case.get_status_display()}
    return None


def record_visit(
    *,
    case: Dispute,
    by: User,
    at: dt.datetime,
    facts: Mapping[str, Any],
    submission: uuid.UUID | None = None,
    request: Any = None,
) -> Event:
    """What was heard from one or both parties, as one event; the same `submission` twice gives the same event.

    `facts`: `visited_on`, `visited_time`, `way`; `performed`, obligation id → code, or `performance` as the one answer
    about all of them; `conclusion`, with `again_on` where it is one more visit; and `parties`: party id → `reached`;
    when reached those of HEARD and `calmed`, when not `why_failed` and `next_on`, the day of the next try.
    """
    with transaction.atomic():
        case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
        if submission:
            earlier = case.events.filter(kind="visit", by=by, facts__submission=str(submission)).first()
            if earlier:
                return earlier
        sentence = why_not_visit(case, by)
        if sentence:
            raise MoveRefused(sentence)
        errors = wrong_facts(case, facts, at)
        if errors:
            raise FactsMissing(errors)
        parties = case.principal_parties()
        heard = {party: facts["parties"][party.pk] for party in parties if party.pk in facts["parties"]}
        rows = [_record(case, party, answers, facts, by, at) for party, answers in heard.items()]
        conclusion = facts.get("conclusion") or ""
        if any(answers.get("reached") for answers in heard.values()):
            keep_performance(
                case,
                by=by,
                at=at,
                performance=facts.get("performance") or "",
                each=facts.get("performed") or {},
                on=facts["visited_on"],
            )
        relapse = conclusion == ReturnVisit.Conclusion.RELAPSE or any(
            row.mind == ReturnVisit.Mind.RELAPSE for row in rows
        )
        kept = {
            "visits": [row.pk for row in rows],
            "visited_on": facts["visited_on"].isoformat(),
            "way": facts["way"],
            "relapse": relapse,
            **({"conclusion": conclusion} if conclusion else {}),
            **({"submission": str(submission)} if submission else {}),
        }
        text = "\n".join(
            _("%(side)s：%(what)s") % {"side": side_label(row.party, parties), "what": summary(row)} for row in rows
        )
        event = case.append_event("visit", by=by, at=at, text=text, facts=kept, request=request)
        if relapse:
            _ask_to_check(case, event)
        return event


def _ask_to_check(case: Dispute, event: Event) -> None:
    """A sign of relapse is looked into by the next working day; a second sign meanwhile asks the same question."""
    if RelapseCheck.objects.open().filter(dispute=case).exists():
        return
    today = timezone.localdate(event.at)
    due_on = load_calendar(today).add(today, 1)
    RelapseCheck.objects.create(dispute=case, round=case.round, event=event, due_on=due_on)


def wrong_facts(case: Dispute, facts: Mapping[str, Any], at: dt.datetime) -> dict[str, str]:
    """What is missing or cannot be, by fact name; a party's facts are named `satisfaction-<party id>`."""
    errors = _wrong_time(case, facts, at)
    if not facts.get("way"):
        errors["way"] = _("选回访方式")
    known = {party.pk for party in case.principal_parties()}
    if facts.get("way") == ReturnVisit.Way.PHONE and case.is_family:
        called = [p for p in case.principal_parties() if p.pk in (facts.get("parties") or {})]
        if any(not party.safe_to_call for party in called):
            errors["way"] = no_safe_call()
    given = facts.get("parties") or {}
    if not given or not known.issuperset(given):
        errors["parties"] = _("至少登记一方：选“见到了”或“没联系上”")
    for pk, answers in given.items():
        wrong = _wrong_answers(answers, timezone.localdate(at))
        errors.update({f"{name}-{pk}": sentence for name, sentence in wrong.items()})
    return {**errors, **_wrong_performance(case, facts), **_wrong_conclusion(facts, timezone.localdate(at))}


def _wrong_time(case: Dispute, facts: Mapping[str, Any], at: dt.datetime) -> dict[str, str]:
    today, since = timezone.localdate(at), settled_on(case)
    visited_on, visited_time = facts.get("visited_on"), facts.get("visited_time")
    if visited_on is None:
        return {"visited_on": _("填写回访日期")}
    if visited_on > today:
        return {"visited_on": _("回访日期不能晚于今天（%(day)s）") % {"day": today}}
    if since and visited_on < since:
        return {"visited_on": _("回访日期不能早于化解日期（%(day)s）") % {"day": since}}
    if visited_time and visited_on == today and visited_time > timezone.localtime(at).time():
        return {"visited_time": _("回访时间不能晚于现在")}
    settled = timezone.localtime(case.settled_at) if case.settled_at else None
    if (
        visited_time
        and settled
        and visited_on == since
        and visited_time < settled.time().replace(second=0, microsecond=0)
    ):
        return {"visited_time": _("回访时间不能早于化解的时间（%(time)s）") % {"time": f"{settled:%H:%M}"}}
    return {}


def _wrong_answers(answers: Mapping[str, Any], today: dt.date) -> dict[str, str]:
    """What is missing in what one party answered, or in why it was not reached."""
    errors = {}
    if answers.get("reached"):
        if not answers.get("satisfaction"):
            errors["satisfaction"] = _("选是否满意，本人没表态选“未表态”")
        if not answers.get("mind") and answers.get("satisfaction") != ReturnVisit.Satisfaction.REFUSED:
            errors["mind"] = _("选思想动态")
        if answers.get("topic") and answers["topic"] not in dict(topics()):
            errors["topic"] = _("没有这个选项，在列出的里面选一个")
        return errors
    if not answers.get("why_failed"):
        errors["why_failed"] = _("写明为什么没联系上")
    if answers.get("next_on") is None:
        errors["next_on"] = _("填写再次联系的日期")
    elif answers["next_on"] < today:
        errors["next_on"] = _("再次联系的日期不能早于今天（%(day)s）") % {"day": today}
    return errors


def _wrong_performance(case: Dispute, facts: Mapping[str, Any]) -> dict[str, str]:
    """Answers about obligations of this agreement alone, and none that the calendar contradicts."""
    given, on = facts.get("performed") or {}, facts.get("visited_on")
    if not given:
        return {}
    rows = {row.pk: row for row in obligations(case)}
    if not rows.keys() >= given.keys():
        return {"performed": _("没有这一项履行内容，刷新页面再填")}
    errors = {}
    for pk, code in given.items():
        row = rows[pk]
        if row.performance in Obligation.FINAL and code != row.performance:
            errors[f"performed-{pk}"] = _("这一项已经记为“%(what)s”，不用再填") % {
                "what": row.get_performance_display()
            }
        elif on and code == Performance.NOT_DUE and row.due_on < on:
            errors[f"performed-{pk}"] = _("这一项 %(day)s 已经到期，不能选“未到期”") % {"day": row.due_on}
        elif on and code == Performance.OVERDUE and row.due_on > on:
            errors[f"performed-{pk}"] = _("这一项 %(day)s 才到期，不能选“逾期未履行”") % {"day": row.due_on}
    return errors


def _wrong_conclusion(facts: Mapping[str, Any], today: dt.date) -> dict[str, str]:
    chosen, kinds = facts.get("conclusion"), ReturnVisit.Conclusion
    reached = [row for row in (facts.get("parties") or {}).values() if row.get("reached")]
    if chosen and not reached:
        return {"conclusion": _("这次谁也没联系上，还没有结论")}
    if chosen == kinds.CLOSE and any(row.get("mind") == ReturnVisit.Mind.RELAPSE for row in reached):
        return {"conclusion": _("有一方有反弹苗头，先核实，不能选“可以结案”")}
    if chosen == kinds.AGAIN and facts.get("again_on") is None:
        return {"again_on": _("填写再回访的日期")}
    if chosen == kinds.AGAIN and facts["again_on"] <= today:
        return {"again_on": _("再回访的日期要在今天（%(day)s）以后") % {"day": today}}
    return {}


def obligations(case: Dispute) -> list[Obligation]:
    """What was promised in this round."""
    rows = Obligation.objects.filter(agreement__dispute=case, agreement__round=case.round)
    return list(rows.select_related("debtor"))


def topics() -> list[tuple[str, str]]:
    """What legal education may be about."""
    rows = Code.objects.filter(in_force(), table=TOPIC, active=True)
    return list(rows.order_by("code").values_list("code", "name"))


def topic_names() -> dict[str, str]:
    """The names of all topics, ended ones too: last year's visit still has its topic's name."""
    return dict(Code.objects.filter(table=TOPIC).values_list("code", "name"))


def _record(
    case: Dispute, party: Party, answers: Mapping[str, Any], facts: Mapping[str, Any], by: User, at: dt.datetime
) -> ReturnVisit:
    """The planned visit that this was, or one that nobody had planned."""
    visit, later = _next_planned(case, party, reason=ReturnVisit.Reason.EXTRA, due_on=facts["visited_on"])
    visit.visited_on, visit.way, visit.by, visit.entered_at = facts["visited_on"], facts["way"], by, at
    visit.visited_time = facts.get("visited_time")
    again = {"dispute": case, "round": case.round, "party": party, "state": State.PLANNED, "slot": ""}
    if answers.get("reached"):
        visit.state = State.DONE
        visit.conclusion = facts.get("conclusion") or ""
        performed = facts.get("performed") or {}
        visit.performed = {str(pk): code for pk, code in performed.items()}
        codes = set(performed.values()) or {facts.get("performance") or ""}
        visit.performance = codes.pop() if len(codes) == 1 else ""
        for name in HEARD:
            setattr(visit, name, answers.get(name) or "")
        visit.calmed = bool(answers.get("calmed") or answers.get("calming"))
        visit.save()
        for other in later:
            if other.due_on <= facts["visited_on"]:  # one visit answers everything that was due by then
                other.state, other.answered_by = State.CANCELLED, visit
                other.save(update_fields=["state", "answered_by"])
        if visit.conclusion == ReturnVisit.Conclusion.AGAIN:
            again |= {"reason": ReturnVisit.Reason.AGAIN, "due_on": facts["again_on"]}
            ReturnVisit.objects.get_or_create(
                **again, defaults={"office_id": visit.office_id, "assignee": visit.assignee}
            )
        return visit
    visit.state, visit.why_failed = State.FAILED, answers["why_failed"]
    visit.save()
    again |= {"reason": ReturnVisit.Reason.RETRY, "due_on": answers["next_on"]}
    ReturnVisit.objects.get_or_create(**again, defaults={"office_id": visit.office_id, "assignee": visit.assignee})
    return visit


def _next_planned(
    case: Dispute, party: Party, *, reason: str, due_on: dt.date
) -> tuple[ReturnVisit, list[ReturnVisit]]:
    """This party's earliest planned visit (else a new one, made by the desk's office), and those planned after it."""
    planned = list(ReturnVisit.objects.planned().filter(dispute=case, round=case.round, party=party))
    if planned:
        return planned[0], planned[1:]
    new = ReturnVisit(dispute=case, round=case.round, party=party, office_id=case.desk_id)
    new.reason, new.due_on = reason, due_on
    return new, []


def waive_visit(*, case: Dispute, party: Party, by: User, at: dt.datetime, reason: str, request: Any = None) -> Event:
    """A supervisor's written waiver of the visit to one party, which lets the case be closed without it."""
    with transaction.atomic():
        case = locked(Dispute.objects.for_page().filter(pk=case.pk)).get()
        sentence = why_not_waive(case, by)
        if sentence:
            raise MoveRefused(sentence)
        if party.pk not in {p.pk for p in parties_without_visit(case)}:
            raise MoveRefused(_("这一方已经回访或已经免访，不用再办"))
        if not reason:
            raise FactsMissing({"reason": _("写明为什么不能回访")})
        visit, later = _next_planned(case, party, reason=ReturnVisit.Reason.EXTRA, due_on=timezone.localdate(at))
        visit.state, visit.why_failed, visit.by, visit.entered_at = State.WAIVED, reason, by, at
        visit.save()
        for other in later:
            if other.reason == ReturnVisit.Reason.RETRY:
                other.state = State.CANCELLED
                other.save(update_fields=["state"])
        text = _("%(side)s：%(what)s") % {"side": side_label(party, case.principal_parties()), "what": reason}
        return case.append_event(
            "waive", by=by, at=at, text=text, facts={"visits": [visit.pk], "party": party.pk}, request=request
        )


def why_not_waive(case: Dispute, by: User) -> str | None:
    """Why `by` cannot waive a visit now; None when they can. Raises NotYours for roles that never do."""
    if not by.scope.has(Role.SUPERVISOR) or not case.is_in_supervision_of(by):
        raise NotYours(_("书面免访由督导办理。需要的联系督导"))
    if case.status != Status.SETTLED:
        return _("案件现在是“%(status)s”，化解后、结案前才办理免访") % {"status": case.get_status_display()}
    return None


def summary(visit: ReturnVisit) -> str:
    """One line without any personal text: 满意，平稳; 没联系上."""
    if visit.state == State.DONE:
        words = [visit.get_satisfaction_display(), visit.get_mind_display(), *performed_words(visit)]
        return "，".join(str(word) for word in words if word)
    return str(visit.get_state_display())


def performed_words(visit: ReturnVisit) -> list[str]:
    """The one answer about all, or how many obligations stand how: 2 项已履行完毕."""
    if visit.performance or not visit.performed:
        return [str(visit.get_performance_display())]
    counts = Counter(visit.performed.values())
    return [
        _("%(n)d 项%(what)s") % {"n": counts[code], "what": label}
        for code, label in Performance.choices
        if code in counts
    ]


def history(case: Dispute, viewer: User) -> dict[str, list[ReturnVisit]]:
    """The visits of the present round, as this viewer may read them: those to make, and those made, newest first."""
    rows = list(
        ReturnVisit.objects.filter(dispute=case, round=case.round)
        .exclude(state=State.CANCELLED)
        .select_related("party", "office", "by", "assignee")
    )
    titles = topic_names() if any(row.topic for row in rows) else {}
    hidden = case.names_hidden_from(viewer)
    names = [n for p in case.parties.all() for n in (p.name, p.alias, p.guardian_name, p.agent_name)] if hidden else []
    for row in rows:
        row.who = shown_name(case, row.party, viewer)  # type: ignore[attr-defined]
        row.words = summary(row)  # type: ignore[attr-defined]
        row.topic_name = titles.get(row.topic, row.topic)  # type: ignore[attr-defined]
        row.said = {name: masking.mask_in(getattr(row, name), names) for name in SAID}  # type: ignore[attr-defined]
    made = [row for row in rows if row.state != State.PLANNED]
    return {
        "planned": [row for row in rows if row.state == State.PLANNED],
        "made": sorted(made, key=lambda row: (row.entered_at, row.pk), reverse=True),
    }


def draft_url(user: User, case_no: str) -> str | None:
    """Where the draft `visit:<case number>` is written on; None outside the user's scope."""
    return f"/followups/{case_no}/" if Dispute.objects.visible_to(user).filter(case_no=case_no).exists() else None
