"""Django finds the tables of this room's parts through this module."""

from ledgers.layouts import models as _layouts  # noqa: F401
