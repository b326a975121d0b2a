"""Rows of a training: what it is shown, framed, and encoded once."""
