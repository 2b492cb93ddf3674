"""The tables of the ledgers' rooms; each room's own module holds its rules."""

from ledgers.exports.models import Export
from ledgers.jobs.models import Job

__all__ = ["Export", "Job"]
