"""A pipeline without a cluster: its groups one after another, in this process."""

import json

import pyarrow as pa

from engine.run.group import Group
from engine.storage.commits import Receipt


def through(pipeline, units):
    """Make these units; returns their receipts."""
    groups = [Group(pipeline, position) for position in range(len(pipeline.groups))]
    return [_made(groups, unit_id) for unit_id in units]


def _made(groups, unit_id):
    table = pa.table({"unit_id": [unit_id]})
    for group in groups:
        table = group(table)
    (text,) = table.column("receipt").to_pylist()
    return Receipt(**json.loads(text))


def files(folder, pattern="data/*.parquet"):
    """Name and bytes of every file."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob(pattern))}
