"""import_codes FILE: code tables or the mapping of dispute types, told apart by the header."""

from django.utils import timezone

from villages.commands import ImportCommand
from villages.importing import Report, import_codes
from villages.models import today


class Command(ImportCommand):
    help = "Import code tables (table, code, …) or the mapping of dispute types (zz_l2, …)."

    def take(self, content: bytes) -> Report:
        return import_codes(content, by=None, at=timezone.now(), day=today())
