"""`mycanvas train`: rows or photos in; concepts taught to a base, a report and what draws them out.

Everything that can be wrong with spec, data and base is found before a worker starts; running it again is the resume.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any, final

from actors.models.licences import check_recipe
from actors.models.weights import is_local, local_weights
from actors.personalize.custom_diffusion import GENERATE
from actors.personalize.manifest import MANIFEST, read_manifest
from actors.personalize.new_tokens import require_new_tokens
from actors.personalize.rows.encode_stage import LATENTS, latent_stages
from actors.personalize.rows.training_data import TrainingData, read_classes, read_data
from actors.personalize.rows.training_rows import Photos
from cluster.session import ON_THIS_MACHINE, Capacity, check_readable, session
from cluster.training import train as train_on_cluster
from engine.rows.latents import LatentMoments
from engine.storage.lock import claim
from engine.storage.open_store import open_store
from engine.storage.store import Store
from engine.training.checkpoints import Checkpoints
from engine.training.local import train_locally
from engine.training.reports import TrainingReport, read_reports
from engine.training.resources import TrainingResources
from jobs.console import Console, Progress
from jobs.listed_run import ListedRun, fill_listed
from jobs.train.prior import draw_prior, prior_folder
from jobs.train.tensorboard import put_tensorboard
from jobs.train.train_request import TrainRequest
from jobs.train.training_report import PAGE, put_report
from jobs.train.trainings import Training
from planners.train.epoch_order import require_work
from planners.train.prompts import COMPOSITION_TOKEN, fill_prompt

LATENTS_PER_UNIT = 64  # 4 MB of SD 1.5 at 512 px
TOLD = 5  # of what is left out


def train(request: TrainRequest, console: Console) -> dict[str, Any]:
    """Train, or go on; what the artifact's manifest says.

    Raises:
        UsageError, SampleError: those of `actors.personalize.rows.training_data`; TRAIN_WORKERS, TRAIN_TOKEN,
            PROMPT_CONCEPT, TRAINING_DIVERGED, RUN_CHANGED, and those of `actors.models.licences.check_recipe`.
        EnvironmentProblem: those of the cluster and of the base; TRAINING_FAILED.
    """
    spec = request.training.spec
    check_recipe((spec,), spec.accept_licence, here=request.address in ON_THIS_MACHINE)
    data, classes = survey(request, console)
    store = open_store(request.out)
    claim(store, {"data": {"training": spec.model_dump(mode="json"), "rows": data.fingerprint}})
    request = with_places(request)
    if store.exists(MANIFEST):
        console.say("trained already; another --out trains anew")
    else:
        with session(request.address) as capacity:
            if capacity.shared:
                check_readable(request.storage.data, purpose="the data")
            if spec.prior == GENERATE:
                folder = draw_prior(
                    spec, sorted({each.class_name for each in data.words}), request.out, capacity, console
                )
                classes = read_classes(folder, data.words, spec.seed, flip=spec.flip)
            encode(request, data, classes, capacity, console)
            watcher = _Watcher(request, store, console)
            with watcher.progress.watch():
                if capacity.ray:
                    train_on_cluster(request.training.spec, request.storage, resources_of(request, capacity), watcher)
                else:
                    train_locally(request.training.spec, request.storage, threads=request.cores or 1, tell=watcher)
    return finish(store, request.training)


def with_places(request: TrainRequest) -> TrainRequest:
    """The request as workers get it: the folder of pictures of classes is one that they find."""
    spec = request.training.spec
    if not spec.prior:
        return request
    prior = prior_folder(spec, request.out) if spec.prior == GENERATE else open_store(spec.prior).uri
    training = replace(request.training, spec=spec.model_copy(update={"prior": prior}))
    return replace(request, training=training)


def finish(store: Store, training: Training) -> dict[str, Any]:
    """Write the page and TensorBoard's log of a training that has ended; its manifest."""
    reports = read_reports(store, training.spec.run)
    put_report(store, training.name, reports)
    put_tensorboard(store, reports)
    return read_manifest(store)


