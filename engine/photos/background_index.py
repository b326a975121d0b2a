"""Background photos with what a CLIP model makes of each, so that a phrase can find the ones that it describes.

The embeddings are a run of their own, committed below the folder of the photos; a pointer says which run is meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.photos.backgrounds import Background, to_jsonl
from engine.storage.commits import data_files
from engine.storage.hashes import seal, unseal
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from engine.storage.store import Store

POINTER = ".mycanvas/backgrounds.json"  # in the folder of the photos; names with a dot are no photos
COLUMNS = tuple(name for name in Background.__slots__ if name != "anchor")
_KIND = "index"


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


def index_folder(backgrounds: Sequence[Background], clip: Mapping[str, Any]) -> str:
    """Where the embeddings of these photos by this model lie, below the folder of the photos."""
    told = to_jsonl(backgrounds) + json.dumps(dict(clip), sort_keys=True).encode()
    return f".mycanvas/index-{blake2b(told, digest_size=8).hexdigest()}"


def point_to_index(store: Store, folder: str, clip: Mapping[str, Any]) -> None:
    """Say that the embeddings in `folder`, all of which are there, are the index; an earlier one is forgotten."""
    store.put(POINTER, seal(_KIND, {"folder": folder, "clip": dict(clip)}))


def read_index(store: Store) -> BackgroundIndex:
    """The index of a folder of photos.

    Raises:
        UsageError: BACKGROUNDS_NO_INDEX.
        Damaged: SEAL_BROKEN, SHARD_DAMAGED, SHARD_FOREIGN.
    """
    if not store.exists(POINTER):
        raise _no_index(store, "the backgrounds have no index, so phrases cannot find any")
    pointer = unseal(store.read(POINTER), _KIND, where=POINTER, fix=f"mycanvas backgrounds index {store.uri}")
    folder = str(pointer.get("folder"))
    tables = [*_tables(open_store(f"{store.uri}/{folder}"))] if folder.startswith(".mycanvas/index-") else []
    if not tables:
        raise _no_index(store, f"the index that {POINTER} names is not there")
    table = pa.concat_tables(tables)
    backgrounds = tuple(Background(**row) for row in table.select(list(COLUMNS)).to_pylist())
    embeddings = np.asarray(table.column("embedding").to_pylist(), np.float32)
    return BackgroundIndex(pointer.get("clip") or {}, backgrounds, embeddings)


def _tables(store: Store) -> list[pa.Table]:
    tables = []
    for path in data_files(store):
        with open_shard(store, path) as shard:
            tables.append(shard.read(columns=[*COLUMNS, "embedding"]))
    return tables


def _no_index(store: Store, what: str) -> UsageError:
    fix = f"mycanvas backgrounds index {store.uri}; or leave scene.phrases out"
    return UsageError("BACKGROUNDS_NO_INDEX", what, where=store.uri, fix=fix)
