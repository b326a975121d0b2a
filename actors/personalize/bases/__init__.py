"""Bases of a personalisation, a family in each file."""
