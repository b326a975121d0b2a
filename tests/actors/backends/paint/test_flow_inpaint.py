import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from actors.backends.paint.flow_inpaint import FlowInpaint
from actors.compose.inpaint import Inpaint
from actors.models.preflight import check_models
from engine.compose.paste import over
from engine.errors import SampleError, UsageError
from engine.seeds import derive
from tests.support.data.canvas_rows import distance, row
from tests.support.models.tiny_flows import save_flux2_klein, save_z_image
from tests.support.models.tiny_models import save_sdxl_inpaint

torch.set_num_threads(1)
MAKERS = {"z-image": (save_z_image, 0.0), "klein": (save_flux2_klein, 1.0)}


@pytest.fixture(scope="module", params=MAKERS)
def kind(request, tmp_path_factory):
    make, guidance = MAKERS[request.param]
    return make(tmp_path_factory.mktemp("flows") / request.param), guidance


def spec(kind, **changes):
    folder, guidance = kind
    return Inpaint(backend="flow", model=str(folder), **{"steps": 3, "guidance": guidance, "strength": 1.0, **changes})


@pytest.fixture(scope="module")
def painter(kind):
    return FlowInpaint(spec(kind))


def test_a_batch_is_painted_each_row_by_its_own_seed_and_prompt(painter):
    rows = [row(0), row(1, prompt="on a beach"), replace(row(0), seed=8)]
    together = painter.paint(rows)
    assert [(picture.shape, picture.dtype) for picture in together] == [((64, 64, 3), np.uint8)] * 3
    alone = [painter.paint([item])[0] for item in rows]
    assert max(map(distance, together, alone)) <= 2
    assert distance(together[0], together[2]) > 5
    assert distance(painter.paint([row(prompt="at night")])[0], together[0]) > 0


def test_the_picture_is_the_one_that_diffusers_paints_from_plain_prompts(painter, kind):
    item = row()
    plain = painter.pipe(
        prompt=["a realistic photo in a garden"], image=[Image.fromarray(over(item.foreground, item.background))],
        mask_image=[Image.fromarray(item.repaint_mask)], height=64, width=64, num_inference_steps=3,
        guidance_scale=kind[1], strength=1.0, output_type="np",
        generator=[torch.Generator("cpu").manual_seed(derive(item.seed, "inpaint", "latents"))],
    ).images[0]  # fmt: skip
    assert distance(painter.paint([item])[0], np.rint(plain * 255)) <= 1


def test_a_prompt_is_encoded_once(kind):
    painter, encoded = FlowInpaint(spec(kind)), []
    painter.pipe.text_encoder.register_forward_pre_hook(lambda *_, **__: encoded.append(1))
    painter.paint([row(0), row(1), row(2, prompt="on a beach")])
    painter.paint([row(3)])
    assert len(encoded) == 3  # two prompts and the negative one


def test_guidance_takes_the_negative_prompt_where_the_model_knows_one(tmp_path):
    kind = (save_z_image(tmp_path / "z-image"), 4.0)
    one, other = (FlowInpaint(spec(kind, negative_prompt=text)).paint([row()])[0] for text in ("blurry", "a dog"))
    assert distance(one, other) > 0


def test_a_canvas_that_the_model_cannot_paint_is_refused(painter):
    with pytest.raises(UsageError, match=r"CANVAS_SIZE.*multiple of 4"):
        painter.paint([row(size=66)])


def test_an_overflow_costs_its_own_row_alone(kind):
    painter = FlowInpaint(spec(kind))

    def spoil(_, __, output):
        spoiled = output.clone()
        spoiled[1] = float("nan")
        return spoiled

    painter.pipe.vae.decoder.register_forward_hook(spoil)
    good, bad = painter.paint([row(0), row(1)])
    assert good.shape == (64, 64, 3)
    assert isinstance(bad, SampleError)
    assert bad.code == "PAINT_BLANK"


def test_a_batch_too_large_for_the_card_is_halved(kind):
    painter = FlowInpaint(spec(kind))
    expected, sizes = painter.paint([row(index) for index in range(3)]), []

    def card(_, inputs):
        sizes.append(len(inputs[0]))
        if sizes[-1] > 1:
            message = "CUDA out of memory"
            raise torch.cuda.OutOfMemoryError(message)

    painter.pipe.vae.decoder.register_forward_pre_hook(card)
    assert max(map(distance, painter.paint([row(index) for index in range(3)]), expected)) <= 2
    assert painter.batches.most == 1


def test_the_row_says_which_model_painted(painter, kind):
    assert [(model.name, model.license) for model in painter.models] == [(kind[0].name, "apache-2.0")]


def test_another_pipeline_is_refused(kind, tmp_path):
    sdxl = save_sdxl_inpaint(tmp_path / "sdxl")
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        FlowInpaint(Inpaint(backend="flow", model=str(sdxl)))
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        check_models([Inpaint(backend="flow", model=str(sdxl))], here=True)
    check_models([spec(kind)], here=True)
    index = json.loads((kind[0] / "model_index.json").read_text())
    (sdxl / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        FlowInpaint(Inpaint(backend="flow", model=str(sdxl)))
