"""The micro family: one file per part, which says what is trained, on what, and how it is measured."""
