"""The least that Django must do for each page: the same scoped SQL, plain values, plain creates, a frameless template.

Each at most 30 lines, no ORM beyond .values() and plain creates, through the same server, middleware, session and
postings. Where the page writes an audit row, its floor inserts one plain row too.
"""

import datetime as dt
import tempfile
import uuid
from itertools import islice

import orjson
from django.db import transaction
from django.db.models import Count, F, Q
from django.http import FileResponse, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils import timezone
from rustpy_xlsxwriter import write_worksheet

from audit import keyring
from audit.models import AccessLog
from disputes import models as d
from disputes.field import models as field
from disputes.inbox.models import Instruction
from disputes.papers.models import Paper
from disputes.referrals.models import Referral
from disputes.safe.models import Task
from disputes.sessions.models import Session
from disputes.whistles.models import Call
from followups.models import Notice, ReturnVisit
from ledgers.dashboard.models import MonthlyFigure, MonthSum
from ledgers.month import Month

PLACE = "township__short_name village__short_name handler__name"
ROW = f"""id case_no side_a side_b protected desk_id status tier due_on due_kind danger danger_until type_l1 type_l2
found_on is_paused arrived_at version {PLACE}""".split()
API_ROW = f"""id case_no version tier status round type_l1 type_l2 side_a side_b protected desk_id danger complexity
found_on registered_at arrived_at due_on due_provisional is_paused desk__name {PLACE}""".split()
LEDGER_ROW = f"""dispute__case_no dispute__found_on dispute__source dispute__type_l2 dispute__side_a dispute__side_b
dispute__people_count dispute__amount dispute__narrative dispute__danger dispute__desk__name dispute__due_on opened_at
left_at left_as no dispute_id dispute__{PLACE.split()[-1]} {" ".join(PLACE.split()[:2])}""".split()
CAPTURE_ROW = """uid side_a side_b kind words place found state may_escalate at by__name village__short_name
village__parent__short_name visit__visited_on""".split()

HOME_ROW = """due_on due_kind case_no side_a side_b type_l1 type_l2 status tier protected desk_id handler__name
village__short_name""".split()
HOME_NOTICE = "kind created_at dispute__case_no dispute__side_a dispute__side_b".split()
OPEN = ("waiting", "mediating")

HANDED = ("escalate", "return", "hand_down", "reopen")
TOLD = ("note", "settle", "end", "refer", "withdraw", "merge")


def open_at(desks):
    return Q(desk__in=desks, status__in=OPEN)


def plain_log_row(request):
    AccessLog.objects.create(
        county="999999", seq=uuid.uuid4().int >> 66, at=timezone.now(), actor_id=request.user.pk,
        actor_name=request.user.name, action="read", prev_hash=uuid.uuid4().hex, hash=uuid.uuid4().hex,
    )  # fmt: skip


def case_list(request):
    rows = d.Dispute.objects.filter(request.user.scope.q())
    if request.GET.get("status"):
        rows = rows.filter(status=request.GET["status"])
    shown = list(rows.order_by("-id").values(*ROW)[:51])
    count = len(rows.order_by().values("pk")[:1001])
    return HttpResponse(render_to_string("bench/list.html", {"rows": shown[:50], "count": count}))


