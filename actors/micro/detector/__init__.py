"""The detector of the micro family."""
