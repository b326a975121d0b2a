"""How large a shard becomes when it is decoded.

A caption of a megabyte, stored once, can stand in every row, and a list in one row can have twenty million names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.errors import Damaged
from engine.limits import MAX_NUMBERS, MAX_TEXT, MAX_WORDS, how_to_raise, limit_below


def refuse_bombs(file: BinaryIO, shard: pq.ParquetFile, where: str) -> None:
    """Refuse a shard of which a column is too large when decoded.

    No value is longer than its column as stored, which rules out most shards by their footers. The others are read with
    each value once, as dictionaries: 4,096 captions in 2 ms.

    Raises:
        Damaged: VALUES_LIMIT, TEXT_LIMIT.
    """
    suspects = []
    for path, chunks in _columns(shard):
        text = any(chunk.physical_type == "BYTE_ARRAY" for chunk in chunks)
        kind, count = MAX_WORDS if text else MAX_NUMBERS, sum(chunk.num_values for chunk in chunks)
        if limit := limit_below(kind, count):
            what = f"{path!r} has {count:,} values, more than {limit:,}"
            raise Damaged("VALUES_LIMIT", what, where=where, fix=how_to_raise(kind, count))
        repeats = any(set(chunk.encodings) - {"PLAIN", "RLE"} for chunk in chunks)
        bound = sum(chunk.num_values * chunk.total_uncompressed_size for chunk in chunks)
        if text and repeats and limit_below(MAX_TEXT, bound):
            suspects.append(path)
    if suspects:
        _refuse_long_text(file, suspects, where)


def _columns(shard: pq.ParquetFile) -> Iterator[tuple[str, list[Any]]]:
    """Each column's dotted path, and what the footer says of it in every row group."""
    groups = [shard.metadata.row_group(number) for number in range(shard.num_row_groups)]
    for place in range(len(shard.schema)):
        yield shard.schema.column(place).path, [group.column(place) for group in groups]


def _refuse_long_text(file: BinaryIO, suspects: Sequence[str], where: str) -> None:
    slim = pq.ParquetFile(
        file, read_dictionary=suspects, page_checksum_verification=True, arrow_extensions_enabled=False
    )
    for path in suspects:
        groups = (slim.read_row_group(number, columns=[path]) for number in range(slim.num_row_groups))
        size = sum(_decoded_bytes(chunk) for group in groups for column in group.columns for chunk in column.chunks)
        if limit := limit_below(MAX_TEXT, size):
            what = f"{path!r} has {size:,} bytes when decoded, more than {limit:,}"
            raise Damaged("TEXT_LIMIT", what, where=where, fix=how_to_raise(MAX_TEXT, size))


def _decoded_bytes(values: pa.Array) -> int:
    """Bytes of an array whose innermost values are dictionaries, were they written out."""
    if pa.types.is_dictionary(values.type):
        lengths = pc.binary_length(values.dictionary).cast(pa.int64())
        return int(pc.sum(lengths.take(values.indices)).as_py() or 0)
    if pa.types.is_struct(values.type):
        return sum(_decoded_bytes(field) for field in values.flatten())
    if pa.types.is_list(values.type):
        return _decoded_bytes(values.flatten())
    return int(values.nbytes)
