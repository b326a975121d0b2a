"""Painting of the procedural backdrops: noise, materials, horizons and the places made of them."""
