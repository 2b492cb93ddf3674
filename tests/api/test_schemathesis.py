"""Schemathesis against the whole API, in process, for three roles: no server error, nothing the document does not say.

Valid examples are led to data that exist (a hook writes real case numbers, codes and people into them), so that most
operations really run; invalid ones go out as they were made. Every example is rolled back. 5 examples per operation in
the normal suite, 50 with `-m full`.
"""

from __future__ import annotations

import traceback
import uuid
from collections import defaultdict
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from rest_framework.authtoken.models import Token
from rest_framework.throttling import UserRateThrottle
from schemathesis.checks import load_all_checks
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.specs.openapi.checks import positive_data_acceptance

from config.wsgi import application
from disputes import attachments
from disputes.field.models import Capture, Visit
from disputes.inbox.models import Instruction
from disputes.models import Dispute
from disputes.outcomes.models import OutcomeFlag
from disputes.referrals.models import Referral
from disputes.safe.acts import FACTS
from disputes.safe.models import Slip
from followups.counselling.models import CounsellingReferral
from followups.handing import doors
from followups.handing.models import HandedItem, HandOver
from followups.models import Notice
from ledgers.exports.models import Export
from ledgers.imports.models import ImportBatch, may_import
from ledgers.imports.reading import Sheet
from ledgers.jobs.models import Job
from tests import factories as f
from tests.api.situations import ACT_SITUATIONS, SITUATIONS, days_ahead, handle, new, settled, taken
from tests.api.test_rooms import visit_body
from tests.samples import JPG, PDF
from villages.models import Posting, User

ROLES = ("assistant", "officer", "supervisor")
#: Only what the document cannot say is taken out: it does not know which case stands where.
CODES = {"village": "620623103201", "type_l1": "09", "type_l2": "0905", "source": "06"}


