"""The tables of the ledgers' rooms; each room's own module holds its rules."""

from ledgers.imports.models import ColumnMemory, ImportBatch, ImportFile, ImportRow
from ledgers.jobs.models import Job

__all__ = ["ColumnMemory", "ImportBatch", "ImportFile", "ImportRow", "Job"]
