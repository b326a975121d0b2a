"""What rows of every kind are made of: pixels, statuses, failures, models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""HxW (mask or alpha), HxWx3 (RGB) or HxWx4 (RGBA, straight alpha), uint8."""

ACCEPTED, REJECTED = "accepted", "rejected"
UNKNOWN_LICENSE = "unknown"

TRANSIENT = {"transient": True}
"""Marks a field that later stages read and no shard stores."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row could not be made. Any stage may leave one; later stages pass the row by."""

    stage: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that had a hand in a row."""

    name: str
    revision: str
    license: str
