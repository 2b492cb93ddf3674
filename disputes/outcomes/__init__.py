"""The outcome flags of the official statistics, counted on the dispute and on nobody (domain.md 8.2)."""
