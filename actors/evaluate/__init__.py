"""Measuring what models draw against photos of what they were taught."""
