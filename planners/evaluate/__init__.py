"""What a protocol asks a model to draw."""
