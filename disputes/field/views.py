"""Pages of visits, captures and triage."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.models import record_read_once
from disputes import attachments, codes, drafts
from disputes.field import pasted
from disputes.field.forms import CaptureForm, EndForm, PasteForm, SortForm, SpotForm, VisitForm
from disputes.field.models import SORTERS, SORTS, Capture, Visit, parties_of
from disputes.field.panels import photos_of
from disputes.filters import Page
from disputes.matching import suggestions
from disputes.models import Dispute, FactsMissing, MoveRefused
from disputes.views import me, needs_desk, says_no
from villages.models import DESK_ROLES, User

PAGE = 50
#: Where a door's fact stands on the form.
FIELD_OF = {"target": "kind"}


def _visit(request: HttpRequest, uid: Any) -> Visit:
    """The visit inside the viewer's scope; any other is a 404 like one that does not exist."""
    rows = Visit.objects.visible_to(me(request)).select_related("village__parent", "by")
    found = rows.filter(uid=uid).first()
    if found is None:
        raise Http404
    return found


def _capture(request: HttpRequest, uid: Any) -> Capture:
    rows = Capture.objects.visible_to(me(request)).select_related(
        "village__parent", "visit__village", "by", "sorted_by", "spot__chair"
    )
    found = rows.filter(uid=uid).first()
    if found is None:
        raise Http404
    return found


def _unless(sentence: str | None) -> None:
    """Refuse before the form is judged: who may not act is told so, whatever they typed."""
    if sentence:
        raise MoveRefused(sentence)


def _sorter(request: HttpRequest) -> User:
    user = me(request)
    if user.scope.roles.isdisjoint(SORTERS):
        raise PermissionDenied(_("分流由民警和综治中心办理。你记下的在“入村排查”里"))
    return user


# --- visits ----------------------------------------------------------------------------------------------------------
@require_GET
def visits(request: HttpRequest) -> HttpResponse:
    """Visits in the viewer's scope, newest first; nil reports stand among them."""
    user = me(request)
    if user.scope.q() is None:
        raise PermissionDenied(_("你的岗位不看走访。回首页看你能办的事"))
    visible = Visit.objects.visible_to(user)
    rows = visible.select_related("village__parent", "by")
    page = Page(rows, request.GET, counted=visible, column="visited_on")
    _count_captures(page.rows)
    may_begin = not user.scope.roles.isdisjoint(DESK_ROLES)
    mine = Capture.objects.filter(by=user, state=Capture.State.BACK).select_related("village").order_by("at")
    context = {
        "page": page,
        "next": page.next and f"?{urlencode({'after': page.next})}",
        "previous": page.previous and f"?{urlencode({'before': page.previous})}",
        "may_begin": may_begin,
        "sent_back": list(mine) if may_begin else [],
    }
    return render(request, "disputes/field/visits.html", context)


def _count_captures(visits: Iterable[Visit]) -> None:
    """How many were captured on each visit of one page, and how many of them wait; one query."""
    waiting = Q(state__in=[Capture.State.NEW, Capture.State.BACK, Capture.State.LATER])
    counted = Capture.objects.filter(visit__in=[row.pk for row in visits]).order_by().values("visit")
    numbers = {
        visit: (found, unsorted)
        for visit, found, unsorted in counted.annotate(
            n=Count("pk"), n_waiting=Count("pk", filter=waiting)
        ).values_list("visit", "n", "n_waiting")
    }
    for row in visits:
        row.found, row.unsorted = numbers.get(row.pk, (0, 0))  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@says_no
def begin(request: HttpRequest) -> HttpResponse:
    """A new visit; what follows is the loop of captures."""
    user = me(request)
    needs_desk(user, _("你的岗位不登记走访。需要的联系村委会或警务室"))
    form = VisitForm(request.POST if request.method == "POST" else None, user=user)
    if request.method == "POST" and form.is_valid():
        visit = Visit.objects.begin(by=user, at=timezone.now(), request=request, **form.facts())
        return HttpResponseRedirect(f"/visits/{visit.uid}/")
    status = 422 if request.method == "POST" else 200
    return render(request, "disputes/field/begin.html", {"form": form}, status=status)


