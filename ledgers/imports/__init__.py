"""Old ledgers come in: read, mapped, checked, written hidden and released in one moment, or undone."""
