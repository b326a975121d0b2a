"""Pictures of classes for prior preservation, drawn by the base itself: once for all concepts of a class.

    OUT/prior-<key>/<class>/<picture>.jpg    key: a hash of the base and of how it draws

Generated and committed like samples, then put as plain files, which anyone may look through and take away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from actors.personalize.custom_diffusion import CustomDiffusion
from actors.personalize.draw.draw_stage import Draw
from actors.personalize.rows.encode_stage import autoencoder_of
from cluster.session import Capacity
from engine.rows.generated import GeneratedImage
from engine.storage.open_store import open_store
from jobs.console import Console
from jobs.listed_run import ListedRun, fill_listed, put_pictures, read_rows
from planners.train.prompts import prompt_of_class

PICTURES_PER_UNIT = 8


def prior_folder(spec: CustomDiffusion, out: str) -> str:
    """Where the pictures of a base's classes lie; another base, or another way of drawing, has another folder."""
    how = [
        spec.base,
        spec.revision,
        autoencoder_of(spec),
        spec.look.drawing.model_dump(mode="json"),
        spec.side,
        spec.seed,
    ]
    return f"{open_store(out).uri}/prior-{blake2b(json.dumps(how).encode(), digest_size=8).hexdigest()}"


def draw_prior(spec: CustomDiffusion, classes: Sequence[str], out: str, capacity: Capacity, console: Console) -> str:
    """The folder with `spec.prior_images` pictures of each class; what is missing is drawn, inside a session.

    Raises:
        UsageError, EnvironmentProblem: those of the base.
    """
    root = prior_folder(spec, out)
    stage = Draw(base=spec.base, revision=spec.revision, drawing=spec.look.drawing)
    for kind in classes:
        prompt = prompt_of_class(kind)
        run = ListedRun(
            record=GeneratedImage,
            columns=("prompt", "take", "caption", "concepts"),
            rows=[
                {"prompt": prompt, "take": take, "caption": prompt, "concepts": [kind]}
                for take in range(spec.prior_images)
            ],
            stage=stage,
            out=f"{root}/.mycanvas/{blake2b(kind.encode(), digest_size=8).hexdigest()}",
            unit_size=PICTURES_PER_UNIT,
            size=spec.side,
            seed=spec.seed,
        )
        fill_listed(run, capacity, console)
        put_pictures(open_store(root), kind, _pictures(run.out, kind))
    return root


def _pictures(run: str, kind: str) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    for row in read_rows(run, GeneratedImage):
        model = row.models[0]
        facts = {"class": kind, "license": model.license, "generator": f"{model.name} {model.revision}"}
        yield f"{row.sample_id}.jpg", row.image or b"", facts
