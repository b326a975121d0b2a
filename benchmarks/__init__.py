"""Figures of the engine, each with its target: `python -m benchmarks [NAME...]`. They report; nothing here asserts."""
