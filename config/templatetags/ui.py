"""The pieces of every page: icons, form fields, tags, due labels, pagers, and how amounts and times are written.

Registered as a builtin, so templates use them without {% load %}. The tags only shape what they are given: they never
query, and they decide nothing about rights.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django import forms, template
from django.forms.boundfield import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from disputes.papers.words import CAPITALS_BELOW, capitals
from disputes.rows import draw_entries

register = template.Library()

DASH = "--"
# Lists stop counting here: an exact count of a large scope costs more than it tells.
COUNT_CAP = 1000


# --- icons, tags, empty values ---------------------------------------------------------------------------------------
@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """A decorative symbol of the sprite; the words beside it carry the meaning. Dozens stand on a page: kept."""
    return format_html('<svg class="ic" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name)


@register.simple_tag
def tag(text: object, kind: str = "n", symbol: str = "") -> SafeString:
    """A small label. kind: b blue, r red (overdue, danger, error only), a amber, g green, p purple, n neutral."""
    return format_html('<span class="tag tag-{}">{}{}</span>', kind, icon(symbol) if symbol else "", text)


@register.filter
def default_dash(value: object) -> object:
    """The value, or -- where there is none; a number 0 is a value."""
    return DASH if value is None or value == "" else value


@register.simple_tag
def back(url: str, label: object) -> SafeString:
    """The phone's back arrow, for the block `back` of base.html; it also takes the place of the bottom bar."""
    return format_html(
        '<nav class="back" aria-label="{}"><a href="{}">{}<span>{}</span></a></nav>',
        _("返回"),
        url,
        icon("chevron-left"),
        label,
    )


# --- amounts ---------------------------------------------------------------------------------------------------------


def _yuan(value: object) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number.quantize(Decimal("0.01"), ROUND_HALF_UP) if number.is_finite() and abs(number) < 10**16 else None


@register.filter
def money(value: object) -> str:
    """An amount in yuan with thousands separators, without 元; whole amounts have no decimals."""
    number = _yuan(value)
    if number is None:
        return DASH
    return f"{number:,.0f}" if number == number.to_integral() else f"{number:,.2f}"


@register.simple_tag(name="money")
def money_tag(value: object) -> SafeString:
    """An amount in yuan for a sentence or a cell: 12,000 元."""
    shown = money(value)
    words = shown if shown == DASH else _("%(amount)s 元") % {"amount": shown}
    return format_html('<span class="num">{}</span>', words)


@register.filter
def cn_money(value: object) -> str:
    """An amount in capital figures (大写) as agreements write it."""
    number = _yuan(value)
    if number is None or abs(number) >= CAPITALS_BELOW:
        return DASH
    return capitals(number)


# --- dates and times -------------------------------------------------------------------------------------------------
def _local(value: dt.date | dt.datetime) -> dt.date | dt.datetime:
    return timezone.localtime(value) if isinstance(value, dt.datetime) and timezone.is_aware(value) else value


def _day(value: dt.date | dt.datetime) -> dt.date:
    local = _local(value)
    return local.date() if isinstance(local, dt.datetime) else local


@register.filter
def cn_date(value: dt.date | dt.datetime | None, today: dt.date | None = None) -> str:
    """A day as people say it: 3月28日, with the year when it is another year than today's."""
    if not value:
        return DASH
    day, now = _day(value), today or timezone.localdate()
    parts = {"y": day.year, "m": day.month, "d": day.day}
    return (_("%(m)d月%(d)d日") if day.year == now.year else _("%(y)d年%(m)d月%(d)d日")) % parts


