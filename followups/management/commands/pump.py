"""`pump [--once]`: the rounds of the pump without Celery."""

import signal
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from followups import pump


class Command(BaseCommand):
    help = "React to events, move overdue cases up, send reminders, do what waits in the background; until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            done = pump.pump_once()
            for work in pump.beside:
                work()
            self.stdout.write(", ".join(f"{name} {count}" for name, count in done.items()))
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        next_round = 0.0
        while not stop.is_set():
            close_old_connections()  # a database that was restarted is met by a fresh connection
            is_time = time.monotonic() >= next_round
            if is_time:
                next_round = time.monotonic() + settings.PUMP_TICK_SECONDS
            for work in [pump.pump_once] * is_time + pump.beside:
                try:
                    work()
                except Exception:
                    pump.log.exception("This round failed; the next one tries again.")
            stop.wait(min(settings.PUMP_TICK_SECONDS, settings.JOBS_TICK_SECONDS))
