"""Stages that ask a language model: how it is reached, what it may cost, answers that are kept."""
