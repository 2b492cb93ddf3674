"""Going out and sorting: visits to a village, what was captured there, and what became of each capture."""
