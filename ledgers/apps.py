from django.apps import AppConfig


class LedgersConfig(AppConfig):
    name = "ledgers"

    def ready(self) -> None:
        from followups import pump
        from ledgers.tasks import jobs

        pump.beside.append(jobs)
