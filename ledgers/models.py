"""Django finds the tables of this room's parts through this module."""

from ledgers.layouts import models as _layouts  # noqa: F401
"""The tables of the ledgers' rooms; each room's own module holds its rules."""

from ledgers.dashboard.models import MonthlyFigure, MonthSum, Touched, Unit
from ledgers.jobs.models import Job

__all__ = ["Job", "MonthSum", "MonthlyFigure", "Touched", "Unit"]
