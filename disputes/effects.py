"""What each move does to the case besides tier and status. Called by `Dispute.perform` only, on the locked row.

Every function returns (facts to keep in the Event, words for EventText); personal text belongs to the words.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from audit import keyring
from audit.locks import locked
from disputes.inbox.models import wake_instructions
from disputes.models import Agreement, Check, Dispute, MoveRefused, Obligation, PauseInterval, Round
from disputes.moves import MOVES, Status
from disputes.safe.models import Task, end_tasks, promised
from disputes.safeguards import EXCLUSIONS_VERSION, latest
from villages.models import Coverage, Role, User

SCREEN_TABLE = "disputes_check"

Kept = tuple[dict[str, Any], str]
Effect = Callable[[Dispute, "User | None", dt.datetime, Mapping[str, Any]], Kept]

NEEDED = {
    "handler": _("选经办人"),
    "result": _("选化解结果"),
    "organisation": _("选调解组织"),
    "chair": _("选主持人"),
    "agreed_on": _("填写达成日期"),
    "consents": _("逐一确认当事人是否同意"),
    "reason": _("写明理由"),
    "to_add": _("写明要补充什么"),
    "due_on": _("填写新的期限"),
    "way": _("选引导去的途径"),
    "told_ways": _("选已告知的其他途径"),
    "told_on": _("填写告知日期"),
    "asked_by": _("写明谁提出撤回"),
    "report": _("写明反弹的情况"),
    "until": _("填写延期到哪一天"),
    "target": _("填写并入哪一件的案号"),
    "parts": _("写明拆成哪几件"),
    "person": _("选经办人"),
}


def needed_sentence(name: str) -> str:
    """What to fill in, by fact."""
    return str(NEEDED[name])


def arrive(case: Dispute, name: str, at: dt.datetime) -> None:
    """The case reaches another tier's desk: its office, no handler yet, and the tier's clock from the start."""
    desk = Coverage.objects.desk_for(case.village, case.tier)
    if desk is None:
        raise MoveRefused(
            _g("没有单位在%(tier)s这一级负责%(village)s，先在“村与警务助理”里设好")
            % {"tier": case.get_tier_display(), "village": case.village.full_name}
        )
    case.desk, case.handler, case.arrived_at = desk, None, at
    case.given_until = case.extended_until = None


def leave(case: Dispute, at: dt.datetime) -> None:
    """The round leaves waiting/mediating: the ledger's 办结, dated by this moment."""
    on_time = case.due_on is None or timezone.localdate(at) <= case.due_on
    case.left_at = at
    Round.objects.filter(dispute=case, no=case.round).update(left_at=at, left_as=case.status, on_time=on_time)
    PauseInterval.objects.filter(dispute=case, ended_at=None).update(ended_at=at)


def _posted_here(case: Dispute, person: User) -> None:
    if case.desk_id not in person.scope.desks:
        raise MoveRefused(_g("%(name)s 不在%(desk)s任职，选本单位的人") % {"name": person.name, "desk": case.desk.name})


def take_up(case, by, at, facts) -> Kept:
    _posted_here(case, facts["handler"])
    case.handler = facts["handler"]
    case.accepted_at = case.accepted_at or at
    return {"handler": facts["handler"].pk}, facts.get("reason", "")


def assign(case, by, at, facts) -> Kept:
    _posted_here(case, facts["person"])
    case.handler = facts["person"]
    return {"handler": facts["person"].pk}, facts.get("reason", "")


def settle(case, by, at, facts) -> Kept:
    case.settled_at, case.result = at, facts["result"]
    case.handler = case.handler or by
    case.accepted_at = case.accepted_at or at
    today = timezone.localdate(at)
    for party in case.principal_parties():
        answer = facts["consents"].get(party.pk)
        if answer and answer != party.consent:
            party.answer(answer, by=by, at=at, way=party.consent_way, on=today, asked_by=by)
    chair_roles = facts["chair"].roles_on(facts["agreed_on"])
    track = ""
    if facts["result"] != Agreement.Result.SELF:
        track = Agreement.Track.POLICE if facts.get("track") == "police" else Agreement.Track.PEOPLE
        if track == Agreement.Track.PEOPLE and Role.MEDIATOR not in chair_roles:
            raise AssertionError("the guard `papers` lets only mediators chair people's mediation")
    agreement = Agreement.objects.create(
        dispute=case,
        round=case.round,
        result=facts["result"],
        track=track,
        organisation=facts["organisation"],
        chair=facts["chair"],
        agreed_on=facts["agreed_on"],
        on_the_spot=bool(facts.get("on_the_spot")),
        text=facts.get("text", ""),
    )
    Obligation.objects.bulk_create(Obligation(agreement=agreement, **row) for row in facts.get("obligations") or ())
    if case.is_family:
        keep_screen(case, by, at, facts)
    if track == Agreement.Track.POLICE:
        if facts.get("exclusions_clear"):  # asked once more; the wizard's answer stands before
            keep_exclusions(case, by, at, clear=True)
        if facts.get("recording"):
            case.police_tracks.filter(round=case.round).update(recording=facts["recording"])
    promised(agreement)
    return {"result": agreement.result, "agreement": agreement.pk, "track": track}, agreement.text


