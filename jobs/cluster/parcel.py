"""A run as it is handed to a cluster: what travels, what is called there, and what must be seen from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from actors.models.licences import check_recipe
from actors.models.preflight import local_folders
from engine.errors import UsageError
from engine.photos.listing import open_folder
from engine.run.stage import Spec
from jobs.console import Console

Code = Literal["image", "send"]


class Handed(Spec):
    """What the files of all kinds of runs have."""

    out: str = Field(description="absolute path or s3:// that every node can write")
    models: str = Field(default="", description="where `models pull` put the models; empty: each node's own way")
    set: tuple[str, ...] = Field(default=(), description="changes, such as inpaint.steps=30")
    code: Code = Field(default="image", description="image: the nodes have the engine; send: it travels with the job")

    def options(self, *names: str) -> list[str]:
        """Those of its keys that are set, as options of the command."""
        return [word for name in names if getattr(self, name) for word in (f"--{name}", str(getattr(self, name)))]


def beside(run_file: Path, name: str) -> str:
    """What a run file names: a file beside it, or else a built-in name or a path."""
    near = run_file.parent / name
    return str(near) if near.is_file() else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A run, checked.

    Attributes:
        handed: the file that describes it.
        file: name of what it travels with, resolved: a recipe or a training.
        text: of that file.
        command: words behind `mycanvas`.
        metadata: shown by `status`.
        specs: that name models.
        accepted: models whose restricted licence is accepted.
        photos: folders of photos that are looked for, by key.
        asked: all that decides the run, as text.
    """

    handed: Handed
    file: str
    text: str
    command: Sequence[str]
    metadata: Mapping[str, str]
    specs: Sequence[Spec]
    accepted: Sequence[str] = ()
    photos: Mapping[str, str] = field(default_factory=dict)
    asked: str

    @property
    def name(self) -> str:
        """16 hex digits of all that is asked for: the same run gives the same."""
        return blake2b(self.asked.encode(), digest_size=8).hexdigest()

    def check(self, console: Console) -> None:
        """Refuse what cannot be told to be right from here: models, licences, photos.

        Raises:
            UsageError: URI_RELATIVE, URI_SECRET, those of the photos and of `actors.models.licences.check_recipe`.
        """
        check_recipe(self.specs, self.accepted, here=False)
        for model in local_folders(self.specs):
            require_travels(model, "a model")
        for key, place in self.photos.items():
            _look_for_photos(place, key, console)


def require_travels(place: str, key: str) -> None:
    """Refuse a place that means another thing, or nothing, on another machine.

    Raises:
        UsageError: URI_RELATIVE, URI_SECRET.
    """
    parts = urlsplit(place)
    if parts.username or parts.password:
        raise UsageError(
            "URI_SECRET",
            f"{key}: a key does not belong into an address",
            where=f"{parts.scheme}://…",
            why="addresses are stored with the dataset and shown by the cluster",
            fix="give each node its credentials in its own environment, AWS_*",
        )
    if not parts.scheme and not Path(place).is_absolute():
        raise UsageError(
            "URI_RELATIVE",
            f"{key}: workers run in folders of their own",
            where=place,
            fix="give an absolute path that every node mounts, or s3://",
        )


def _look_for_photos(place: str, key: str, console: Console) -> None:
    """Look whether a folder of photos is there, as far as that can be told from here."""
    if not place:
        return
    if "://" in place or Path(place).exists():
        open_folder(place)
    else:
        console.say(f"{key} {place} is not on this machine; the job asks every node before it starts")
