"""A look at the model folders of a recipe before any worker starts: configs and file headers, no weights, no torch.

A folder that is broken, cut off, a pickle by another name or another architecture is named here in milliseconds, not
minutes later by a worker on another machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.models.nets import ONNX, find_net
from actors.models.weights import SHIPPED, local_weights, read_header, require_pinned
from engine.errors import EnvironmentProblem, UsageError
from engine.run.stage import Spec

PATH_LIKE = ("/", "./", "../", "~")
NAMING = {
    "model": "revision",
    "base": "revision",
    "weights": "",
    "detector": "detector_revision",
    "sam": "sam_revision",
    "words_model": "words_revision",
}
"""The keys of specs that name a model, and those that name its commit."""
PREFIXES = re.compile(r"(local-dir|hf-hub):")  # open_clip's


@dataclass(frozen=True, slots=True)
class Landmark:
    """A tensor whose size along `axis` a config states under `key` (dots lead inwards).

    Attributes:
        tensor: the end of its name.
        required: whether it is there in every model of the architecture.
    """

    tensor: str
    axis: int
    config: str
    key: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Architecture:
    """By what a folder is recognised: a value in a config, and tensors of the size that it promises.

    Attributes:
        config: file that must be there and hold JSON.
        key: where in it the kind is stated.
        kind: what stands there, as a regular expression.
        landmarks: tensors in the safetensors files beside the landmark's config.
    """

    config: str
    key: str
    kind: str
    landmarks: tuple[Landmark, ...] = ()


_UNET, _CLIP, _CONFIG = "unet/config.json", "open_clip_config.json", "config.json"
_LANGUAGE = Architecture(
    _CONFIG,
    "architectures.0",
    r".*(ForCausalLM|LMHeadModel|ForConditionalGeneration)",
    (Landmark("embed_tokens.weight", 1, _CONFIG, "hidden_size", required=False),),
)
FLOWS: Mapping[str, str] = {
    "ZImageInpaintPipeline": r"ZImage(Inpaint|Img2Img)?Pipeline",
    "Flux2KleinInpaintPipeline": r"Flux2Klein(Inpaint|KV)?Pipeline",
}
"""Pipelines that inpaint by flow matching, and the classes of the folders that they can read."""
ARCHITECTURES: Mapping[str, Architecture] = {
    "sdxl": Architecture(
        "model_index.json",
        "_class_name",
        "StableDiffusionXL.*Pipeline",
        (
            Landmark("conv_in.weight", 0, _UNET, "block_out_channels.0"),
            Landmark("conv_in.weight", 1, _UNET, "in_channels"),
        ),
    ),
    "stable_diffusion": Architecture("model_index.json", "_class_name", "StableDiffusion(XL)?Pipeline"),
    "flux2_klein": Architecture("model_index.json", "_class_name", "Flux2KleinPipeline"),
    "flow": Architecture("model_index.json", "_class_name", "|".join(FLOWS.values())),
    "open_clip": Architecture(
        _CLIP,
        "model_cfg.embed_dim",
        "[0-9]+",
        (Landmark("token_embedding.weight", 1, _CLIP, "model_cfg.text_cfg.width"),),
    ),
    "siglip": Architecture(
        _CONFIG,
        "model_type",
        "siglip",
        (Landmark("text_model.embeddings.token_embedding.weight", 1, _CONFIG, "text_config.hidden_size", False),),
    ),
    "dino": Architecture(
        _CONFIG,
        "model_type",
        "dinov2|vit",
        (Landmark("embeddings.patch_embeddings.projection.weight", 0, _CONFIG, "hidden_size"),),
    ),
    "owlvit": Architecture(
        _CONFIG,
        "model_type",
        "owlvit|owlv2",
        (Landmark("text_model.embeddings.token_embedding.weight", 1, _CONFIG, "text_config.hidden_size"),),
    ),
    "transformers": _LANGUAGE,
    "vllm": _LANGUAGE,
}
"""By the name of a backend. One that is missing here is checked as far as `local_weights` goes."""


def check_models(specs: Sequence[Spec], *, here: bool) -> None:
    """Refuse a recipe whose local or shipped models cannot be loaded; hub ids are not looked at.

    Args:
        specs: of the stages.
        here: whether workers see this machine's disk, so that a path that is not there is wrong.

    Raises:
        UsageError: WEIGHTS_MISMATCH, and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: NET_MISSING, WEIGHTS_CONFIG, and those of `actors.models.weights.local_weights`.
    """
    for each in models_of(specs):
        folder = Path(each.place).expanduser()
        if each.backend == ONNX:
            if here:
                find_net(each.model)
        elif folder.is_file():
            read_header(folder)
        elif folder.is_dir() or each.place.startswith(SHIPPED) or (here and each.place.startswith(PATH_LIKE)):
            _check(local_weights(each.place), ARCHITECTURES.get(each.backend))


def check_commits(specs: Sequence[Spec]) -> None:
    """Refuse hub ids without a commit here, and not two minutes later by a worker.

    Raises:
        UsageError: WEIGHTS_UNPINNED.
    """
    for each in models_of(specs):
        from_hub = "/" in each.place and (each.backend != "open_clip" or PREFIXES.match(each.model))
        if from_hub and not each.place.startswith((SHIPPED, *PATH_LIKE)) and not Path(each.place).exists():
            require_pinned(each.place, each.revision)


def local_folders(specs: Sequence[Spec]) -> list[str]:
    """The models of some stages that are paths, and not names on a hub or of shipped ones."""
    models = [each.place for each in models_of(specs)]
    return [name for name in models if name.startswith(PATH_LIKE) or Path(name).exists()]


@dataclass(frozen=True, slots=True)
class Reference:
    """A model as a recipe names it; the backend is empty where the spec around it decides."""

    backend: str
    model: str
    revision: str = ""

    @property
    def place(self) -> str:
        """The folder or hub id, without what open_clip writes before it."""
        return PREFIXES.sub("", self.model, count=1) if PREFIXES.match(self.model) else self.model


def models_of(specs: Sequence[Spec]) -> Iterator[Reference]:
    """Every model that stages name, in order, and those of the specs inside them. Not what a server runs."""
    for spec in specs:
        fields = {name: getattr(spec, name) for name in type(spec).model_fields}
        for key, revision in NAMING.items() if not fields.get("server") else ():
            name = fields.get(key)
            if name and isinstance(name, str):
                tag = f"/{fields['pretrained']}" if fields.get("pretrained") else ""
                yield Reference(str(fields.get("backend", "")), name + tag, str(fields.get(revision) or ""))
        yield from (Reference(ONNX, name) for name in fields.get("nets", ()))
        yield from models_of([value for value in fields.values() if isinstance(value, Spec)])


def _check(folder: Path, architecture: Architecture | None) -> None:
    if architecture is None:
        return
    stated = _stated_value(_config(folder, architecture.config), architecture.key)
    if not re.fullmatch(architecture.kind, str(stated)):
        raise _mismatch(folder, f"{architecture.key} in {architecture.config} is {stated!r}")
    for landmark in architecture.landmarks:
        _compare(folder, landmark)


def _compare(folder: Path, landmark: Landmark) -> None:
    config = folder / landmark.config
    promised = _stated_value(_config(folder, landmark.config), landmark.key)
    headers = [read_header(path) for path in sorted(config.parent.glob("*.safetensors"))]
    shapes = [
        entry["shape"]
        for header in headers
        for name, entry in header.items()
        if f".{name}".endswith(f".{landmark.tensor}")
    ]
    if not shapes and landmark.required:
        raise _mismatch(config.parent, f"there is no tensor {landmark.tensor!r}")
    for shape in shapes:
        found = shape[landmark.axis] if len(shape) > landmark.axis else None
        if promised is not None and found != promised:
            why = f"{landmark.tensor!r} has the shape {shape}, and {landmark.key} in {landmark.config} is {promised}"
            raise _mismatch(config.parent, why)


def _config(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise EnvironmentProblem(
            "WEIGHTS_CONFIG",
            f"holds no usable {name}",
            where=str(folder),
            why=f"{type(error).__name__}: {error}",
            fix="take the whole folder of the model, of the architecture that the backend runs",
        ) from None


def _stated_value(tree: Any, key: str) -> Any:
    for part in key.split("."):
        if isinstance(tree, list) and part.isdigit() and int(part) < len(tree):
            tree = tree[int(part)]
        elif isinstance(tree, dict):
            tree = tree.get(part)
        else:
            return None
    return tree


def _mismatch(folder: Path, why: str) -> UsageError:
    return UsageError(
        "WEIGHTS_MISMATCH",
        "is no model of the architecture that the backend runs",
        where=str(folder),
        why=why,
        fix="name a folder of that architecture, or the backend that fits the folder",
    )
