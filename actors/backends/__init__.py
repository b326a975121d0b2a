"""One self-contained file per model family; no backend imports another."""
