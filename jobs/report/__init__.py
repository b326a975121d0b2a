"""Pages, dataset cards and statistics for people."""
