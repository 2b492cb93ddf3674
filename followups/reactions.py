"""THE SECOND SCREEN: what follows from each event.

A reaction only inserts or cancels rows of this room; it never talks to the network. It may run late (a server that
died between commit and reaction is caught up by the pump), so it goes by the event, not by the case of today.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping

from django.db import IntegrityError, transaction

from audit.locks import locked
from disputes.inbox.models import Instruction
from disputes.models import Dispute, Event
from disputes.referrals.models import ANSWERING, Referral
from disputes.sessions.models import Session
from disputes.whistles.models import Call
from followups.counselling.models import CounsellingReferral, State, counsellors_for
from followups.models import Danger, Handled, Notice, RelapseCheck
from followups.planning import derive
from villages.models import DESK_ROLES, RESPONDER_ROLES, Coverage, Office, Posting, Role, in_force

Reaction = Callable[[Event], None]


def people_at(*offices: int, roles: Iterable[str] = DESK_ROLES) -> list[int]:
    """Who works at these desks (or, for a police station, there) today: the lead first, then the deputy."""
    rank: dict[str, int] = {Posting.Mark.LEAD: 0, Posting.Mark.DEPUTY: 1}
    rows = Posting.objects.filter(in_force(), office__in=offices, role__in=roles, user__is_active=True)
    ordered = sorted(rows.values_list("mark", "pk", "user_id"), key=lambda row: (rank.get(row[0], 2), row[1]))
    return list(dict.fromkeys(user for _mark, _pk, user in ordered))


def police_offices(*areas: int) -> list[int]:
    """The police rooms and stations that serve a village and its township."""
    serving = Coverage.objects.filter(
        in_force(),
        in_force(prefix="office__"),
        office__kind__in=[Office.Kind.ROOM, Office.Kind.STATION],
        area__in=areas,
    )
    return list(serving.values_list("office_id", flat=True))


def police_of(*areas: int) -> list[int]:
    """Who works at the police rooms and stations that serve a village and its township."""
    return people_at(*police_offices(*areas))


def whistled(call: Call) -> list[int]:
    """Who answers for the office of this call."""
    return people_at(call.office_id, roles=RESPONDER_ROLES)


def whistled_and_above(call: Call) -> list[int]:
    """Beside them, when the answer is late: the desk that asked, and the supervisors nearest above the case."""
    case = call.whistle.dispute
    above: list[int] = []
    for area in (case.township_id, case.county_id):
        serving = Coverage.objects.filter(in_force(), area=area).values_list("office", flat=True)
        above = above or people_at(*serving, roles=[Role.SUPERVISOR])
    return list(dict.fromkeys([*whistled(call), *people_at(call.whistle.desk_id), *above]))


def tell(event: Event, people: Iterable[int], kind: str, call: Call | None = None) -> None:
    """One line in the 通知 of each of them, except of the one who did it."""
    rows = (
        Notice(user_id=user, dispute_id=event.dispute_id, kind=kind, event=event, call=call, created_at=event.at)
        for user in people
        if user != event.by_id
    )
    Notice.objects.put(rows)


def tell_the_desk(event: Event) -> None:
    """The desk whose turn it was after the event: by now the case may be elsewhere."""
    tell(event, people_at(event.desk_id), event.kind)


def tell_who_asked(event: Event) -> None:
    """Who gave the instruction that is answered now."""
    tell(event, Instruction.objects.filter(pk=event.facts["instruction"]).values_list("by_id", flat=True), event.kind)


def tell_the_urged(event: Event) -> None:
    """Who has the case in hand, and the lead of its desk; while it has neither, everybody at the desk."""
    desk = people_at(event.desk_id)
    leads = Posting.objects.filter(in_force(), office=event.desk_id, mark=Posting.Mark.LEAD, user__in=desk)
    people = [*filter(None, [event.facts["handler"]]), *leads.values_list("user_id", flat=True)]
    tell(event, people or desk, event.kind)


def tell_the_person(event: Event) -> None:
    tell(event, [event.facts["handler"]], event.kind)


def warn_the_police(event: Event) -> None:
    """可能激化 or a red grade: the police room and station that serve the village learn of it at once.

    From then on it waits until somebody takes note of it; see danger.py.
    """
    if not (event.facts.get("may_escalate") or event.facts.get("level") == Dispute.Danger.RED):
        return
    Danger.objects.create(event=event, dispute_id=event.dispute_id, at=event.at)
    tell(event, police_of(event.dispute.village_id, event.dispute.township_id), "may_escalate")


def plan_visits(event: Event) -> None:
    """The visits that the policy asks of the case as it stands now: settled, agreed anew, graded or reopened."""
    derive(event.dispute)


def end_checks(event: Event) -> None:
    """Who reopens a case answers the question whether it has relapsed."""
    open_ = RelapseCheck.objects.open().filter(dispute=event.dispute_id, round__lt=event.round)
    open_.update(state=RelapseCheck.State.CONFIRMED, by=event.by_id, at=event.at)


def tell_of_a_relapse(event: Event) -> None:
    if event.facts.get("relapse"):
        tell(event, people_at(event.desk_id), "relapse")


def tell_the_invited(event: Event) -> None:
    """Those asked to a joint session: newly asked, told of a change, or no longer expected."""
    session = Session.objects.get(uid=event.facts["session"])
    new, off = set(event.facts.get("told_new", ())), set(event.facts.get("told_off", ()))
    if dt.datetime.fromisoformat(event.facts["starts_at"]) > event.at:  # one entered afterwards invites nobody
        tell(event, sorted(session.people() - new), event.kind)
        tell(event, sorted(new), "session_plan")
    tell(event, sorted(off), "session_off")


def tell_the_asked(event: Event) -> None:
    for call in Call.objects.filter(whistle__uid=event.facts["whistle"]):
        tell(event, whistled(call), "whistle", call)


def tell_who_whistled(event: Event) -> None:
    """The desk that asked, and the one that has the case by now."""
    call = Call.objects.select_related("whistle__dispute").get(pk=event.facts["call"])
    desks = {call.whistle.desk_id, call.whistle.dispute.desk_id}
    tell(event, people_at(*desks), f"whistle_{event.facts['answer']}", call)


def tell_the_released(event: Event) -> None:
    """Offices that were waited for and need not come or answer any more."""
    for call in event.released.all():
        tell(event, whistled(call), "whistle_off", call)


def tell_the_receiver(event: Event) -> None:
    """The office of the directory to which the matter was referred; a body outside is told on paper."""
    row = Referral.objects.get(uid=event.facts["referral"])
    if row.to_office_id:
        tell(event, people_at(row.to_office_id, roles=ANSWERING), event.kind)


def tell_the_sender(event: Event) -> None:
    """The desk that referred the matter, and the one where the case is now."""
    row = Referral.objects.get(uid=event.facts["referral"])
    if row.direction == Referral.Direction.OUT:
        tell(event, people_at(row.desk_id, event.desk_id), event.kind)


def tell_the_police(event: Event) -> None:
    """治安调解 came to nothing: the officers whose task it is now."""
    tell(event, people_at(event.facts["office"]), event.kind)


def tell_who_visits(event: Event) -> None:
    """A 告诫书: the village committee visits both sides, too (DVA 17)."""
    tell(event, people_at(event.facts["committee"]), event.kind)


def tell_the_assignee(event: Event) -> None:
    """Whose visits they are from now on."""
    tell(event, [event.facts["assignee"]], event.kind)


def tell_the_counsellors(event: Event) -> None:
    """Who was asked by name, or everyone of the office or the area who may take it; of what goes on, who has it."""
    row = CounsellingReferral.objects.select_related("dispute").get(uid=event.facts["referral"])
    person = row.counsellor_id or row.to_person_id
    if person is None:
        asked = counsellors_for(row.dispute)
        asked = asked.filter(office=row.to_office_id) if row.to_office_id else asked
        tell(event, dict.fromkeys(asked.values_list("user_id", flat=True)), event.kind)
    elif row.state in (State.ASKED, State.ACCEPTED, State.WITHDRAWN):
        tell(event, [person], event.kind)


def tell_the_desk_and_the_named(event: Event) -> None:
    """A risk: the desk of the case, the supervisor who may read the notes, and the village's police. No word of it."""
    case = event.dispute
    named = CounsellingReferral.objects.filter(uid=event.facts["referral"]).values_list("supervisor", flat=True)
    police = police_of(case.village_id, case.township_id)
    tell(event, dict.fromkeys([*people_at(event.desk_id), *named, *police]), event.kind)


