"""The words of a message that leaves the system: kind and village of each case, never a name, a number or a text."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from disputes.codes import Names, type_name
from disputes.codes import names as code_names
from followups.models import Notice
from followups.notices import TEXTS

#: Cases told one by one; of the rest a message says how many there are.
LINES = 20
#: What the words of a message are built from.
SHOWN = ("dispute__village__parent", "capture__village__parent", "reminder", "call__office", "call__whistle__desk")


class _Careful(dict[str, object]):
    """Values for the words of any kind of notice; what is not listed may hold a name, and is not told."""

    def __missing__(self, key: str) -> str:
        return "…"


def subject(notices: list[Notice]) -> str:
    return ngettext("矛盾纠纷联调系统：%(n)d 条通知", "矛盾纠纷联调系统：%(n)d 条通知", len(notices)) % {
        "n": len(notices)
    }


def lines(notices: Iterable[Notice]) -> list[str]:
    """One line per case, its notices joined, the newest case first."""
    names = code_names()
    of_cases: dict[object, list[str]] = {}
    for notice in sorted(notices, key=lambda row: -row.pk):
        text = str(TEXTS.get(notice.kind, _("有新通知：%(title)s"))) % _values(notice, names)
        said = of_cases.setdefault(notice.dispute_id or f"capture {notice.capture_id} {notice.about}", [])
        if text not in said:
            said.append(text)
    told = ["；".join(said) for said in of_cases.values()]
    if len(told) > LINES:
        more = len(told) - LINES
        told = [*told[:LINES], ngettext("还有 %(n)d 件", "还有 %(n)d 件", more) % {"n": more}]
    return told


def _values(notice: Notice, names: Names) -> _Careful:
    found = _Careful(title=_title(notice, names), nth=notice.nth)
    if notice.reminder:
        found["day"] = notice.reminder.day.isoformat()
    if call := notice.call:
        found |= {"office": call.office.name, "desk": call.whistle.desk.name}
        found["answer_by"] = call.answer_due_on.isoformat()
    return found


def _title(notice: Notice, names: Names) -> str:
    """草场界线纠纷（松山镇石门村）; of a protected case not even the kind."""
    if notice.about:
        return ""
    if notice.capture:
        return notice.capture.village.full_name
    case = notice.dispute
    assert case is not None  # a notice is about one thing
    kind = "" if case.protected else type_name(names, case.type_l1, case.type_l2)
    return _("%(kind)s（%(village)s）") % {"kind": kind or _("一件纠纷"), "village": case.village.full_name}


def place() -> str:
    """Where to read on."""
    return f"{settings.SITE_URL}/notices/" if settings.SITE_URL else ""


def mail(notices: list[Notice]) -> tuple[str, str]:
    """Subject and body, in the language of the installation."""
    with translation.override(settings.LANGUAGE_CODE):
        where = place() or _("登录系统，打开“通知”")
        body = "\n".join([*lines(notices), "", _("详情：%(where)s") % {"where": where}])
        return subject(notices), body
