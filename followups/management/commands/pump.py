"""`pump [--once]`: the rounds of the pump without Celery."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from followups import pump


class Command(BaseCommand):
    help = "React to events, move overdue cases up and send reminders; again every PUMP_TICK_SECONDS until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            done = pump.pump_once()
            self.stdout.write(", ".join(f"{name} {count}" for name, count in done.items()))
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            close_old_connections()  # a database that was restarted is met by a fresh connection
            try:
                pump.pump_once()
            except Exception:
                pump.log.exception("This round failed; the next one tries again.")
            stop.wait(settings.PUMP_TICK_SECONDS)