@pytest.fixture
def county(db: None, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The small county, with a case ready for every move and every other operation."""
    monkeypatch.setattr(UserRateThrottle, "THROTTLE_RATES", {"user": None})
    w = f.world()
    w.tokens = {role: Token.objects.create(user=getattr(w, role)).key for role in ROLES}
    w.ready = {name: build(w) for name, build in (SITUATIONS | ACT_SITUATIONS).items()}
    w.open_case, w.settled_case = new(w), settled(w)
    w.parties = w.open_case.principal_parties()
    w.attachment = attach(w)
    w.walk, w.heard = heard(w)
    w.session = f.session(w, taken(w))
    w.paper = paper(w)
    w.sent, w.received = referred(w)
    w.asked, w.counselled = counselled(w)
    w.handed = handed(w)
    today = timezone.localdate()
    w.slip = Slip.objects.hand_in(case=w.open_case, by=w.grid, at=timezone.now(), text="没听我说完", received_on=today)
    handle(w.open_case)
    w.whistle = f.blow(
        w.open_case, w.assistant, w.room, at=timezone.now(), attachments=list(w.open_case.attachments.all())
    )
    w.own = {}
    today = timezone.localdate()
    instruction = Instruction.objects.create(
        dispute=w.open_case,
        kind="supervise",
        by=w.supervisor,
        at=timezone.now(),
        words="抓紧",
        given_on=today,
        due_on=today,
    )
    for role in ROLES:
        user = getattr(w, role)
        notice = Notice.objects.create(user=user, dispute=w.open_case, kind="assign", created_at=timezone.now())
        saved = user.saved_filters.create(name="在办", query="status=mediating")
        w.own[role] = {"notices": notice.pk, "saved-filters": saved.pk, "instructions": instruction.pk}
        w.own[role] |= of_ledgers(user, w.open_case)
    return w


def of_ledgers(user: User, case: Dispute) -> dict[str, Any]:
    """A kept condition, an export that waits for a worker, an old ledger that was brought, and a flag on a case."""
    now, flag = timezone.now(), case.outcomes.first()
    job = Job.objects.create(kind="export", owner=user, created_at=now, queued_at=now)
    asked = {"format": "csv", "month": "2026-03", "layout": "default", "layout_name": "台账", "purpose": "report"}
    export = Export.objects.create(owner=user, job=job, state="making", reason="月报", asked_at=now, **asked)
    found = {"saved-ledgers": user.saved_ledgers.create(name="在办", query="status=open").pk, "exports": export.uid}
    if flag is None:
        flag = OutcomeFlag.objects.create(
            dispute=case, kind="suicide", on=timezone.localdate(), people=1, by=user, at=now, submission=uuid.uuid4()
        )
    if may_import(user):
        lines = [Sheet("台账", [["排查日期", "村", "简要情况"], ["2025.3.5", "石门村", "渠口"]])]
        told = [{"name": "台账", "rows": 2, "head": 0, "labels": lines[0].rows[0], "titles": [], "notices": []}]
        columns = {"排查日期": "found_on", "村": "village", "简要情况": "narrative"}
        found["imports"] = ImportBatch.take(
            by=user, at=now, name="台账.xlsx", content=lines, sheets=told, mapping=columns
        ).uid
    return found | {"outcomes": flag.pk}


def heard(w: SimpleNamespace) -> tuple[Visit, Capture]:
    """A visit and what was captured on it: dangerous, and said to be settled on the spot."""
    at = timezone.now()
    walk = Visit.objects.begin(by=w.assistant, at=at, village=w.village, visited_on=timezone.localdate(at))
    facts = {"side_a": "马文林", "side_b": "王世昌", "words": "渠口吵", "found": "calm", "may_escalate": True}
    with attachments.receiving([SimpleUploadedFile("现场.jpg", JPG)]) as photos:
        return walk, walk.capture(by=w.assistant, at=at, facts=facts, photos=photos)


def referred(w: SimpleNamespace) -> tuple[Referral, Referral]:
    """One referral to a court by the village, and one that its room received from there."""
    at = timezone.now()
    facts = {"kind": "court", "mode": "transfer", "other": "县人民法院", "text": "请先行调解"}
    facts["sent_on"] = timezone.localdate(at)
    sent = Referral.objects.send(w.open_case, by=w.assistant, at=at, facts=facts)
    named = {"village": w.village, "side_a": "马文林", "side_b": "王世昌"}
    return sent, Referral.objects.receive(by=w.officer, at=at, facts=facts | named)


def counselled(w: SimpleNamespace) -> tuple[CounsellingReferral, CounsellingReferral]:
    """One referral that waits, and one that the officer, who counsels here, too, has taken and met once."""
    at = timezone.now()
    Posting.objects.create(user=w.officer, office=w.bureau, role="counsellor", valid_from=f.LONG_AGO)
    w.officer = User.objects.get(pk=w.officer.pk)  # with what the posting opens
    asked, held = (f.counselling(w, taken(w), at=at, to_person=w.officer) for _n in range(2))
    held.act("accept", by=w.officer, at=at, version=1)
    met = {"starts_at": at, "way": "phone", "before": 2, "after": 3, "no_more": True}
    held.act("session", by=w.officer, at=at, version=2, **met)
    return asked, held


def handed(w: SimpleNamespace) -> HandOver:
    """A hand-over of which nothing is moved yet: the visits of the settled case, which the grid worker would make."""
    at = timezone.now()
    doors.hand_visits(case=w.settled_case, to=w.grid, by=w.assistant, at=at)
    to = dict.fromkeys(HandedItem.Kind.values, w.village_mediator)
    facts = {"leaver": w.grid, "to": to, "reason": "调走", "uid": uuid.uuid4()}
    return doors.begin_hand_over(office=w.committee, by=w.assistant, at=at, **facts)


def attach(w: SimpleNamespace) -> str:
    file = SimpleUploadedFile("界桩.pdf", PDF)
    return str(attachments.attach(w.open_case, w.assistant, timezone.now(), file).uid)


def paper(w: SimpleNamespace) -> str:
    from disputes.papers.kinds import kinds
    from disputes.papers.models import Paper

    row = Paper.objects.issue(w.open_case, kinds()["acceptance"], by=w.assistant, at=timezone.now(), asked={})
    return str(row.uid)


@pytest.fixture
def document(county: SimpleNamespace) -> Iterator[Any]:
    # a real request ends by closing connections, which would end the test's own transaction
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    headers = {"Authorization": f"Token {county.tokens['officer']}"}
    yield schemathesis.openapi.from_wsgi("/api/v1/schema/", application, headers=headers)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.slow
def test_a_few_examples(document: Any, county: SimpleNamespace) -> None:
    document.config.phases.coverage.enabled = False
    run(document, county, settings(max_examples=5, phases=[Phase.explicit, Phase.generate], **QUIETLY))


@pytest.mark.full
def test_fifty_examples(document: Any, county: SimpleNamespace) -> None:
    run(document, county, settings(max_examples=50, **QUIETLY))


OPERATORS = ("/api/v1/reminders/", "/api/v1/ledger-profiles/")
QUIETLY: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}


def run(document: Any, county: SimpleNamespace, how: settings) -> None:
    """Every operation, with every check of schemathesis; all failures at once, and nine of ten have done something."""
    load_all_checks()
    answered: dict[str, set[int]] = defaultdict(set)
    failures: list[str] = []

    def example(case: schemathesis.Case) -> None:
        send(case, county, answered[case.operation.label])

    for found in get_all_tests(schema=document, test_func=example, settings=how, given_kwargs=None):
        operation, test = found.ok()
        try:
            test()
        except (Exception, BaseExceptionGroup) as failure:
            failures.append("\n".join([operation.label, *traceback.format_exception_only(failure)]))
    assert not failures, "\n\n".join(failures)
    never = sorted(label for label, codes in answered.items() if not any(200 <= code < 300 for code in codes))
    assert len(answered) > 45
    # what is the administrators' alone, none of these roles can do
    never = [label for label in never if not label.split(" ")[1].startswith(OPERATORS)]
    assert len(never) <= len(answered) / 10, f"never 2xx: {never}"


def send(case: schemathesis.Case, county: SimpleNamespace, answered: set[int]) -> None:
    """The example as each of the three roles; whatever it did is taken back."""
    valid = case.meta is not None and case.meta.generation.mode.is_positive
    if valid:
        lead(case, county)
    for role in ROLES:
        if valid:
            lead_to_own(case, county.own[role])
        with transaction.atomic():
            headers = {"Authorization": f"Token {county.tokens[role]}"}
            # what an old ledger is called tells its kind, and an example's file is called "file"
            passed_by = [positive_data_acceptance] if case.operation.path == "/api/v1/imports/" else []
            response = case.call_and_validate(headers=headers, excluded_checks=passed_by)
            answered.add(response.status_code)
            transaction.set_rollback(True)


# --- leading valid examples to data that exist ------------------------------------------------------------------------


def known(w: SimpleNamespace, path: str, noun: str) -> Any:
    """The thing of the county that a `uid` in this path names."""
    if noun in FIELD:
        return w.walk.uid if noun == "visits" else w.heard.uid
    if noun == "hand-overs":
        return w.handed.uid
    if noun == "counselling":
        return (w.asked if path.endswith(("/accept/", "/decline/", "/withdraw/")) else w.counselled).uid
    if noun == "referrals":
        return (w.received if path.endswith(("/new/", "/join/")) else w.sent).uid
    if "/sessions/" in path:
        return w.session.uid
    if "/whistles/" in path:
        return w.whistle.uid
    if "/slips/" in path:
        return w.slip.uid
    return w.paper if "/papers/" in path else w.attachment


def lead(case: schemathesis.Case, w: SimpleNamespace) -> None:
    path = case.operation.path
    noun = path.split("/")[3]
    ready = w.ready.get(path.rstrip("/").split("/")[-1]) if "/moves/" in path or "/acts/" in path else None
    dispute = ready.case if ready else w.settled_case if "/followups/" in path else w.open_case
    if "/void-requests/" in path:
        dispute = w.open_case
    if "/sessions/" in path:
        dispute = w.session.dispute
    for name in case.path_parameters or {}:
        found = {
            "case_no": dispute.case_no,
            "party_id": dispute.principal_parties()[0].pk,
            "uid": str(known(w, path, noun)),
            "photo": str(w.heard.photos.get().uid),
            "code": CODES["village"],
            "file": w.attachment,
        }
        if name in found:
            case.path_parameters[name] = found[name]
    for name, value in CODES.items():
        if name in (case.query or {}):
            case.query[name] = value
    if "case" in (case.query or {}):
        case.query["case"] = dispute.case_no
    for name in ("found_from", "found_to", "day"):  # between 1900 and 2100
        if name in (case.query or {}):
            case.query[name] = str(timezone.localdate())
    for name, value in {"profile": "village", "q": "水渠", "period": "2026-Q4"}.items():
        if name in (case.query or {}):
            case.query[name] = value
    for name in ("cursor", "page", "township", "office", "type", "parent", "table"):
        (case.query or {}).pop(name, None)
    if "visit" in (case.query or {}):
        case.query["visit"] = str(w.walk.uid)
    if isinstance(case.body, dict) and noun == "counselling":
        lead_counselling(case.body, path, w)
    elif isinstance(case.body, dict) and (noun == "hand-overs" or path.endswith("/hand/")):
        lead_handing(case.body, w)
    elif isinstance(case.body, dict) and noun == "mutes":
        case.body.update({"case_no": dispute.case_no} if "case_no" in case.body else {})
    elif isinstance(case.body, dict) and "referrals" in path:
        lead_referral(case.body, w)
    elif isinstance(case.body, dict) and noun in FIELD:
        lead_field(case.body, path, w)
    elif isinstance(case.body, dict) and noun in LEDGERS:
        lead_ledger(case.body, path, w)
    elif isinstance(case.body, dict):
        lead_body(case.body, path, dispute, ready.body if ready else {}, w)


def lead_referral(body: dict[str, Any], w: SimpleNamespace) -> None:
    """To and from a court, about things of today; nobody has to be asked for a transfer."""
    today = str(timezone.localdate())
    body.update({name: value for name, value in CODES.items() if name in body})
    fits = {"mode": "transfer", "target": w.open_case.case_no, "version": 1, "other": "县人民法院"}
    fits |= dict.fromkeys(("sent_on", "taken_on", "outcome_on", "consented_on"), today)
    body.update({name: value for name, value in fits.items() if body.get(name) is not None})
    if body.get("kind") and "tier" in body:
        body["kind"] = "0905"
    for name in ("to_office", "consents", "leaves"):
        body.pop(name, None)
    if "text" in body and "village" not in body:
        body["other"] = "县人民法院"


def lead_handing(body: dict[str, Any], w: SimpleNamespace) -> None:
    """Within the committee, whose lead the assistant is: from whoever opened the cases to the mediator."""
    fits = {"office": w.committee.code, "leaver": "grid", "to": "village_mediator"}
    fits |= dict.fromkeys(("to_visit", "to_session"), "village_mediator")
    body.update({name: value for name, value in fits.items() if name in body})


def lead_counselling(body: dict[str, Any], path: str, w: SimpleNamespace) -> None:
    """One party of the open case, who agreed; of what is taken the session that there was."""
    today = str(timezone.localdate())
    asked = path.endswith(("/accept/", "/decline/", "/withdraw/"))
    fits = {"version": 1 if asked else 3, "session": w.counselled.sessions.get().pk, "to_person": "counsellor"}
    fits |= {"case_no": w.open_case.case_no, "party_id": w.parties[0].pk, "supervisor": "supervisor"}
    fits |= {"consented": True, "consent_by": "self", "consent_on": today, "ended_on": today}
    body.update({name: value for name, value in fits.items() if name in body})
    body.pop("to_office", None)
    if "starts_at" in body:
        body.pop("next_on", None)
        body |= {"starts_at": timezone.now().isoformat(), "no_more": True}


#: Nouns of the ledgers' rooms.
LEDGERS = {"dashboard", "exports", "months", "outcomes", "saved-ledgers"}


def lead_ledger(body: dict[str, Any], path: str, w: SimpleNamespace) -> None:
    """A layout that there is, conditions that it has, this month's day; a freeze although villages are missing."""
    fits = {"layout": "village", "query": "status=open&profile=village", "on": str(timezone.localdate())}
    fits |= {"case_no": w.open_case.case_no}
    body.update({name: value for name, value in fits.items() if name in body})
    for name in ("township", "village", "type", "office", "desk") if path.endswith("/exports/") else ():
        body.pop(name, None)
    if path.endswith("/decide/"):
        body.setdefault("reason", "换个范围")
    if path.endswith("/freeze/"):
        body["anyway"] = True
    if path.endswith("/figures/"):
        body["month"] = "2026-01"
        body["rows"] = body["rows"] or [{"calls": 1, "incidents": None, "version": 0}]
        body["rows"] = [
            row | {"township": w.township.code, "calls": 9999, "incidents": None, "version": 0}
            for row in body["rows"][:1]
        ]


#: Nouns of the room of visits.
FIELD = {"visits", "captures", "triage"}


def lead_field(body: dict[str, Any], path: str, w: SimpleNamespace) -> None:
    """The same for the room of visits, captures and triage."""
    body.update({name: value for name, value in CODES.items() if name in body})
    if "version" in body:
        body["version"] = w.heard.version
    fits = {"kind": "0905", "target": w.open_case.case_no, "person": "officer", "chair": "village_mediator"}
    fits |= {"visited_on": str(timezone.localdate()), "due_on": days_ahead(9), "until": days_ahead(9)}
    body.update({name: value for name, value in fits.items() if body.get(name)})
    if body.get("person"):
        body["tier"] = 2  # where that person works
    if "file" in body:
        body["file"] = body["file"] or JPG
    spot = body.get("settled") if isinstance(body.get("settled"), dict) else body
    if spot.get("chair"):
        spot["chair"] = "village_mediator"
    for party in spot.get("young") or ():
        party |= {name: "2012-03-05" for name in ("birth_on", "guardian_consent_on") if name in party}


def lead_to_own(case: schemathesis.Case, own: dict[str, Any]) -> None:
    for noun, key in own.items():
        if f"/api/v1/{noun}/{{" in case.operation.path:
            case.path_parameters["uid" if "{uid}" in case.operation.path else "id"] = str(key)


def lead_body(body: dict[str, Any], path: str, dispute: Any, ready: dict[str, Any], w: SimpleNamespace) -> None:
    """Keep what was made up where it may stand; replace what must exist, agree or lie in time."""
    if "/sessions/" in path:
        lead_session(body, path, w)
        return
    today = str(timezone.localdate())
    body.update({name: value for name, value in CODES.items() if name in body})
    dated = {"found_on": today, "occurred_on": today, "happened_on": today, "expires_on": days_ahead(9)}
    dated |= dict.fromkeys(("on", "received_on", *(name for name, fact in FACTS.items() if fact.kind == "day")), today)
    body.update({name: value for name, value in dated.items() if body.get(name)})
    if path.endswith("/instructions/"):
        body |= {"case_no": dispute.case_no, "due_on": today} | ({"given_on": today} if "given_on" in body else {})
    if "/consent/" in path:
        body.pop("asked_by", None)
    if "version" in body:
        body["version"] = dispute.version
    for name, value in ready.items():
        if name in body and not (isinstance(value, str) and name in {"reason", "to_add", "text", "asked_by", "report"}):
            body[name] = value
    if "/moves/" in path:
        body |= {k: v for k, v in ready.items() if k == "may_escalate"}
        for name in ("safety", "disposition", "track", "exclusions_clear", "tier", "on_the_spot"):
            body.pop(name, None)
    if path.endswith("/disputes/{case_no}/") and "parties" in body:
        body["parties"] = [{"id": w.parties[0].pk, "alias": "老马"}]
    elif "/followups/" in path and "parties" in body:
        body |= visit_body(dispute)
    elif "parties" in body:
        for index, party in enumerate(body["parties"]):
            party |= {"side": "A"} if index == 0 and "side" in party else {}
            party |= {name: value for name, value in FITS.items() if party.get(name)}
    if "kind" in body and "/papers/" in path:
        body |= {"case": dispute.case_no, "kind": "acceptance"}
        body.pop("facts", None)
    if "/whistles/" in path:
        led = {"case_no": dispute.case_no, "offices": [w.department_office.code], "office": w.room.code}
        led |= {"attachments": [], "answer_by": days_ahead(2), "coming_on": days_ahead(1), "share_names": True}
        body.update({name: value for name, value in led.items() if name in body})
        body.pop("share_phones", None)
        if path.endswith("/close/"):
            body["reason"] = "不等了"  # somebody has not answered
        body.pop("file", None)
    if path.endswith("/saved-filters/"):
        body["query"] = "status=waiting"
    if "/attachments/" in path:
        body["file"] = body.get("file") or "%PDF-1.4"
    if isinstance(body.get("danger"), dict):
        body["danger"].pop("expires_on", None)


FITS = {"id_number": "620699197401010018", "birth_on": "1974-01-01", "guardian_consent_on": "2026-01-01"}


def lead_session(body: dict[str, Any], path: str, w: SimpleNamespace) -> None:
    """A plan at the village's own place; a record of one that did not take place."""
    for name in ("ends_at", "venue", "track", "guardians", "invited", "people", "walk_ins", "recusal", "chair"):
        body.pop(name, None)
    if "version" in body:
        body["version"] = 1
    if path.endswith("/record/"):
        for name in ("held_at", "ended_at", "rights_told_at", "next_on"):
            body.pop(name, None)
        body |= {"outcome": "not_held", "reason": "乙方没来"}
    elif not path.endswith("/call-off/"):
        parties = [party.pk for party in w.session.dispute.principal_parties()]
        body |= {"starts_at": f"{days_ahead(3)}T09:00:00+08:00", "place": "村委会", "chair": "assistant"}
        body |= {"parties": parties, **({"case_no": w.session.dispute.case_no} if "case_no" in body else {})}
