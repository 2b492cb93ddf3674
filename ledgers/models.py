"""Django finds the tables of the ledgers' rooms through this module; each room's own module holds its rules."""

from ledgers.dashboard import models as dashboard
from ledgers.exports import models as exports
from ledgers.imports import models as imports
from ledgers.jobs import models as jobs
from ledgers.layouts import models as layouts
from ledgers.months import models as months

__all__ = ["dashboard", "exports", "imports", "jobs", "layouts", "months"]
