"""Pixels of a composition: cut-outs onto a canvas, shadows, light, drawn backdrops."""