@require_http_methods(["GET", "POST"])
@says_no
def visit(request: HttpRequest, uid: Any) -> HttpResponse:
    """The loop: what was captured so far and the next entry. Others in scope read the summary."""
    found, user, now = _visit(request, uid), me(request), timezone.now()
    draft = f"capture:{found.uid}"
    if request.method == "GET":
        record_read_once(actor=user, subject=str(found.uid), county=found.village.county_code, request=request)
        kept = drafts.load(user, draft) if found.by_id == user.pk else None
        form = CaptureForm(kept[0]) if kept else CaptureForm()
        spot = SpotForm(kept[0], place=found, user=user) if kept else None
        if kept:
            drafts.show(form, spot)
        return _visit_page(request, found, form, spot, restored=kept[1] if kept else None)
    _unless(found.why_not_capture(user))
    form, spot, told = CaptureForm(request.POST, request.FILES), None, {}
    valid = form.is_valid()
    if form.data.get("found") == Capture.Found.SETTLED:
        spot = SpotForm(request.POST, place=found, user=user)
        valid = spot.is_valid() and valid
        told = spot.facts(parties_of(form.cleaned_data["side_a"], form.cleaned_data["side_b"])) if valid else {}
    if not valid:
        return _visit_page(request, found, form, spot, status=422)
    submission = form.cleaned_data["submission"]
    try:
        with _photos(form) as photos, transaction.atomic():
            row = found.capture(
                by=user, at=now, facts=form.facts(), spot=told, photos=photos, submission=submission, request=request
            )
            drafts.drop(user, draft)
    except attachments.FileRefused as refused:
        form.refuse_photos(refused)
        return _visit_page(request, found, form, spot, status=422)
    words = saved_words(row, user)
    if request.headers.get("HX-Request"):
        return _visit_page(request, found, CaptureForm(), saved=words)
    messages.success(request, words)
    return HttpResponseRedirect(f"/visits/{uid}/#loop")


def saved_words(row: Capture, user: User) -> str:
    """What became of an entry that was just saved."""
    if row.state == Capture.State.CASE:
        return _("当场化解已立案 %(no)s，接着记下一条") % {"no": row.sources.get().dispute.case_no}
    lacking = row.lacking_for(user)
    return _("已存下，%(lacking)s。接着记下一条") % {"lacking": lacking} if lacking else _("已存下，接着记下一条")


def _visit_page(
    request: HttpRequest,
    found: Visit,
    form: CaptureForm,
    spot: SpotForm | None = None,
    *,
    restored: dt.datetime | None = None,
    saved: str = "",
    status: int = 200,
) -> HttpResponse:
    user = me(request)
    rows = _shown(found.captures.select_related("village__parent", "by", "spot").order_by("pk"), user)
    mine = found.by_id == user.pk and not user.scope.roles.isdisjoint(DESK_ROLES)
    context = {
        "visit": found,
        "rows": rows,
        "number": len(rows) + 1,
        "form": form,
        "spot": (spot or SpotForm(place=found, user=user)) if mine else None,
        "end": EndForm(initial={"households": found.households, "note": found.note}, auto_id="id_end_%s"),
        "paste": PasteForm(),
        "mine": mine,
        "restored": restored,
        "saved": saved,
        "has_errors": status == 422,
        "draft_key": f"capture:{found.uid}",
    }
    part = "disputes/field/loop.html" if request.headers.get("HX-Request") else "disputes/field/visit.html"
    return render(request, part, context, status=status)


@require_http_methods(["GET", "POST"])
@says_no
def paste(request: HttpRequest, uid: Any) -> HttpResponse:
    """Rows copied from WPS or Excel: read, shown with what is wrong in which row, corrected, and saved all at once."""
    found, user = _visit(request, uid), me(request)
    _unless(found.why_not_capture(user))
    draft = f"paste:{found.uid}"
    kept = drafts.load(user, draft) if request.method == "GET" else None
    data = request.POST if request.method == "POST" else kept[0] if kept else None
    form, table, status = PasteForm(data), None, 200
    if kept:
        drafts.show(form)
    if data is not None and "rows" in data:
        table = pasted.again(data)
    elif request.method == "POST" and form.is_valid():
        try:
            return _paste_page(request, found, form, pasted.read(form.data["text"]))
        except ValidationError as error:
            form.add_error("text", error)
    if request.method == "POST" and table:
        facts = [row.facts for row in table.rows if not row.skip]
        if facts and not table.wrong:
            with transaction.atomic():
                n = found.capture_many(by=user, at=timezone.now(), rows=facts, submission=form.number, request=request)
                drafts.drop(user, draft)
            messages.success(request, _("已存下 %(n)d 条，等待分流") % {"n": n})
            return HttpResponseRedirect(f"/visits/{uid}/")
        table.problem = "" if facts else _("每一行都跳过了，至少留一行")
    if request.method == "POST":
        status = 422
    return _paste_page(request, found, form, table, restored=kept[1] if kept else None, status=status)


