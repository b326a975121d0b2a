import json

import numpy as np
import pytest

from actors.compose.caption import Caption
from actors.compose.layout import Layout
from planners.chat.caption_question import caption_question
from planners.chat.layout_answer import read
from planners.chat.layout_brief import brief_request
from planners.chat.layout_prompt import request
from tests.support.data.cutouts import cutout
from tests.support.models.language_models import save_qwen2
from tests.support.models.vision_models import save_llava

pytest.importorskip("vllm")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),  # vllm's own use of torch
]
CAST = (cutout("dog", 0.8), cutout("cat", 0.9), cutout("mug", 1.0))


@pytest.fixture(scope="module")
def planner(tmp_path_factory):
    """One engine for all tests: it takes a minute to start."""
    from actors.backends.chat.vllm_chat import VllmChat

    folder = save_qwen2(tmp_path_factory.mktemp("qwen2") / "planner")
    return VllmChat(Layout(backend="vllm", model=str(folder), prompt="short", max_tokens=160))


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


def test_a_model_that_sees_answers_about_pictures_in_the_form_of_the_schema(tmp_path):
    from actors.backends.chat.vllm_chat import VllmChat

    folder = save_llava(tmp_path / "vlm")
    chat = VllmChat(Caption(backend="vllm", model=str(folder), max_tokens=200, temperature=1.0))
    pictures = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), np.uint8)
    answers = chat.write([caption_question(["dog", "mug"], picture) for picture in pictures], [0, 1, 2])
    assert all(answer.startswith('{"short":"') for answer in answers)
    huge = caption_question(["dog", "mug"] * 200, pictures[0])
    assert chat.write([caption_question(["dog"], pictures[0]), huge], [0, 1])[1] == ""
