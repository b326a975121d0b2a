"""The identity model of the micro family."""
