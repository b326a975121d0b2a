import json

import pytest

from actors.layout import Layout
from planners.layout_answer import read
from planners.layout_brief import brief_request
from planners.layout_prompt import request
from tests.actors.language_models import save_qwen2
from tests.planners.cutouts import cutout

pytest.importorskip("vllm")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),  # vllm's own use of torch
]
CAST = (cutout("dog", 0.8), cutout("cat", 0.9), cutout("mug", 1.0))


@pytest.fixture(scope="module")
def planner(tmp_path_factory):
    """One engine for all tests: it takes a minute to start."""
    from actors.backends.vllm_layout import VllmLayout

    folder = save_qwen2(tmp_path_factory.mktemp("qwen2") / "planner")
    return VllmLayout(Layout(backend="vllm", model=str(folder), prompt="short", max_tokens=160), {})


def test_a_random_model_answers_in_the_form_of_the_schema(planner):
    requests = [brief_request(CAST[: 1 + number % 3], 0.3 + number / 40) for number in range(16)]
    answers = planner.write(requests, list(range(16)))
    for number, answer in enumerate(answers):
        assert len(read(answer, CAST[: 1 + number % 3], 0.4)) == 1 + number % 3
        assert json.dumps(json.loads(answer), separators=(",", ":")) == answer
    assert planner.write(requests[:1], [0]) == answers[:1]


def test_a_question_beyond_the_context_costs_only_itself(planner):
    short, long = brief_request(CAST, 0.4), request(CAST, ["a", "b", "c"], 0.4)
    assert planner.write([short, long], [0, 1])[1] == ""
    assert planner.write([short, long], [0, 1])[0]
