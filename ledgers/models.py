"""Django finds a room's tables through this module."""

from ledgers.months import models as _months  # noqa: F401
