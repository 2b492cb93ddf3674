"""Exports: why a ledger leaves the system, who allowed it, its file for a day, and every time it was fetched."""
