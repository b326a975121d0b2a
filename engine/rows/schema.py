"""Records and Arrow: the schema is derived from the record, once; only the columns that are asked for are converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

from engine.rows.kinds import RECORD_KEY, kind_of

R = TypeVar("R")

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""How the `image` column is stored: the form that Hugging Face `datasets` decodes as a picture."""
PIXELS = pa.struct([("shape", pa.list_(pa.int32())), ("data", pa.large_binary())])
"""Raw pixels in flight between two pools; never stored. 64-bit offsets: a unit of raw canvases can pass 2 GiB."""
FAILURE = pa.struct([("stage", pa.string()), ("code", pa.string()), ("message", pa.string())])

_SCALARS: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),  # not 32: a row that crosses a pool must come out as it went in
    bool: pa.bool_(),
    bytes: pa.binary(),
    np.float16: pa.float16(),  # embeddings: half the bytes, and cosines are right to three digits
}


def column_names(record: type, *, stored: bool) -> tuple[str, ...]:
    """The record's columns in order; with `stored`, only those that a shard keeps."""
    return tuple(f.name for f in fields(record) if not (stored and f.metadata.get("transient")))


@cache
def arrow_schema(record: type, columns: tuple[str, ...]) -> pa.Schema:
    """The Arrow schema of `columns` of a record; its metadata names the record's kind."""
    hints, kind = get_type_hints(record), kind_of(record)
    fields = [pa.field(name, _arrow_type(hints[name], name)) for name in columns]
    return pa.schema(fields, {RECORD_KEY: kind.encode()} if kind else None)


def to_table(record: type, rows: Sequence[Any], columns: tuple[str, ...]) -> pa.Table:
    """The named columns of `rows` as an Arrow table."""
    schema = arrow_schema(record, columns)
    arrays = [pa.array([_to_arrow(getattr(row, f.name), f.type) for row in rows], f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def from_table(record: type[R], table: pa.Table, columns: Sequence[str]) -> list[R]:
    """Rows with `columns` filled and every other field at its default; pixels are read-only views of the table."""
    hints = get_type_hints(record)
    values = [[_to_python(hints[name], scalar) for scalar in table.column(name)] for name in columns]
    return [record(**dict(zip(columns, row, strict=True))) for row in zip(*values, strict=True)]


def _arrow_type(hint: Any, name: str = "") -> pa.DataType:
    hint = without_none(hint)
    if name == "image":
        return IMAGE
    if hint in _SCALARS:
        return _SCALARS[hint]
    if get_origin(hint) is np.ndarray:
        return PIXELS
    if get_origin(hint) is tuple:
        return pa.list_(_arrow_type(get_args(hint)[0]))
    if is_dataclass(hint):
        nested = get_type_hints(hint)
        return pa.struct([pa.field(key, _arrow_type(nested[key])) for key in nested])
    raise TypeError(f"no Arrow type for {hint!r}")


def _to_arrow(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if kind == IMAGE:
        return {"bytes": value, "path": None}
    if kind == PIXELS:
        return {"shape": list(value.shape), "data": np.ascontiguousarray(value).data.cast("B")}
    if pa.types.is_struct(kind):
        return {f.name: _to_arrow(getattr(value, f.name), f.type) for f in kind}
    if pa.types.is_list(kind):
        return [_to_arrow(item, kind.value_type) for item in value]
    return value


def _to_python(hint: Any, scalar: Any) -> Any:
    hint = without_none(hint)
    if not scalar.is_valid:
        return None
    if scalar.type == IMAGE:
        return scalar["bytes"].as_py()
    if scalar.type == PIXELS:
        pixels = np.frombuffer(scalar["data"].as_buffer(), np.uint8).reshape(scalar["shape"].as_py())
        pixels.setflags(write=False)  # a block belongs to all who read it
        return pixels
    if get_origin(hint) is tuple:
        return tuple(_to_python(get_args(hint)[0], item) for item in scalar.values)
    if isinstance(hint, type) and is_dataclass(hint):
        nested = get_type_hints(hint)
        there = [key for key in nested if scalar.type.get_field_index(key) >= 0]  # an older shard has fewer fields
        return hint(**{key: _to_python(nested[key], scalar[key]) for key in there})
    return scalar.as_py()


def without_none(hint: Any) -> Any:
    """What a field holds where it is not None: ``float`` of ``float | None``."""
    if get_origin(hint) in (Union, UnionType):
        return next(option for option in get_args(hint) if option is not NoneType)
    return hint
