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

    Raises:
        Damaged: VALUES_LIMIT, TEXT_LIMIT.
    """
    names = [shard.schema.column(number).path for number in range(len(shard.schema))]
    for place, name in enumerate(names):
        chunks = _chunks(shard.metadata, place)
        kind = MAX_WORDS if any(_is_text(chunk) for chunk in chunks) else MAX_NUMBERS
        count = sum(chunk.num_values for chunk in chunks)
        if limit := limit_below(kind, count):
            what = f"{name!r} has {count:,} values, more than {limit:,}"
            raise Damaged("VALUES_LIMIT", what, where=where, fix=how_to_raise(kind, count))
    _refuse_long_text(file, shard, names, where)


def _refuse_long_text(file: BinaryIO, shard: pq.ParquetFile, names: Sequence[str], where: str) -> None:
    """Refuse a shard of which a column of text or bytes is too large when decoded.

    No value is longer than its column as stored, which rules out most shards by their footers. The others are read
    with each value once, as dictionaries: 4,096 captions in 2 ms.
    """
    suspects = [names[place] for place, bound in _bounds(shard.metadata) if limit_below(MAX_TEXT, bound)]
    if not suspects:
        return
    slim = pq.ParquetFile(
        file, read_dictionary=suspects, page_checksum_verification=True, arrow_extensions_enabled=False
    )
    for path in suspects:
        groups = (slim.read_row_group(number, columns=[path]) for number in range(slim.num_row_groups))
        size = sum(_decoded_bytes(chunk) for group in groups for column in group.columns for chunk in column.chunks)
        if limit := limit_below(MAX_TEXT, size):
            what = f"{path!r} has {size:,} bytes when decoded, more than {limit:,}"
            raise Damaged("TEXT_LIMIT", what, where=where, fix=how_to_raise(MAX_TEXT, size))


def _bounds(metadata: Any) -> Iterator[tuple[int, int]]:
    """Each column of bytes that has a dictionary, and more than it can be when decoded."""
    for place in range(metadata.num_columns):
        chunks = _chunks(metadata, place)
        if any(_is_text(chunk) and set(chunk.encodings) - {"PLAIN", "RLE"} for chunk in chunks):
            yield place, sum(chunk.num_values * chunk.total_uncompressed_size for chunk in chunks)


def _chunks(metadata: Any, place: int) -> list[Any]:
    return [metadata.row_group(number).column(place) for number in range(metadata.num_row_groups)]


def _is_text(chunk: Any) -> bool:
    return bool(chunk.physical_type == "BYTE_ARRAY")


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
