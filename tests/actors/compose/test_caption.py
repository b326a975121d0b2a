import base64
import json

import numpy as np

from actors.backends.score.clip_tokens import clip_tokens
from actors.compose.caption import Caption
from engine.photos.images import decode, encode_png
from engine.rows.composition import Composition
from tests.support.data.libraries import run_with_library
from tests.support.models.vision_models import save_llava
from tests.support.processes.chat_server import MODEL, chat_server, says

PICTURE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
ROW = Composition(
    sample_id="0", unit_id=0, seed=7, cast=("pot-1", "rex-0", "pair-0"), concepts=("pot", "rex", "pair"),
    background_prompt="on the beach", image=encode_png(PICTURE),
)  # fmt: skip
PLAIN = "a photo of a teapot, a dog and a pair of glasses on the beach"
GOOD = json.dumps({"short": "the {obj_2} wears {obj_3} by {obj_1}", "detailed": "{obj_2} in {obj_3}, {obj_1} behind"})
BAD = json.dumps({"short": "a dog with glasses", "detailed": "nothing"})


def seeing(url, **changes):
    return Caption(backend="openai", model=MODEL, server={"url": url, "retries": 0}, **changes)


def test_objects_are_named_by_class_in_the_order_of_the_cast(tmp_path):
    (made,) = Caption().load(run_with_library(tmp_path))([ROW])
    assert made.caption == PLAIN
    assert made.caption_template == "a photo of {obj_1}, {obj_2} and {obj_3} on the beach"
    assert (made.caption_source, made.caption_detailed, made.captioners) == ("template", "", ())


def test_a_model_that_sees_writes_the_caption(tmp_path):
    with chat_server(lambda *_: says(GOOD)) as (url, asked):
        (made,) = seeing(url).load(run_with_library(tmp_path))([ROW])
    assert made.caption == "a dog wears a pair of glasses by a teapot"
    assert made.caption_template == "{obj_2} wears {obj_3} by {obj_1}"
    assert made.caption_detailed == "a dog in a pair of glasses, a teapot behind"
    assert made.caption_source == "openai"
    assert [model.name for model in made.captioners] == [MODEL]
    picture, words = asked[0]["messages"][0]["content"]
    sent = base64.b64decode(picture["image_url"]["url"].removeprefix("data:image/png;base64,"))
    assert np.array_equal(decode(sent), PICTURE)
    assert words["text"].endswith("Answer:")


def test_a_bad_answer_is_asked_for_once_more_with_what_was_wrong(tmp_path):
    with chat_server(lambda _, number: says(GOOD if number else BAD)) as (url, asked):
        (made,) = seeing(url).load(run_with_library(tmp_path))([ROW])
    assert made.caption_source == "openai+again"
    assert made.caption.startswith("a dog wears")
    assert "short must hold {obj_1}, {obj_2}, {obj_3} exactly once" in asked[1]["messages"][0]["content"][1]["text"]


def test_two_bad_answers_leave_the_template(tmp_path):
    with chat_server(lambda *_: says(BAD)) as (url, asked):
        (made,) = seeing(url).load(run_with_library(tmp_path))([ROW])
    assert (made.caption, made.caption_source) == (PLAIN, "template (CAPTION_OBJECTS)")
    assert (made.captioners, len(asked)) == ((), 2)


def test_a_model_on_this_machine_is_shown_the_picture(tmp_path):
    folder = save_llava(tmp_path / "vlm")
    spec = Caption(backend="transformers", model=str(folder), max_tokens=16)
    made = spec.load(run_with_library(tmp_path))([ROW, ROW])
    assert [row.caption_source for row in made] == ["template (CAPTION_JSON)"] * 2, "its weights are random"
    chat = spec.chat(run_with_library(tmp_path))
    inputs = chat._inputs([_question(PICTURE), _question(PICTURE)])
    assert inputs["pixel_values"].shape == (2, 3, 28, 28)
    assert (inputs["input_ids"] == chat._net.config.image_token_id).sum() == 8


def _question(picture):
    from planners.chat.caption_question import caption_question

    return caption_question(["dog", "teapot"], picture)


def test_tokens_are_counted_as_clip_does():
    assert clip_tokens("a photo of a dog") == 7
    assert clip_tokens("supercalifragilistic") > 5
