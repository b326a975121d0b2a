"""Commands that bring and check models."""
