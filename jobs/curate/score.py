"""`mycanvas score`: more scores for a dataset that is there; each image is read once, and none is written."""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from actors.models.licences import check_recipe
from actors.score.rescore import Rescore
from cluster.session import ON_THIS_MACHINE
from cluster.stream import stream
from engine.dataset.committed_rows import CommittedRows
from engine.dataset.score_sets import FOLDER, NAME, publish_scores, score_store
from engine.dataset.views import empty, open_dataset
from engine.errors import UsageError
from engine.photos.cast import open_cast
from engine.rows.added_scores import AddedScores
from engine.rows.composition import Composition
from engine.rows.generated import GeneratedImage
from engine.run.in_process import make_in_process
from engine.run.pipeline import Pipeline
from engine.run.pool import COMMIT, Pool
from engine.run.stage import Run
from engine.storage.commits import CommittedUnits, data_files, list_committed
from engine.storage.lock import claim
from engine.storage.manifest import all_receipts, write_manifest
from engine.storage.open_store import open_store
from engine.storage.store import Store
from jobs.console import Console
from jobs.run_loop import Budget, Tally, Work, make_all, new_run_id

POOL = Pool(stages=(Rescore.name, COMMIT))
KEPT = ("sample_id", "unit_id", "seed", "models", "status")


def score(
    uri: str,
    spec: Rescore,
    name: str,
    *,
    library: str = "",
    pool: Pool = POOL,
    budget: Budget,
    address: str,
    console: Console,
) -> Tally:
    """Compute what is missing of the scores called `name`; returns the rows of this call.

    Args:
        uri: of a dataset; of a view, the scores are of its whole dataset.
        spec: which scores.
        name: what their columns are called after.
        library: the cut-outs that it was composed from; empty: in the folder ``library`` of the dataset. Of pictures
            that a model drew, only `spec.metrics` are compared with cut-outs, and then it must be given.
        pool: what one process needs.
        budget: how many rows may fail; beyond it the scores do not become columns.
        address: of Ray.
        console: where progress is shown.

    Raises:
        OverBudget: FAILURES.
        UsageError: SCORE_NAME, SCORE_NOTHING, SCORE_LIBRARY, DATASET_EMPTY, ROWS_KIND, RUN_CHANGED where other scores
            are called so, and those of `actors.models.licences.check_recipe`.
    """
    dataset = open_dataset(uri)
    dataset.require(Composition, GeneratedImage)
    store = dataset.store
    _require(spec, name)
    check_recipe((spec,), spec.accept_licence, here=address in ON_THIS_MACHINE)
    cutouts = open_store(library or f"{store.uri}/library").uri
    compares = spec.compares and (bool(library or spec.metrics) or dataset.record() is Composition)
    known = _library(store.uri, cutouts) if compares else ""
    place = score_store(store, name)
    done = _todo(store, place)
    asked = spec.affects_data(besides={"batch_size", "accept_licence"})
    claim(place, {"data": {"spec": asked, "library": known}})
    (tally,) = make_all(
        [_work(spec, store, place, library=cutouts, pool=pool, done=done, budget=budget)], address, console
    )
    write_manifest(place)
    publish_scores(store, name, spec.measured)
    return tally


def _library(dataset: str, uri: str) -> str:
    """The fingerprint of the cut-outs that crops are compared with."""
    library = open_cast(dataset, uri)
    if not library.cutouts or not data_files(library.store):
        raise UsageError(
            "SCORE_LIBRARY",
            "there are no cut-outs to compare with",
            where=uri,
            fix="give --library, the one that the dataset was composed from",
        )
    return library.fingerprint()


def _require(spec: Rescore, name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise UsageError(
            "SCORE_NAME",
            f"{name!r} cannot be part of a column's name",
            fix="small letters, digits and _, at most 32, such as siglip2",
        )
    if not spec.measured:
        raise UsageError(
            "SCORE_NOTHING",
            "nothing is to be measured",
            fix="--with phash=true, or --with clip.model=… and the like; docs/filter.md shows some",
        )


def _todo(store: Store, place: Store) -> CommittedUnits:
    """The units of the dataset; those that are scored, without rows, or not there count as done."""
    there = list_committed(store)
    if not there.count:
        raise empty(store.uri)
    scored = list_committed(place, there.units)
    flags = np.unpackbits(np.bitwise_or(scored.bits, np.bitwise_not(there.bits)))[: there.units]
    flags[[receipt.unit_id for receipt in all_receipts(store) if not receipt.accepted + receipt.rejected]] = 1
    return CommittedUnits(there.units, np.packbits(flags))


def _work(
    spec: Rescore, store: Store, place: Store, *, library: str, pool: Pool, done: CommittedUnits, budget: Budget
) -> Work:
    """The units that are not scored yet; rows that failed in earlier runs count against the budget too."""
    pipeline = Pipeline(
        record=AddedScores,
        run=Run(out=place.uri, library=library, size=0),
        run_id=new_run_id(),
        source=CommittedRows(store.uri),
        groups=((spec,),),
        unit_size=1,
        keeps=(*KEPT, *spec.measured),
    )
    pipeline.check()
    rows = {receipt.unit_id: receipt.accepted + receipt.rejected for receipt in all_receipts(store)}
    return Work(
        label=f"score rows, into {FOLDER}",
        out=place.uri,
        make=partial(stream, pipeline),
        make_here=partial(make_in_process, pipeline),
        pools=(pool,),
        done=done,
        rows=sum(rows.values()),
        rows_left=sum(rows.get(unit_id, 0) for unit_id in done.missing().tolist()),
        failed=sum(receipt.failed for receipt in all_receipts(place)),
        budget=budget,
    )
