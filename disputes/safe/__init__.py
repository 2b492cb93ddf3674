"""Safeguards that somebody answers or keeps: consents, checks, the police track, agreements kept, warning letters."""