def _paste_page(
    request: HttpRequest,
    found: Visit,
    form: PasteForm,
    table: pasted.Table | None,
    *,
    restored: dt.datetime | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "visit": found,
        "form": form,
        "table": table,
        "columns": pasted.COLUMNS,
        "restored": restored,
        "has_errors": status == 422,
        "draft_key": f"paste:{found.uid}",
        "submission": form.number,
    }
    return render(request, "disputes/field/paste.html", context, status=status)


@require_POST
@says_no
def end(request: HttpRequest, uid: Any) -> HttpResponse:
    """The visit is over; without captures it is a nil report."""
    found, user = _visit(request, uid), me(request)
    _unless(found.why_not_capture(user))
    form = EndForm(request.POST, auto_id="id_end_%s")
    if not form.is_valid():
        messages.error(request, str(next(iter(form.errors.values()))[0]))
        return HttpResponseRedirect(f"/visits/{uid}/")
    found.end(by=user, at=timezone.now(), request=request, **form.cleaned_data)
    count = found.captures.count()
    words = (
        _("走访结束，记下 %(n)d 条，等待分流") % {"n": count} if count else _("走访结束，没有发现纠纷，零报告已计入")
    )
    messages.success(request, words)
    return HttpResponseRedirect("/visits/")


# --- one capture -----------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@says_no
def capture(request: HttpRequest, uid: Any) -> HttpResponse:
    """What was captured and what became of it; its author fills in more until it is sorted."""
    found, user = _capture(request, uid), me(request)
    may_edit = not user.scope.roles.isdisjoint(DESK_ROLES) and found.why_not_edit(user) is None
    form = CaptureForm(initial={name: getattr(found, name) for name in (*Capture.FACTS, "version")})
    status = 200
    if request.method == "POST":
        _unless(found.why_not_edit(user))
        sent = CaptureForm(request.POST, request.FILES, initial=form.initial)
        if sent.is_valid():
            version, now = sent.cleaned_data["version"] or 0, timezone.now()
            try:
                with _photos(sent) as photos:
                    found.edit(by=user, at=now, version=version, facts=sent.facts(), photos=photos, request=request)
                messages.success(request, _settled_words(found, user) or _("已补充，等待分流"))
                return HttpResponseRedirect(f"/captures/{uid}/")
            except attachments.FileRefused as refused:
                sent.refuse_photos(refused)
        form, status = sent, 422
    if request.method == "GET":
        _log_reading(request, found)
    sources = found.sources.select_related("dispute", "by")
    seen = set(Dispute.objects.visible_to(user).filter(sources__capture=found).values_list("pk", flat=True))
    context = {
        "capture": found,
        "row": _shown([found], user)[0],
        "form": form,
        "may_edit": may_edit,
        "sources": [source for source in sources if source.dispute_id in seen],
        "may_acknowledge": _may_acknowledge(user, found),
        "may_settle": _may_settle(user, found),
        "has_errors": status == 422,
    }
    return render(request, "disputes/field/capture.html", context, status=status)


def _log_reading(request: HttpRequest, found: Capture) -> None:
    """Who read what was heard: as for a case."""
    county = found.village.county_code
    record_read_once(actor=me(request), subject=str(found.uid), county=county, request=request)


def _settled_words(found: Capture, user: User) -> str:
    """What a 当场化解 became or still lacks; empty for any other capture."""
    if found.found != Capture.Found.SETTLED:
        return ""
    if found.state == Capture.State.CASE:
        return _("当场化解已立案 %(no)s，回访已排上") % {"no": found.sources.get(undone_at=None).dispute.case_no}
    return found.lacking_for(user)


def _may_settle(user: User, found: Capture) -> bool:
    return not user.scope.roles.isdisjoint(DESK_ROLES) and found.why_not_settle(user) is None