def case(request, case_no):
    found = d.Dispute.objects.filter(request.user.scope.q(), case_no=case_no)
    head = found.values("village__name", "township__name", "desk__name", "handler__name").get()
    row = found.values().get()
    of = {"dispute_id": row["id"]}
    plain_log_row(request)
    context = {
        "head": head,
        "case": row,
        "parties": list(d.Party.objects.filter(**of).values()),
        "events": list(d.Event.objects.filter(**of).values(
            "kind", "at", "by_name", "office__name", "tier_to", "status_to", "text__body")[:50]),
        "agreements": list(d.Agreement.objects.filter(**of).values()),
        "obligations": list(d.Obligation.objects.filter(agreement__dispute_id=row["id"]).values()),
        "grades": list(d.DangerGrade.objects.filter(**of).values()),
        "attachments": list(d.Attachment.objects.filter(**of).values()),
        "visits": list(ReturnVisit.objects.filter(**of).values()),
        "sources": list(field.Source.objects.filter(**of).values("capture__words", "capture__at", "by__name")),
        "sessions": list(Session.objects.filter(**of).values("starts_at", "place", "state", "outcome", "chair__name")),
        "instructions": list(Instruction.objects.filter(**of).values("kind", "words", "due_on", "by__name")),
        "calls": list(Call.objects.filter(whistle__dispute_id=row["id"]).values(
            "whistle__what", "office__name", "state", "due_on", "reply")),
        "tasks": list(Task.objects.filter(**of).values("kind", "office__name", "due_on", "state")),
        "checks": list(d.Check.objects.filter(**of).values("kind", "outcome", "at", "by__name")),
        "referrals": list(Referral.objects.filter(**of).values("text", "other", "state", "outcome", "by__name")),
        "tied": list(d.Dispute.objects.filter(Q(merged_into=row["id"]) | Q(split_from=row["id"])).values("case_no")),
        "papers": list(Paper.objects.filter(**of).values("kind", "number", "at", "by__name")),
    }  # fmt: skip
    return HttpResponse(render_to_string("bench/case.html", context))


def api_list(request):
    rows = d.Dispute.objects.filter(request.user.scope.q()).order_by("-id").values(*API_ROW)[:51]
    return HttpResponse(orjson.dumps({"results": list(rows)}, default=str), content_type="application/json")


def lookup(request):
    """One indexed lookup: whose phone this is, inside the scope."""
    same = d.PartySecret.objects.filter(request.user.scope.q("party__dispute__"))
    same = same.filter(phone_index=keyring.blind_index("phone", request.GET["phone"]))
    return HttpResponse(orjson.dumps(list(same.values("party__dispute__case_no")[:3])), content_type="application/json")


def register(request):
    sent, now = request.POST, timezone.now()
    like = d.Dispute.objects.filter(request.user.scope.q()).values(
        "county_id", "township_id", "village_id", "desk_id").first()  # fmt: skip
    with transaction.atomic():
        case = d.Dispute.objects.create(
            **like, case_no=uuid.uuid4().hex[:24], type_l1=sent["kind"][:2], type_l2=sent["kind"],
            source=sent["source"], narrative=sent["narrative"], found_on=now.date(), registered_at=now,
            registered_by_id=request.user.pk, tier=1, status="waiting", opened_at=now, arrived_at=now,
        )  # fmt: skip
        d.Round.objects.create(
            dispute=case, no=1, opened_at=now, **{k: v for k, v in like.items() if k != "desk_id"}
        )  # fmt: skip
        for n, side in enumerate("AB"):
            row = d.Party.objects.create(dispute=case, side=side, name=sent[f"parties-{n}-name"])
            d.PartySecret.objects.create(party=row, phone=sent[f"parties-{n}-phone"])
        event = d.Event.objects.create(
            dispute=case, kind="register", at=now, by_id=request.user.pk, desk_id=like["desk_id"],
            status_from="waiting", status_to="waiting", tier_from=1, tier_to=1, round=1, version=1, hash="0" * 64,
        )  # fmt: skip
        d.EventText.objects.create(event=event, body=sent["narrative"])
        d.Counter.objects.create(key=uuid.uuid4().hex[:20])
        plain_log_row(request)
    return HttpResponseRedirect(f"/disputes/{case.case_no}/")


def capture(request, uid):
    sent, now = request.POST, timezone.now()
    visit = field.Visit.objects.filter(request.user.scope.q(), uid=uid).values(
        "id", "county_id", "township_id", "village_id", "desk_id").get()  # fmt: skip
    with transaction.atomic():
        field.Capture.objects.create(
            visit_id=visit.pop("id"), **visit, by_id=request.user.pk, at=now, side_a=sent["side_a"],
            side_b=sent["side_b"], kind=sent["kind"], words=sent["words"], place=sent["place"], found=sent["found"],
        )  # fmt: skip
        plain_log_row(request)
    return HttpResponseRedirect(f"/visits/{uid}/")


