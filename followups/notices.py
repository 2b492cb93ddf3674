"""The words of a notice, built per viewer when shown: a name that the viewer may not read never stands in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from disputes.codes import names as code_names
from disputes.codes import type_name
from disputes.models import Dispute
from disputes.sessions.models import Session, moment_words
from disputes.sessions.page import url_of
from followups.models import INVITATIONS, OF_COUNSELLING, OF_REFERRALS, Notice, NoticeQuerySet, Reminder
from villages.models import User

KIND = Reminder.Kind
TEXTS: Mapping[str, object] = {
    "take_up": _("已受理：%(title)s"),
    "escalate": _("收到上报：%(title)s"),
    "return": _("被退回：%(title)s"),
    "hand_down": _("收到下派：%(title)s"),
    "reopen": _("反弹重启：%(title)s"),
    "assign": _("指派给你：%(title)s"),
    "may_escalate": _("可能激化：%(title)s"),
    "alarm": _("可能激化，等民警确认：%(title)s"),
    "alarm_again": _("可能激化还没有民警确认，第 %(nth)s 次提醒：%(title)s"),
    "alarm_deputy": _("可能激化一直没有民警确认，请你督促：%(title)s"),
    "alarm_above": _("可能激化报到你这里，警务室还没有确认：%(title)s"),
    "danger_deputy": _("可能激化一直没有人确认，请你督促：%(title)s"),
    "danger_above": _("可能激化报到你这里，还没有人确认：%(title)s"),
    "urge": _("被催办：%(title)s"),
    "relapse": _("回访发现反弹苗头，要核实：%(title)s"),
    "whistle": _("%(desk)s吹哨，请%(office)s支援，%(answer_by)s 前答复"),
    "whistle_accepted": _("%(office)s接受支援：%(title)s"),
    "whistle_declined": _("%(office)s不能支援：%(title)s"),
    "whistle_done": _("%(office)s报支援办结：%(title)s"),
    "whistle_off": _("%(desk)s的吹哨不用再答复或支援了"),
    KIND.WHISTLE_DUE: _("%(desk)s的吹哨今天到期，请%(office)s办"),
    KIND.WHISTLE_OVERDUE: _("吹哨逾期：%(desk)s请%(office)s支援，应在 %(day)s 前办"),
    "supervise": _("被督办：%(title)s"),
    "hand_over": _("收到交办：%(title)s"),
    "answer": _("督办、交办已答复：%(title)s"),
    "referral_sent": _("收到移送：%(no)s"),
    "referral_over": _("移送已了结，不用再办：%(no)s"),
    "referral_taken": _("移送已接收：%(title)s"),
    "referral_back": _("移送被退回：%(title)s"),
    "referral_done": _("移送有结果：%(title)s"),
    "referral_in": _("收到移送，并入案件：%(title)s"),
    "police_failed": _("治安调解未成，要依法处理：%(title)s"),
    "letter": _("告诫书要查访双方：%(title)s"),
    KIND.TASK_DUE: _("%(day)s 到期的履行、查访或申请：%(title)s"),
    KIND.TASK_OVERDUE: _("履行、查访或申请已逾期，应在 %(day)s 前：%(title)s"),
    KIND.DUE_SOON: _("快到期，期限是 %(day)s：%(title)s"),
    KIND.DUE: _("%(day)s 到期：%(title)s"),
    KIND.OVERDUE: _("已逾期，期限是 %(day)s：%(title)s"),
    KIND.ANSWER_DUE: _("今天要答复督办、交办：%(title)s"),
    KIND.ANSWER_OVERDUE: _("督办、交办没有按期答复，期限是 %(day)s：%(title)s"),
    KIND.VISIT_SOON: _("回访将到期，%(day)s 前：%(title)s"),
    KIND.VISIT_DUE: _("%(day)s 要回访：%(title)s"),
    KIND.VISIT_OVERDUE: _("回访已逾期，应在 %(day)s 前：%(title)s"),
    "session_plan": _("请你参加联调会：%(when)s，%(where)s"),
    "session_change": _("联调会有变动，现在是 %(when)s，%(where)s"),
    "session_off": _("不用参加了，联调会取消或改了人：%(when)s，%(where)s"),
    "visit_handed": _("回访转给你：%(title)s"),
    "counsel_asked": _("有人转介心理疏导，等你接"),
    "counsel_passed": _("一次心理疏导转交给你"),
    "counsel_off": _("心理疏导的转介撤回了，不用再接"),
    "counsel_taken": _("心理疏导有人接了：%(title)s"),
    "counsel_declined": _("心理疏导没人接，要另找人：%(title)s"),
    "counsel_advice": _("疏导员给了建议：%(title)s"),
    "counsel_risk": _("疏导员提示风险，尽快联系疏导员：%(title)s"),
    "counsel_calm": _("疏导员解除了风险提示：%(title)s"),
    "counsel_over": _("心理疏导结束：%(title)s"),
    "export_done": _("导出的台账做好了，24 小时内下载"),
    "export_failed": _("导出的台账没有做成"),
    "export_ask": _("有人申请导出不打码的台账，等你审批"),
    "export_refused": _("导出不打码的台账没有批准"),
    "month_due": _("催报：上月的工作台账还没有报送"),
    KIND.SESSION_SOON: _("别忘了联调会：%(when)s，%(where)s"),
}
BY_THE_CLOCK = _("到期自动上报：%(title)s")
#: Notices whose work is done on the page of the visit.
OF_VISITS = frozenset({"relapse", "visit_handed", KIND.VISIT_SOON, KIND.VISIT_DUE, KIND.VISIT_OVERDUE})


#: Kinds about a thing of an upper room, and the address under which that room shows it.
OF_THINGS: Mapping[str, str] = dict.fromkeys(
    ("export_done", "export_failed", "export_ask", "export_refused"), "/exports/%s/"
) | {"month_due": "/ledger/months/?of=%s"}

#: What the words of a notice are built from.
SHOWN = ("dispute", "capture__village__parent", "event", "reminder", "call__office", "call__whistle__desk")


def of(user: User) -> NoticeQuerySet:
    """This person's notices, unread first, then newest first."""
    return in_order(Notice.objects.visible_to(user))


