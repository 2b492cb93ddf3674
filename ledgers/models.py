"""The tables of the ledgers' rooms; each room's own module holds its rules."""

from ledgers.jobs.models import Job

__all__ = ["Job"]