@require_http_methods(["GET", "POST"])
@says_no
def settle(request: HttpRequest, uid: Any) -> HttpResponse:
    """What a 当场化解 lacks is filled in, by its author or by whoever sorts; complete, it is a settled case."""
    found, user = _capture(request, uid), me(request)
    _unless(found.why_not_settle(user))
    form = SpotForm(request.POST if request.method == "POST" else None, place=found, user=user, capture=found)
    if request.method == "POST" and form.is_valid():
        left = form.left_facts()
        parties = parties_of(found.side_a or left["side_a"], found.side_b or left["side_b"])
        found.settle(
            by=user, at=timezone.now(), version=form.cleaned_data["version"], facts=left,
            spot=form.facts(parties), request=request,
        )  # fmt: skip
        tell = messages.success if found.state == Capture.State.CASE else messages.warning
        tell(request, _settled_words(found, user))
        if found.state != Capture.State.CASE:
            return HttpResponseRedirect(f"/captures/{uid}/settle/")
        return HttpResponseRedirect(f"/visits/{found.visit.uid}/" if found.by_id == user.pk else "/triage/")
    if request.method == "GET":
        _log_reading(request, found)
    status = 422 if request.method == "POST" else 200
    context = {"capture": found, "row": _shown([found], user)[0], "form": form, "has_errors": status == 422}
    return render(request, "disputes/field/settle.html", context, status=status)


def _photos(form: CaptureForm) -> AbstractContextManager[list[attachments.Received]]:
    most, only = settings.PHOTOS_PER_CAPTURE, attachments.PICTURES
    return attachments.receiving(form.cleaned_data["photos"], most=most, only=only)


@require_GET
def photo(request: HttpRequest, uid: Any, photo: Any, size: int = 0) -> HttpResponse:
    """A photo of a capture: a preview to look at, or the original as a download."""
    found = _capture(request, uid).photos.select_related("capture__village").filter(uid=photo).first()
    if found is None or size not in found.sizes:
        raise Http404
    return attachments.serve(found, by=me(request), at=timezone.now(), size=size, request=request)


def _may_acknowledge(user: User, found: Capture) -> bool:
    return found.may_escalate and found.acknowledged_at is None and user.scope.has("officer")


@require_POST
@says_no
def acknowledge(request: HttpRequest, uid: Any) -> HttpResponse:
    """A police officer has taken note of 可能激化."""
    found = _capture(request, uid)
    found.acknowledge(by=me(request), at=timezone.now(), request=request)
    messages.success(request, _("已确认，记录了时间"))
    return HttpResponseRedirect(f"/triage/?at={uid}")


def _shown(captures: Any, user: User, known: codes.Names | None = None, *, photos: bool = True) -> list[dict[str, Any]]:
    """Plain values of each row, as this viewer may read them."""
    captures, known = list(captures), known or codes.names()
    states, results = dict(Capture.State.choices), {"": "", **dict(Capture.Found.choices)}
    masked = user.scope.masked
    wanted = captures if photos else []
    taken = photos_of({row.pk: (f"/captures/{row.uid}/photos/", row.names() if masked else []) for row in wanted})
    return [
        {
            "uid": row.uid,
            "sides": row.sides_for(user),
            "words": row.words_for(user),
            "kind": codes.type_name(known, row.kind[:2], row.kind if len(row.kind) == 4 else "") if row.kind else "",
            "found": results[row.found],
            "state": states[row.state],
            "unsorted": row.is_unsorted,
            "may_escalate": row.may_escalate,
            "acknowledged": row.acknowledged_at is not None,
            "village": row.village.full_name,
            "place": row.place,
            "by": row.by.name,
            "at": row.at,
            "reason": row.reason,
            "until": row.put_off_until if row.state == Capture.State.LATER else None,
            "lacking": row.lacking_for(user),
            "photos": taken.get(row.pk, []),
        }
        for row in captures
    ]


# --- triage ----------------------------------------------------------------------------------------------------------
@require_GET
def triage(request: HttpRequest) -> HttpResponse:
    """What waits to be sorted, dangerous ones first, with the chosen one beside it."""
    user = _sorter(request)
    return _triage_page(request, user, request.GET.get("at", ""))


