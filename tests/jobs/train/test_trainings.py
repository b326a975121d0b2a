"""Trainings by name: listed, shown, checked; how many workers share one."""

import pytest

from engine.errors import UsageError
from jobs.train.train_request import Workers, one_source, parse_workers
from jobs.train.trainings import built_in, load


def test_trainings_are_listed_and_shown_with_their_models(run):
    code, said, _ = run("recipe", "list")
    assert code == 0
    assert all(name in said for name in built_in())
    code, said, _ = run("recipe", "show", "custom-diffusion-sdxl", "--set", "rank=4")
    assert code == 0
    assert "rank: 4" in said
    assert "# model  stabilityai/stable-diffusion-xl-base-1.0  46216598  openrail++  14 GB" in said
    code, said, _ = run("models", "list", "custom-diffusion")
    assert code == 0
    assert "stable-diffusion-v1-5/stable-diffusion-v1-5" in said
    assert "facebook/dinov2-small" in said


def test_every_built_in_training_is_a_spec():
    for name in built_in():
        training = load(name)
        assert training.description
        assert training.spec.batch % training.spec.accumulate == 0
    with pytest.raises(UsageError, match="did you mean 'custom-diffusion-sdxl'"):
        load("custom-difusion-sdxl")


def test_workers_are_a_number_or_a_range():
    assert parse_workers("4") == Workers(4, 4)
    assert parse_workers("2..8") == Workers(2, 8)
    for text in ("0", "8..2", "two", "1..", "-1"):
        with pytest.raises(UsageError, match="TRAIN_WORKERS"):
            parse_workers(text)
    assert one_source("", "photos") == "photos"
