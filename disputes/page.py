"""What the case page and the list rows show, computed once per request; the templates only draw it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from disputes import clock, codes, facts, masking, panels
from disputes.forms import NOTE_WAYS
from disputes.models import Agreement, Attachment, Check, Dispute, Event, MoveRefused, Obligation, Party
from disputes.moves import MOVES, OPEN, Status, Tier
from disputes.referrals.models import Referral
from disputes.whistles.models import Call
from villages.models import DESK_ROLES, SpecialDay, User

TIMELINE = 50
HANDED = ("escalate", "return", "hand_down", "reopen")

STATUS_TAG = {
    Status.WAITING: ("a", "hourglass-split"),
    Status.MEDIATING: ("b", "arrow-repeat"),
    Status.SETTLED: ("g", "check-lg"),
    Status.CLOSED: ("g", "check-circle-fill"),
}
DANGER_TAG = {"blue": "n", "yellow": "a", "orange": "a", "red": "r"}
ICONS = {
    "register": ("plus-circle-fill", "g"),
    "note": ("chat-square-text", ""),
    "take_up": ("clipboard-check", "b"),
    "assign": ("person", "b"),
    "settle": ("file-text", "g"),
    "escalate": ("arrow-up-circle", "b"),
    "return": ("arrow-left-circle", "a"),
    "hand_down": ("arrow-down-circle", "b"),
    "refer": ("signpost-split", "b"),
    "reopen": ("arrow-counterclockwise", "r"),
    "close": ("check-circle-fill", "g"),
    "pause": ("pause-circle", "a"),
    "resume": ("play-circle", "b"),
    "extend": ("clock-history", "a"),
    "grade": ("flag", "a"),
    "consent": ("person", "b"),
    "attach": ("paperclip", ""),
    "edit": ("pencil", ""),
    "session_plan": ("people", "b"),
    "session_change": ("people", "a"),
    "session_off": ("x-circle", "a"),
    "session": ("people", "g"),
    "whistle": ("megaphone", "a"),
    "whistle_answer": ("megaphone", "b"),
    "whistle_off": ("megaphone", ""),
    "whistle_close": ("megaphone", "g"),
    "supervise": ("flag", "a"),
    "hand_over": ("arrow-down-circle", "a"),
    "answer": ("chat-square-text", "g"),
    "merge": ("diagram-3", "b"),
    "split": ("signpost-split", "b"),
    "referral_sent": ("send", "b"),
    "referral_taken": ("check-lg", "b"),
    "referral_back": ("arrow-left-circle", "a"),
    "referral_done": ("check-circle-fill", "g"),
    "referral_over": ("x-circle", ""),
    "referral_in": ("inbox", "b"),
    "police_failed": ("exclamation-triangle-fill", "r"),
    "performance": ("clipboard-check", "g"),
    "letter": ("shield-check", "a"),
    "confirm": ("file-text", "b"),
}
#: Days in the facts of an event that the timeline tells.
DAYS = (
    ("due_on", _("新的期限")),
    ("until", _("延期到")),
    ("told_on", _("告知日期")),
    ("held_on", _("调解日期")),
    ("failed_on", _("未成或不履行的日期")),
    ("requested_on", _("申请日期")),
    ("ruled_on", _("裁定日期")),
    ("signed_on", _("最后签名盖章的日期")),
    ("dissuaded_on", _("劝阻日期")),
)
UP_TO = {2: _("警务室"), 3: _("综治中心")}
#: Moves that everybody expects to see, in order; where they are refused they stand there with the reason.
EXPECTED = {
    Status.WAITING: ("take_up", "settle", "escalate", "return"),
    Status.MEDIATING: ("settle", "escalate", "resume"),
    Status.SETTLED: ("close", "reopen"),
    Status.CLOSED: ("reopen",),
    Status.REFERRED: ("reopen",),
    Status.WITHDRAWN: ("reopen",),
    Status.MERGED: ("unmerge",),
}
#: Expected only where it can be made: a disabled button for each of these would be noise.
ONLY_ALLOWED = ("resume",)


def find(user: User, case_no: str) -> Dispute | None:
    """The case with everything that its page shows in its head, or None outside the scope; two queries."""
    parties = Prefetch("parties", Party.objects.select_related("secret"))
    found = Dispute.objects.visible_to(user).for_page().prefetch_related(parties).filter(case_no=case_no)
    return next(iter(found[:1]), None)  # first() would also order the one row there is


# --- words shared by list and page -----------------------------------------------------------------------------------
def due_label(case: Any, today: dt.date, calendar: Any) -> tuple[str, str]:
    """(kind, words) of a due date: over, today or nothing; the words count in the unit of the rule."""
    if case.is_paused:
        return "", _g("已中止")
    if not case.due_on:
        return "", ""
    if case.due_on < today:
        return "over", _g("逾期 %(n)d 天") % {"n": (today - case.due_on).days}
    if case.due_on == today:
        return "today", _g("今天到期")
    left = clock.time_left(case.due_on, case.due_kind, today, calendar)
    if left.unit == "workdays":
        return "", ngettext("还剩 %(n)d 个工作日", "还剩 %(n)d 个工作日", left.days) % {"n": left.days}
    return "", ngettext("还剩 %(n)d 天", "还剩 %(n)d 天", left.days) % {"n": left.days}


def day_words(day: dt.date | None, today: dt.date) -> str:
    if not day:
        return "--"
    parts = {"y": day.year, "m": day.month, "d": day.day}
    return (_g("%(m)d月%(d)d日") if day.year == today.year else _g("%(y)d年%(m)d月%(d)d日")) % parts


def danger_label(case: Any, today: dt.date) -> tuple[str, str] | None:
    """(tag kind, words) of the grade; an expired one has no colour and asks for a new one (domain 4.5)."""
    if not case.danger:
        return None
    if case.danger_until and case.danger_until < today:
        return "n", _g("待重新评估")
    words = {"level": case.get_danger_display(), "day": day_words(case.danger_until, today)}
    return DANGER_TAG[case.danger], _g("%(level)s，%(day)s到期") % words


# --- the list --------------------------------------------------------------------------------------------------------
LIST_FIELDS = (
    ("case_no", "side_a", "side_b", "protected", "desk_id", "status", "tier", "due_on", "due_kind", "danger")
    + ("danger_until", "type_l1", "type_l2", "found_on", "is_paused", "arrived_at", "version")
)  # fmt: skip


def list_rows(cases: Sequence[Dispute], user: User, known: codes.Names, calendar: Any, now: dt.datetime) -> list[dict]:
    """Plain values for each row: nothing here reads the database."""
    today = timezone.localdate(now)
    statuses = {value: (str(label), *STATUS_TAG.get(Status(value), ("n", ""))) for value, label in Status.choices}
    tiers = {value: str(label) for value, label in Tier.choices}
    rows = []
    for case in cases:
        a, b = case.sides_for(user)
        kind, words = due_label(case, today, calendar)
        danger = danger_label(case, today) if case.danger else None
        label, tag, _icon = statuses[case.status]
        rows.append(
            {
                "no": case.case_no,
                "sides": f"{a} / {b}" if a and b else a or b,
                "type": codes.type_name(known, case.type_l1, case.type_l2),
                "place": f"{case.township_name}{case.village_name}",  # type: ignore[attr-defined]
                "status": label,
                "tag": tag,
                "tier": tiers[case.tier],
                "handler": case.handler_name or "--",  # type: ignore[attr-defined]
                "due": day_words(case.due_on, today) if case.due_on else "--",
                "due_kind": kind,
                "due_words": words,
                "danger": danger[1] if danger else "",
                "danger_kind": danger[0] if danger else "",
                "found": case.found_on.isoformat(),
                "pk": case.pk,
            }
        )
    return rows


def waited(since: dt.datetime, now: dt.datetime) -> str:
    """How long a case has waited at this desk, in the largest whole unit."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 60:
        return _g("%(n)d 分钟") % {"n": minutes}
    if minutes < 48 * 60:
        return _g("%(n)d 小时") % {"n": minutes // 60}
    return _g("%(n)d 天") % {"n": minutes // (24 * 60)}


def add_waiting(rows: list[dict], cases: Sequence[Dispute], now: dt.datetime) -> None:
    """Add to each waiting row how long it has waited, who sent it and why; one query."""
    found: dict[int, Any] = {}
    events = Event.objects.filter(dispute__in=[r["pk"] for r in rows], kind__in=HANDED).order_by("pk")
    for event in events.values("dispute_id", "kind", "by_name", "text__body"):
        found[event["dispute_id"]] = event
    for row, case in zip(rows, cases, strict=True):
        row |= {"version": case.version, "tier_no": case.tier, "waited": waited(case.arrived_at, now)}
        sent = found.get(row["pk"])
        row["sender"] = sent and {
            "what": str(MOVES[sent["kind"]].label),
            "who": sent["by_name"] or _g("到期自动"),
            "why": (sent["text__body"] or "")[:120],
        }


# --- the case page ---------------------------------------------------------------------------------------------------
class CasePage:
    """Everything the page of one case shows to one viewer; the number of queries does not depend on the case."""

    def __init__(self, case: Dispute, user: User, now: dt.datetime, *, before: int | None = None):
        self.case, self.user, self.now = case, user, now
        self.today = timezone.localdate(now)
        self.known = codes.names()
        self.rules = case.rules(now)
        self.hidden = case.names_hidden_from(user)
        self.events, self.more = self._load(before)
        self.moves = case.moves_for(user, now)

    # --- head
    def head(self) -> dict[str, Any]:
        case = self.case
        tag, icon = STATUS_TAG.get(Status(case.status), ("n", ""))
        return {
            "title": case.title_for(self.user, self.type_name),
            "status": case.get_status_display(),
            "tag": tag,
            "icon": icon,
            "danger": danger_label(case, self.today),
            "source": self.known[codes.SOURCE].get(case.source, case.source),
            "round": case.round,
        }

    @property
    def type_name(self) -> str:
        return codes.type_name(self.known, self.case.type_l1, self.case.type_l2)

    def veil(self, text: str) -> str:
        """Free text without the parties' names, for viewers who may not read them."""
        if not self.hidden:
            return text
        for party in self.case.parties.all():
            for name in filter(None, (party.name, party.alias, party.guardian_name, party.agent_name)):
                text = text.replace(name, masking.mask_name(name))
        return text

    # --- actions
    def actions(self) -> dict[str, list[dict[str, Any]]]:
        case, status = self.case, Status(self.case.status)
        bar: list[dict[str, Any]] = []
        more: list[dict[str, Any]] = []
        primary_used = status == Status.MEDIATING  # there the next step is a note
        expected = EXPECTED.get(status, ())
        for name in expected:
            if name not in self.moves or (name in ONLY_ALLOWED and self.moves[name]):
                continue
            sentence = self.moves[name]
            if sentence and (case.tier not in MOVES[name].tiers or (name == "settle" and status == Status.WAITING)):
                continue
            primary = not sentence and not primary_used
            primary_used = primary_used or primary
            bar.append(self._action(name, sentence, primary))
        for name, sentence in self.moves.items():
            if name not in expected and sentence is None:
                more.append(self._action(name, None, False))
        refused = [a for a in bar if a["why"]]
        # one sentence for all when it is the same: whose turn it is
        sentences = list(dict.fromkeys(a["why"] for a in refused))
        return {"bar": bar, "more": more, "sentences": sentences}

    def _action(self, name: str, sentence: str | None, primary: bool) -> dict[str, Any]:
        label = str(MOVES[name].label)
        if name == "escalate" and self.case.tier < Tier.TOWNSHIP:
            label = _g("上报%(where)s") % {"where": UP_TO[self.case.tier + 1]}
        return {
            "name": name,
            "label": label,
            "why": sentence,
            "primary": primary,
            "icon": ICONS.get(name, ("", ""))[0],
            "one_tap": name == "take_up",
        }

    def may_write(self) -> bool:
        return not self.user.scope.roles.isdisjoint(DESK_ROLES) and self.case.status not in (
            Status.VOIDED,
            Status.MERGED,
        )

    def may_edit(self) -> bool:
        return not self.user.scope.roles.isdisjoint(DESK_ROLES) and self.case.may_edit(self.user) is None

    def may_ask_void(self) -> bool:
        return (
            self.may_edit() and self.case.status == Status.WAITING and self.case.round == 1 and self.case.version == 1
        )

    # --- where it stands
    def tiers(self) -> list[dict[str, Any]]:
        case = self.case
        steps = list(
            case.events.filter(round=case.round, kind__in=("register", *HANDED)).order_by("pk")
            .values("kind", "at", "by_name", "tier_from", "tier_to")
        )  # fmt: skip
        rows = []
        for value, label in Tier.choices:
            row: dict[str, Any] = {"name": label, "number": value, "lines": []}
            if value == case.tier:
                row["state"] = "cur" if case.is_open else "done"
                who = f"{case.desk.name} {case.handler.name if case.handler else ''}".strip()
                since = _g("%(day)s起") % {"day": day_words(timezone.localdate(case.arrived_at), self.today)}
                row["lines"] = [f"{who} · {since}"]
                if case.is_open:
                    row |= self._clock()
                else:
                    row["lines"].append(case.get_status_display())
            else:
                left = [s for s in steps if s["tier_from"] == value and s["tier_to"] != value]
                if left:
                    last = left[-1]
                    row["state"] = "done" if value < case.tier else ""
                    row["lines"] = [
                        _g("%(day)s %(who)s%(what)s")
                        % {
                            "day": day_words(timezone.localdate(last["at"]), self.today),
                            "who": last["by_name"] or _g("到期自动"),
                            "what": MOVES[last["kind"]].label,
                        }
                    ]
                elif value > case.tier:
                    row["lines"] = [_g("难度大或超出时限时上报")]
                else:
                    row["state"] = "done"
                    row["lines"] = [_g("直接在上一级登记")]
            rows.append(row)
        return rows

    def _clock(self) -> dict[str, Any]:
        case = self.case
        kind, words = due_label(case, self.today, self.rules.calendar)
        row: dict[str, Any] = {"words": words, "over": kind == "over", "kind": {"over": "r"}.get(kind, "a")}
        if case.due_on:
            row["due"] = _g("（%(day)s到期）") % {"day": day_words(case.due_on, self.today)}
            if case.due_kind in (clock.TIER, clock.TAKE_UP) and not case.given_until:
                arrived = timezone.localdate(case.arrived_at)
                row["limit"] = self.rules.calendar.between(arrived, case.due_on)
                row["used"] = max(0, self.rules.calendar.between(arrived, self.today))
        return row

    def loop(self, agreements: Sequence[Agreement]) -> list[dict[str, str]]:
        case = self.case
        done = case.status in (Status.SETTLED, Status.CLOSED)
        now = [a for a in agreements if a.round == case.round]
        owed = [o for a in now for o in a.obligations.all()]
        performed = done and all(o.performance in ("1", "2") for o in owed)
        states = [
            (_("登记"), "ok"),
            (_("受理"), "ok" if case.accepted_at else "on" if case.status == Status.WAITING else ""),
            (_("调解"), "ok" if done else "on" if case.status == Status.MEDIATING else ""),
            (_("协议"), "ok" if now else ""),
            (_("履行"), "ok" if performed else ""),
            (_("回访"), "ok" if case.status == Status.CLOSED else "on" if case.status == Status.SETTLED else ""),
            (_("结案"), "ok" if case.status == Status.CLOSED else ""),
        ]
        if case.status == Status.WAITING and case.accepted_at:
            states[1] = (states[1][0], "on")
        return [{"label": str(label), "state": state} for label, state in states]

    def deadlines(self) -> list[tuple[Any, str, str]]:
        """(label, value, hint) rows."""
        case, rows = self.case, []
        if not case.is_open:
            return []
        kind, words = due_label(case, self.today, self.rules.calendar)
        if case.is_paused:
            return [(_("时限"), _g("已中止，恢复后接着算"), "")]
        names = {
            clock.TAKE_UP: _("受理时限"),
            clock.TIER: _("本级时限"),
            clock.CASE: _("全案时限"),
            clock.EXTENDED: _("延期到"),
        }
        rows.append(
            (names.get(case.due_kind, _("时限")), f"{day_words(case.due_on, self.today)} {words}", self._explained())
        )
        if case.due_kind == clock.TAKE_UP:
            limit = self.rules.policy[f"tier_days_{case.tier}"]
            rows.append((_("本级时限"), _g("到本级起 %(n)s 个工作日") % {"n": limit}, ""))
        if case.case_due_on and case.due_kind not in (clock.CASE, clock.EXTENDED):
            rows.append((_("全案时限"), day_words(case.case_due_on, self.today), ""))
        if case.escalate_on:
            rows.append((_("超时处理"), _g("%(day)s后自动上报") % {"day": day_words(case.escalate_on, self.today)}, ""))
        return rows

    def _explained(self) -> str:
        """What the calendar did between arrival and due day: holidays left out, make-up days counted."""
        case = self.case
        if case.due_kind not in (clock.TIER, clock.TAKE_UP) or case.given_until or not case.due_on:
            return ""
        span = (timezone.localdate(case.arrived_at), case.due_on)
        holidays: dict[str, None] = {}
        extra = []
        for day, kind, name in SpecialDay.objects.filter(day__range=span).values_list("day", "kind", "name"):
            if kind == SpecialDay.Kind.HOLIDAY and day.weekday() < 5:
                holidays[name or _g("节假日")] = None
            elif kind == SpecialDay.Kind.WORKDAY:
                extra.append(day_words(day, self.today))
        parts = []
        if holidays:
            parts.append(_g("已避开%(names)s放假") % {"names": "、".join(holidays)})
        if extra:
            parts.append(_g("含%(days)s调休上班") % {"days": "、".join(extra)})
        if case.due_provisional:
            parts.append(_g("还没有放假安排，先按周一至周五算"))
        return "，".join(parts)

    def sent_note(self) -> dict[str, Any] | None:
        """On a case that waits: who sent it, why, what to add, and by when."""
        if self.case.status != Status.WAITING:
            return None
        event = next((e for e in self.events if e.kind in HANDED), None)
        if event is None:
            return None
        return {
            "what": event.label,
            "returned": event.kind == "return",
            "who": event.by_name or _g("到期自动"),
            "office": event.office.name if event.office else "",
            "at": event.at,
            "why": self.veil(text_of(event)),
            "due": day_words(self.case.due_on, self.today),
        }

    # --- what happened
    def _load(self, before: int | None) -> tuple[list[Event], bool]:
        rows: QuerySet[Event] = self.case.events.select_related("text", "office").prefetch_related("attachments")
        if before:
            rows = rows.filter(pk__lt=before)
        found = list(rows.order_by("-pk")[: TIMELINE + 1])
        return found[:TIMELINE], len(found) > TIMELINE

    def timeline(self) -> list[dict[str, Any]]:
        return [self._entry(event) for event in self.events]

    def _entry(self, event: Event) -> dict[str, Any]:
        icon, kind = ICONS.get(event.kind, ("chat-square-text", ""))
        title, kept = event.label, event.facts
        notes = []
        if event.kind == "note":
            way = dict(NOTE_WAYS).get(kept.get("way", ""))
            title = _g("调解") if event.is_attempt else title
            title = f"{title}（{way}）" if way else title
            if kept.get("happened_on"):
                notes.append(_g("发生在 %(day)s") % {"day": kept["happened_on"]})
        elif event.tier_to != event.tier_from or event.kind in ("return", "hand_down"):
            title = f"{title}：{Tier(event.tier_from).label} → {Tier(event.tier_to).label}"
        elif event.kind == "consent":
            title = f"{title}：{Party.Side(kept['side']).label} {Party.Consent(kept['consent']).label}"
            if kept.get("taken_back"):
                notes.append(_g("本人撤回拒绝"))
        elif event.kind == "dissuade":
            title = f"{title}：{Party.Side(kept['side']).label} {kept['dissuaded_at']}"
        elif event.kind == "performance":
            title = f"{title}：{Obligation.Performance(kept['performance']).label}"
        elif event.kind == "grade":
            title = f"{title}：{Dispute.Danger(kept['level']).label}"
        elif event.kind == "whistle_answer":
            title = f"{title}：{Call.State(kept['answer']).label}"
        elif event.kind in ("whistle", "whistle_off"):
            title = f"{title}：{'、'.join(kept['to'])}"
        if kept.get("session"):
            when = timezone.localtime(dt.datetime.fromisoformat(kept["starts_at"]))
            notes.append(_g("约在 %(when)s") % {"when": when.strftime("%Y-%m-%d %H:%M")})
        for key, label in DAYS:
            if kept.get(key):
                notes.append(f"{label} {kept[key]}")
        if kept.get("told_ways"):
            ways = dict(facts.WAYS)
            notes.append(_g("已告知：%(ways)s") % {"ways": "、".join(str(ways.get(w, w)) for w in kept["told_ways"])})
        if event.kind.startswith("referral_"):
            notes.append(str(Referral.Kind(kept["kind"]).label))
            if kept.get("outcome"):
                notes.append(str(Referral.Outcome(kept["outcome"]).label))
        return {
            "id": f"e{event.pk}",
            "title": title,
            "by": f"{event.by_name or _g('到期自动')} {event.office.name if event.office else ''}".strip(),
            "at": event.at,
            # an old ledger knows the day alone
            "when": timezone.localtime(event.at).strftime("%Y-%m-%d" if kept.get("entered_late") else "%Y-%m-%d %H:%M"),
            "icon": icon,
            "kind": kind,
            "text": self.veil(text_of(event)),
            "note": "；".join(notes),
            "files": [self._file(row) for row in event.attachments.all()],
        }

    def _file(self, row: Attachment) -> dict[str, Any]:
        """A file as this viewer may read it; a hidden name does not stand in a file's name either."""
        url = f"/disputes/{self.case.case_no}/attachments/{row.uid}/"
        return {"name": self.veil(row.name), "url": url, "seen": row.has_preview, "row": row}

    def files(self) -> list[dict[str, Any]]:
        """Its own files and the photos of the captures that it came from."""
        return [self._file(row) for row in Attachment.objects.of(self.case).select_related("by")]

    # --- the cards
    def parties(self, revealed: Mapping[tuple[int, str], str] | None = None) -> list[dict[str, Any]]:
        rows = []
        for party in self.case.parties.all():
            try:
                may = party.kind and not self.user.scope.masked and party.may_reveal("phone", self.user) is None
            except MoveRefused:
                may = False
            secret = getattr(party, "secret", None)
            secrets = []
            for name, label, masked in (
                ("phone", _("电话"), party.phone_masked),
                ("id_number", _("身份证号"), party.id_masked),
                ("address", _("住址"), party.address_masked),
                ("guardian_phone", _("监护人电话"), _g("已登记") if secret and secret.guardian_phone else ""),
            ):
                if masked:
                    url = f"/disputes/{self.case.case_no}/reveal/{party.pk}/{name}/" if may else ""
                    clear = (revealed or {}).get((party.pk, name))
                    secrets.append({"label": label, "masked": masked, "url": url, "clear": clear})
            shown = masking.mask_name(party.name) if self.hidden else party.name
            rows.append(
                {
                    "pk": party.pk,
                    "name": shown,
                    "side": party.get_side_display(),
                    "principal": party.side != Party.Side.THIRD,
                    "consent": party.get_consent_display() if party.consent else "",
                    "refused": party.consent == Party.Consent.REFUSED,
                    "minor": party.is_minor(self.today),
                    "lines": self._lines(party),
                    "secrets": secrets,
                }
            )
        return rows

    def _lines(self, party: Party) -> list[str]:
        first = []
        if party.kind == Party.Kind.ORGANISATION:
            first.append(party.get_kind_display())
        elif party.sex in ("1", "2"):
            first.append(party.get_sex_display())
        if party.birth_on:
            born = party.birth_on
            age = self.today.year - born.year - ((self.today.month, self.today.day) < (born.month, born.day))
            first.append(_g("%(n)s 岁") % {"n": age})
        if self.hidden:
            return ["，".join(first)] if first else []
        if party.alias:
            first.append(_g("别名 %(name)s") % {"name": party.alias})
        lines = ["，".join(first)] if first else []
        for label, value in (
            (_("监护人"), f"{party.guardian_name} {party.guardian_relation}".strip()),
            (_("代理人"), f"{party.agent_name} {party.agent_scope}".strip()),
            (_("联系人"), party.contact_name),
            (_("需要翻译"), party.language_help),
            (_("方便联系"), party.safe_to_call),
            (_("监护人同意登记"), party.guardian_consent_on and party.guardian_consent_on.isoformat()),
        ):
            if value:
                lines.append(f"{label} {value}")
        if party.read_aloud:
            lines.append(_g("文书需要宣读"))
        return lines

    def refusing(self) -> str:
        """The parties that refuse mediation, as this viewer may read them (PMA 17)."""
        names = self.case.refusing_parties()
        return "、".join(masking.mask_name(n) if self.hidden else n for n in names)

    def family_answers(self) -> dict[str, Any] | None:
        """The safety screen of a family case: for the handler only (domain 6.5)."""
        case = self.case
        if not case.is_family or case.handler_id != self.user.pk:
            return None
        check = case.checks.filter(kind=Check.Kind.FAMILY).order_by("-pk").first()
        return {"outcome": check.outcome, "at": check.at} if check else {"outcome": "", "at": None}

    def context(self, revealed: Mapping[tuple[int, str], str] | None = None) -> dict[str, Any]:
        """For templates/disputes/case.html."""
        case = self.case
        agreements = list(
            case.agreements.select_related("organisation", "chair")
            .prefetch_related("obligations__debtor")
            .order_by("-round")
        )
        merged_into = None
        if case.merged_into_id:
            merged_into = Dispute.objects.visible_to(self.user).filter(pk=case.merged_into_id).first()
        grades = list(case.grades.select_related("by")[:10])
        return {
            "case": case,
            "page": self,
            "head": self.head(),
            "actions": self.actions(),
            "may_write": self.may_write(),
            "may_edit": self.may_edit(),
            "may_ask_void": self.may_ask_void(),
            "may_refer": self.may_edit() and case.is_open,
            "tiers": self.tiers(),
            "loop": self.loop(agreements),
            "sent": self.sent_note(),
            "deadlines": self.deadlines(),
            "events": self.timeline(),
            "more_before": self.events[-1].pk if self.more else None,
            "parties": self.parties(revealed),
            "refusing": self.refusing(),
            "type_name": self.type_name,
            "narrative": self.veil(case.narrative),
            "demands": self.veil(case.demands),
            "agreements": [self._agreement(a) for a in agreements],
            "grades": grades,
            "files": self.files(),
            "family": self.family_answers(),
            "merged_into": merged_into,
            "is_merged": case.status == Status.MERGED,
            "sections": panels.sections(case, self.user),
            "today": self.today,
            "max_mb": settings.ATTACHMENT_MAX_BYTES // 2**20,
            "is_open": case.status in OPEN,
        }

    def _agreement(self, row: Agreement) -> dict[str, Any]:
        return {
            "row": row,
            "text": self.veil(row.text),
            "obligations": [
                {
                    "debtor": masking.mask_name(o.debtor.name) if self.hidden else o.debtor.name,
                    "what": self.veil(o.what),
                    "amount": o.amount,
                    "due_on": o.due_on,
                    "kept": o.get_performance_display() if o.performance else "--",
                }
                for o in row.obligations.all()
            ],
        }


def text_of(event: Event) -> str:
    """The words of an event, where there are any and they were not erased."""
    text = getattr(event, "text", None)
    return text.body if text else ""
