from django.apps import AppConfig


class LedgersConfig(AppConfig):
    name = "ledgers"

    def ready(self) -> None:
        from followups import pump
        from ledgers.exports import making
        from ledgers.exports.models import KIND, Export
        from ledgers.jobs import running
        from ledgers.tasks import jobs

        running.register(KIND, making.step, stopped=Export.stopped)
        running.chore(making.sweep)
        pump.beside.append(jobs)
