import json
from pathlib import Path

import numpy as np
import pytest

from actors.micro.planner.layout_corpus import example, held_out, open_texts, random_cast, room
from actors.micro.planner.planner import ASKED, IGNORED, build_tokenizer, encode
from actors.micro.specs import PlannerTraining
from engine.seeds import rng
from engine.training.local import train_locally
from engine.training.resources import TrainingStorage
from engine.training.schedule import Schedule
from planners.chat.layout_answer import brief_schema, parse
from planners.chat.layout_brief import brief_request
from planners.compose.layout import solve

CLASSES = ("ball", "mug", "star", "robot", "cactus", "house")


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return open_texts(folder, 0, 80, CLASSES, share=(0, 1), wait=lambda: None)


def test_the_solvers_answers_pass_the_parser_they_are_written_for():
    made = [example(seed, CLASSES) for seed in range(300)]
    assert sum(each is None for each in made) <= 6
    for each in filter(None, made):
        assert parse(each.answer, each.cast, each.ground_line)
        assert each.question == brief_request(each.cast, each.ground_line).prompt
        assert list(json.loads(each.answer)) == brief_schema(len(each.cast))["required"]


def test_objects_are_asked_from_left_to_right():
    for each in filter(None, (example(seed, CLASSES) for seed in range(60))):
        ways = [way for way, _ in json.loads(each.answer).values()]
        assert ways == sorted(ways)


def test_casts_can_be_pictured_together_and_hold_few_that_are_cut():
    casts = [random_cast(rng(seed, "test"), CLASSES, 3) for seed in range(200)]
    assert {len(cast) for cast in casts} == {3}
    assert max(sum(bool(item.cut_borders) for item in cast) for cast in casts) == 2


def test_room_is_less_where_a_rule_is_near():
    cast = held_out(0, 1, CLASSES).cast
    assert room(solve(1, cast, 0.4), 0.4) > 0
    assert room(solve(1, cast, 0.4), 0.9) < 0


def test_the_corpus_is_made_once_whoever_makes_it(tmp_path, texts):
    for rank in (1, 0):
        open_texts_of_rank(tmp_path, rank)
    files = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert open_texts(tmp_path, 0, 80, CLASSES, share=(0, 1), wait=lambda: None) == texts
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files


def open_texts_of_rank(folder, rank):
    """What one of two processes makes; the other's part is missing as yet for the first of them."""

    class Elsewhere(Exception):
        pass

    def leave():
        raise Elsewhere

    with pytest.raises(Elsewhere):
        open_texts(folder, 0, 80, CLASSES, share=(rank, 2), wait=leave)


def test_digits_are_tokens_and_only_answers_are_learned(texts):
    tokenizer = build_tokenizer(texts, 600)
    assert tokenizer.tokenize("1234") == ["1", "2", "3", "4"]
    tokens = encode(texts, tokenizer)
    inputs, targets = tokens.batch(np.arange(8), tokenizer.pad_token_id)
    for row in range(8):
        learned = targets[row][targets[row] != IGNORED]
        assert tokenizer.decode(learned) == f"{texts[row][1]}<|im_end|>"
        assert tokenizer.decode(inputs[row]).startswith(f"<|im_start|>user\n{texts[row][0]}<|im_end|>\n")


def test_a_trained_part_is_saved_as_its_production_counterpart(tmp_path):
    spec = PlannerTraining(
        schedule=Schedule(steps=3, lr=1e-3, warmup=1, log_every=1), examples=64, batch=4, vocabulary=400,
        hidden=64, layers=1, heads=2, inner=64,
    )  # fmt: skip
    told = []
    data, out, work = (str(tmp_path / name) for name in ("data", "out", "work"))
    train_locally(spec, TrainingStorage(data=data, out=out, work=work), tell=told.append)
    assert [report.step for report in told] == [1, 2, 3]
    assert all(np.isfinite(report.metrics["loss"]) for report in told)
    names = {path.name for path in (tmp_path / "out" / "planner").iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"}
    assert not any(Path(name).suffix in {".bin", ".pt", ".jinja"} for name in names)


def test_held_out_questions_are_of_two_to_four_and_drawn_by_the_seed():
    asked = [held_out(0, number, CLASSES) for number in range(ASKED)]
    assert {len(each.cast) for each in asked} == {2, 3, 4}
    assert asked[0] == held_out(0, 0, CLASSES) != held_out(1, 0, CLASSES)
