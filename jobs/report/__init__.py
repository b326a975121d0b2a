"""Pages, cards and statistics for people."""
