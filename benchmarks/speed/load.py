"""The load that the engine and the plain script both carry."""

from __future__ import annotations

SLEEP_S = 0.020  # per sample, the bottleneck
PIXEL_BYTES = 1_000_000  # of a row between two pools
STORED_BYTES = 200_000  # of a row in its shard
REPLICAS = (1, 2, 1)  # processes of the three pools; the middle one is the bottleneck
CPUS = 6  # logical: four actors, and two for the tasks that Ray Data adds; the bottleneck sleeps, so two cores carry it