def keep_screen(case, by, at, facts) -> Check | None:
    """The answers to the five questions, sealed, with what was done about a yes (DVA 13-17); None when nothing is new.

    Without `safety` a disposition is written to the answers given before.
    """
    answers, disposition, stored = facts.get("safety"), facts.get("disposition"), latest(case, Check.Kind.FAMILY)
    if answers:
        yes = ",".join(sorted(question for question, said in answers.items() if said))
    elif stored and disposition and stored.outcome != "no":
        yes = keyring.unseal(stored.sealed, table=SCREEN_TABLE, column="sealed", uid=stored.uid)
    else:
        return None
    check = Check(dispute=case, round=case.round, kind=Check.Kind.FAMILY, by=by, at=at)
    check.outcome = f"yes:{disposition or ''}" if yes else "no"
    check.sealed = keyring.seal(yes, table=SCREEN_TABLE, column="sealed", uid=check.uid)
    check.save()
    return check


def screened(check: Check) -> list[str]:
    """Which of the five questions were answered yes. Shown to the handler alone (domain.md 6.5)."""
    yes = keyring.unseal(check.sealed, table=SCREEN_TABLE, column="sealed", uid=check.uid)
    return [question for question in yes.split(",") if question]


def keep_exclusions(case, by, at, *, clear: bool) -> None:
    """Version, officer, time and whether any of the seven applied; never which one (domain.md 6.4)."""
    Check.objects.create(
        dispute=case,
        round=case.round,
        kind=Check.Kind.EXCLUSIONS,
        version=EXCLUSIONS_VERSION,
        outcome="none" if clear else "some",
        by=by,
        at=at,
    )


def escalate(case, by, at, facts) -> Kept:
    kept = {"may_escalate": True} if facts.get("may_escalate") else {}
    return kept, facts.get("reason", "")


def send_back(case, by, at, facts) -> Kept:
    with override(settings.LANGUAGE_CODE):  # the file speaks Chinese, whoever writes into it
        return {"to_add": True}, _g("%(reason)s\n要补充：%(to_add)s") % {
            "reason": facts["reason"],
            "to_add": facts["to_add"],
        }


def hand_down(case, by, at, facts) -> Kept:
    case.given_until = facts["due_on"]
    return {"due_on": facts["due_on"].isoformat()}, facts["reason"]


def _told(case, by, at, facts) -> dict[str, Any]:
    """A failed close needs the record that the other ways were told (PMA 26)."""
    ways = list(facts["told_ways"])
    Check.objects.create(
        dispute=case, round=case.round, kind=Check.Kind.TOLD, outcome=",".join(ways)[:60], by=by, at=at
    )
    return {"told_ways": ways, "told_on": facts["told_on"].isoformat()}


def refer(case, by, at, facts) -> Kept:
    case.result = f"way_{facts['way']}"[:12]
    words = facts.get("reason", "")
    if case.crime_suspected:  # of a suspected crime nothing is kept but that it was handed over (domain.md 6.4)
        with override(settings.LANGUAGE_CODE):
            words = _g("已移交公安机关")
    return {"way": facts["way"], **_told(case, by, at, facts)}, words


def end(case, by, at, facts) -> Kept:
    case.result = "ended"
    return _told(case, by, at, facts), facts["reason"]


def withdraw(case, by, at, facts) -> Kept:
    case.result = "withdrawn"
    with override(settings.LANGUAGE_CODE):
        return {}, _g("%(who)s提出。%(reason)s") % {"who": facts["asked_by"], "reason": facts["reason"]}


