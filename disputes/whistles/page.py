"""What a whistle shows to whom, as plain values: the page, the section of the case and the API all draw these."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from disputes import masking
from disputes.models import Dispute
from disputes.whistles.models import ANSWERS, Call, Whistle, names_of
from villages.models import User
from villages.workdays import WorkCalendar, load_calendar

TAGS = {"asked": "a", "accepted": "b", "declined": "n", "done": "g", "off": "n", "silent": "n"}
SHARED = {"place": _("地点"), "names": _("当事人姓名"), "phones": _("当事人电话")}


def took(start: dt.datetime, end: dt.datetime, calendar: WorkCalendar) -> str:
    """How long it took in plain words: minutes and hours within a day, working days after that."""
    first, last = timezone.localdate(start), timezone.localdate(end)
    if first == last:
        minutes = max(1, int((end - start).total_seconds() // 60))
        if minutes < 60:
            return _g("%(n)d 分钟") % {"n": minutes}
        return _g("%(n)d 小时") % {"n": minutes // 60}
    days = calendar.between(first, last)
    if days == 0:
        return _g("不到 1 个工作日")
    return ngettext("%(n)d 个工作日", "%(n)d 个工作日", days) % {"n": days}


class Reader:
    """One person at one moment; `read` gives each whistle as that person may have it."""

    def __init__(self, user: User, now: dt.datetime) -> None:
        self.user, self.now = user, now
        self.today = timezone.localdate(now)
        self.calendar = load_calendar(self.today)

    def read_all(self, whistles: Iterable[Whistle]) -> list[dict[str, Any]]:
        """Every one of them; which of their cases are in scope takes one query."""
        rows = list(whistles)
        cases = Dispute.objects.visible_to(self.user).filter(pk__in={row.dispute_id for row in rows})
        seen = set(cases.values_list("pk", flat=True)) if rows else set()
        return [self.read(row, in_case=row.dispute_id in seen) for row in rows]

    def read(self, whistle: Whistle, *, in_case: bool) -> dict[str, Any]:
        """`in_case`: the person may read the case; else they see what their office was asked and what it answered."""
        own = whistle.calls_of(self.user, self.now)
        acting = any(call.is_pending for call in own)
        names = [word for party in whistle.dispute.parties.all() for word in names_of(party)]
        told = acting and whistle.share_names
        hidden = names if in_case and not told and whistle.dispute.names_hidden_from(self.user) else []
        may_lead = in_case and self._may_lead(whistle)
        shown = list(whistle.calls.all()) if in_case else own
        return {
            "uid": whistle.uid,
            "case_no": whistle.dispute.case_no if in_case else "",
            "kind": whistle.kind,
            "kind_label": whistle.get_kind_display(),
            "desk": whistle.desk.name,
            "desk_phone": whistle.desk.phone,
            "by": whistle.by.name,
            "at": whistle.at,
            "answer_by": whistle.answer_by,
            "what": masking.mask_in(whistle.what, hidden),
            "summary": masking.mask_in(whistle.summary, hidden),
            "is_live": whistle.is_live,
            "closed_at": whistle.closed_at,
            "close_reason": masking.mask_in(whistle.close_reason, hidden) if in_case else "",
            "calls": [self._call(call, whistle, hidden, call in own, may_lead) for call in shown],
            "waits": [call.office.name for call in shown if call.is_pending],
            "may_close": may_lead,
            "shared": self._shared(whistle) if acting else None,
            "ticked": self._ticked(whistle) if in_case else [],
            "in_case": in_case,
        }

    def _may_lead(self, whistle: Whistle) -> bool:
        return bool(self.user.scope.desks) and whistle.why_not_lead(self.user) is None

    def _call(self, call: Call, whistle: Whistle, hidden: list[str], own: bool, may_lead: bool) -> dict[str, Any]:
        until = call.answered_at or call.ended_at or self.now
        where = f"/whistles/{whistle.uid}/attachments/" if own else f"/disputes/{whistle.dispute.case_no}/attachments/"
        return {
            "id": call.pk,
            "office": call.office,
            "own": own,
            "state": call.state,
            "label": call.get_state_display(),
            "tag": "r" if call.due_on and call.due_on < self.today else TAGS[call.state],
            "due_on": call.due_on,
            "left": self.calendar.between(self.today, call.due_on) if call.due_on else None,
            "overdue": bool(call.due_on and call.due_on < self.today),
            "asked_at": call.asked_at,
            "first_seen_at": call.first_seen_at,
            "answered_at": call.answered_at,
            "answered_by": call.answered_by.name if call.answered_by else "",
            "done_at": call.done_at,
            "done_by": call.done_by.name if call.done_by else "",
            "in_time": call.in_time(self.today),
            "took": took(call.asked_at, until, self.calendar),
            "who_comes": call.who_comes,
            "coming_on": call.coming_on,
            "reply": masking.mask_in(call.reply, hidden),
            "done_note": masking.mask_in(call.done_note, hidden),
            "off_reason": masking.mask_in(call.off_reason, hidden),
            "file": {"name": call.file.name, "id": call.file.uid, "url": f"{where}{call.file.uid}/"}
            if call.file
            else None,
            "answers": [name for name in ANSWERS if own and call.why_not(name) is None],
            "may_call_off": may_lead and call.is_pending,
        }

    def _ticked(self, whistle: Whistle) -> list[str]:
        """For the desk: what the asked offices may read besides the text."""
        words = [str(label) for name, label in SHARED.items() if getattr(whistle, f"share_{name}")]
        return words + [row.name for row in whistle.attachments.all()]

    def _shared(self, whistle: Whistle) -> dict[str, Any]:
        """For an office that still has to act: exactly what was ticked."""
        case = whistle.dispute
        parties = case.parties.all() if whistle.share_names else ()
        return {
            "place": f"{case.village.full_name} {case.place}".strip() if whistle.share_place else "",
            "parties": [
                {
                    "side": party.get_side_display(),
                    "name": party.name,
                    "phone": party.phone_masked if whistle.share_phones else "",
                    "safe_to_call": party.safe_to_call if whistle.share_phones else "",
                }
                for party in parties
            ],
            "phones": whistle.share_phones,
            "files": [
                {"name": row.name, "id": row.uid, "url": f"/whistles/{whistle.uid}/attachments/{row.uid}/"}
                for row in whistle.attachments.all()
            ],
        }
