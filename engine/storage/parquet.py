"""Shards as bytes and back: written the same way always, read with every page's checksum verified."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from engine.decoded_size import refuse_bombs
from engine.errors import Damaged
from engine.limits import how_to_raise, limit_below
from engine.rows.kinds import RECORD_KEY
from engine.rows.schema import IMAGE
from engine.storage.store import Store

ROW_GROUP_BYTES = 100_000_000  # viewers hold a row group in memory; theirs refuses 286 MiB
MAX_ROWS = "MYCANVAS_MAX_ROWS"
PIXEL_COLUMNS = ("image", "mask")  # JPEG and PNG: compressed already, too large for statistics
_MAGIC = b"PAR1"
_TAIL = 8  # length of the footer, 4 bytes, and the magic


def write_table(table: pa.Table, *, metadata: Mapping[str, str]) -> memoryview:
    """The table as one Parquet file, in memory; arguments as for `stream_table`."""
    sink = pa.BufferOutputStream()
    stream_table(table, sink, metadata=metadata)
    return memoryview(sink.getvalue()).cast("B")


def stream_table(table: pa.Table, sink: Any, *, metadata: Mapping[str, str]) -> None:
    """Write the table as one Parquet file. The same rows give the same bytes, however they were chunked.

    Args:
        table: of its own schema metadata the kind of its rows is kept.
        sink: a file object that is open for writing, or a stream of Arrow's.
        metadata: stored with the schema, beside the `huggingface` key that makes `datasets` decode `image`.
    """
    known = table.schema.metadata or {}
    told = {"huggingface": _features(table.schema), **metadata}
    if RECORD_KEY in known:
        told[RECORD_KEY.decode()] = known[RECORD_KEY].decode()
    table = table.combine_chunks().replace_schema_metadata(told)
    columns = [path for field in table.schema for path in _leaves(field.type, field.name)]
    light = [path for path in columns if not is_pixels(path)]
    pq.write_table(
        table,
        sink,
        row_group_size=_rows_per_group(table),
        compression={path: "ZSTD" if path in light else "NONE" for path in columns},
        use_dictionary=light,
        write_statistics=light,
        write_page_index=True,
        write_page_checksum=True,
        use_content_defined_chunking=light != columns,  # what is uploaded again after a change is pixels
    )


def equal_rows(one: pa.Table, other: pa.Table) -> bool:
    """Whether both tables are stored as the same bytes; to Arrow alone, no table with a NaN equals another."""
    return bool(one.equals(other)) or write_table(one, metadata={}) == write_table(other, metadata={})


def is_pixels(path: str) -> bool:
    """Whether a column, by its dotted path, holds encoded images or masks."""
    parts = path.split(".")
    return parts[0] in PIXEL_COLUMNS or parts[-1] in PIXEL_COLUMNS


@contextmanager
def open_shard(store: Store, path: str) -> Iterator[pq.ParquetFile]:
    """A shard for reading, inside a ``with``: what Arrow cannot decode there is reported as damage of the file.

    Raises:
        Damaged: SHARD_MISSING, SHARD_DAMAGED, ROWS_LIMIT, VALUES_LIMIT, TEXT_LIMIT, or SHARD_FOREIGN for a file with
            Arrow extension types.
    """
    try:
        file = store.open(path)
    except FileNotFoundError as error:
        raise Damaged("SHARD_MISSING", "the file is gone", where=path) from error
    with file, read_shard(file, path) as shard:
        refuse_bombs(file, shard, path)
        yield shard


@contextmanager
def read_shard(file: BinaryIO, where: str) -> Iterator[pq.ParquetFile]:
    """As `open_shard`, for a file that is open already."""
    try:
        refuse_extension_types(_footer(file, where), where)
        shard = pq.ParquetFile(file, page_checksum_verification=True, arrow_extensions_enabled=False)
        rows = shard.metadata.num_rows
        if limit := limit_below(MAX_ROWS, rows):
            what = f"{rows:,} rows in one file, more than {limit:,}"
            raise Damaged("ROWS_LIMIT", what, where=where, fix=how_to_raise(MAX_ROWS, rows))
        yield shard
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's, not the file's
        raise Damaged("SHARD_DAMAGED", "not what was written", where=where, why=str(error)) from error


def without_pixels(shard: pq.ParquetFile) -> list[str]:
    """The dotted paths of the columns that hold no pixels, for `shard.read(columns=...)`."""
    paths = [shard.schema.column(number).path for number in range(len(shard.schema))]
    return [path for path in paths if not is_pixels(path)]


def refuse_extension_types(schema: bytes, where: str) -> None:
    """Refuse before Arrow looks: to read a schema builds its extension types, and Ray Data has one that unpickles.

    Arrow keeps its schema in a stream as it is and in a Parquet footer as base64; in both, any field with an extension,
    nested or not, shows the key below unbroken. It is looked for in all of `schema`, the bytes of the message or of
    the footer: no repeated or reordered entry hides it.

    Raises:
        Damaged: SHARD_FOREIGN.
    """
    if any(mark in schema for mark in _EXTENSION_MARKS):
        raise Damaged(
            "SHARD_FOREIGN",
            "holds columns of an Arrow extension type",
            where=where,
            why="such types may run code when they are read; this engine writes none, so it did not write this file",
            fix="do not open it with other tools either; restore the file from a copy",
        )


def _footer(file: BinaryIO, where: str) -> bytes:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length + _TAIL > size:
        raise Damaged("SHARD_DAMAGED", "not a whole Parquet file", where=where, why="its footer is cut off or broken")
    file.seek(size - _TAIL - length)
    return file.read(length)


def _in_base64(text: bytes) -> tuple[bytes, ...]:
    """What `text` looks like inside base64, at each of the three places in a group where it may begin."""
    marks = []
    for before in range(3):
        encoded = b64encode(b"\0" * before + text)
        first, last = -(-before * 8 // 6), (before + len(text)) * 8 // 6  # whole characters that depend on text alone
        marks.append(encoded[first:last])
    return tuple(marks)


_EXTENSION_MARKS = (b"ARROW:extension:name", *_in_base64(b"ARROW:extension:name"))


def _rows_per_group(table: pa.Table) -> int:
    size = max(int(table.nbytes), ROW_GROUP_BYTES)
    return max(1, int(table.num_rows) * ROW_GROUP_BYTES // size)


def _features(schema: pa.Schema) -> str:
    images = {field.name: {"_type": "Image"} for field in schema if field.type == IMAGE}
    return json.dumps({"info": {"features": images}})


def _leaves(kind: Any, path: str) -> Iterator[str]:
    """Parquet's dotted names of the columns that hold a value of type `kind`."""
    if pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(field.type, f"{path}.{field.name}")
    elif pa.types.is_list(kind):
        yield from _leaves(kind.value_type, f"{path}.list.element")
    else:
        yield path
