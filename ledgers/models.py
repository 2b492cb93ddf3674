"""The tables of this room; each sub-room has its own."""

# Django finds a room's tables through this module.
from ledgers.dashboard import models as _dashboard  # noqa: F401
