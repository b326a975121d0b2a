"""Ways to run a language model."""