def in_order(rows: NoticeQuerySet) -> NoticeQuerySet:
    """Unread first, then newest first, with what their words need."""
    read = ExpressionWrapper(Q(read_at__isnull=False), BooleanField())
    return rows.select_related(*SHOWN).annotate(is_read=read).order_by("is_read", "-pk")


def with_words(notices: Iterable[Notice], viewer: User) -> list[Notice]:
    """The notices with `text`, `url` and `case_no` as this viewer may read them; a fixed number of queries for all."""
    notices = list(notices)
    names, sessions = code_names(), _sessions_of(notices, viewer)
    out = []
    for notice in notices:
        if notice.about:
            notice.text, notice.url = str(TEXTS[notice.kind]), OF_THINGS[notice.kind] % notice.about  # type: ignore[attr-defined]
            notice.case_no = ""  # type: ignore[attr-defined]
            out.append(notice)
            continue
        if heard := notice.capture:
            words = {"title": f"{heard.village.full_name} {heard.sides_for(viewer)}", "nth": notice.nth}
            notice.text, notice.url = str(TEXTS[notice.kind]) % words, f"/captures/{heard.uid}/"  # type: ignore[attr-defined]
            notice.case_no = ""  # type: ignore[attr-defined]
            out.append(notice)
            continue
        case = notice.dispute
        if notice.kind in INVITATIONS:
            _invite(notice, sessions)
            out.append(notice)
            continue
        assert case is not None  # a notice is about one thing
        title = case.title_for(viewer, type_name(names, case.type_l1, case.type_l2))
        words = {"title": title, "no": case.case_no}
        template = TEXTS[notice.kind]
        if notice.kind == "escalate" and notice.event and notice.event.by_id is None:
            template = BY_THE_CLOCK
        if notice.reminder:
            words["day"] = notice.reminder.day.isoformat()
        if call := notice.call:
            words |= {"office": call.office.name, "desk": call.whistle.desk.name}
            words["answer_by"] = call.answer_due_on.isoformat()
        notice.text = str(template) % words  # type: ignore[attr-defined]
        where = "followups" if notice.kind in OF_VISITS else "disputes"
        url = f"/{where}/{case.case_no}/"
        if notice.call:
            url = f"/whistles/{notice.call.whistle.uid}/"
        if notice.kind in OF_REFERRALS and notice.event:  # its reader may not open the case
            url = f"/referrals/{notice.event.facts['referral']}/"
        if notice.kind.startswith("counsel_") and notice.event:
            url = f"/counselling/{notice.event.facts['referral']}/"
        notice.url, notice.case_no = url, notice.case_no_for(viewer)  # type: ignore[attr-defined]
        if notice.kind in OF_COUNSELLING:  # a counsellor knows the person, not the case
            notice.case_no = ""  # type: ignore[attr-defined]
        out.append(notice)
    return out


def _sessions_of(notices: list[Notice], viewer: User) -> dict[str, Session]:
    """The sessions that these notices tell of, by uid and by id, each with `seen`: whether the viewer reads its case.

    One query, and none where no notice tells of a session.
    """
    told = [n for n in notices if n.kind in INVITATIONS]
    if not told:
        return {}
    uids = [n.event.facts["session"] for n in told if n.event]
    pks = [n.reminder.slot.partition("/")[2] for n in told if n.reminder]
    seen = Exists(Dispute.objects.visible_to(viewer).filter(pk=OuterRef("dispute")))
    rows = Session.objects.filter(Q(uid__in=uids) | Q(pk__in=pks)).select_related("venue__office", "dispute")
    return {key: row for row in rows.annotate(seen=seen) for key in (str(row.uid), str(row.pk))}


def _invite(notice: Notice, sessions: Mapping[str, Session]) -> None:
    """Time and place alone; the number of the case, and the way to it, only for those who read it."""
    key = notice.event.facts["session"] if notice.event else ""
    key = notice.reminder.slot.partition("/")[2] if notice.reminder else key
    session = sessions[key]
    seen: bool = session.seen  # type: ignore[attr-defined]
    words = {"when": moment_words(session.starts_at), "where": session.where}
    notice.text = str(TEXTS[notice.kind]) % words  # type: ignore[attr-defined]
    notice.url = url_of(session) if seen else f"/sessions/{session.uid}/"  # type: ignore[attr-defined]
    notice.case_no = session.dispute.case_no if seen else ""  # type: ignore[attr-defined]


def recent_notices(user: User, limit: int = 6) -> list[Notice]:
    """The newest notices with their words, for the home page."""
    rows = Notice.objects.visible_to(user).select_related(*SHOWN)
    found = list(rows.order_by("-pk")[:limit])
    return with_words(found, user) if found else []


def unread_count(user: User) -> int:
    """Unread notices; more than 99 are all the same to the badge."""
    return Notice.objects.visible_to(user).unread()[:100].count()


def mark_read(user: User, pk: int | None = None) -> int:
    """Mark one notice of this person (or all) as read; how many became so."""
    rows = Notice.objects.visible_to(user)
    return (rows if pk is None else rows.filter(pk=pk)).mark_read(timezone.now())