def _triage_page(request: HttpRequest, user: User, at: str, form: SortForm | None = None, **more: Any) -> HttpResponse:
    now = timezone.now()
    today = timezone.localdate(now)
    visible, known = Capture.objects.visible_to(user), codes.Codes()
    counts = visible.unsorted().waiting_counts(today)
    waiting = visible.to_sort(today).select_related("village__parent", "by", "spot").only(*ENTRY)
    paginator = Paginator(waiting, PAGE)
    paginator.count = counts["to_sort"]  # counted with the other two
    page = paginator.get_page(request.GET.get("page"))
    rows = list(page.object_list)
    chosen = next((row for row in rows if str(row.uid) == at), rows[0] if rows else None)
    context: dict[str, Any] = {
        "page": page,
        "rows": _shown(rows, user, known.names),
        "recent": _recent(user, now, known.names),
        **counts,
        **more,
    }
    if chosen:
        row = Capture.objects.select_related("village__parent", "visit__village", "by").get(pk=chosen.pk)
        _log_reading(request, row)
        number = rows.index(chosen)
        context |= {
            "capture": row,
            "chosen": context["rows"][number],
            "number": page.start_index() + number,
            "next": rows[number + 1].uid if number + 1 < len(rows) else "",
            "form": form or SortForm(capture=row, user=user, known=known),
            "similar": _similar(row, user, known.names),
            "may_acknowledge": _may_acknowledge(user, row),
        }
    return render(request, "disputes/field/triage.html", context, status=422 if form else 200)


#: What an entry of the list reads.
ENTRY = (
    *("uid", "side_a", "side_b", "words", "kind", "found", "state", "may_escalate", "acknowledged_at", "place", "at"),
    *("reason", "put_off_until", "by__name", "spot", "protected"),
    *("village__short_name", "village__level", "village__parent__short_name"),
)


def _recent(user: User, now: dt.datetime, known: codes.Names) -> list[dict[str, Any]]:
    """What this person sorted in the last day, each with its undo."""
    mine = Capture.objects.filter(sorted_by=user, sorted_at__gte=now - dt.timedelta(days=1)).order_by("-sorted_at")
    last = list(mine.values_list("pk", flat=True)[:5])  # by its own index; the scope's would read a township's history
    if not last:
        return []
    done = Capture.objects.visible_to(user).filter(pk__in=last).order_by("-sorted_at")
    rows = list(done.select_related("village__parent", "by", "spot"))
    plain = _shown(rows, user, known, photos=False)
    return [shown | {"version": row.version} for shown, row in zip(plain, rows, strict=True)]


def _similar(row: Capture, user: User, known: codes.Names) -> list[dict[str, Any]]:
    """Cases in scope that may be the same matter; a hint, never a decision."""
    people = [{"name": name} for name in row.names()]
    found = suggestions(user, village=row.village, parties=people, type_l2=row.kind if len(row.kind) == 4 else "")
    return [
        {
            "case": one.case,
            "title": one.case.title_for(user, codes.type_name(known, one.case.type_l1, one.case.type_l2)),
            "why": one.why,
        }
        for one in found
    ]


@require_POST
@says_no
def sort(request: HttpRequest, uid: Any) -> HttpResponse:
    """Decide what one capture is, then on to the next."""
    user = _sorter(request)
    found = _capture(request, uid)
    name, _colon, target = request.POST.get("sort", "new").partition(":")
    if name not in SORTS:
        raise Http404
    form = SortForm(request.POST, capture=found, user=user)
    if not form.is_valid():
        return _triage_page(request, user, str(uid), form)
    case = Dispute.objects.visible_to(user).filter(case_no=target).first() if target else None
    try:
        cases = found.sort(
            name, by=user, at=timezone.now(), version=form.cleaned_data["version"], request=request, **form.facts(case)
        )
    except FactsMissing as missing:
        for fact, sentence in missing.errors.items():
            form.add_error(FIELD_OF.get(fact, fact), sentence)
        return _triage_page(request, user, str(uid), form)
    messages.success(request, _said(name, cases, found))
    following = request.POST.get("next", "")
    return HttpResponseRedirect(f"/triage/?at={following if name != 'undo' else uid}")


def _said(name: str, cases: list[Dispute], found: Capture) -> str:
    numbers = "、".join(case.case_no for case in cases)
    return {
        "new": _("已立案 %(no)s"),
        "several": _("已拆成几件：%(no)s"),
        "join": _("已并入 %(no)s"),
        "none": _("已记为不是纠纷，记录还在"),
        "back": _("已退回给%(who)s补充"),
        "later": _("先放一放，到期再排进来"),
        "undo": _("已撤销，回到待分流"),
    }[name] % {"no": numbers, "who": found.by.name}
