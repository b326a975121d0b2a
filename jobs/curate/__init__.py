"""Commands that score, choose, copy, check and export rows."""
