"""Comparing models by what they draw."""
