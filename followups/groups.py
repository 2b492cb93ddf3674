"""The groups of notices: by what the list is narrowed, and what a person may mute for themselves."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _


class Group(models.TextChoices):
    """What a notice is about, in the order of the filter."""

    DEADLINE = "deadline", _("期限")
    VISIT = "visit", _("回访")
    WHISTLE = "whistle", _("吹哨")
    SESSION = "session", _("联调会")
    DANGER = "danger", _("危险")
    OTHER = "other", _("其他")


#: The kinds of each group; a kind that stands in none of them is one of the others.
KINDS: Mapping[Group, frozenset[str]] = {
    Group.DEADLINE: frozenset(
        {"due_soon", "due", "overdue", "answer_due", "answer_overdue", "task_due", "task_overdue", "urge"}
    ),
    Group.VISIT: frozenset({"visit_soon", "visit_due", "visit_overdue", "visit_handed", "relapse", "letter"}),
    Group.WHISTLE: frozenset(
        {
            "whistle", "whistle_accepted", "whistle_declined", "whistle_done", "whistle_off",
            "whistle_due", "whistle_overdue",
        }
    ),
    Group.SESSION: frozenset({"session_plan", "session_change", "session_off", "session_soon"}),
    Group.DANGER: frozenset(
        {
            "alarm", "alarm_again", "alarm_deputy", "alarm_above", "may_escalate", "danger_deputy", "danger_above",
            "counsel_risk",
        }
    ),
}  # fmt: skip
#: What was put into one person's own hands: it reaches them whatever they muted.
PERSONAL = frozenset({"assign", "urge", "visit_handed", "counsel_asked", "counsel_passed", "export_ask", "month_due"})
#: Kinds that can never be muted.
ALWAYS_HEARD = KINDS[Group.DANGER] | PERSONAL
#: Groups that a person may mute as a whole.
MUTABLE = tuple(group for group in Group if group != Group.DANGER)


def group_of(kind: str) -> Group:
    """The group in which a notice of this kind stands."""
    return next((group for group, kinds in KINDS.items() if kind in kinds), Group.OTHER)


def listed_kinds() -> frozenset[str]:
    """Every kind that stands in a group of its own: the others are what is left."""
    return frozenset().union(*KINDS.values())