def reopen(case, by, at, facts) -> Kept:
    """A new round at the tier that settled the case, or above; the rounds before stay untouched."""
    case.tier = facts.get("tier") or case.tier
    arrive(case, "reopen", at)
    case.round += 1
    case.opened_at, case.accepted_at, case.left_at = at, None, None
    case.settled_at = case.closed_at = None
    case.result = ""
    end_tasks(case, (Task.Kind.PERFORM, Task.Kind.CONFIRM), Task.State.CANCELLED, on=None)
    Round.objects.create(
        dispute=case,
        no=case.round,
        opened_at=at,
        county_id=case.county_id,
        township_id=case.township_id,
        village_id=case.village_id,
    )
    kept = {"report": True, **({"visit": facts["visit"]} if facts.get("visit") else {})}
    return kept, f"{facts['reason']}\n{facts['report']}"


def close(case, by, at, facts) -> Kept:
    case.closed_at = at
    return {}, facts.get("reason", "")


def pause(case, by, at, facts) -> Kept:
    PauseInterval.objects.create(dispute=case, round=case.round, started_at=at)
    return {}, facts["reason"]


def resume(case, by, at, facts) -> Kept:
    PauseInterval.objects.filter(dispute=case, ended_at=None).update(ended_at=at)
    return {}, facts.get("reason", "")


def extend(case, by, at, facts) -> Kept:
    case.extended_until = facts["until"]
    return {"until": facts["until"].isoformat(), "consents": {str(k): v for k, v in facts["consents"].items()}}, facts[
        "reason"
    ]


def merge(case, by, at, facts) -> Kept:
    target = locked(Dispute.objects.filter(pk=facts["target"].pk)).get()
    if not target.is_open:
        raise MoveRefused(_g("%(no)s 已经不在办理中，不能并入。选一件在办的案件") % {"no": target.case_no})
    case.merged_into = target
    return {"target": target.case_no, "was": case_status_before(case)}, facts["reason"]


def case_status_before(case: Dispute) -> str:
    """The status before this move: the row in the database still holds it."""
    return Dispute.objects.values_list("status", flat=True).get(pk=case.pk)


def unmerge(case, by, at, facts) -> Kept:
    event = case.events.filter(kind="merge").order_by("-pk").first()
    case.status = event.facts["was"] if event else Status.WAITING
    if event:
        wake_instructions(case, event)
    case.merged_into, case.left_at = None, None
    Round.objects.filter(dispute=case, no=case.round).update(left_at=None, left_as="", on_time=None)
    return {}, facts["reason"]


#: What a part takes over of each party: who they are and what the law asks about the young.
SPLIT_FIELDS = (
    "side kind name alias sex birth_on guardian_name guardian_relation guardian_consent_on own_wages safe_to_call"
).split()


def split(case, by, at, facts) -> Kept:
    """The case goes on as the first part; every further part becomes a case of its own with the same parties."""
    made = []
    for part in facts["parts"][1:]:
        parties = []
        for party in case.parties.all():
            row = {f: getattr(party, f) for f in SPLIT_FIELDS}
            row.update({name: party.secret.open(name) for name in party.SECRETS} if hasattr(party, "secret") else {})
            parties.append(row)
        new = Dispute.objects.register(
            by=by,
            at=at,
            rules=case.rules(at),
            parties=parties,
            facts={
                **{f: getattr(case, f) for f in ("village", "place", "type_l1", "type_l2", "source", "found_on")},
                "tier": case.tier,
                "narrative": part,
                "split_from": case,
            },
        )
        made.append(new.case_no)
    return {"made": made}, facts["reason"]


def void(case, by, at, facts) -> Kept:
    case.left_at = at
    Round.objects.filter(dispute=case, no=case.round).update(left_at=at, left_as=Status.VOIDED)
    return {}, facts["reason"]


EFFECTS: dict[str, Effect] = {
    "take_up": take_up,
    "settle": settle,
    "escalate": escalate,
    "return": send_back,
    "hand_down": hand_down,
    "refer": refer,
    "end": end,
    "withdraw": withdraw,
    "reopen": reopen,
    "close": close,
    "pause": pause,
    "resume": resume,
    "extend": extend,
    "merge": merge,
    "unmerge": unmerge,
    "split": split,
    "void": void,
    "assign": assign,
}
assert EFFECTS.keys() == MOVES.keys()
