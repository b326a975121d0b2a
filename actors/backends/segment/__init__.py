"""Models that cut out."""
