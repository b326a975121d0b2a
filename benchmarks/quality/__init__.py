"""What the models and the gate find of what is known to be there."""
