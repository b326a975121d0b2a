"""The stages of a composition, one a file, named by its verb."""
