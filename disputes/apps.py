from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DisputesConfig(AppConfig):
    name = "disputes"

    def ready(self) -> None:
        from disputes import filters
        from disputes import panels as sections
        from disputes.field import panels as field
        from disputes.safe import panels as safe
        from villages import panels

        panels.add("open_cases", _("在办"), filters.open_by_area)
        panels.add("last_walk", _("上次走访"), field.last_visit)
        sections.add(_("走访来源"), field.sources_section, key="sources", order=60)
        sections.add(_("保障与履行"), safe.safeguards_section, key="safeguards", order=40)
