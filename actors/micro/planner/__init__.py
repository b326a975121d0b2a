"""The language model of the micro family."""
