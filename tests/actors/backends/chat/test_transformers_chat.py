import json
from dataclasses import replace

import pytest

from actors.backends.chat.transformers_chat import TransformersChat
from actors.compose.layout import Layout
from engine.errors import EnvironmentProblem, UsageError
from engine.rows.composition import Composition
from planners.chat.layout_brief import brief_request
from planners.compose.layout import problems
from tests.support.data.cutouts import cutout
from tests.support.data.libraries import run_with_library
from tests.support.models.language_models import save_qwen2

ROW = Composition(sample_id="0", unit_id=0, seed=7, cast=("rex-0", "pot-1"), concepts=("rex", "pot"), ground_line=0.45)
CAST = (cutout("dog", 0.8), cutout("cat", 0.9))
REQUESTS = [brief_request(CAST, 0.45), brief_request((*CAST, cutout("a very long name of a thing", 1.0)), 0.3)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_qwen2(tmp_path_factory.mktemp("qwen2") / "planner"))


def spec(model, **changes):
    return Layout(backend="transformers", model=model, prompt="short", max_tokens=24, **changes)


def test_what_a_random_model_says_is_replaced_by_the_solver(model, tmp_path):
    work = spec(model).load(run_with_library(tmp_path))
    rows = work([ROW, replace(ROW, seed=8, ground_line=None)])
    assert [row.layout_source for row in rows] == ["solver (LAYOUT_JSON)"] * 2
    assert rows[0].placements == Layout().load(run_with_library(tmp_path))([ROW])[0].placements


def test_an_answer_depends_on_its_own_question_alone(model):
    planner = TransformersChat(spec(model))
    together = planner.write(REQUESTS, [1, 2])
    assert together == [planner.write([each], [seed])[0] for each, seed in zip(REQUESTS, [1, 2], strict=True)]
    assert all("ground" not in answer and "<|" not in answer for answer in together)


def test_samples_are_drawn_by_the_seed_of_their_row(model):
    planner = TransformersChat(spec(model, temperature=1.0))
    one, other, again = planner.write([REQUESTS[0]] * 3, [1, 2, 1])
    assert one == again != other
    assert planner.write(REQUESTS[:1], [1]) == [one]


def test_a_model_that_answers_well_is_believed(tmp_path):
    """The planner that ships: 97 of 100 of its layouts obey all rules."""
    work = spec("shipped:micro/planner").load(run_with_library(tmp_path, {"rex": "dog", "pot": "teapot"}))
    rows = work([replace(ROW, seed=seed, ground_line=0.4 + seed / 50) for seed in range(6)])
    assert [row.layout_source for row in rows].count("transformers") >= 5
    assert {model.name for row in rows for model in row.planners} == {"micro/planner"}
    cast = [cutout("dog", 0.8, key="rex-0"), cutout("teapot", 0.8, key="pot-1")]
    assert [problems(row.placements, cast, row.ground_line) for row in rows] == [()] * 6


def test_a_tokenizer_without_a_chat_template_is_refused(model, tmp_path):
    folder = save_qwen2(tmp_path / "planner")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": None}))
    with pytest.raises(EnvironmentProblem, match="CHAT_TEMPLATE"):
        TransformersChat(spec(str(folder)))


def test_code_in_a_model_folder_is_refused(tmp_path):
    folder = save_qwen2(tmp_path / "planner")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModelForCausalLM": "evil.Model"}}))
    with pytest.raises(UsageError, match="WEIGHTS_CUSTOM_CODE"):
        TransformersChat(spec(str(folder)))
