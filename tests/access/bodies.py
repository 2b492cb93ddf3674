"""A body that would be accepted, for every address that takes one: so that the answer is about rights, not about input.

Every request is rolled back, so an accepted one changes nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from disputes.models import Dispute
from disputes.safeguards import SAFETY_QUESTIONS
from disputes.sessions.models import Session
from tests.access.county import WHISTLES, County
from tests.access.inventory import Address
from tests.samples import PNG

REASON = {"reason": "核实情况"}
EXPORT = {"format": "csv", "purpose": "report", "reason": "月报"}
INSTRUCTION = {"kind": "supervise", "words": "抓紧办理"}


def facts_of(county: County, name: str, case: Dispute, username: str) -> dict[str, Any]:
    """What one move needs, as the API takes it."""
    today = timezone.localdate(county.now)
    soon = (today + dt.timedelta(days=5)).isoformat()
    consents = {str(party.pk): "agreed" for party in case.principal_parties()}
    told = {"told_ways": ["court"], "told_on": today.isoformat()}
    return {
        "take_up": {"handler": username},
        "settle": {
            "result": "self",
            "organisation": case.desk.code,
            "chair": username,
            "agreed_on": today.isoformat(),
            "consents": consents,
            "on_the_spot": True,
        },
        "escalate": {**REASON, "may_escalate": True},
        "return": {**REASON, "to_add": "补充证据"},
        "hand_down": {**REASON, "due_on": soon},
        "refer": {"way": "court", **told},
        "end": {**REASON, **told},
        "withdraw": {**REASON, "asked_by": "甲方"},
        "reopen": {**REASON, "report": "又争起来"},
        "close": {},
        "pause": REASON,
        "resume": {},
        "extend": {**REASON, "until": soon, "consents": consents},
        "merge": {**REASON, "target": county.target.case_no},
        "unmerge": REASON,
        "split": {**REASON, "parts": ["草场界线", "院墙"]},
        "void": REASON,
        "assign": {"person": username},
    }.get(name, {})


def act_of(name: str, case: Dispute, today: str) -> dict[str, Any]:
    """What one act needs, as the API takes it."""
    a, b = (party.pk for party in case.principal_parties()[:2])
    told = {"failed_on": today, "civil_told_on": today}
    return {
        "acceptance": {"reserved": False, "elsewhere": False},
        "screen": {"safety": dict.fromkeys(SAFETY_QUESTIONS, False)},
        "police": {"deed": "beating", "lesser": True, "ground": "close", "exclusions_clear": True},
        "police_session": {"held_on": today, "place_kind": "standard", "place": "派出所", "officers": "2"},
        "police_terms": {},
        "police_failed": {"failure": "not_reached", **told},
        "police_dealt": {"dealt_on": today},
        "no_penalty": {"performed_on": today, "applied_on": today, "both": True, "undecided": True},
        "no_penalty_done": {"approved": True, "decided_on": today},
        "letter": {"number": "003", "issued_on": today, "warned": b, "victim": a},
        "letter_visit": {"task": 1, "done_on": today},
        "signed": {"signed_on": today},
        "confirm": {"asked": False},
        "confirm_ruled": {"ruling": "confirmed", "ruled_on": today},
        "performance": {"obligation": 1, "performance": "4"},
        "dissuade": {"dissuaded": b, "dissuaded_on": today, "dissuaded_at": "22:30", "said": "劝了以后关小"},
        "lift": {"flag": "bullying", **REASON},
    }.get(name, {})


def form_of(facts: dict[str, Any]) -> dict[str, Any]:
    """The same facts as the form of the page sends them."""
    sent: dict[str, Any] = {}
    for name, value in facts.items():
        if name == "consents":
            sent |= {f"consents_{pk}": answer for pk, answer in value.items()}
        elif name == "parts":
            sent[name] = "\n\n".join(value)
        elif value is True:
            sent[name] = "on"
        else:
            sent[name] = value
    return sent | {
        "obligations-TOTAL_FORMS": "0",
        "obligations-INITIAL_FORMS": "0",
    }


def body(county: County, address: Address, method: str, relation: str, actor: str) -> dict[str, Any]:
    """Keyword arguments of the test client's request: a complete body in the address's own format."""
    if address.route in ("search/", "api/v1/search/"):
        return {"data": {"q": "争执不下"}}  # stands in the story of every case
    if method not in {"POST", "PATCH", "PUT"}:
        return {}
    user = county.actors[actor]
    username = user.username if user else "nobody"
    case = county.case_of(address.route, relation) or county.cases["own_village"]
    today = timezone.localdate(county.now).isoformat()
    route = address.route
    if "sessions/" in route:
        return _session(county, address, county.sessions.get(relation, county.sessions["own_village"]), username)
    if "whistles/<uid>" in route:
        sent = whistle_facts(county, route.rstrip("/").split("/")[-1], relation, today)
        return {"data": sent, **({"content_type": "application/json"} if address.is_api else {})}
    if route.endswith("imports/"):
        content = "排查日期,村,简要情况\n2025.3.5,石门村,渠口又吵\n".encode()
        return {"data": {"file": SimpleUploadedFile("台账.csv", content, "text/csv")}}
    if address.is_api:
        if route.endswith(("attachments/", "photos/")):
            return {"data": {"file": SimpleUploadedFile("现场.png", PNG, "image/png")}}
        return {"data": _json(county, route, case, username, today), "content_type": "application/json"}
    if route.endswith("attachments/"):
        return {"data": {"uploads": SimpleUploadedFile("现场.png", PNG, "image/png")}}
    if route.endswith("scans/"):
        return {"data": {"scan": SimpleUploadedFile("现场.png", PNG, "image/png")}}
    return {"data": _form(county, route, case, username, today)}


def _session(county: County, address: Address, session: Session, username: str) -> dict[str, Any]:
    """A plan for next week that the actor chairs; a record of one that did not take place."""
    day = timezone.localdate(county.now) + dt.timedelta(days=6)
    asked = [row.party_id for row in session.listed() if row.kind == "party"]
    guardians = [row.party_id for row in session.listed() if row.kind == "guardian"]
    last = address.route.rstrip("/").split("/")[-1]
    gone = {"version": 1, "outcome": "not_held", **REASON}
    if address.is_api:
        plan = {"starts_at": f"{day}T09:00:00+08:00", "place": "渠口", "chair": username}
        plan |= {"parties": asked, "guardians": guardians}
        new = {"case_no": session.dispute.case_no}
        sent = {"sessions": plan | new, "change": plan | {"version": 1}, "call-off": REASON, "record": gone}.get(
            last, {}
        )
        return {"data": sent, "content_type": "application/json"}
    rows = {f"{name}-{what}_FORMS": "0" for name in ("invited", "walk_ins") for what in ("TOTAL", "INITIAL")}
    plan = {"day": str(day), "starts": "9:00", "place": "渠口", "chair": username, "version": "1", **rows}
    plan |= {"parties": asked, "guardians": guardians}
    sent = {"new": plan, "change": plan, "call-off": REASON, "<pk>": gone | rows}.get(last, {})
    return {"data": sent}


def last_month(today: str) -> str:
    """The month that is handed in today."""
    return str(dt.date.fromisoformat(today).replace(day=1) - dt.timedelta(days=1))[:7]


def whistle_facts(county: County, last: str, relation: str, today: str) -> dict[str, Any]:
    """What an answer to a whistle, or its end, must say."""
    office = getattr(county.w, WHISTLES.get(relation, "department_office")).code
    return {
        "accept": {"who_comes": "周庆", "coming_on": today},
        "decline": {"reply": "人手不够"},
        "done": {"done_note": "看过了"},
        "call-off": {"office": office, **REASON},
        "close": REASON,
    }.get(last, {})


def _json(county: County, route: str, case: Dispute, username: str, today: str) -> dict[str, Any]:
    last = route.rstrip("/").split("/")[-1]
    if "/moves/" in route:
        return facts_of(county, last, case, username)
    if "/acts/" in route:
        return act_of(last, case, today)
    if "<case_no>" not in route:
        parties = [{"side": "A", "name": "马文林", "phone": "13812346021"}, {"side": "B", "name": "王世昌"}]
        month = last_month(today)
        return {
            "api/v1/outcomes/": {
                "case_no": county.cases["own_village"].case_no,
                "kind": "crime",
                "on": today,
                "people": 2,
            },
            "api/v1/months/step/": {"month": month, "area": county.w.village.code, "do": "submit"},
            "api/v1/months/freeze/": {"month": month, "anyway": True},
            "api/v1/disputes/": {
                "village": county.w.village.code,
                "type_l1": "09",
                "type_l2": "0905",
                "source": "06",
                "found_on": today,
                "narrative": "草场界线",
                "parties": parties,
            },
            "api/v1/dashboard/figures/": {
                "month": "2026-01",
                "rows": [{"township": county.w.township.code, "calls": 9, "incidents": 2, "version": 0}],
            },
            "api/v1/disputes/similar/": {"parties": [{"name": "马文林"}]},
            "api/v1/whistles/": {
                "case_no": county.cases["own_village"].case_no,
                "offices": [county.w.department_office.code],
                "kind": "advice",
                "what": "看渠口",
                "summary": "两家争水",
            },
            "api/v1/notices/undo/": {"read_at": "2026-03-02T09:00:00+08:00"},
            "api/v1/mutes/": {"group": "visit", "on": True},
            "api/v1/reminders/retry/": {"channel": "app", "pk": 99999},
            "api/v1/instructions/": {"case_no": case.case_no, **INSTRUCTION, "due_on": today},
            "api/v1/instructions/<pk>/answer/": {"words": "明天开会"},
            "api/v1/exports/": {"month": f"{timezone.localtime(county.now):%Y-%m}", **EXPORT},
            "api/v1/exports/<uid>/decide/": {"allowed": True},
            "api/v1/saved-filters/": {"name": "新的", "query": "status=waiting"},
            "api/v1/saved-ledgers/": {"name": "新的", "query": "status=open&profile=village"},
            "api/v1/ledger-profiles/": {
                "name": "新的",
                "columns": [{"key": "no"}, {"key": "case_no", "label": "案号"}],
            },
            "api/v1/ledger-profiles/<pk>/": {"name": "新的", "columns": [{"key": "no"}], "version": 1},
            "api/v1/visits/": {"village": county.w.village.code, "visited_on": today},
            "api/v1/visits/<uid>/captures/": {"words": "渠口又吵"},
            "api/v1/captures/<uid>/": {"version": 1, "place": "后沟"},
            "api/v1/captures/<uid>/settle/": {"version": 1},
            "api/v1/triage/<uid>/new/": {"version": 1, "kind": "09", "tier": 2},
            "api/v1/triage/<uid>/several/": {"version": 1, "kind": "09", "tier": 2, "parts": ["界桩", "欠款"]},
            "api/v1/triage/<uid>/join/": {"version": 1, "target": county.target.case_no},
            "api/v1/triage/<uid>/none/": {"version": 1, **REASON},
            "api/v1/triage/<uid>/back/": {"version": 1, **REASON},
            "api/v1/triage/<uid>/later/": {"version": 1, "until": str(county.now.date() + dt.timedelta(days=3))},
            "api/v1/triage/<uid>/undo/": {"version": 1},
            "api/v1/counselling/": {
                "case_no": county.target.case_no,
                "party_id": county.target.principal_parties()[0].pk,
                "consented": True,
                "consent_by": "self",
                "consent_way": "spoken",
                "consent_on": today,
                "why": "最近睡不好",
                "supervisor": "supervisor",
            },
            "api/v1/counselling/<uid>/phone/": REASON,
            **{
                f"api/v1/counselling/<uid>/{name}/": {"version": 1, **facts}
                for name, facts in counsel_facts(county, today).items()
            },
            "api/v1/papers/": {"case": county.cases["own_village"].case_no, "kind": "acceptance"},
            "api/v1/papers/preview/": {"case": county.cases["own_village"].case_no, "kind": "acceptance"},
            "api/v1/papers/<uid>/void/": REASON,
            "api/v1/referrals/": referred(today) | {"village": county.w.village.code},
            "api/v1/referrals/<uid>/accept/": {"version": 1},
            "api/v1/referrals/<uid>/new/": {"version": 1, "kind": "09", "tier": 2},
            "api/v1/referrals/<uid>/join/": {"version": 1, "target": county.target.case_no},
            "api/v1/referrals/<uid>/report/": {"version": 1, "outcome": "filed", "outcome_on": today},
            "api/v1/referrals/<uid>/return/": {"version": 1, **REASON},
        }.get(route, {})
    return {
        "<case_no>": {"version": case.version, "place": "石门村二社"},
        "consent": {"consent": "agreed"},
        "reveal": {"field": "phone", **REASON},
        "grade": {"level": "yellow", **REASON},
        "notes": {"text": "到两家看过"},
        "referrals": referred(today),
        "void-requests": REASON,
        "visits": visit_facts(county, case, today),
        "slips": {"text": "调解员没有听完我说的", "received_on": today},
        "answer": {"answer": "换人主持"},
        "waive": REASON,
        "relapse": {"confirmed": False, **REASON},
        "hand": {"to": username},
        "urge": {"words": "快到期了"},
    }.get(last, REASON)


def counsel_facts(county: County, today: str) -> dict[str, dict[str, Any]]:
    """What each act of counselling needs, as the API takes it."""
    met = {"starts_at": county.now.isoformat(), "way": "phone", "before": 2, "after": 3, "no_more": True}
    return {
        "accept": {},
        "decline": REASON,
        "session": met,
        "note": {"session": 1, "note": "补充"},
        "advise": {"advice": "慢慢说"},
        "risk": {},
        "calm": {},
        "end": {"how": "done", "ended_on": today},
        "withdraw": REASON,
        "pass": {"to_person": "second_counsellor"},
    }


def referred(today: str) -> dict[str, Any]:
    """A referral to or from a court."""
    return {"kind": "court", "mode": "transfer", "other": "县人民法院", "text": "请先行调解", "sent_on": today}


def visit_facts(county: County, case: Dispute, today: str) -> dict[str, Any]:
    """A visit that reached both parties."""
    heard = {"reached": True, "satisfaction": "yes", "mind": "calm"}
    parties = [{"party": party.pk, **heard} for party in case.principal_parties()]
    return {"visited_on": today, "way": "home", "parties": parties}


def _form(county: County, route: str, case: Dispute, username: str, today: str) -> dict[str, Any]:
    if route.startswith("disputes/<case_no>/moves/"):
        facts = facts_of(county, route.rstrip("/").split("/")[-1], case, username)
        return form_of(facts) | {"version": case.version}
    if route.startswith("disputes/<case_no>/acts/"):
        facts = act_of(route.rstrip("/").split("/")[-1], case, today)
        return {name: str(value).lower() if isinstance(value, bool) else value for name, value in facts.items()}
    month = last_month(today)
    return {
        "disputes/<case_no>/outcomes/": {"kind": "crime", "on": today, "people": "2"},
        "ledger/months/step/": {"month": month, "area": county.w.village.code, "do": "submit"},
        "ledger/months/freeze/": {"month": month, "anyway": "on"},
        "disputes/<case_no>/notes/": {"text": "到两家看过"},
        "disputes/<case_no>/reveal/<party>/<field>/": REASON,
        "disputes/<case_no>/consent/<party>/": {"consent": "agreed", "way": "当面"},
        "disputes/<case_no>/grade/": {"level": "yellow", **REASON},
        "disputes/<case_no>/ask-void/": REASON,
        "disputes/<case_no>/urge/": {"words": "快到期了"},
        "disputes/<case_no>/papers/<uid>/void/": REASON,
        "disputes/<case_no>/dossier/<uid>/": {"row": "6"},
        "disputes/<case_no>/referrals/": referred(today),
        "referrals/in/": referred(today) | {"village": county.w.village.code},
        "referrals/<uid>/": {"act": "return", "version": 1, **REASON},
        "counselling/<uid>/": {"act": "accept", "version": 1},
        "counselling/<uid>/phone/": REASON,
        "counselling/<uid>/notes/": REASON,
        "disputes/<case_no>/slips/": {"text": "调解员没有听完我说的", "received_on": today},
        "followups/<case_no>/waive/<party>/": REASON,
        "followups/<case_no>/relapse/": {"confirmed": "no", **REASON},
        "disputes/<case_no>/whistles/new/": {
            "offices": [county.w.department_office.code],
            "kind": "advice",
            "what": "看渠口",
            "answer_by": today,
            "summary": "两家争水",
        },
        "notices/cases/<case_no>/mute/": {"on": "1"},
        "manage/reminders/retry/": {"channel": "app", "pk": "99999"},
        "inbox/<case_no>/": {"do": "take_up", "person": username, "version": case.version},
        "disputes/<case_no>/instructions/new/": {**INSTRUCTION, "given_on": today, "due_on": today},
        "disputes/<case_no>/instructions/<pk>/answer/": {"words": "明天开会"},
        "visits/new/": {"village": county.w.village.code, "visited_on": today},
        "visits/<uid>/": {"words": "渠口又吵"},
        "visits/<uid>/paste/": {"text": "渠口又吵"},
        "captures/<uid>/settle/": {"spot-version": 1},
        "captures/<uid>/": {"words": "渠口又吵", "version": 1},
        "triage/<uid>/": {"sort": "none", "version": 1, **REASON},
        "exports/new/": {**EXPORT, "layout": "default"},
        "exports/<uid>/decide/": {"allowed": "yes"},
        "disputes/saved/": {"name": "新的", "query": "status=waiting"},
        "ledger/saved/": {"name": "新的", "query": "status=open"},
        "manage/ledger-columns/new/": {"name": "新的", "at_no": "1", "at_case_no": "2"},
        "manage/ledger-columns/<pk>/": {"name": "新的", "at_no": "1", "at_case_no": "2", "version": "1"},
        "imports/<uid>/columns/": {"tier": "1", "c0": "found_on", "c1": "village", "c2": "narrative"},
        "me/": {"font_size": "m", "after_save": "stay", "single_keys": "on"},
    }.get(route, {})
