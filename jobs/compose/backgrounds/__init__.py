"""Backgrounds beyond a plain folder: found by phrases, painted, or one's own photos without their subjects."""
