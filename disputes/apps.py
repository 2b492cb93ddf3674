from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DisputesConfig(AppConfig):
    name = "disputes"

    def ready(self) -> None:
        from disputes import filters, moves
        from disputes import panels as sections
        from disputes.field import panels as field
        from disputes.inbox import panels as inbox
        from disputes.inbox.models import settle_instructions
        from villages import panels

        panels.add("open_cases", _("在办"), filters.open_by_area)
        panels.add("last_walk", _("上次走访"), field.last_visit)
        sections.add(_("走访来源"), field.sources_section, key="sources", order=60)
        sections.add(_("督办交办"), inbox.instructions_section, key="instructions", order=40)
        moves.on_leave(settle_instructions)
