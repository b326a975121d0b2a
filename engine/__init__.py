"""Defines: the record, the stage seam, pixels, shards, errors. Knows no ray and no model library."""
