"""How the pipelines of SDXL are read: the inpainting one, its refiner, few-step adapters and their schedulers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from actors.compose.inpaint import Inpaint, Preview
from actors.models.hub import SAFE_FILES
from actors.models.provenance import identify
from actors.models.weights import HALF_FILES, forbid_code, local_weights
from engine.errors import EnvironmentProblem, UsageError
from engine.rows.values import Model

log = logging.getLogger(__name__)

LORA_FILE = "pytorch_lora_weights.safetensors"


def fetch(model: str, revision: str, device: torch.device) -> tuple[Path, str | None]:
    """A pipeline's folder, and the variant to read of it: only the precision that is used is fetched."""
    half = device.type == "cuda"
    if half and not Path(model).expanduser().is_dir():
        try:
            return local_weights(model, revision, files=HALF_FILES), "fp16"
        except EnvironmentProblem:
            log.info("%s has no half-precision files: fetching the full ones", model)
    folder = local_weights(model, revision)
    halves = {path.name for path in folder.glob("unet/*.fp16.safetensors")}
    only = bool(halves) and all(path.name in halves for path in folder.glob("unet/*.safetensors"))
    return folder, "fp16" if only or (half and halves) else None


def read_inpainting(folder: Path, device: torch.device, variant: str | None) -> Any:
    """A ``StableDiffusionXLInpaintPipeline``, as quiet and careful as a worker needs it."""
    forbid_code()
    from diffusers import StableDiffusionXLInpaintPipeline

    pipe = _read(StableDiffusionXLInpaintPipeline, folder, device, variant)
    pipe.vae.register_to_config(force_upcast=True)  # encode in float32 too, also where the last call left the VAE there
    pipe.vae.enable_slicing()  # decodes one canvas at a time: a batch of eight at 1024 px would take 8 x 5 GB
    return pipe


def read_text_to_image(folder: Path, device: torch.device, variant: str | None) -> Any:
    """A ``StableDiffusionXLPipeline``; its decoder runs in float32, one canvas at a time."""
    forbid_code()
    from diffusers import StableDiffusionXLPipeline

    pipe = _read(StableDiffusionXLPipeline, folder, device, variant)
    pipe.vae.register_to_config(force_upcast=True)
    pipe.vae.enable_slicing()
    return pipe


def read_refiner(folder: Path, base: Any, device: torch.device, variant: str | None) -> Any:
    """A ``StableDiffusionXLImg2ImgPipeline`` for the last steps; VAE and second text encoder are the base's own.

    Not its inpainting twin: that one noises the latents it is handed a second time to keep what is masked. What it
    does to the objects is undone by the stage `restore`.
    """
    from diffusers import StableDiffusionXLImg2ImgPipeline

    shared = {"vae": base.vae, "text_encoder_2": base.text_encoder_2, "tokenizer_2": base.tokenizer_2}
    return _read(StableDiffusionXLImg2ImgPipeline, folder, device, variant, text_encoder=None, tokenizer=None, **shared)


def _read(kind: Any, folder: Path, device: torch.device, variant: str | None, **parts: Any) -> Any:
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    # It warns of every change of the decoder's precision, of which a call makes four.
    logging.getLogger("diffusers.models.modeling_utils").setLevel(logging.ERROR)
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    pipe = kind.from_pretrained(
        folder,
        dtype=torch.float16 if device.type == "cuda" else torch.float32,
        variant=variant,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        add_watermarker=False,  # training images carry no mark
        **parts,
    ).to(device)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def read_preview(spec: Preview, device: torch.device) -> tuple[Any, Model]:
    """An ``AutoencoderTiny`` in float32 and which one it is.

    Raises:
        UsageError: WEIGHTS_MISMATCH, and those of `actors.models.weights.local_weights`.
    """
    from diffusers import AutoencoderTiny

    folder = local_weights(spec.model, spec.revision)
    options = {"local_files_only": True, "output_loading_info": True}
    try:
        net, told = AutoencoderTiny.from_pretrained(folder, use_safetensors=True, **options)
    except (ValueError, RuntimeError, KeyError, OSError, TypeError) as error:
        raise _no_preview(folder, (str(error).strip() or type(error).__name__).splitlines()[0]) from None
    if told["missing_keys"]:
        raise _no_preview(folder, f"it lacks {told['missing_keys'][0]}")
    return net.to(device).eval(), identify(spec.model, folder)


def _no_preview(folder: Path, why: str) -> UsageError:
    return UsageError(
        "WEIGHTS_MISMATCH",
        "is no AutoencoderTiny",
        where=str(folder),
        why=why,
        fix="take madebyollin/taesdxl, or leave inpaint.preview out",
    )


def adapt(pipe: Any, spec: Inpaint) -> Path | None:
    """Give a pipeline the scheduler that a recipe names, and melt its LoRA into the UNet; the LoRA's folder.

    Raises:
        UsageError: LORA_MISMATCH, and those of `actors.models.weights.local_weights`.
    """
    from diffusers import EulerDiscreteScheduler, LCMScheduler

    if spec.scheduler == "lcm":
        pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    elif spec.scheduler == "euler_trailing":
        pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, timestep_spacing="trailing")
    if spec.lora is None:
        return None
    files = tuple(spec.lora.file if spec.lora.file and name == "*.safetensors" else name for name in SAFE_FILES)
    folder = local_weights(spec.lora.model, spec.lora.revision, files=files)
    name = spec.lora.file or _only_lora(folder)
    try:
        pipe.load_lora_weights(folder, weight_name=name, local_files_only=True, use_safetensors=True)
        pipe.fuse_lora(lora_scale=spec.lora.scale)
    except (ValueError, RuntimeError, KeyError, OSError, IndexError) as error:
        raise UsageError(
            "LORA_MISMATCH",
            f"{name} does not fit the inpainting model",
            where=str(folder),
            why=(str(error).strip() or type(error).__name__).splitlines()[0],
            fix="take a LoRA of the same base model; `lora.file` names one of several",
        ) from None
    pipe.unload_lora_weights()
    return folder


def _only_lora(folder: Path) -> str:
    """The file of a folder that is meant when none is named: the usual one, or the only one."""
    found = sorted(path.name for path in folder.glob("*.safetensors"))
    if LORA_FILE in found:
        return LORA_FILE
    if len(found) == 1:
        return found[0]
    raise UsageError(
        "LORA_MISMATCH",
        "does not say which of its files is the LoRA",
        where=str(folder),
        why=f"at its root are: {', '.join(found) or 'no safetensors'}",
        fix="name one with inpaint.lora.file",
    )
