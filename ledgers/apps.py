from django.apps import AppConfig


class LedgersConfig(AppConfig):
    name = "ledgers"

    def ready(self) -> None:
        from followups import pump
        from ledgers.exports import making
        from ledgers.exports.models import KIND, Export
        from ledgers.imports import doors as imports
        from ledgers.imports.models import clear
        from ledgers.jobs import running
        from ledgers.tasks import figures, jobs

        pump.beside += [jobs, figures]
        running.register(KIND, making.step, stopped=Export.stopped)
        running.chore(making.sweep)
        running.register(imports.CHECK, imports.step_check, stopped=imports.stopped)
        running.register(imports.WRITE, imports.step_write, stopped=imports.stopped)
        running.chore(clear)
