"""The tables of the ledgers' rooms; each room's own module holds its rules."""

from ledgers.exports.models import Export
from ledgers.jobs.models import Job
from ledgers.months.models import Correction, FrozenFlag, FrozenRow, MonthlyLedger, MonthSubmission

__all__ = ["Correction", "Export", "FrozenFlag", "FrozenRow", "Job", "MonthSubmission", "MonthlyLedger"]
