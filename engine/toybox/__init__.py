"""A procedural photo studio: toys that keep their identity from photo to photo, with the truth about every pixel."""

from engine.toybox.classes import CLASSES
from engine.toybox.places import SCENES

__all__ = ["CLASSES", "SCENES"]
