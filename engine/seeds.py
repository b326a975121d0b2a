"""Randomness as a value: a draw is a hash of (root seed, sample id, stage, draw), so any row can be re-made alone."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

_MASK = (1 << 63) - 1  # Arrow and Parquet have signed 64-bit integers


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed from a seed and names, the same on every machine."""
    text = "\x1f".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") & _MASK


def sample_id(index: int) -> str:
    """The public name of sample `index`: ten digits, so that text order is number order."""
    return f"{index:010d}"


def sample_seed(root_seed: int, sample: str) -> int:
    """The seed column of a row."""
    return derive(root_seed, sample)


def rng(seed: int, stage: str, draw: str = "") -> np.random.Generator:
    """A generator for one draw of one stage of one row (Philox: counter-based, the same on every platform)."""
    return np.random.Generator(np.random.Philox(derive(seed, stage, draw)))
