"""What `train` is asked for, as a file that `submit` takes: it names a training in place of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, final

from pydantic import BeforeValidator, Field

from engine.run.recipe_parse import validate_spec
from engine.run.recipe_yaml import Origins
from jobs.cluster.parcel import Handed, Parcel, beside, require_travels
from jobs.train.train_request import one_source, parse_workers
from jobs.train.trainings import load, show
from planners.train.epoch_order import require_work

TRAINING = "training.yaml"
OPTIONS = ("data", "photos", "workers", "cores")  # of `train`


@final
class TrainFile(Handed):
    """What `train` is asked for."""

    training: str = Field(description="name of a built-in training, or a YAML file; beside this file if relative")
    data: str = Field(default="", description="a dataset or a view that every node can read: absolute, or s3://")
    photos: str = Field(default="", description="or photos of the concepts, a folder each")
    workers: Annotated[str, BeforeValidator(str)] = Field(default="1", description="4, or 2..8 as nodes come and go")
    cores: Annotated[str, BeforeValidator(str)] = Field(default="", description="of each worker; empty: shared out")


def read_train_file(tree: dict[str, object], origins: Origins, path: Path) -> Parcel:
    """A parcel that trains.

    Raises:
        UsageError: RECIPE_KEY, RECIPE_VALUE, TRAIN_DATA, TRAIN_WORKERS, URI_SECRET, URI_RELATIVE, and those of
            `jobs.train.trainings.load`.
    """
    run = validate_spec(TrainFile, tree, (), origins, see="docs/train.md")
    training = load(beside(path, run.training), run.set)
    spec = training.spec
    require_work(spec.batch, spec.batch, parse_workers(run.workers).most)
    places = {"the data": one_source(run.data, run.photos), "out": run.out, "prior": spec.given_prior}
    for key, place in {**places, "models": run.models}.items():
        if place:
            require_travels(place, key)
    words = ["train", TRAINING, "--out", run.out, "--address", "auto", "--format", "json", *run.options(*OPTIONS)]
    return Parcel(
        handed=run,
        file=TRAINING,
        text=show(training),
        command=words,
        metadata={"training": training.name, "out": run.out},
        specs=(spec,),
        accepted=spec.accept_licence,
        photos={"photos": run.photos, "prior": spec.given_prior},
        asked=run.model_dump_json(exclude={"training", "set", "code"}) + show(training),
    )
