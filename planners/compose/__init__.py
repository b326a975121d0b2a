"""Decides what a composition shows: casts, places, sizes, captions."""
