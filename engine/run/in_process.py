"""Units of a pipeline made here, one after another: for a debugger, and where processes cost more than the work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from engine.run.group import Group, receipts_of
from engine.run.pipeline import Pipeline
from engine.storage.commits import CommittedUnits, Receipt


def make_in_process(pipeline: Pipeline, done: CommittedUnits) -> Iterator[Receipt]:
    """Make the units that are not `done`; every group of the pipeline is loaded into this process.

    A row that ends its process ends the caller here, and the same call again goes on; when three calls ended in one row
    it is tried in a process of its own first, and failed if that dies too.

    Raises:
        MyCanvasError: whatever a stage raised that is not one row's fault.
    """
    return make_units(pipeline, (int(unit_id) for unit_id in done.missing()))


def make_units(pipeline: Pipeline, unit_ids: Iterable[int]) -> Iterator[Receipt]:
    """Make these units, whether they are there or not."""
    groups: list[Group] = []
    for unit_id in unit_ids:
        groups = groups or [Group(pipeline, position, probes=True) for position in range(len(pipeline.groups))]
        table = pa.table({"unit_id": [unit_id]})
        for group in groups:
            table = group(table)
        yield from receipts_of(table)
