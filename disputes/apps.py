from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DisputesConfig(AppConfig):
    name = "disputes"

    def ready(self) -> None:
        from disputes import filters, links, moves
        from disputes import panels as sections
        from disputes.field import panels as field
        from disputes.inbox import panels as inbox
        from disputes.inbox.models import settle_instructions
        from disputes.outcomes import panels as outcomes
        from disputes.papers import panels as papers
        from disputes.referrals import panels as referrals
        from disputes.referrals.models import settle_pending
        from disputes.safe import panels as safe
        from disputes.sessions import panels as sessions
        from disputes.sessions.models import call_off_with_the_case
        from disputes.whistles import panels as whistles
        from disputes.whistles.models import settle_whistles
        from villages import panels

        panels.add("open_cases", _("在办"), filters.open_by_area)
        panels.add("last_walk", _("上次走访"), field.last_visit)
        sections.add(_("保障与履行"), safe.safeguards_section, key="safeguards", order=20)
        sections.add(_("联调会"), sessions.sessions_section, key="sessions", order=30)
        sections.add(_("督办交办"), inbox.instructions_section, key="instructions", order=35)
        sections.add(_("吹哨支援"), whistles.whistles_section, key="whistles", order=40)
        sections.add(_("文书"), papers.papers_section, key="papers", order=45)
        sections.add(_("移送对接"), referrals.referrals_section, key="referrals", order=55)
        sections.add(_("走访来源"), field.sources_section, key="sources", order=60)
        sections.add(_("统计标志"), outcomes.outcomes_section, key="outcomes", order=65)
        sections.add(_("相关案件"), links.links_section, key="links", order=70)
        for settle in (call_off_with_the_case, settle_instructions, settle_whistles, settle_pending):
            moves.on_leave(settle)
