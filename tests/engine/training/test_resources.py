from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.training.resources import TrainingResources, TrainingStorage


def test_paths_are_made_absolute_and_uris_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = TrainingStorage(data="sets", out="s3://bucket/family", work=str(tmp_path / "work")).absolute()
    assert storage == TrainingStorage(
        data=str(Path.cwd() / "sets"), out="s3://bucket/family", work=str(tmp_path / "work")
    )
    with pytest.raises(UsageError, match="URI_UNSUPPORTED"):
        TrainingStorage(data="ftp://host/sets", out="out", work="work").absolute()


def test_resources_are_said_in_words():
    assert str(TrainingResources()) == "1 x 1 CPU core"
    assert str(TrainingResources(num_workers=2, cpus_per_worker=4)) == "2 x 4 CPU cores"
    assert str(TrainingResources(num_workers=8, use_gpu=True)) == "8 x 1 GPU"
