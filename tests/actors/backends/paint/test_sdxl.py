import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from pydantic import ValidationError

from actors.backends.paint.sdxl import SdxlInpaint
from actors.compose.inpaint import Inpaint
from engine.compose.paste import over
from engine.errors import EnvironmentProblem, SampleError, UsageError
from engine.run.stage import Run
from engine.seeds import derive
from tests.support.data.canvas_rows import distance, row
from tests.support.models.tiny_models import save_sdxl_inpaint, save_sdxl_lora, save_sdxl_refiner

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")


def spec(folder, **changes):
    return Inpaint(backend="sdxl", model=str(folder), **{"steps": 4, "negative_prompt": "blurry", **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_sdxl_inpaint(tmp_path_factory.mktemp("models") / "sdxl")


@pytest.fixture(scope="module")
def painter(folder):
    return SdxlInpaint(spec(folder))


def test_a_canvas_comes_back_painted_in_its_own_size(painter):
    (painted,) = painter.paint([row()])
    assert painted.shape == (64, 64, 3)
    assert painted.dtype == np.uint8
    assert painted.std() > 5


def test_a_sample_does_not_depend_on_its_company(painter):
    rows = [row(0), row(1, prompt="on a beach"), row(2)]
    together = painter.paint(rows)
    alone = [painter.paint([item])[0] for item in reversed(rows)][::-1]
    assert max(map(distance, together, alone)) <= 2  # of 255: float noise
    assert distance(together[0], together[1]) > 50


def test_the_seed_and_the_prompt_of_the_row_decide(painter):
    first = painter.paint([row()])[0]
    assert distance(first, painter.paint([row()])[0]) == 0
    assert distance(first, painter.paint([replace(row(), seed=8)])[0]) > 5
    assert distance(first, painter.paint([row(prompt="at night")])[0]) > 0


def test_the_picture_is_the_one_that_diffusers_paints_from_plain_prompts(painter):
    item = row()
    expected = painter.pipe(
        prompt="a realistic photo in a garden", negative_prompt="blurry",
        image=Image.fromarray(over(item.foreground, item.background)), mask_image=Image.fromarray(item.repaint_mask),
        height=64, width=64, original_size=(1024, 1024), num_inference_steps=4, guidance_scale=6.0, strength=0.9,
        generator=torch.Generator("cpu").manual_seed(derive(item.seed, "inpaint", "latents")), output_type="np",
    ).images[0]  # fmt: skip
    assert distance(painter.paint([item])[0], np.rint(expected * 255)) <= 1


def test_the_mask_decides_what_is_repainted(painter):
    everything = replace(row(), repaint_mask=np.full((64, 64), 255, np.uint8))
    assert distance(painter.paint([row()])[0], painter.paint([everything])[0]) > 0


def test_a_prompt_is_encoded_once(folder):
    painter = SdxlInpaint(spec(folder))
    encoded = []
    painter.pipe.text_encoder.register_forward_pre_hook(lambda *_: encoded.append(1))
    painter.paint([row(0), row(1), row(2, prompt="on a beach")])
    painter.paint([row(3)])
    assert len(encoded) == 3  # two prompts and the negative one


def test_no_negative_prompt_means_zeros_where_the_model_says_so(folder):
    painter = SdxlInpaint(spec(folder, negative_prompt=""))
    assert painter.pipe.config.force_zeros_for_empty_prompt
    assert not painter._negative(painter.pipe)[0].any()
    assert painter.paint([row()])[0].std() > 5


def test_a_batch_too_large_for_the_card_is_halved_and_the_limit_kept(folder, caplog):
    painter = SdxlInpaint(spec(folder))
    expected = painter.paint([row(index) for index in range(5)])
    sizes = []

    def card(_, inputs):
        sizes.append(len(inputs[0]) // 2)  # guidance doubles the batch
        if sizes[-1] > 2:
            message = "CUDA out of memory"
            raise torch.cuda.OutOfMemoryError(message)

    painter.pipe.unet.register_forward_pre_hook(card)
    painted = painter.paint([row(index) for index in range(5)])
    assert max(map(distance, painted, expected)) <= 2
    assert [size for size in sizes if size > 2] == [5]
    assert painter.batches.most == 2
    assert "out of GPU memory with 5 canvases at once: going on with 2" in caplog.text


def test_a_card_too_small_for_one_canvas_is_a_named_problem(folder):
    painter = SdxlInpaint(spec(folder))

    def card(*_):
        message = "CUDA out of memory"
        raise torch.cuda.OutOfMemoryError(message)

    painter.pipe.unet.register_forward_pre_hook(card)
    with pytest.raises(EnvironmentProblem, match="GPU_MEMORY"):
        painter.paint([row(0), row(1)])


def test_a_picture_of_nan_or_of_one_colour_fails_its_own_row_alone(folder):
    painter = SdxlInpaint(spec(folder))
    values = {0: float("nan"), 2: 0.0}
    decoded = []

    def spoil(_, __, output):
        decoded.append(1)
        return output * 0 + values[len(decoded) - 1] if len(decoded) - 1 in values else output

    painter.pipe.vae.decoder.register_forward_hook(spoil)  # called once a row: the decoder is sliced
    answers = painter.paint([row(0), row(1), row(2)])
    assert [getattr(answer, "code", "") for answer in answers] == ["PAINT_BLANK", "", "PAINT_BLANK"]
    assert isinstance(answers[0], SampleError)
    assert answers[0].where == "0000000000"


def test_half_precision_paints_once_more_in_float32_and_stays_half(folder):
    painter = SdxlInpaint(spec(folder))
    painter.paint([row()])
    painter.pipe.to(torch.float16)
    values = painter._paint_in_full([row()])
    assert values.shape == (1, 64, 64, 3)
    assert np.isfinite(values).all()
    assert (painter.pipe.unet.dtype, painter.pipe.text_encoder.dtype) == (torch.float16, torch.float16)
    assert painter.embed.cache_info().currsize == 0, "words are embedded anew in the precision of the next row"


def test_a_canvas_that_is_no_multiple_of_8_is_refused(painter):
    with pytest.raises(UsageError, match="CANVAS_SIZE"):
        painter.paint([row(size=60)])


def test_steps_and_strength_that_leave_no_step_are_refused(folder):
    with pytest.raises(ValidationError, match=r"4 steps at strength 0.2 leave no step"):
        spec(folder, steps=4, strength=0.2)


def test_what_belongs_to_another_painter_is_refused():
    for keys in ({"lora": {"model": "a/b"}}, {"refiner": {"model": "a/b"}}, {"scheduler": "lcm"}):
        with pytest.raises(ValidationError, match="belong to the backend 'sdxl'"):
            Inpaint(backend="flow", model="a/b", **keys)


def test_the_model_of_a_row_is_named_with_revision_and_licence(painter):
    assert painter.models[0].name == "sdxl"
    assert painter.models[0].revision.startswith("blake2b:")
    assert painter.models[0].license == "openrail++"


def test_a_folder_with_one_pickled_part_is_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "sdxl")
    (copy / "unet" / "diffusion_pytorch_model.safetensors").rename(copy / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(UsageError, match=r"WEIGHTS_PICKLE_ONLY .*unet"):
        SdxlInpaint(spec(copy))


def test_a_part_that_brings_its_own_class_is_refused_and_not_run(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "sdxl")
    index = json.loads((copy / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps({**index, "unet": ["evil", "UNet2DConditionModel"]}))
    (copy / "unet" / "evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    with pytest.raises(UsageError, match="WEIGHTS_CUSTOM_CODE"):
        SdxlInpaint(spec(copy))
    assert not (tmp_path / "canary").exists()


def test_the_stage_paints_rows_through_it(painter, folder):
    run = Run(out="", library="", size=64)
    (answer,) = spec(folder).load(run)([row()])
    assert distance(answer.painted, painter.paint([row()])[0]) == 0


def test_a_refiner_takes_the_last_steps_and_is_named(folder, painter, tmp_path):
    refiner = save_sdxl_refiner(tmp_path / "refiner")
    steps = {"base": 0, "refiner": 0}
    refined = SdxlInpaint(spec(folder, steps=8, strength=1.0, refiner={"model": str(refiner), "start": 0.75}))
    for name, pipe in (("base", refined.pipe), ("refiner", refined.refiner)):
        pipe.unet.register_forward_pre_hook(lambda *_, name=name: steps.update({name: steps[name] + 1}))
    rows = [row(0), row(1, prompt="on a beach")]
    together = refined.paint(rows)
    assert steps == {"base": 6, "refiner": 2}
    assert max(map(distance, together, [refined.paint([item])[0] for item in rows])) <= 2
    assert distance(together[0], painter.paint(rows)[0]) > 0
    assert [model.name for model in refined.models] == ["sdxl", "refiner"]


def test_a_lora_changes_the_picture_and_is_named(folder, painter, tmp_path):
    lora = save_sdxl_lora(tmp_path / "lora")
    changed = SdxlInpaint(spec(folder, lora={"model": str(lora)}))
    assert [model.name for model in changed.models] == ["sdxl", "lora"]
    assert distance(changed.paint([row()])[0], painter.paint([row()])[0]) > 2
    none_of_it = SdxlInpaint(spec(folder, lora={"model": str(lora), "scale": 0.0}))
    assert distance(none_of_it.paint([row()])[0], painter.paint([row()])[0]) <= 1


def test_a_preview_is_decoded_by_the_tiny_autoencoder(folder, painter, tmp_path):
    torch.manual_seed(0)
    AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4).save_pretrained(
        tmp_path / "tiny"
    )
    quick = SdxlInpaint(spec(folder, preview={"model": str(tmp_path / "tiny")}))
    assert [model.name for model in quick.models] == ["sdxl", "tiny"]
    picture, own = quick.paint([row()])[0], painter.paint([row()])[0]
    assert picture.shape == own.shape
    assert not np.array_equal(picture, own)
    with pytest.raises(UsageError, match=r"WEIGHTS_MISMATCH.*AutoencoderTiny"):
        SdxlInpaint(spec(folder, preview={"model": str(folder / "vae")}))


@pytest.mark.slow  # a minute of compiling
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_painter_paints_the_same_picture(folder, painter):
    compiled = SdxlInpaint(spec(folder, compiled=True))
    one, other = compiled.paint([row()])[0], painter.paint([row()])[0]
    assert np.abs(one.astype(int) - other).max() <= 2


def test_of_several_loras_one_must_be_named(folder, tmp_path):
    lora = save_sdxl_lora(tmp_path / "lora")
    (own,) = lora.glob("*.safetensors")
    own.rename(lora / "a.safetensors")
    assert SdxlInpaint(spec(folder, lora={"model": str(lora)}))
    (lora / "b.safetensors").write_bytes((lora / "a.safetensors").read_bytes())
    with pytest.raises(UsageError, match=r"LORA_MISMATCH(.|\n)*a.safetensors, b.safetensors(.|\n)*lora.file"):
        SdxlInpaint(spec(folder, lora={"model": str(lora)}))
    assert SdxlInpaint(spec(folder, lora={"model": str(lora), "file": "b.safetensors"}))


def test_a_lora_of_another_model_is_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="LORA_MISMATCH"):
        SdxlInpaint(spec(folder, lora={"model": str(save_sdxl_lora(tmp_path / "lora", width=48))}))
    with pytest.raises(UsageError, match="LORA_MISMATCH"):
        SdxlInpaint(spec(folder, lora={"model": str(save_sdxl_lora(tmp_path / "other")), "file": "none.safetensors"}))


@pytest.mark.parametrize(("name", "kind"), [("lcm", "LCMScheduler"), ("euler_trailing", "EulerDiscreteScheduler")])
def test_another_scheduler_is_taken_where_a_few_step_adapter_wants_it(folder, name, kind):
    painter = SdxlInpaint(spec(folder, scheduler=name, guidance=1.0))
    assert type(painter.pipe.scheduler).__name__ == kind
    assert painter.paint([row()])[0].std() > 5
