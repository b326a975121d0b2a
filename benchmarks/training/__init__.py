"""Rates, latencies and memory, as ratios of two runs on one machine."""
