"""`python -m benchmarks.speed.gpu [--out FILE] [--small]`: large models on one GPU, random weights; no Ray, no hub.

SDXL inpainting runs as our worker does it (batches, embeddings kept, channels-last, compiled or not) and as a plain
script does (one canvas a call, words encoded each time), in turns. The bound is what the same GPU reaches in a large
matrix product, over the operations that a picture needs.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from actors.backends.paint.sdxl import SdxlInpaint
from actors.compose.inpaint import Inpaint
from actors.models.dummy.published import PUBLISHED, Published, Sizes
from actors.models.dummy.write import write_dummy
from engine.rows.composition import Composition

BATCHES, STEPS, SIZE = (1, 2, 4, 8), (20, 54), 1024
ROUNDS = 3
PROMPT = "a realistic photo in a garden"
CLIPS = ("ViT-B-32", "ViT-L-14")
IMAGES = 64
SDXL = PUBLISHED["diffusers/stable-diffusion-xl-1.0-inpainting-0.1"]
DINOV2 = PUBLISHED["facebook/dinov2-large"].sizes
SMALL_TEXT = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "projection_dim": 32}
SMALL: Sizes = {
    "unet": {
        "block_out_channels": (32, 64, 64), "transformer_layers_per_block": (1, 1, 1), "attention_head_dim": (4, 4, 4),
        "cross_attention_dim": 64, "projection_class_embeddings_input_dim": 6 * 256 + 32,
    },
    "vae": {"block_out_channels": (32,) * 4, "layers_per_block": 1},
    "text": {**SMALL_TEXT, "num_attention_heads": 2}, "text_2": {**SMALL_TEXT, "num_attention_heads": 2},
}  # fmt: skip


def sdxl(device: str, *, small: bool) -> Published:
    """SDXL inpainting as published, or with few and thin layers; a CPU knows no half precision."""
    sizes = {name: {**part, **SMALL[name]} for name, part in SDXL.sizes.items()} if small else SDXL.sizes
    return Published(SDXL.kind, sizes, SDXL.dtype if device != "cpu" else "float32")


def canvas(number: int, size: int) -> Composition:
    """A row as it reaches the worker: a square object before noise."""
    draw = np.random.default_rng(number)
    foreground, mask = np.zeros((size, size, 4), np.uint8), np.full((size, size), 255, np.uint8)
    middle = slice(size // 4, size // 2)
    foreground[middle, middle], mask[middle, middle] = (200, 30, 30, 255), 0
    return Composition(
        sample_id=str(number), unit_id=0, seed=number, background_prompt="in a garden",
        background=draw.integers(0, 256, (size, size, 3), dtype=np.uint8), foreground=foreground, repaint_mask=mask,
    )  # fmt: skip


def rate(work: Callable[[], object], pictures: int) -> float:
    """Pictures a second: the median of three calls after one that warms up."""
    seconds = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return pictures / median(seconds[1:])


def plain_loop(painter: SdxlInpaint, row: Composition, size: int, steps: int) -> Callable[[], object]:
    """What a script does: one canvas a call, prompts as text."""
    picture = Image.fromarray(np.asarray(row.background))
    mask = Image.fromarray(np.asarray(row.repaint_mask))

    def work() -> object:
        with torch.inference_mode():
            return painter.pipe(
                prompt=PROMPT, negative_prompt=painter.spec.negative_prompt, image=picture, mask_image=mask, width=size,
                height=size, num_inference_steps=steps, strength=0.99, guidance_scale=6.0,
            ).images  # fmt: skip

    return work


def painting(
    folder: Path, size: int, batches: Sequence[int], steps: Sequence[int], ways: Sequence[bool]
) -> Iterator[dict[str, Any]]:
    """Images a second of worker and plain loop, for each batch, number of steps and way (compiled or not)."""
    for count in steps:
        for compiled in ways:
            spec = Inpaint(backend="sdxl", model=str(folder), steps=count, strength=0.99, compiled=compiled)
            painter = SdxlInpaint(spec)
            alone = None if compiled else rate(plain_loop(painter, canvas(0, size), size, count), 1)
            for batch in batches:
                rows = [canvas(number, size) for number in range(batch)]
                ours = rate(lambda rows=rows, painter=painter: painter.paint(rows), batch)  # type: ignore[misc]
                yield {
                    "what": "sdxl inpaint", "size": size, "steps": count, "batch": batch, "compiled": compiled,
                    "images_per_s": ours, "plain_images_per_s": alone,
                }  # fmt: skip
            del painter
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def encoders(device: str, *, small: bool) -> Iterator[dict[str, Any]]:
    """Images a second of the scorers' and the segmenter's networks, in float32 as they run."""
    import open_clip
    from transformers import Dinov2Config, Dinov2Model

    from actors.backends.segment.isnet_net import ISNet

    count = 2 if small else IMAGES
    dino = {**DINOV2} | ({"num_hidden_layers": 1, "hidden_size": 64, "num_attention_heads": 2} if small else {})
    side = 64 if small else 1024
    with torch.device(device), torch.inference_mode():
        nets: dict[str, tuple[Callable[[Any], Any], int]] = {}
        for name in CLIPS[:1] if small else CLIPS:
            nets[f"open_clip {name}"] = (open_clip.create_model(name, device=device).eval().encode_image, 224)
        nets["dinov2 large"] = (Dinov2Model(Dinov2Config(**dino)).eval(), 224)
        nets["isnet"] = (ISNet().eval(), side)
        for name, (net, pixels) in nets.items():
            images = torch.rand(min(count, 8) if name == "isnet" else count, 3, pixels, pixels)
            yield {"what": name, "size": pixels, "images_per_s": rate(lambda n=net, i=images: n(i), len(images))}  # type: ignore[misc]


def bound(folder: Path, device: str, size: int, steps: int) -> dict[str, Any]:
    """Images a second, were the UNet all there is and every operation as fast as in a product of large matrices."""
    from torch.utils.flop_counter import FlopCounterMode

    spec = Inpaint(backend="sdxl", model=str(folder), steps=1, strength=1.0)
    painter = SdxlInpaint(spec)
    with FlopCounterMode(display=False) as counter:
        painter.paint([canvas(0, size)])
    per_step = float(sum(counter.get_flop_counts()["UNet2DConditionModel"].values()))
    length = 8192 if device != "cpu" else 512
    dtype = torch.float16 if device != "cpu" else torch.float32
    matrix = torch.rand(length, length, device=device, dtype=dtype)
    flops = rate(lambda: matrix @ matrix, 1) * 2 * length**3
    return {"what": "bound", "flops_per_s": flops, "flops_per_step": per_step, "images_per_s": flops / per_step / steps}


def main() -> None:
    """Measure everything; print it, and write it as JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.gpu", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--small", action="store_true", help="tiny networks: to try the benchmark itself")
    asked = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size, batches, steps = (64, (1, 2), (2,)) if asked.small else (SIZE, BATCHES, STEPS)
    ways = (False,) if asked.small else (False, True)
    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or "cpu"
    told: dict[str, Any] = {"device": name, "torch": torch.__version__, "rows": []}
    with tempfile.TemporaryDirectory(prefix="mcb") as scratch:
        folder = write_dummy(sdxl(device, small=asked.small), Path(scratch) / "sdxl", device)
        for row in (*painting(folder, size, batches, steps, ways), *encoders(device, small=asked.small)):
            told["rows"].append(row)
            print(json.dumps(row), flush=True)
        told["rows"].append(bound(folder, device, size, steps[0]))
        print(json.dumps(told["rows"][-1]))
    if asked.out:
        asked.out.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
