"""Background photos with what a CLIP model makes of each, so that a phrase can find the ones that it describes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.photos.backgrounds import Background
from engine.storage.parquet import open_shard, write_table
from engine.storage.store import Store

PATH = ".mycanvas/backgrounds.parquet"  # in the folder of the photos; names with a dot are no photos
_CLIP = "clip"


@dataclass(frozen=True, slots=True)
class BackgroundIndex:
    """Indexed photos.

    Attributes:
        clip: how the model is named, as `score.clip` of a recipe names one.
        backgrounds: N of them.
        embeddings: NxD float32, rows of length 1.
    """

    clip: Mapping[str, Any]
    backgrounds: tuple[Background, ...]
    embeddings: NDArray[np.float32]


def write_index(store: Store, index: BackgroundIndex) -> None:
    """Put an index into the folder of its photos, in place of an earlier one."""
    columns = {name: [getattr(item, name) for item in index.backgrounds] for name in Background.__slots__}
    table = pa.table({**columns, "embedding": [row.tolist() for row in index.embeddings]})
    table = table.cast(table.schema.set(len(columns), pa.field("embedding", pa.list_(pa.float32()))))
    store.put(PATH, write_table(table, metadata={_CLIP: json.dumps(dict(index.clip), sort_keys=True)}))


def read_index(store: Store) -> BackgroundIndex:
    """The index of a folder of photos.

    Raises:
        UsageError: BACKGROUNDS_NO_INDEX.
        Damaged: SHARD_DAMAGED, SHARD_FOREIGN.
    """
    if not store.exists(PATH):
        raise _no_index(store, "the backgrounds have no index, so phrases cannot find any")
    with open_shard(store, PATH) as shard:
        table = shard.read()
    try:
        clip = json.loads(table.schema.metadata[_CLIP.encode()])
        rows = table.select(list(Background.__slots__)).to_pylist()
        embeddings = np.asarray(table.column("embedding").to_pylist(), np.float32)
    except (KeyError, TypeError, ValueError) as error:  # of another release, or somebody else's file
        raise _no_index(store, f"{PATH} is no index of this release ({type(error).__name__}: {error})") from None
    return BackgroundIndex(clip, tuple(Background(**row) for row in rows), embeddings)


def _no_index(store: Store, what: str) -> UsageError:
    fix = f"mycanvas backgrounds index {store.uri}; or leave scene.phrases out"
    return UsageError("BACKGROUNDS_NO_INDEX", what, where=store.uri, fix=fix)
