"""The pages of the outcome flags."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from disputes.forms import Form, PickField, day_field
from disputes.models import FactsMissing, MoveRefused
from disputes.outcomes.models import MOST_PEOPLE, OutcomeFlag, why_not_flag
from disputes.views import find, me, refused, says_no


class OutcomeForm(Form):
    """Which flag, on which day, how many people; nothing is chosen beforehand."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)
    kind = PickField(
        label=gettext_lazy("统计标志"),
        choices=OutcomeFlag.Kind.choices,
        widget=forms.RadioSelect,
        needed=gettext_lazy("选一个统计标志"),
    )
    on = day_field(gettext_lazy("日期"), needed=gettext_lazy("填写日期，今天的写“今天”"))
    people = forms.IntegerField(
        label=gettext_lazy("人数"),
        min_value=1,
        max_value=MOST_PEOPLE,
        help_text=gettext_lazy("只记人数，不记是谁"),
        error_messages={
            "required": gettext_lazy("填写涉及多少人"),
            "invalid": gettext_lazy("人数写整数"),
            "min_value": gettext_lazy("人数至少 1 人"),
            "max_value": gettext_lazy("人数最多 %(limit_value)s 人"),
        },
    )


@require_http_methods(["GET", "POST"])
@says_no
def outcome_page(request: HttpRequest, case_no: str) -> HttpResponse:
    """Enter one flag of this case."""
    case, user, now = find(request, case_no), me(request), timezone.now()
    sentence = why_not_flag(case, user)
    if sentence:
        return refused(request, sentence, case_no)
    posted = request.method == "POST"
    form = OutcomeForm(request.POST if posted else None, initial={"submission": uuid.uuid4()})
    if posted and form.is_valid():
        try:
            OutcomeFlag.objects.raise_on(case, by=user, at=now, request=request, **form.cleaned_data)
        except FactsMissing as missing:
            for name, words in missing.errors.items():
                form.add_error(name, words)
        except MoveRefused as refusal:
            return refused(request, refusal.sentence, case_no)
        else:
            messages.success(request, _("已登记统计标志"))
            return HttpResponseRedirect(f"/disputes/{case_no}/#outcomes")
    context = {
        "case": case,
        "form": form,
        "heading": _("登记统计标志"),
        "hint": _("月报的“防止激化”和司法部统计表按这里的件数、人数计。标志只属于这件纠纷，不记到任何人名下"),
        "button": _("登记"),
        "has_errors": posted,
    }
    return render(request, "disputes/small_form.html", context, status=422 if posted else 200)


@require_POST
@says_no
def outcome_off(request: HttpRequest, case_no: str, pk: int) -> HttpResponse:
    """Take one flag back."""
    case = find(request, case_no)
    row = get_object_or_404(case.outcomes, pk=pk)
    row.take_back(by=me(request), at=timezone.now(), request=request)
    messages.success(request, _("已撤销统计标志"))
    return HttpResponseRedirect(f"/disputes/{case_no}/#outcomes")