# fmt: off
REACTIONS: Mapping[str, list[Reaction]] = {
    "register":   [],
    "take_up":    [tell_the_desk],
    "settle":     [plan_visits, tell_the_released],
    "escalate":   [tell_the_desk, warn_the_police],
    "return":     [tell_the_desk],
    "hand_down":  [tell_the_desk],
    "refer":      [tell_the_released],
    "end":        [tell_the_released],
    "withdraw":   [tell_the_released],
    "reopen":     [plan_visits, end_checks, tell_the_desk],
    "close":      [],
    "pause":      [],
    "resume":     [],
    "extend":     [],
    "merge":      [tell_the_released],
    "unmerge":    [],
    "split":      [],
    "void":       [],
    "assign":     [tell_the_person],
    "note":       [],
    "edit":       [plan_visits],
    "grade":      [plan_visits, warn_the_police],
    "consent":    [],
    "attach":     [],
    "void_asked": [],
    "visit":      [tell_of_a_relapse],
    "waive":      [],
    "source":     [],
    "session_plan":   [tell_the_invited],
    "session_change": [tell_the_invited],
    "session_off":    [tell_the_invited],
    "session":        [],
    "paper":      [],
    "paper_void": [],
    "whistle":        [tell_the_asked],
    "whistle_answer": [tell_who_whistled],
    "whistle_off":    [tell_the_released],
    "whistle_close":  [tell_the_released],
    "supervise":  [tell_the_desk],
    "hand_over":  [tell_the_desk],
    "answer":     [tell_who_asked],
    "referral_sent":  [tell_the_receiver],
    "referral_taken": [tell_the_sender],
    "referral_back":  [tell_the_sender],
    "referral_done":  [tell_the_sender],
    "referral_over":  [tell_the_receiver],
    "referral_in":    [tell_the_desk],
    "acceptance": [],
    "screen":     [],
    "police":     [],
    "police_session": [],
    "police_terms": [plan_visits],
    "police_failed": [tell_the_police],
    "police_dealt": [],
    "no_penalty": [],
    "no_penalty_done": [],
    "letter":     [tell_who_visits],
    "letter_visit": [],
    "signed":     [plan_visits],
    "confirm":    [],
    "confirm_ruled": [],
    "performance": [plan_visits],
    "dissuade":   [],
    "lift":       [],
    "relapse_check": [warn_the_police],
    "visit_handed": [tell_the_assignee],
    "counsel_asked":    [tell_the_counsellors],
    "counsel_taken":    [tell_the_desk],
    "counsel_declined": [tell_the_desk],
    "counsel_off":      [tell_the_counsellors],
    "counsel_session":  [],
    "counsel_advice":   [tell_the_desk],
    "counsel_risk":     [tell_the_desk_and_the_named],
    "counsel_calm":     [tell_the_desk],
    "counsel_passed":   [tell_the_counsellors],
    "counsel_over":     [tell_the_desk],
    "urge":       [tell_the_urged],
    "outcome":     [],
    "outcome_off": [],
    "danger_seen": [],
}
# fmt: on


def reacting_kinds() -> list[str]:
    """The kinds of events that anything follows from; the others leave no Handled row and are never swept."""
    return [kind for kind, functions in REACTIONS.items() if functions]


def react(event_id: int) -> bool:
    """Run the reactions of one event; False when they had run before. Rows and Handled come together or not at all."""
    kind = Event.objects.values_list("kind", flat=True).get(pk=event_id)
    if not REACTIONS[kind]:
        return False
    event = Event.objects.select_related("dispute__village__parent").get(pk=event_id)
    try:
        with transaction.atomic():
            # First: the second of two at once waits here, then fails, and has written nothing.
            Handled.objects.create(event=event)
            # A late settlement and a reopening must not miss each other's rows.
            locked(Dispute.objects.filter(pk=event.dispute_id)).get()
            for reaction in REACTIONS[kind]:
                reaction(event)
    except IntegrityError:
        if Handled.objects.filter(event=event).exists():
            return False
        raise
    return True
