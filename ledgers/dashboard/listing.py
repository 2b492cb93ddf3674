"""The rows behind a number, loaded for a page and masked for their viewer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _g

from disputes.codes import names as code_names
from disputes.codes import type_name
from disputes.models import Dispute
from ledgers.rates import CALL, DUTY, FIGURES, ROUND, VISIT
from villages.models import User

_CASE = {ROUND: "dispute", VISIT: "dispute", CALL: "whistle__dispute", DUTY: "agreement__dispute"}
_MORE = {ROUND: (), VISIT: ("party",), CALL: ("office",), DUTY: ("debtor",)}


def listed(figure: str, rows: QuerySet[Any]) -> QuerySet[Any]:
    """In the order of the day that counts, with everything that a line shows."""
    what = FIGURES[figure]
    case = _CASE[what.unit]
    order = what.day or "opened_at"
    return rows.select_related(f"{case}__village__parent", f"{case}__desk", *_MORE[what.unit]).order_by(order, "pk")


def shown(figure: str, rows: Iterable[Any], user: User) -> list[dict[str, Any]]:
    """One line each: the case as this viewer may name it, where it stands, and what was counted."""
    names, unit, lines = code_names(), FIGURES[figure].unit, []
    for row in rows:
        case: Dispute = row
        for step in _CASE[unit].split("__"):
            case = getattr(case, step)
        lines.append(
            {
                "case_no": case.case_no,
                "title": case.title_for(user, type_name(names, case.type_l1, case.type_l2)),
                "village": case.village.full_name,
                "desk": case.desk.name,
                "status": case.get_status_display(),
                "told": "，".join(_told(unit, row)),
            }
        )
    return lines


def _told(unit: str, row: Any) -> list[str]:
    """What was counted, in words: dates and codes, and no text that somebody wrote."""
    if unit == ROUND:
        told = [_g("%(day)s 登记") % {"day": timezone.localdate(row.opened_at)}]
        if row.no > 1:
            told.append(_g("第 %(n)s 轮") % {"n": row.no})
        if row.left_at:
            what = {"day": timezone.localdate(row.left_at), "as": row.get_left_as_display()}
            told.append(_g("%(day)s 办结：%(as)s") % what)
        return told
    if unit == VISIT:
        told = [str(row.party.get_side_display()), _g("应于 %(day)s 回访") % {"day": row.due_on}]
        if row.visited_on:
            said = row.get_satisfaction_display() or _g("没有填")
            told.append(_g("%(day)s 回访：%(said)s") % {"day": row.visited_on, "said": said})
        return told
    if unit == CALL:
        told = [row.office.name, _g("%(day)s 吹哨") % {"day": timezone.localdate(row.asked_at)}]
        told.append(_g("最迟 %(day)s 答复") % {"day": row.answer_due_on})
        answered = row.answered_at
        told.append(_g("%(day)s 答复") % {"day": timezone.localdate(answered)} if answered else _g("没有答复"))
        return told
    due = _g("%(side)s应于 %(day)s 履行") % {"side": row.debtor.get_side_display(), "day": row.due_on}
    return [due, str(row.get_performance_display() or _g("还没有登记履行情况"))]
