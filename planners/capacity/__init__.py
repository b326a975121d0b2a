"""Decides how a cluster is shared out."""