def encode(
    request: TrainRequest, data: TrainingData, classes: Photos | None, capacity: Capacity, console: Console
) -> None:
    """Commit what is missing of the latents, inside a session; see `actors.personalize.rows.encode_stage`."""
    storage = request.storage
    for kind, stage in latent_stages(request.training.spec, storage.data, data, classes).items():
        rows = data.rows if kind == "concepts" or classes is None else classes
        if len(rows) * rows.variants <= request.training.spec.pool_above:
            continue
        views = product(range(len(rows)), range(rows.variants))
        run = ListedRun(
            record=LatentMoments,
            columns=("number", "variant"),
            rows=[{"number": number, "variant": variant} for number, variant in views],
            stage=stage,
            out=f"{storage.out}/{LATENTS}/{stage.key}",
            unit_size=LATENTS_PER_UNIT,
        )
        fill_listed(run, capacity, console)


def survey(request: TrainRequest, console: Console) -> tuple[TrainingData, Photos | None]:
    """What will be trained on, and photos of the classes if any, looked at before anything starts.

    Raises:
        UsageError, SampleError: as `train`.
    """
    spec = request.training.spec
    data = read_data(request.data, spec.choice)
    for told in data.left_out[:TOLD]:
        console.say(f"left out  {told}")
    if len(data.left_out) > TOLD:
        console.say(f"left out  {len(data.left_out) - TOLD:,} more")
    require_work(len(data.rows), spec.batch, request.workers.most)
    if spec.train_words and is_local(spec.base):
        extra = [COMPOSITION_TOKEN] if spec.prompts.composition_token else []
        require_new_tokens(local_weights(spec.base), [*(each.token for each in data.words), *extra])
    for text in spec.look.prompts:
        fill_prompt(text, data.words)
    given = spec.given_prior
    classes = read_classes(given, data.words, spec.seed, flip=spec.flip) if given else None
    console.say(f"rows    {len(data.rows):,}   {request.data}")
    for each in data.words:
        console.say(f"concept {each.concept}   in prompts: {each.phrase}")
    return data, classes


def resources_of(request: TrainRequest, capacity: Capacity) -> TrainingResources:
    """What each worker gets: a GPU where there is one for each, and the cores of the cluster shared out."""
    least, most = request.workers.least, request.workers.most
    return TrainingResources(
        num_workers=least,
        max_workers=most,
        cpus_per_worker=request.cores or max(int(capacity.cpus) // most, 1),
        use_gpu=capacity.gpus >= least,
    )


@final
class _Watcher:
    """Shows how far a training is, and renews its page."""

    def __init__(self, request: TrainRequest, store: Store, console: Console) -> None:
        self._training, self._store = request.training, store
        steps = Checkpoints(store, request.training.spec.run).steps()
        self._at = steps[-1] if steps else 0
        if self._at:
            console.say(f"resume  from step {self._at:,}")
        self.progress: Progress = console.progress("steps", request.training.spec.schedule.steps - self._at)

    def __call__(self, report: TrainingReport) -> None:
        done, self._at = report.step - self._at, report.step
        self.progress.advance(done, f"loss {report.metrics.get('loss', float('nan')):.4f}")
        if report.saved:
            put_report(self._store, self._training.name, read_reports(self._store, self._training.spec.run))


def lines_of(manifest: dict[str, Any], out: str) -> list[str]:
    """What a person is told at the end."""
    words = manifest["words"]
    lines = [f"{each['concept']}   {each['token']} {each['class_name']}" for each in words]
    names, matrix = manifest["metrics"].get("concepts", []), manifest["metrics"].get("identity", [])
    lines += [
        f"drawn {name}: {json.dumps(dict(zip(names, row, strict=True)))}"
        for name, row in zip(names, matrix, strict=True)
    ]
    first = words[0]
    prompt = f"a photo of a {first['token']} {first['class_name']}"
    return [
        *lines,
        f"report  {open_store(out).uri}/{PAGE}",
        f"next: echo '{prompt}' > prompts.txt && mycanvas sample {out} --prompts prompts.txt --out {out}-samples",
    ]
