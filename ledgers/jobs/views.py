"""How far a job is, for whoever asked for it, and the button that stops it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from ledgers.jobs import running
from ledgers.jobs.models import Job
from villages.requests import SignedInRequest


@require_GET
def job(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """The piece of a page that asks for itself anew while the work goes on; by itself, a page with nothing else."""
    found = get_object_or_404(Job.objects.visible_to(request.user), uid=uid)
    if not getattr(request, "htmx", False):
        return render(request, "ledgers/job.html", {"job": found})
    answer = render(request, "ledgers/_job.html", {"job": found})
    if not found.is_under_way:  # the page around it has something else to show now
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
def cancel(request: SignedInRequest, uid: uuid.UUID) -> HttpResponse:
    """Stop it. What has ended meanwhile stays as it is, and the page says so."""
    found = get_object_or_404(Job.objects.visible_to(request.user), uid=uid)
    running.cancel(found)
    found.refresh_from_db()
    if found.state == Job.State.CANCELLED:
        messages.success(request, _("已取消"))
    elif found.is_under_way:
        messages.success(request, _("已要求停下，做完手上这一小段就停"))
    else:
        messages.warning(request, _("已经结束了，不能再取消"))
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, None) and back.startswith("/")
    return redirect(back if safe else found)
