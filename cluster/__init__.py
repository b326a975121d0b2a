"""Places: the only importer of ray."""
