"""What several benchmarks share: figures, the report of them, processes, photos and datasets to work on."""
