"""Perform: one stage per file, named by its verb; model libraries live below `backends` alone."""
