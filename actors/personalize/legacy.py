"""Personalisations of other tools, read into what an artifact holds: three formats of Custom Diffusion.

    delta.bin, by the authors' diffusers trainer   {"unet": {name: weight}, "modifier_token": {token: row or two rows}}
    delta.ckpt, by their first trainer             {"state_dict": {LDM name: weight, "embed": rows}}
    a folder, by the example of diffusers          pytorch_custom_diffusion_weights.* and one file for each token

They hold whole weights; an artifact holds what is added to the base's. Pickles are read by torch's restricted reader,
which builds tensors and containers alone (`weights_only=True`). A weight may be stored as two factors, ``u`` and ``v``,
which are added to the base's: the authors' compressed form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engine.errors import EnvironmentProblem, UsageError

WEIGHTS = "pytorch_custom_diffusion_weights"
_PROCESSOR = re.compile(r"(.*\.attn2)\.processor\.(to_[kv])_custom_diffusion\.weight")
_PLAIN = re.compile(r"(.*\.attn2\.to_[kv])\.weight")
_INPUT, _OUTPUT = re.compile(r"input_blocks\.(\d+)\.1\."), re.compile(r"output_blocks\.(\d+)\.1\.")
_LDM = "model.diffusion_model."


@dataclass(frozen=True, slots=True)
class LegacyWeights:
    """What a file of another tool holds.

    Attributes:
        whole: keys and values by diffusers' names of their parameters, as they replace the base's.
        added: what is added to the base's, where a file was compressed.
        rows: of each token, one row, or for SDXL two.
    """

    whole: Mapping[str, Tensor]
    added: Mapping[str, Tensor]
    rows: Mapping[str, tuple[Tensor, ...]]


def read_legacy(path: Path) -> LegacyWeights:
    """The weights of any of the three formats.

    Raises:
        UsageError: LEGACY_FORMAT where it is none of them.
        EnvironmentProblem: LEGACY_UNREADABLE.
    """
    if path.is_dir():
        return _of_folder(path)
    tree = _read(path)
    if "modifier_token" in tree:
        rows = {
            token: tuple(row) if isinstance(row, (list, tuple)) else (row,)
            for token, row in tree["modifier_token"].items()
        }
        return _sort(tree.get("unet", {}), rows)
    if "state_dict" in tree:
        state = {_diffusers_name(name): value for name, value in tree["state_dict"].items() if name.startswith(_LDM)}
        embedded = tree["state_dict"].get("embed", torch.zeros(0, 1))
        return _sort(state, {f"<new{number}>": (row,) for number, row in enumerate(embedded, 1)})
    raise _no_format(path, f"it has {', '.join(map(str, list(tree)[:5]))}")


def _of_folder(path: Path) -> LegacyWeights:
    files = sorted(each for each in path.iterdir() if each.suffix in {".safetensors", ".bin"})
    weights = [each for each in files if each.stem == WEIGHTS]
    if not weights:
        raise _no_format(path, f"there is no {WEIGHTS}.safetensors or .bin")
    rows: dict[str, tuple[Tensor, ...]] = {}
    for file in files:
        if file.stem.startswith("<"):
            rows |= {token: (row.reshape(-1),) for token, row in _read(file).items()}
    return _sort(_read(weights[0]), rows)


def _sort(state: Mapping[str, Any], rows: Mapping[str, tuple[Tensor, ...]]) -> LegacyWeights:
    whole: dict[str, Tensor] = {}
    added: dict[str, Tensor] = {}
    for name, value in state.items():
        found = _PROCESSOR.fullmatch(name)
        place = f"{found[1]}.{found[2]}" if found else (plain[1] if (plain := _PLAIN.fullmatch(name)) else "")
        if not place:
            continue
        if isinstance(value, Mapping):
            added[f"{place}.weight"] = value["u"].float() @ value["v"].float()
        else:
            whole[f"{place}.weight"] = value.float()
    return LegacyWeights(whole, added, {token: tuple(row.float() for row in each) for token, each in rows.items()})


def _diffusers_name(name: str) -> str:
    """``model.diffusion_model.input_blocks.4.1.…`` of an SD 1.x as ``down_blocks.1.attentions.0.…``."""
    text = name.removeprefix(_LDM)
    text = _INPUT.sub(lambda at: f"down_blocks.{(int(at[1]) - 1) // 3}.attentions.{(int(at[1]) - 1) % 3}.", text)
    text = _OUTPUT.sub(lambda at: f"up_blocks.{int(at[1]) // 3}.attentions.{int(at[1]) % 3}.", text)
    return text.replace("middle_block.1.", "mid_block.attentions.0.")


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        made = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, SafetensorError, UnpicklingError) as error:
        raise EnvironmentProblem(
            "LEGACY_UNREADABLE",
            "cannot be read as tensors",
            where=str(path),
            why=str(error).splitlines()[0],
            fix="a file that holds other objects than tensors is not opened: it may run code",
        ) from error
    if not isinstance(made, dict):
        raise _no_format(path, "it holds no names")
    return made


def _no_format(path: Path, why: str) -> UsageError:
    fix = "give delta.bin or delta.ckpt of Custom Diffusion, or a folder of the diffusers example"
    return UsageError("LEGACY_FORMAT", "is no personalisation that is known here", where=str(path), why=why, fix=fix)
