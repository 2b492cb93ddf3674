from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FollowupsConfig(AppConfig):
    name = "followups"

    def ready(self) -> None:
        from disputes import drafts, moves, panels
        from disputes.field.models import on_alarm
        from disputes.papers import kinds
        from followups import alarms, notice_panel, panel, papers, visits
        from followups.counselling import panel as counselling
        from followups.handing.doors import count_open_work
        from followups.reactions import react
        from villages import leaving

        moves.after(react)
        on_alarm(alarms.warn)
        moves.guard("close", visits.why_visits_missing)
        panels.add(_("回访"), panel.visits_section, key="visits")
        panels.add(_("心理疏导"), counselling.counselling_section, key="counselling", order=52)
        panels.add(_("提醒"), notice_panel.reminders_section, key="reminders", order=80)
        drafts.KINDS["visit"] = visits.draft_url
        drafts.KINDS["counselling"] = counselling.draft_url
        kinds.add(papers.RETURN_VISIT)
        leaving.counted_by(count_open_work)
