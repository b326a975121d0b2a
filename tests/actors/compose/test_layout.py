from dataclasses import dataclass, field, replace

import pytest

from actors.compose.layout import Asking, Layout, settle_answer
from engine.errors import SampleError
from engine.rows.composition import Composition
from engine.rows.values import Model
from planners.compose.layout import problems
from tests.support.data.cutouts import cutout
from tests.support.data.libraries import run_with_library

ROW = Composition(sample_id="0", unit_id=0, seed=7, cast=("rex-0", "pot-1"), concepts=("rex", "pot"), ground_line=0.45)


def test_every_cutout_of_the_cast_is_placed_far_to_near(tmp_path):
    (row,) = Layout().load(run_with_library(tmp_path))([ROW])
    assert sorted(item.cutout_id for item in row.placements) == ["pot-1", "rex-0"]
    assert [item.order for item in row.placements] == [0, 1]
    assert row.layout_source == "solver"


def test_a_row_that_cannot_be_laid_out_costs_only_itself(tmp_path):
    work = Layout().load(run_with_library(tmp_path))
    good, bad, other = work([ROW, replace(ROW, ground_line=0.99), replace(ROW, seed=8)])
    assert isinstance(bad, SampleError)
    assert bad.code == "LAYOUT_UNSOLVED"
    assert good == work([ROW])[0]
    assert other.placements != good.placements


def test_an_unknown_planner_is_refused_before_anything_is_loaded():
    with pytest.raises(ValueError, match="no backend is called 'solvr'; there are: solver, openai, transformers, vllm"):
        Layout(backend="solvr")


def test_a_language_model_must_be_named():
    with pytest.raises(ValueError, match="the backend 'vllm' needs a model: a hub id or a local folder"):
        Layout(backend="vllm")


QWEN = Model(name="qwen", revision="1", license="apache-2.0")
GOOD = '{"0":[20,1],"1":[90,2]}'
OUTSIDE = '{"0":[-5,1],"1":[90,2]}'


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        (GOOD, "vllm"),
        (OUTSIDE, "vllm+repair"),
        ("I would put the dog to the left.", "solver (LAYOUT_JSON)"),
        ('{"0":[27,1]}', "solver (LAYOUT_IDS)"),
    ],
)
def test_the_row_says_whose_layout_it_has(answer, source):
    cutouts = {key: cutout(name, 0.8, key=key) for key, name in (("rex-0", "dog"), ("pot-1", "cat"))}
    planned = settle_answer(Layout(backend="vllm", model="m"), cutouts, ROW, answer, QWEN)
    assert planned.source == source
    assert planned.models == (() if "solver" in source else (QWEN,))
    assert problems(planned.placements, list(cutouts.values()), ROW.ground_line) == ()


def test_an_answer_beyond_repair_makes_way_for_the_solver():
    """Two that are cut off at the left have to stand at the left edge, and there one hides the other."""
    cutouts = {
        key: cutout(name, 2.0, ["left", "bottom"], key=key) for key, name in (("rex-0", "dog"), ("pot-1", "cat"))
    }
    planned = settle_answer(Layout(backend="vllm", model="m"), cutouts, ROW, '{"0":[20,1],"1":[20,2]}', QWEN)
    assert (planned.source, planned.models) == ("solver (LAYOUT_RULES)", ())
    assert problems(planned.placements, list(cutouts.values()), ROW.ground_line) == ()


@dataclass
class Scripted:
    """A chat model that answers by the number of the question."""

    answers: tuple
    seeds: list = field(default_factory=list)
    model = QWEN

    def write(self, questions, seeds):
        self.seeds += seeds
        return [self.answers[number % len(self.answers)] for number in range(len(questions))]


@pytest.mark.parametrize(
    ("answers", "source"),
    [
        ((OUTSIDE, "no", GOOD), "vllm"),
        (("no", OUTSIDE, OUTSIDE), "vllm+repair"),
        (("no", SampleError("SERVER_SILENT", "nothing"), "no"), "solver (LAYOUT_JSON)"),
        ((GOOD, SampleError("SERVER_SILENT", "nothing"), "no"), "vllm"),
    ],
)
def test_of_several_answers_the_best_counts(answers, source):
    cutouts = {key: cutout(name, 0.8, key=key) for key, name in (("rex-0", "dog"), ("pot-1", "cat"))}
    chat = Scripted(answers)
    spec = Layout(backend="vllm", model="m", tries=3, temperature=0.7, prompt="short")
    planned = Asking(spec, cutouts, chat).plan([ROW, replace(ROW, seed=8)])
    assert [each.source for each in planned] == [source] * 2
    assert len(set(chat.seeds)) == 6
    assert (chat.seeds[0], chat.seeds[3]) == (ROW.seed, 8)


def test_several_tries_need_chance():
    with pytest.raises(ValueError, match="all `tries` are the same answer"):
        Layout(backend="vllm", model="m", tries=2)
