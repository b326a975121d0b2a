"""Personalisation: concepts taught to a base model as modifier tokens and changed cross-attention."""
