"""The CLIP model of the micro family."""