@register.filter
def reltime(value: dt.date | dt.datetime | None, now: dt.datetime | None = None) -> str:
    """How long ago: 刚刚, N 分钟前, N 小时前, then MM-DD HH:mm; a bare date stays a date, never a made-up 00:00."""
    if not value:
        return DASH
    if not isinstance(value, dt.datetime):
        return cn_date(value)
    now = now or timezone.now()
    seconds = (now - value).total_seconds()
    if 0 <= seconds < 60:
        return _("刚刚")
    if 0 <= seconds < 3600:
        return _("%(n)d 分钟前") % {"n": seconds // 60}
    if 0 <= seconds < 86400:
        return _("%(n)d 小时前") % {"n": seconds // 3600}
    local = timezone.localtime(value)
    return local.strftime("%m-%d %H:%M" if local.year == timezone.localtime(now).year else "%Y-%m-%d %H:%M")


@register.simple_tag
def entries(rows: Sequence[Mapping[str, Any]], chosen: Any, page: int) -> SafeString:
    """The list of triage: fifty entries of template nodes cost more than everything else on the page."""
    return draw_entries(rows, chosen, page, reltime)


def due_words(
    due: dt.date | dt.datetime, *, left: int | None = None, unit: str = "day", today: dt.date
) -> tuple[str, str]:
    """The state (over, today, or empty) and the short words of a due date; overdue always counts calendar days."""
    days = (_day(due) - today).days
    if days < 0:
        return "over", _("逾期 %(n)d 天") % {"n": -days}
    if days == 0:
        return "today", _("今天到期")
    if unit == "work" and left is not None:
        return "", ngettext("还剩 %(n)d 个工作日", "还剩 %(n)d 个工作日", left) % {"n": left}
    days = days if left is None else left
    return "", ngettext("还剩 %(n)d 天", "还剩 %(n)d 天", days) % {"n": days}


@register.inclusion_tag("ui/due.html")
def due(
    when: dt.date | dt.datetime | None,
    left: int | None = None,
    unit: str = "day",
    today: dt.date | None = None,
    inline: bool = False,
) -> dict[str, Any]:
    """A due date with its words. Give left and unit="work" where the rule counts working days; inline=True is a tag."""
    if not when:
        return {"words": ""}
    state, words = due_words(when, left=left, unit=unit, today=today or timezone.localdate())
    kind = {"over": "r", "today": "a"}.get(state, "n")
    return {"date": cn_date(when, today), "state": state, "words": words, "inline": inline, "kind": kind}


# --- forms -----------------------------------------------------------------------------------------------------------
GROUPS = (forms.RadioSelect, forms.CheckboxSelectMultiple)


def _first_id(bound: BoundField) -> str:
    """The id a link in the error summary must point at: a group has no element of its own."""
    many = (*GROUPS, forms.MultiWidget)
    return f"{bound.auto_id}_0" if isinstance(bound.field.widget, many) else bound.id_for_label or bound.auto_id


@register.inclusion_tag("ui/field.html")
def field(
    bound: BoundField, hint: str = "", label: str = "", optional: bool = False, layout: str = "", rows: int = 0
) -> dict[str, Any]:
    """One form field with label, hint and the error beside it; radios become a segmented fieldset.

    layout: "chips" draws a group as separate buttons, "list" one under the other. A widget with data-date or data-money
    (a DateInput has the first by itself) gets a live line that repeats what was understood.
    """
    widget = bound.field.widget
    # Errors are told on submit, in our words: the browser's own bubble would come first and in its own language.
    bound.form.use_required_attribute = False
    if isinstance(widget, GROUPS):
        kind = "group"
    elif isinstance(widget, forms.CheckboxInput):
        kind = "check"
    else:
        kind = "hidden" if widget.is_hidden else "input"
    live = "data-date" in widget.attrs or "data-money" in widget.attrs or isinstance(widget, forms.DateInput)
    hint = hint or str(bound.help_text)
    ids = [bound.auto_id + end for end, on in (("_error", bound.errors), ("_hint", hint), ("_echo", live)) if on]
    attrs: dict[str, Any] = {"aria-describedby": " ".join(ids)} if ids else {}
    if bound.errors:
        attrs["aria-invalid"] = "true"
    if kind == "input":
        select = isinstance(widget, forms.Select)
        attrs["class"] = f"{'form-select' if select else 'form-control'} {widget.attrs.get('class', '')}".strip()
        if isinstance(widget, forms.DateInput):
            attrs.update({"data-date": "", "autocomplete": "off"})
        if rows:
            attrs["rows"] = rows
    elif kind == "check":
        attrs["class"] = "form-check-input"
    return {
        "bound": bound,
        "kind": kind,
        "control": "" if kind == "group" else bound.as_widget(attrs=attrs),
        "label": label or bound.label,
        "hint": hint,
        "live": live,
        "optional": optional,
        "layout": layout or "opt",
        "multiple": isinstance(widget, forms.CheckboxSelectMultiple),
        "described": " ".join(ids),
        "first_id": _first_id(bound),
    }


@register.inclusion_tag("ui/error_summary.html")
def error_summary(*sources: Any) -> dict[str, Any]:
    """The box on top of a form: each error once, linked to its field. Takes forms, formsets and None."""
    rows: list[dict[str, str]] = []
    for source in sources:
        if not source:
            continue
        formset = isinstance(source, forms.BaseFormSet)
        if formset:
            rows += [{"id": "", "text": text} for text in source.non_form_errors()]
        for form in source.forms if formset else [source]:
            if not form.is_bound:
                continue
            rows += [{"id": "", "text": text} for text in form.non_field_errors()]
            for bound in form:
                where = "" if bound.is_hidden else _first_id(bound)
                rows += [{"id": where, "text": text} for text in bound.errors]
    return {"rows": rows}


@register.inclusion_tag("ui/masked.html", takes_context=True)
def masked(context: template.Context, value: object, url: str = "", what: str = "", name: str = "") -> dict[str, Any]:
    """A masked value; with url also the form that asks for the reason and posts it there, with name as `field`."""
    return {"value": value, "url": url, "what": what, "name": name, "csrf_token": context.get("csrf_token")}


# --- lists -----------------------------------------------------------------------------------------------------------
def _with(context: template.Context, **changes: object) -> str:
    """The present query string with some values changed; None removes one."""
    request = context.get("request")
    query = dict(request.GET.lists()) if request else {}
    query.update({k: [str(v)] for k, v in changes.items() if v is not None})
    for key in [k for k, v in changes.items() if v is None]:
        query.pop(key, None)
    return "?" + urlencode(query, doseq=True)


@register.simple_tag(takes_context=True)
def query_with(context: template.Context, **changes: object) -> str:
    """A link to this page with some query values changed; None removes one."""
    return _with(context, **changes)


@register.simple_tag
def total(count: int | None, capped: bool = False, unit: str = "") -> str:
    """共 25 件, or 超过 1,000 件 where counting stopped; unit: what is counted, when it is not cases."""
    unit = unit or _("件")
    if capped or (count or 0) > COUNT_CAP:
        return _("超过 %(n)s %(unit)s") % {"n": f"{COUNT_CAP:,}", "unit": unit}
    return _("共 %(n)s %(unit)s") % {"n": f"{count or 0:,}", "unit": unit}


@register.inclusion_tag("ui/pager.html")
def pager(
    previous: str | None = "", next: str | None = "", count: int | None = None, capped: bool = False, unit: str = ""
) -> dict[str, Any]:
    """The foot of a keyset list: the count and, where there is one, the link to the page before and after."""
    return {"previous": previous, "next": next, "total": total(count, capped, unit) if count is not None else ""}


@register.inclusion_tag("ui/pages.html", takes_context=True)
def pages(context: template.Context, page: Any, param: str = "page", unit: str = "") -> dict[str, Any]:
    """The foot of a numbered list (a Django Page), with its exact count: the present query is kept."""
    paginator = page.paginator
    numbers = [
        (n, n == page.number, "" if n == paginator.ELLIPSIS else _with(context, **{param: n}))
        for n in paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
    ]
    return {
        "page": page,
        "numbers": numbers,
        "total": _("共 %(n)s %(unit)s") % {"n": f"{paginator.count:,}", "unit": unit or _("件")},
        "previous": _with(context, **{param: page.number - 1}) if page.has_previous() else "",
        "next": _with(context, **{param: page.number + 1}) if page.has_next() else "",
    }


@register.inclusion_tag("ui/chips.html")
def chips(items: list[dict[str, str]], clear_url: str = "") -> dict[str, Any]:
    """The chosen conditions above a list, each {"text", "url"} with the link that takes it away."""
    return {"items": items, "clear_url": clear_url}


@register.inclusion_tag("ui/empty.html")
def empty(title: str, text: str = "", url: str = "", link: str = "") -> dict[str, str]:
    """An empty list: why it is empty and one way out."""
    return {"title": title, "text": text, "url": url, "link": link}


@register.simple_tag
def bar(value: float, most: float, label: object, kind: str = "b") -> SafeString:
    """A progress bar with its words; kind b blue, g green, a amber, r red."""
    return format_html(
        '<progress class="bar bar-{}" value="{}" max="{}" aria-label="{}">{}/{}</progress>',
        kind, min(value, most or 1), most or 1, label, value, most,
    )  # fmt: skip


@register.filter
def undo_url(message: Any) -> str:
    """The address that takes a change back, for a message sent with extra_tags="undo=/…"; empty for all others."""
    extra = message.extra_tags or ""
    return extra[5:] if extra.startswith("undo=/") and not extra.startswith("undo=//") else ""
