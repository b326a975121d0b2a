"""Arithmetic of the scores: no model, no file."""
