"""Networks with their readers, from sizes alone; each as the library's own `save_pretrained` writes it.

A kind's builder takes the sizes of its parts and returns what goes into the model's folder. Tokenizers are those of
the micro family: what a text says does not matter to a random network, how long it is does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from actors.models.dummy import diffusion, language, vision
from actors.models.dummy.published import Sizes

BUILDERS: Mapping[str, Callable[[Sizes], list[Any]]] = {
    "bert": language.bert,
    "dinov2": vision.dinov2,
    "flux2_klein": diffusion.flux2_klein,
    "grounding_dino": vision.grounding_dino,
    "isnet": lambda sizes: [vision.IsNetFolder(sizes)],
    "open_clip": lambda sizes: [vision.OpenClipFolder(sizes)],
    "owlv2": vision.owlv2,
    "qwen3": language.qwen3,
    "qwen3_vl": language.qwen3_vl,
    "sam2": vision.sam2,
    "sdxl_inpaint": diffusion.sdxl_inpaint,
    "sdxl_refiner": diffusion.sdxl_refiner,
    "siglip": vision.siglip,
    "vit": vision.vit,
    "z_image": diffusion.z_image,
}
"""By `Published.kind`."""
