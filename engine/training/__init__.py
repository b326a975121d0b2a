"""The training seam: what a trainer is, what it is given, what it reports."""
