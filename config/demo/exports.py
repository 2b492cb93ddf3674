"""Exports for whoever opens 导出: one whose day is over, and one that a second person did not allow."""

from __future__ import annotations

import datetime as dt

from config.demo.history import History
from ledgers.exports.models import Export
from ledgers.month import Month
from villages.models import User


def take_out(history: History) -> None:
    """officer1 took last month's ledger out, and asked for an unmasked one that a colleague did not allow."""
    officer, at = history.county.accounts["officer1"], history.end
    officer.forget_scope()
    last = Month.of(at).shifted(-1)
    told = {"month": str(last), "layout": "default", "layout_name": "工作台账（22 列）", "purpose": "report"}
    Export.objects.create(
        owner=officer, state=Export.State.EXPIRED, format="xlsx", reason="上月月报", rows=31,
        asked_at=at - dt.timedelta(days=9), file="", sha256="0" * 64, size=24_117,
        expires_at=at - dt.timedelta(days=8), **told,
    )  # fmt: skip
    desk = next((office for office in officer.scope.offices if office.pk in officer.scope.desks), None)
    other = User.objects.filter(postings__office=desk, is_active=True).exclude(pk=officer.pk).first()
    if desk is None or other is None:
        return
    Export.objects.create(
        owner=officer, state=Export.State.REFUSED, format="csv", reason="核对电话", rows=212, people=530, desk=desk,
        asked_at=at - dt.timedelta(days=3), decided_by=other, decided_at=at - dt.timedelta(days=2),
        decision="打码的就够了，要电话的单个案件查看", **told | {"purpose": "casework"},
    )  # fmt: skip
