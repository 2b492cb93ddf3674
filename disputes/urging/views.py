"""The page of 催办."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from disputes.forms import Form, text_field
from disputes.models import MoveRefused
from disputes.urging.acts import WORDS, urge, why_not_urge
from disputes.views import find, me, refused, says_no


class UrgeForm(Form):
    """Why it is urged."""

    words = text_field(gettext_lazy("为什么催办"), limit=WORDS, lines=True, needed=gettext_lazy("写明要催什么"))


@require_http_methods(["GET", "POST"])
@says_no
def urge_page(request: HttpRequest, case_no: str) -> HttpResponse:
    """Urge the desk of this case."""
    case, user, now = find(request, case_no), me(request), timezone.now()
    sentence = why_not_urge(case, user, now)
    if sentence:
        return refused(request, sentence, case_no, request.POST.get("words", ""))
    form = UrgeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            urge(case, by=user, at=now, request=request, **form.cleaned_data)
        except MoveRefused as refusal:
            return refused(request, refusal.sentence, case_no, form.cleaned_data["words"])
        messages.success(request, _("已催办，经办人和单位负责人收到通知"))
        return HttpResponseRedirect(f"/disputes/{case_no}/")
    status = 422 if request.method == "POST" else 200
    context = {
        "case": case,
        "form": form,
        "heading": _("催办"),
        "hint": _("经办人和单位负责人马上收到通知。要对方限期答复的用督办"),
        "button": _("催办"),
        "has_errors": status == 422,
    }
    return render(request, "disputes/small_form.html", context, status=status)
