"""How many bytes of a score table a question reads, from the footers of its files alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow.parquet as pq


def column_bytes(files: Mapping[Path, Mapping[str, str]], columns: Collection[str]) -> tuple[dict[str, int], int]:
    """Compressed bytes of each of some columns, and of all columns together.

    Args:
        files: parts of a score table, each with the names that its columns have there.
        columns: those that are asked for, by their names in the table.
    """
    read, total = dict.fromkeys(sorted(columns), 0), 0
    for file, names in files.items():
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            for place in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(place)
                total += chunk.total_compressed_size
                path = chunk.path_in_schema.replace(".list.element", "")
                name = names.get(path, path)
                if name in read:
                    read[name] += chunk.total_compressed_size
    return read, total
