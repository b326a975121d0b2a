"""Pictures in which nothing was placed are compared with all cut-outs of the concepts that their words name."""

import numpy as np
import pytest

from actors.score.rescore import Rescore
from engine.dataset.committed_rows import CommittedRows
from engine.photos.images import encode_jpeg
from engine.rows.generated import GeneratedImage
from engine.run.stage import Run
from tests.support.data.gallery_rows import commit
from tests.support.data.libraries import run_with_library

MODELS = {
    "clip": {"model": "shipped:micro/scorer"},
    "identity": {"model": "shipped:micro/identity"},
    "detector": {"model": "shipped:micro/detector"},
}


@pytest.fixture
def rows(tmp_path):
    picture = encode_jpeg(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    named = ((), ("rex",), ("rex", "pot"))
    drawn = [
        GeneratedImage(
            sample_id=f"{number:010d}", unit_id=0, seed=number, prompt="x", caption="a dog", concepts=concepts,
            image=picture, status="accepted",
        )
        for number, concepts in enumerate(named)
    ]  # fmt: skip
    return CommittedRows(commit(tmp_path / "drawn", drawn)).unit(0).rows


def test_the_metrics_of_papers_are_those_of_the_concepts_that_are_named(rows, tmp_path):
    run = run_with_library(tmp_path / "library")
    stage = Rescore(**MODELS, metrics=("clip_i", "dino", "cp_clip_detected", "clipscore"))
    none, one, two = stage.load(run)(rows)
    assert [len(row.clip_i) for row in (none, one, two)] == [0, 1, 2]
    assert [len(row.dino) for row in (none, one, two)] == [0, 1, 2]
    assert all(-1 <= value <= 1 for value in (*two.clip_i, *two.dino))
    assert none.concept_recall is None
    assert one.concept_recall in {0.0, 1.0}
    assert two.cp_clip is None, "that of placed boxes, and none was placed"
    assert one.clip_score == two.clip_score, "the same picture and caption"
    assert not one.identities


def test_without_a_library_a_picture_is_still_held_against_its_words(rows, tmp_path):
    run = Run(out=str(tmp_path), library=str(tmp_path / "nowhere"), size=64)
    (_, one, _) = Rescore(clip=MODELS["clip"]).load(run)(rows)
    assert one.clip_score is not None
