"""import_holidays FILE: holidays and make-up working days (columns day, kind, name)."""

from django.utils import timezone

from villages.commands import ImportCommand
from villages.importing import Report, import_holidays


class Command(ImportCommand):
    help = "Import holidays and make-up working days; only the years in the file are touched."

    def take(self, content: bytes) -> Report:
        return import_holidays(content, by=None, at=timezone.now())
