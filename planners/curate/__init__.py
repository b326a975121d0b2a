"""Decides which rows are wanted: conditions, selections, gates and their thresholds."""