def inbox(request):
    rows = d.Dispute.objects.filter(request.user.scope.q(), desk__in=sorted(request.user.scope.desks))
    rows = rows.filter(Q(round__gt=1) | Q(arrived_at__gt=F("opened_at")), status="waiting").order_by("arrived_at", "id")
    shown = list(rows.values(*ROW)[:50])
    of = {"dispute__in": [row["id"] for row in shown]}
    events = d.Event.objects.filter(**of)
    sent = events.filter(kind__in=HANDED).values("dispute_id", "kind", "by_name", "office__name", "text__body")
    tried = events.filter(is_attempt=True).order_by().values("dispute_id").annotate(n=Count("pk"))
    asked = Instruction.objects.filter(**of, state="pending").order_by().values("dispute_id").annotate(n=Count("pk"))
    found = {row["id"]: row for row in shown}
    for row in [*sent, *tried, *asked]:
        found[row["dispute_id"]] |= row
    return HttpResponse(render_to_string("bench/inbox.html", {"rows": shown, "count": rows.order_by().count()}))


def triage(request):
    rows = field.Capture.objects.filter(request.user.scope.q(), state="new")
    shown = list(rows.order_by("-may_escalate", "at", "id").values(*CAPTURE_ROW)[:50])
    return HttpResponse(render_to_string("bench/triage.html", {"rows": shown, "count": rows.order_by().count()}))


def ledger(request):
    rounds = d.Round.objects.filter(request.user.scope.q("dispute__")).exclude(left_as="voided")
    rounds = rounds.filter(Month.parse(request.GET["month"]).listed)
    plain_log_row(request)
    rows = rounds.order_by("opened_at", "pk").values(*LEDGER_ROW).iterator(chunk_size=2000)
    sheet = (row for chunk in iter(lambda: list(islice(rows, 500)), []) for row in with_children(chunk))
    with tempfile.NamedTemporaryFile() as written:
        write_worksheet(sheet, written.name, sheet_name="ledger")
        file = open(written.name, "rb")  # noqa: SIM115
    return FileResponse(file, as_attachment=True, filename="ledger.xlsx")


def with_children(chunk):
    """The rows with what the ledger reads from three further tables, joined as it comes: no labels, no masking."""
    of = {"dispute_id__in": [row["dispute_id"] for row in chunk]}
    found = {row["dispute_id"]: [] for row in chunk}
    for case, side, phone in d.Party.objects.filter(**of).values_list("dispute_id", "side", "phone_masked"):
        found[case].append((side, phone))
    for case, *told in ReturnVisit.objects.filter(**of).values_list("dispute_id", "party__side", "satisfaction"):
        found[case].append(told)
    texts = d.EventText.objects.filter(event__dispute_id__in=of["dispute_id__in"], event__kind__in=TOLD)
    bodies = dict(texts.order_by("event_id").values_list("event__dispute_id", "body"))
    for row in chunk:  # a sheet knows no time zones and no decimals
        row["phones"], row["progress"] = str(found[row["dispute_id"]]), bodies.get(row["dispute_id"])
        row["opened_at"] = row["opened_at"].replace(tzinfo=None)
        row["left_at"] = row["left_at"] and row["left_at"].replace(tzinfo=None)
        row["dispute__amount"] = row["dispute__amount"] and float(row["dispute__amount"])
        yield row


