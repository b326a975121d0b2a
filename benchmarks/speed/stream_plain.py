"""A child process: the same stages as a plain Ray Data script. Arguments: samples, rows a block, output folder.

What somebody would write who knows Ray Data: Arrow batches handed on without a copy, pools of fixed size, blocks of a
chosen size, uncompressed pixels. No guard, no journal, no receipts, no checksums, no resume.
"""

from __future__ import annotations

import json
import sys
import time

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy

from benchmarks.speed.load import CPUS, PIXEL_BYTES, REPLICAS, SLEEP_S, STORED_BYTES
from cluster.session import session
from engine.seeds import rng


class Draw:
    """Random pixels."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The ids with a column of pixels."""
        pixels = [rng(number, "draw").bytes(PIXEL_BYTES) for number in batch.column("id").to_pylist()]
        return batch.append_column("pixels", pa.array(pixels, pa.large_binary()))


class Nap:
    """The bottleneck."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The batch as it is, later."""
        time.sleep(SLEEP_S * batch.num_rows)
        return batch


class Finish:
    """What is stored."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The ids with an image each."""
        images = [pixels.as_buffer()[:STORED_BYTES].to_pybytes() for pixels in batch.column("pixels")]
        return pa.table({"id": batch.column("id"), "image": pa.array(images, pa.binary())})


def main(samples: int, rows: int, out: str) -> None:
    """Write the samples; print how long it took."""
    with session(cpus=CPUS):
        began = time.monotonic()
        dataset = ray.data.range(samples, override_num_blocks=samples // rows)
        for stage, size in zip((Draw, Nap, Finish), REPLICAS, strict=True):
            pool = ActorPoolStrategy(size=size)
            dataset = dataset.map_batches(stage, batch_size=rows, batch_format="pyarrow", compute=pool, num_cpus=1)
        dataset.write_parquet(out, compression="NONE", use_dictionary=["id"])
    print(json.dumps({"wall_s": time.monotonic() - began}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
