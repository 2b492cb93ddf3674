"""A county's own layouts of the ledger, and the conditions that a person keeps under a name."""