def home(request):
    """What the home page of a desk shows: each list once, as plain rows, and each number once."""
    user, day, q = request.user, timezone.localdate(), request.user.scope.q
    desks, week = sorted(user.scope.desks), day + dt.timedelta(days=6 - day.weekday())
    first, cases, visits = day.replace(day=1), d.Dispute.objects.filter(q()), ReturnVisit.objects.filter(q("dispute__"))
    rows = list(cases.filter(open_at(desks), due_on__isnull=False).order_by("due_on").values(*HOME_ROW))
    shown = "case_no side_a side_b type_l1 type_l2 village__short_name".split()
    case = {name: F(f"dispute__{name}") for name in shown}
    rows += visits.filter(state="planned", office__in=desks).values("due_on", **case)
    rows += Task.objects.filter(q("dispute__"), state="open", office__in=desks).values("due_on", **case)
    asked = Instruction.objects.filter(q("dispute__"), state="pending", dispute__desk__in=desks)
    rows += asked.values("due_on", **case)
    calls = {name: F(f"whistle__dispute__{name}") for name in shown}
    rows += Call.objects.filter(office__in=desks, due_on__isnull=False).values("due_on", "office__name", **calls)
    own = Call.objects.filter(q("whistle__dispute__"), whistle__desk__in=desks, whistle__closed_at=None, due_on__lt=day)
    rows += own.values("due_on", **calls)
    rows.sort(key=lambda row: row["due_on"])
    late, now = [r for r in rows if r["due_on"] < day], [r for r in rows if r["due_on"] == day]
    soon = [r for r in rows if day < r["due_on"] <= week]
    groups = [{"key": k, "n": len(some), "rows": some[:12]} for k, some in zip("abc", (late, now, soon), strict=True)]
    due = visits.filter(due_on__gte=first, due_on__lte=day).exclude(state__in=["cancelled", "failed"])
    notices = Notice.objects.filter(q("dispute__"), user=user).order_by("-id")
    opened, to_sort = cases.filter(status__in=OPEN), field.Capture.objects.filter(q(), state="new")
    context = {
        "total": len(rows), "counts": {"overdue": len(late), "today": len(now), "week": len(soon)}, "groups": groups,
        "to_sort": to_sort.count(), "to_accept": cases.filter(desk__in=desks, status="waiting").count(),
        "open_count": opened.count(), "overdue_count": opened.filter(due_on__lt=day).count(),
        "visits_made": due.exclude(state="planned").count(), "visits_due": due.count(),
        "left": cases.filter(left_at__date__gte=first).count(), "drafts": list(user.drafts.values("url", "updated_at")),
        "notices": list(notices.values(*HOME_NOTICE)[:6]),
    }  # fmt: skip
    return HttpResponse(render_to_string("bench/home.html", context))


def dashboard(request):
    """The year of a county from its stored sums: two statements, plain additions, tables of as many numbers."""
    places = [f"county/{pk}" for pk in request.user.scope.counties]
    months = dict(MonthSum.objects.filter(place__in=places, month__lte="2026-12").values_list("month", "counts"))
    towns = MonthSum.objects.filter(place__startswith="town/", month__range=("2026-01", "2026-12"))
    inside = {}
    for place, counts in towns.values_list("place", "counts"):
        inside.setdefault(place, []).append(counts)
    typed = list(MonthlyFigure.objects.filter(month__startswith="2026").values_list("month", "calls", "incidents"))

    def total(counts, key):
        groups = counts.get(key, {}).values()
        return sum(sum(n.values()) if isinstance(n, dict) else n for n in groups)

    keys = "opened left settled relapses missed reach answers duties calls waits accepted".split()
    sums = {key: sum(total(counts, key) for counts in months.values()) for key in keys}
    year = [[month, *(total(counts, key) for key in keys[:3])] for month, counts in sorted(months.items())[-12:]]
    areas = [[place, *(sum(total(c, key) for c in rows) for key in keys[:3])] for place, rows in inside.items()]
    groups = [[key, n] for key in keys for counts in list(months.values())[-1:] for n in counts.get(key, {})]
    tables = [year, year, year, areas, groups, typed[:12], groups[:12], groups[:12], groups[:12]]
    context = {
        "rates": [{"name": key, "top": n, "bottom": n} for key, n in sums.items()],
        "tables": [{"name": n, "rows": rows} for n, rows in enumerate(tables)],
    }
    return HttpResponse(render_to_string("bench/dashboard.html", context))
