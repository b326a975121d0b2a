"""`mycanvas sample`: prompts in, a dataset of what a base or an artifact draws of them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.models.licences import check_recipe
from actors.models.provenance import identify
from actors.models.weights import is_local, local_weights
from actors.personalize.draw.draw_stage import Draw
from actors.personalize.draw.drawing import Drawing
from actors.personalize.manifest import MANIFEST, concepts_of, read_manifest, require_base
from cluster.session import LOCAL, ON_THIS_MACHINE, session
from engine.errors import UsageError
from engine.rows.generated import GeneratedImage
from engine.storage.open_store import open_store
from engine.text_file import read_text_file
from jobs.console import Console, plain
from jobs.listed_run import ListedRun, fill_listed
from planners.train.prompts import ConceptWords, fill_prompt, named_in, without_tokens

UNIT_SIZE = 16
DEFAULT_SIDE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """What the user asked for.

    Attributes:
        model: URI of an artifact, or a base: folder, shipped name or hub id.
        revision: commit of a base on the hub.
        base: in place of the one that the artifact names; empty: that one.
        prompts: file, one a line.
        each: pictures of every prompt.
        side: of a picture in pixels; none: as it was trained, or 512.
    """

    model: str
    prompts: Path
    each: int
    out: str
    revision: str = ""
    base: str = ""
    side: int | None = None
    seed: int = 0
    drawing: Drawing
    address: str = LOCAL


def sample(request: SampleRequest, console: Console) -> dict[str, Any]:
    """Draw what is missing; what was asked for, in numbers.

    Raises:
        UsageError: PROMPTS_EMPTY, PROMPT_CONCEPT, ARTIFACT_BASE, RUN_CHANGED, WEIGHTS_UNPINNED and others of the model.
        EnvironmentProblem: ARTIFACT_DAMAGED, those of the model and of the cluster.
    """
    manifest = read_model(request.model)
    stage = draw_stage(request.model, manifest, request.revision, request.drawing, base=request.base)
    check_recipe((stage,), request.drawing.accept_licence, here=request.address in ON_THIS_MACHINE)
    require_same_base(manifest, stage, request.model)
    words = concepts_of(manifest) if manifest else []
    rows = _rows(read_prompts(request.prompts), words, request.each, manifest.get("hash", ""))
    side = request.side or side_of(manifest)
    run = ListedRun(
        record=GeneratedImage, columns=("prompt", "take", "caption", "concepts", "artifact"), rows=rows, stage=stage,
        out=request.out, unit_size=UNIT_SIZE, size=side, seed=request.seed,
    )  # fmt: skip
    with session(request.address) as capacity:
        fill_listed(run, capacity, console)
    return {"out": open_store(request.out).uri, "pictures": len(rows), "prompts": len(rows) // request.each}


def read_model(model: str) -> dict[str, Any]:
    """The manifest of an artifact; empty for a base.

    Raises:
        EnvironmentProblem: ARTIFACT_DAMAGED.
    """
    if "/" in model and not Path(model).is_dir() and "://" not in model:
        return {}
    if model.startswith("shipped:"):
        return {}
    store = open_store(model)
    return read_manifest(store) if store.exists(MANIFEST) else {}


def draw_stage(model: str, manifest: Mapping[str, Any], revision: str, drawing: Drawing, *, base: str = "") -> Draw:
    """The stage that draws with a model.

    Args:
        model: URI of an artifact, or a base.
        manifest: of an artifact; empty for a base.
        revision: commit of a base on the hub.
        drawing: how.
        base: in place of the one that the artifact names; empty: that one.
    """
    if not manifest:
        return Draw(base=model, revision=revision, drawing=drawing)
    source, commit = manifest["base_from"]
    return Draw(
        base=base or source,
        revision="" if base else commit,
        artifact=open_store(model).uri,
        artifact_hash=manifest["hash"],
        drawing=drawing,
    )


def require_same_base(manifest: Mapping[str, Any], stage: Draw, model: str) -> None:
    """Refuse a base on this machine that is another than an artifact was trained on.

    Raises:
        UsageError: ARTIFACT_BASE.
    """
    if manifest and is_local(stage.base):
        require_base(dict(manifest), identify(stage.base, local_weights(stage.base)), model)


def side_of(manifest: Mapping[str, Any]) -> int:
    """The side of a model's pictures in pixels."""
    return int(manifest["side"]) if manifest else DEFAULT_SIDE


def _rows(prompts: Sequence[str], words: Sequence[ConceptWords], each: int, artifact: str) -> list[dict[str, Any]]:
    filled = [fill_prompt(text, words) for text in prompts]
    return [
        {
            "prompt": text if artifact else without_tokens(text),
            "take": take,
            "caption": without_tokens(text),
            "concepts": named_in(text, words),
            "artifact": artifact,
        }
        for text in filled
        for take in range(each)
    ]


def read_prompts(path: Path) -> list[str]:
    """One prompt a line; empty lines and those that begin with # are left out.

    Raises:
        UsageError: PROMPTS_EMPTY.
    """
    try:
        lines = (plain(line).strip() for line in read_text_file(path).splitlines())
        found = [line for line in lines if line and not line.startswith("#")]
        why = "every line is empty or begins with #"
    except (OSError, ValueError) as error:
        found, why = [], str(error)
    if not found:
        fix = "write one prompt a line, such as: a photo of {my-dog} on a beach"
        raise UsageError("PROMPTS_EMPTY", "holds no prompts", where=str(path), why=why, fix=fix)
    return found
