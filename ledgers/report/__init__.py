"""月报: the month in numbers (domain.md 8.2), as page, xlsx and a narrative to go on writing in."""
