"""Commands that make datasets, and what they are made of."""
