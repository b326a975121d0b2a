"""The backgrounds of an indexed folder that a recipe's phrases call for; a worker asks the model of the index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from actors.compose.embed import EmbedPhrases
from actors.models.licences import check_licences
from actors.score.scorers import ClipSpec
from cluster.session import Capacity
from engine.photos.background_index import POINTER, BackgroundIndex, read_index
from engine.photos.backgrounds import Background
from engine.rows.backgrounds import PhraseEmbedding
from engine.run.recipe_parse import validate_spec
from engine.run.recipe_yaml import Origins
from engine.storage.open_store import open_store
from jobs.console import Console
from jobs.listed_run import ListedRun, fill_listed, read_rows
from planners.compose.background_retrieval import retrieve


def read_indexed(uri: str) -> tuple[BackgroundIndex, EmbedPhrases]:
    """The index of a folder of photos, and the stage that asks its model.

    Raises:
        UsageError: BACKGROUNDS_NO_INDEX, RECIPE_KEY, RECIPE_VALUE, LICENCE_REFUSED.
        Damaged: those of `engine.photos.background_index.read_index`.
    """
    known = read_index(open_store(uri))
    where = Origins(f"{uri}/{POINTER}", {})
    clip = validate_spec(ClipSpec, known.clip, (), where, see="`mycanvas backgrounds index`")
    check_licences((clip,), ())
    return known, EmbedPhrases(clip=clip)


def find_backgrounds(
    uri: str,
    phrases: Sequence[str],
    *,
    count: int,
    diversity: float,
    out: str,
    capacity: Capacity,
    console: Console,
) -> tuple[Background, ...]:
    """The shortlist of each phrase after that of the one before, inside a session.

    Args:
        uri: of the indexed folder.
        phrases: such as "on a sandy beach".
        count: backgrounds that a phrase may have.
        diversity: 0: those that fit best; 1: those that differ most.
        out: of the run that asks; what the model makes of phrases is kept there.
        capacity: of the cluster.
        console: where progress is shown.

    Raises:
        UsageError: those of `read_indexed`, and of the model.
        EnvironmentProblem: those of the model.
    """
    known, stage = read_indexed(uri)
    asked = json.dumps([stage.affects_data(), list(phrases)])
    run = ListedRun(
        record=PhraseEmbedding,
        columns=("phrase",),
        rows=[{"phrase": phrase} for phrase in phrases],
        stage=stage,
        out=f"{open_store(out).uri}/_phrases/{blake2b(asked.encode(), digest_size=8).hexdigest()}",
        unit_size=stage.batch_size,
    )
    fill_listed(run, capacity, console)
    words = np.asarray([row.embedding for row in read_rows(run.out, PhraseEmbedding)], np.float32)
    return retrieve(phrases, words, known.backgrounds, known.embeddings, count=count, diversity=diversity)
