from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DisputesConfig(AppConfig):
    name = "disputes"

    def ready(self) -> None:
        from disputes import filters
        from villages import panels

        panels.add("open_cases", _("在办"), filters.open_by_area)
