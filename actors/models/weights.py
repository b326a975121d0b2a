"""The one door for weights: safetensors only, from a local folder or from the hub at a pinned revision.

A pickle runs code when it is read, and so may a repository that brings its own model classes. Neither passes this
door, and what passes is checked by its header before a model library sees it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from actors.models.hub import SAFE_FILES, from_hub
from actors.models.mirror import VARIABLE, fetch_mirrored
from engine.errors import EnvironmentProblem, UsageError

PIPELINE_FILES = (
    "model_index.json", "README.md", "*/*.json", "*/*.txt", "*/*.model", "*/*.jinja", "*/model.safetensors",
    "*/model-0*.safetensors", "*/diffusion_pytorch_model.safetensors", "*/diffusion_pytorch_model-0*.safetensors",
)  # fmt: skip
"""Of a pipeline of diffusers, once: beside the folders hubs have the same weights in one file, and other precisions."""
CHAT_FILES = (*SAFE_FILES, "*.jinja")  # newer language models keep their chat template in a file of its own
HALF_FILES = tuple("*.fp16.safetensors" if name == "*.safetensors" else name for name in SAFE_FILES)
CLIP_CHECKPOINTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
CLIP_FILES = ("*.json", "*.txt", "*.model", "README.md", *CLIP_CHECKPOINTS)
PICKLES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"})
CONFIGS = ("config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json")
CODE_LIBRARIES = ("diffusers", "transformers")

SHIPPED = "shipped:"
SHIPPED_FOLDER = Path(__file__).parents[2] / "weights"  # at the root of a checkout, beside actors/ in a wheel

_SHIPPED_NAME = re.compile(r"[a-z0-9_-]+/[a-z0-9_-]+")
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w.-]+")
PINNED = re.compile(r"[0-9a-f]{40}")
_HEADER_LIMIT = 100_000_000  # bytes; the limit of the format's own reader


def forbid_code() -> None:
    """Tell the model libraries of this process to run no code from repositories and to read no pickled objects.

    Takes full effect before they are imported; afterwards `local_weights` alone stands guard.
    """
    os.environ["DIFFUSERS_DISABLE_REMOTE_CODE"] = "1"  # also covers community pipelines, which have no other switch
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)


def local_weights(model: str, revision: str = "", *, files: Sequence[str] = SAFE_FILES) -> Path:
    """The local folder of a model, checked.

    Args:
        model: a local folder, ``shipped:<family>/<part>`` for one that comes with the engine, or a hub id such as
            ``org/name``. A folder wins where both could be meant.
        revision: the 40 hex digits of a commit; required for a hub id, not used for a folder.
        files: name patterns that are fetched from the hub.

    Raises:
        UsageError: WEIGHTS_UNPINNED, WEIGHTS_PICKLE_ONLY, WEIGHTS_CUSTOM_CODE.
        EnvironmentProblem: WEIGHTS_MISSING, WEIGHTS_UNREADABLE; where `MYCANVAS_MODELS` is set, MODEL_NOT_PULLED and
            MODEL_DAMAGED.
    """
    folder = _shipped_folder(model) if model.startswith(SHIPPED) else Path(model).expanduser()
    if not is_local(model):
        require_pinned(model, revision)
        root = os.environ.get(VARIABLE, "")
        folder = fetch_mirrored(model, revision, root) if root else from_hub(model, revision, files)
    check_folder(folder)
    return folder


def is_local(model: str) -> bool:
    """Whether a model lies on this machine as a folder, or came with the engine."""
    return model.startswith(SHIPPED) or Path(model).expanduser().is_dir()


def pipeline_weights(model: str, revision: str = "") -> Path:
    """The local folder of a whole pipeline of diffusers in full precision; see `local_weights`."""
    return local_weights(model, revision, files=PIPELINE_FILES)


def check_folder(folder: Path) -> None:
    """Refuse pickles, code, and files that are cut off; headers are read, tensors are not.

    Raises:
        UsageError: WEIGHTS_PICKLE_ONLY, WEIGHTS_CUSTOM_CODE.
        EnvironmentProblem: WEIGHTS_MISSING, WEIGHTS_UNREADABLE.
    """
    _refuse_code(folder)
    _refuse_pickles(folder)
    for path in files_ending(folder, ".safetensors"):
        read_header(path)


def _shipped_folder(model: str) -> Path:
    name = model.removeprefix(SHIPPED)
    folder = SHIPPED_FOLDER / name
    if not _SHIPPED_NAME.fullmatch(name) or not folder.is_dir():
        part = name.rpartition("/")[2]
        here = sorted(f"{path.parent.name}/{path.name}" for path in SHIPPED_FOLDER.glob("*/*") if path.is_dir())
        raise EnvironmentProblem(
            "WEIGHTS_NOT_SHIPPED",
            f"no model {name!r} came with this engine",
            where=str(SHIPPED_FOLDER),
            why=f"there are: {', '.join(here) or 'none'}",
            fix=f"train it: mycanvas micro train --parts {part} --out {SHIPPED_FOLDER / 'micro'}; or name a folder",
        )
    return folder


def require_pinned(model: str, revision: str) -> None:
    """Refuse what is neither a folder nor a hub id with the commit that is meant.

    Raises:
        EnvironmentProblem: WEIGHTS_MISSING.
        UsageError: WEIGHTS_UNPINNED.
    """
    if not _HUB_ID.fullmatch(model):
        raise EnvironmentProblem(
            "WEIGHTS_MISSING", f"there is no folder {model!r}", fix="name an existing folder, or a hub id: org/name"
        )
    if not PINNED.fullmatch(revision):
        raise UsageError(
            "WEIGHTS_UNPINNED",
            f"the hub model {model!r} needs the 40 hex digits of a commit, not {revision!r}",
            why="a branch or a tag can move, and then a resumed run would mix two models",
            fix="copy the commit from the model's page on the hub; or name a local folder (no such folder exists here)",
        )


def files_ending(folder: Path, *suffixes: str) -> Iterator[Path]:
    """The files of a folder that end in one of `suffixes`, at any depth, in order."""
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in suffixes and path.is_file())


def _refuse_pickles(folder: Path) -> None:
    safe = {path.parent for path in files_ending(folder, ".safetensors")}
    for pickle in files_ending(folder, *PICKLES):
        if pickle.parent not in safe:
            raise UsageError(
                "WEIGHTS_PICKLE_ONLY",
                f"holds {pickle.name!r} and no safetensors beside it",
                where=str(pickle.parent),
                why="a pickle can run any code when it is read",
                fix="take a revision that has safetensors, or save the model again with safe_serialization=True",
            )
    if not safe:
        raise EnvironmentProblem(
            "WEIGHTS_MISSING", "holds no safetensors", where=str(folder), fix="download the model into it again"
        )


def _refuse_code(folder: Path) -> None:
    for path in files_ending(folder, ".json"):
        if path.name == "model_index.json":
            foreign = _foreign_classes(_read_json(path))
        elif path.name in CONFIGS and _names_code(_read_json(path)):
            foreign = ["auto_map"]
        else:
            continue
        if foreign:
            raise UsageError(
                "WEIGHTS_CUSTOM_CODE",
                f"asks for code of its own: {', '.join(foreign)}",
                where=str(path),
                why="code from a repository would run with your rights; this engine never runs it",
                fix="take a model that diffusers, transformers or open_clip know without extra code",
            )


def _foreign_classes(index: Any) -> list[str]:
    """Entries of a pipeline index that diffusers would import from anywhere but itself and transformers."""
    if not isinstance(index, dict):
        return ["model_index.json"]
    custom = [] if isinstance(index.get("_class_name"), str) else ["_class_name"]
    parts = {name: value[0] for name, value in index.items() if isinstance(value, list) and name != "_class_name"}
    return custom + [name for name, library in parts.items() if library not in (None, *CODE_LIBRARIES)]


def _names_code(config: Any) -> bool:
    """Whether `auto_map`, which names classes in a repository's own files, stands at any depth."""
    if isinstance(config, dict):
        return "auto_map" in config or any(_names_code(value) for value in config.values())
    return isinstance(config, list) and any(_names_code(value) for value in config)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error) or "nested too deeply") from None


def read_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: tensor name -> dtype, shape, offsets; `__metadata__` -> strings.

    Raises:
        EnvironmentProblem: WEIGHTS_UNREADABLE where header and length of the file do not agree.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(_HEADER_LIMIT, size - 8):
            raise _unreadable(path, "the file is cut off, or no safetensors file")
        try:
            header = json.loads(file.read(length))
            end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            raise _unreadable(path, "the header is no safetensors header") from None
    if end != size - 8 - length:
        raise _unreadable(path, f"the header promises {end:,} bytes of tensors, the file holds {size - 8 - length:,}")
    return dict(header)


def read_tensors(path: Path) -> dict[str, Any]:
    """The tensors of one safetensors file, on the CPU.

    Raises:
        EnvironmentProblem: WEIGHTS_UNREADABLE.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    read_header(path)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise _unreadable(path, str(error)) from None


def _unreadable(path: Path, why: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        "WEIGHTS_UNREADABLE", "damaged, or not what its name says", where=str(path), why=why, fix="download it again"
    )
