"""Decide: pure, seeded functions over engine's values. No I/O, no clock, no model library."""
