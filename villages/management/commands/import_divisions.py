"""import_divisions FILE: administrative divisions (columns code, name, level, parent_code)."""

from django.utils import timezone

from villages.commands import ImportCommand
from villages.importing import Report, import_divisions
from villages.models import today


class Command(ImportCommand):
    help = "Import administrative divisions; below the file's first row, what is missing is end-dated."

    def take(self, content: bytes) -> Report:
        return import_divisions(content, by=None, at=timezone.now(), day=today())
