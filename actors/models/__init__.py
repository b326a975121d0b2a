"""Models by name: where their weights are, whether they fit, under which licence they stand."""
