"""`mycanvas train --concepts each`: an artifact for every concept, as many trainings at a time as there is room for."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from actors.models.licences import check_recipe
from actors.personalize.custom_diffusion import GENERATE
from actors.personalize.manifest import MANIFEST
from actors.personalize.rows.training_data import concepts_in
from cluster.remote_call import call_each
from cluster.session import NONE, ON_THIS_MACHINE, session
from engine.errors import MyCanvasError, UsageError
from engine.storage.lock import claim
from engine.storage.open_store import open_store
from engine.training.resources import CPU_ENVIRONMENT
from jobs.console import Console
from jobs.train.train import finish, survey, with_places
from jobs.train.train_request import TrainRequest
from jobs.train.trainings import Training

_UNSAFE = re.compile(r"[^\w.-]+")
WORK = "engine.training.local:train_locally"


def train_each(request: TrainRequest, gpu_share: float, console: Console) -> dict[str, Any]:
    """Train what is missing; the folders of all artifacts by concept.

    Args:
        request: `out` gets a folder for each concept.
        gpu_share: of a GPU that each training gets, where the cluster has GPUs.
        console: where progress is shown.

    Raises:
        UsageError: TRAIN_EACH, and those of `jobs.train.train.train`.
        MyCanvasError: the first problem of a training, once the others have ended.
    """
    if request.training.spec.prior == GENERATE:
        fix = "train them together once, or draw a few with `mycanvas sample`, and give the folder: --set prior=DIR"
        raise UsageError("TRAIN_EACH", "prior=generate is for concepts together", where="--concepts each", fix=fix)
    if request.address == NONE or request.workers.most > 1:
        fix = "leave --workers out, and --address none: each concept is trained by one process of a cluster"
        raise UsageError("TRAIN_EACH", "every concept has one worker", where="--concepts each", fix=fix)
    spec = request.training.spec
    check_recipe((spec,), spec.accept_licence, here=request.address in ON_THIS_MACHINE)
    orders = {concept: with_places(_order(request, concept)) for concept in concepts_in(request.data)}
    for order in orders.values():
        data, _ = survey(order, console)
        store = open_store(order.out)
        claim(store, {"data": {"training": order.training.spec.model_dump(mode="json"), "rows": data.fingerprint}})
    _train(orders, request, gpu_share, console)
    for order in orders.values():
        finish(open_store(order.out), order.training)
    return {"out": request.out, "artifacts": {concept: order.out for concept, order in orders.items()}}


def _train(orders: dict[str, TrainRequest], request: TrainRequest, gpu_share: float, console: Console) -> None:
    left = [name for name, order in orders.items() if not open_store(order.out).exists(MANIFEST)]
    if not left:
        return
    problems: list[MyCanvasError] = []
    with session(request.address) as capacity:
        cores = request.cores or 1
        calls = [(orders[name].training.spec, orders[name].storage, cores) for name in left]
        gpus = gpu_share if capacity.gpus else 0.0
        progress = console.progress("concepts", len(left))
        with progress.watch():
            for number, problem in call_each(WORK, calls, cpus=cores, gpus=gpus, env=CPU_ENVIRONMENT):
                progress.advance(1, "" if problem is None else f"{left[number]} failed")
                problems += [] if problem is None else [problem]
    if problems:
        raise problems[0]


def _order(request: TrainRequest, concept: str) -> TrainRequest:
    """The request for one concept."""
    training = request.training
    spec = training.spec.model_copy(update={"only": concept})
    folder = _UNSAFE.sub("-", concept)
    out = f"{request.out.rstrip('/')}/{folder}"
    named = Training(f"{training.name}, {concept}", training.description, spec)
    return replace(request, training=named, out=out)
