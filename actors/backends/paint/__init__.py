"""Models that paint."""
