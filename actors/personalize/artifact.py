"""What a personalisation leaves: LoRAs in diffusers' keys or changes of keys and values, embeddings, a manifest.

    concepts.safetensors              clip_l and for SDXL clip_g, or qwen3: a row for each token, float32
    pytorch_lora_weights.safetensors  methods kv-lora and attn-lora, as `load_lora_weights` of diffusers reads it
    kv.safetensors                    method kv: what is added to each attn2.to_k and attn2.to_v of the UNet
    manifest.json                     tokens and concepts, method, base, data and spec, licences, hashes of the files
    README.md                         the model card

Plain diffusers reads all of it: docs/train.md shows how. Nothing is a pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from actors.models.weights import read_tensors
from actors.personalize.bases.base_model import Base
from actors.personalize.custom_diffusion import Method
from actors.personalize.manifest import MANIFEST, damage, read_manifest, require_base
from actors.personalize.model_card import model_card
from actors.personalize.trainables import ADAPTER, TokenRows
from engine.rows.values import Model
from engine.storage.hashes import digest
from engine.storage.open_store import open_store
from planners.train.prompts import COMPOSITION_TOKEN, ConceptWords

EMBEDDINGS, KV, LORA, CARD = (
    "concepts.safetensors", "kv.safetensors", "pytorch_lora_weights.safetensors", "README.md",
)  # fmt: skip
ENCODERS = {"clip_l": "", "clip_g": "_2", "qwen3": ""}
"""What diffusers writes behind ``tokenizer`` and ``text_encoder``, by the name that embeddings are passed on by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFacts:
    """What the manifest says of a training.

    Attributes:
        method: what was trained.
        words: of the concepts.
        composition: whether there is a token for the arrangement.
        base: the model, with its hash.
        base_from: where it was read: folder, shipped name or hub id, and its commit.
        side: of the pictures in pixels.
        licenses: of all sources.
        spec: all hyperparameters, as JSON.
        data: where the rows were, how many, and a hash of which.
        metrics: of the last look.
    """

    method: Method
    words: tuple[ConceptWords, ...]
    composition: bool
    base: Model
    base_from: tuple[str, str]
    side: int
    licenses: tuple[str, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tokens(self) -> list[str]:
        """All new tokens, in the order of their embeddings."""
        return [*(each.token for each in self.words), *([COMPOSITION_TOKEN] if self.composition else [])]


def save_artifact(
    folder: Path, base: Base, rows: Sequence[TokenRows], before: Mapping[str, Tensor], facts: ArtifactFacts
) -> None:
    """Write a folder; `before` are the base's own keys and values, for method kv."""
    folder.mkdir(parents=True, exist_ok=True)
    embeddings = {name: _plain(each.rows) for name, each in zip(base.embeddings, rows, strict=False)}
    if embeddings:
        save_file(embeddings, folder / EMBEDDINGS)
    if facts.method == "kv":
        changed = {name: _plain(base.denoiser.get_parameter(name)) - before[name].float() for name in sorted(before)}
        save_file(changed, folder / KV)
    else:
        _save_lora(folder, base)
    write_manifest(folder, facts, list(embeddings))


def write_manifest(folder: Path, facts: ArtifactFacts, embeddings: Sequence[str]) -> None:
    """Write manifest and model card of a folder whose weights are there, with rows of tokens by these names."""
    files = {path.name: digest(path.read_bytes()) for path in sorted(folder.glob("*.safetensors"))}
    manifest = {**asdict(facts), "tokens": facts.tokens if embeddings else [], "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    (folder / CARD).write_text(model_card(manifest, embeddings), encoding="utf-8")


def apply_artifact(folder: Path, pipe: Any, base_model: Model) -> list[str]:
    """Teach a diffusers pipeline what an artifact holds; its tokens.

    Raises:
        UsageError: ARTIFACT_BASE where it was trained on another base.
        EnvironmentProblem: ARTIFACT_DAMAGED.
    """
    manifest = read_artifact(folder)
    require_base(manifest, base_model, str(folder))
    rows = read_tensors(folder / EMBEDDINGS) if EMBEDDINGS in manifest["files"] else {}
    for name, learned in rows.items():
        ending = ENCODERS[name]
        teach_tokens(
            getattr(pipe, f"tokenizer{ending}"), getattr(pipe, f"text_encoder{ending}"), manifest["tokens"], learned
        )
    if manifest["method"] == "kv":
        with torch.no_grad():
            for name, change in read_tensors(folder / KV).items():
                weight: nn.Parameter = pipe.unet.get_parameter(name)
                weight.add_(change.to(weight.device, weight.dtype))
    else:
        pipe.load_lora_weights(folder, weight_name=LORA, use_safetensors=True)
    return list(manifest["tokens"])


@torch.no_grad()
def teach_tokens(tokenizer: Any, encoder: Any, tokens: Sequence[str], rows: Tensor) -> None:
    """Give new tokens to a text encoder, with their rows of its embedding table, (tokens, width)."""
    tokenizer.add_tokens(list(tokens))
    spare = encoder.get_input_embeddings().num_embeddings
    encoder.resize_token_embeddings(max(len(tokenizer), spare), mean_resizing=False)
    table = encoder.get_input_embeddings().weight
    table[tokenizer.convert_tokens_to_ids(list(tokens))] = rows.to(table.device, table.dtype)


def read_artifact(folder: Path) -> dict[str, Any]:
    """The manifest, after the files were held against it.

    Raises:
        EnvironmentProblem: ARTIFACT_DAMAGED.
    """
    manifest = read_manifest(open_store(str(folder)))
    for name, known in manifest["files"].items():
        file = folder / name
        if not file.is_file() or digest(file.read_bytes()) != known:
            raise damage(str(folder), f"{name} is not what was saved")
    return manifest


def _save_lora(folder: Path, base: Base) -> None:
    from peft.utils import get_peft_model_state_dict

    layers = get_peft_model_state_dict(base.denoiser, adapter_name=ADAPTER)
    layers = {name: _plain(tensor) for name, tensor in layers.items()}
    base.pipe.save_lora_weights(folder, weight_name=LORA, **{f"{base.part}_lora_layers": layers})


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().float().cpu().contiguous().clone()
