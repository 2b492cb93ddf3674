"""Write docs/states.md from the table of moves."""

from django.conf import settings
from django.core.management.base import BaseCommand

from disputes.drawing import draw


class Command(BaseCommand):
    help = "Write docs/states.md from the table of moves."
    requires_system_checks: list[str] = []  # reads one table; no page has to work for it

    def handle(self, *args, **options) -> None:
        (settings.BASE_DIR / "docs" / "states.md").write_text(draw(), encoding="utf-8")
        self.stdout.write("docs/states.md")
