"""The models that score, and what they measure."""
