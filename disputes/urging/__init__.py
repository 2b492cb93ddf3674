"""催办: whoever stands above a case, or leads its desk, presses it in a sentence; not too often."""
