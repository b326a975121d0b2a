"""A study as data: toys, data regimes, trainings, and the commands that make all of it, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, final

import yaml
from pydantic import Field, model_validator

from engine.run.stage import Spec
from engine.storage.hashes import digest

FOLDER = Path(__file__).parent


@final
class Regime(Spec):
    """What a training is given.

    `data` is ``photos``, ``composed``, ``chosen``, or ``composed-N`` for the first N composed pictures.
    """

    data: str
    strategies: bool = Field(default=False, description="composition token, names repeated, background stated")
    ablation: bool = Field(default=False, description="trained for the groups in `ablated` alone")


@final
class Study(Spec):
    """What is compared. Equal steps, seeds and rates for every regime of a group."""

    base: str = "shipped:micro/generator"
    training: str = "micro-custom-diffusion"
    compose: str = "micro"
    protocol: str = "micro"
    seed: int = Field(default=20_261_128, description="of toys that no part of the family ever saw")
    groups: tuple[tuple[str, ...], ...] = Field(description="classes of the concepts that are taught together")
    ablated: tuple[int, ...] = Field(default=(), description="numbers of the groups with ablations, from 0")
    photos: int = Field(default=6, ge=1, description="of each concept, to train on")
    held_out: int = Field(default=4, ge=1, description="of each concept, to measure against")
    made: int = Field(default=640, ge=1, description="pictures of each group, in all scenes that there are")
    composed: int = Field(default=300, ge=1, description="of those in `scenes`, the first")
    gate: str = Field(description="condition that composed rows must meet to be chosen")
    chosen: int = Field(default=100, ge=1, description="of those, the best by CP-CLIP")
    steps: int = Field(default=600, ge=1, description="of every training")
    seeds: tuple[int, ...] = (0, 1)
    scenes: tuple[str, ...] = Field(description="whose pictures are trained on")
    unseen: tuple[str, ...] = Field(description="that are asked for; none of `scenes`")
    per_prompt: int = Field(default=2, ge=1)
    regimes: dict[str, Regime] = Field(description="by name; the first is what others are compared with")
    sets: dict[str, Any] = Field(default={}, description="further --set of every training")

    @model_validator(mode="after")
    def _is_fair(self) -> Self:
        if both := sorted(set(self.scenes) & set(self.unseen)):
            raise ValueError(f"scenes and unseen: {both[0]} is trained on and asked for")
        if any(not 0 <= number < len(self.groups) for number in self.ablated):
            raise ValueError(f"ablated: groups are 0 to {len(self.groups) - 1}")
        if next(iter(self.regimes.values())).ablation:
            raise ValueError("regimes: the first one is compared with, in every group")
        return self


@dataclass(frozen=True, slots=True)
class Step:
    """One command of ours. `name` is its place below the study's folder; `after` are the steps that it needs."""

    name: str
    words: tuple[str, ...]
    after: tuple[str, ...] = ()


def keys_of(steps: Sequence[Step]) -> dict[str, str]:
    """What tells each step from others of its name: its words, and those of all that it is built on."""
    keys: dict[str, str] = {}
    for step in steps:
        keys[step.name] = digest("\0".join([*step.words, *(keys.get(name, "") for name in step.after)]).encode())
    return keys


def read_study(name: str) -> Study:
    """A study of this folder by its name, or a YAML file."""
    path = FOLDER / f"{name}.yaml"
    return Study.model_validate(yaml.safe_load((path if path.is_file() else Path(name)).read_text(encoding="utf-8")))


def plan(study: Study, out: Path) -> list[Step]:
    """Every command, each behind those that it needs."""
    return [step for number in range(len(study.groups)) for step in _group(study, number, out)]


def regimes_of(study: Study, number: int) -> Mapping[str, Regime]:
    """Those that a group is trained in."""
    return {name: each for name, each in study.regimes.items() if not each.ablation or number in study.ablated}


def group_name(study: Study, number: int) -> str:
    """As in ``2-mug-duck-00``."""
    classes = study.groups[number]
    return f"{len(classes)}-{'-'.join(classes).replace(' ', '_')}-{number:02d}"


def models_of(study: Study, number: int) -> list[tuple[str, int | None]]:
    """Regime and seed of everything that is compared in a group, in order; the base last."""
    trained = [(name, seed) for name in regimes_of(study, number) for seed in study.seeds]
    return [*trained, ("base", None)]


def trained_name(group: str, regime: str, seed: int) -> str:
    """Of the artifact of one training."""
    return f"{group}/trained/{regime.replace(' ', '-')}-{seed}"


def _group(study: Study, number: int, out: Path) -> Iterator[Step]:
    group, classes = group_name(study, number), study.groups[number]
    regimes = regimes_of(study, number)
    yield Step(
        f"{group}/toys",
        ("toybox", "--concepts", str(len(classes)), "--classes", ",".join(classes), "--photos", str(study.photos),
         "--held-out", str(study.held_out), "--seed", str(study.seed + number), "--out", f"{out}/{group}/toys"),
    )  # fmt: skip
    yield Step(f"{group}/made", _compose(study, len(classes), f"{out}/{group}"), (f"{group}/toys",))
    for source in dict.fromkeys(("composed", *(each.data for each in regimes.values()))):
        if source != "photos":
            yield _view(study, group, source, out)
    for name, regime in regimes.items():
        needs = f"{group}/toys" if regime.data == "photos" else f"{group}/{regime.data}"
        for seed in study.seeds:
            target = trained_name(group, name, seed)
            yield Step(target, _train(study, regime, seed, out / group, out / target), (needs,))
    trained = {trained_name(group, name, seed): name for name in regimes for seed in study.seeds}
    yield Step(f"{group}/evaluated", _evaluate(study, number, out, trained), tuple(trained))


def _compose(study: Study, size: int, home: str) -> tuple[str, ...]:
    off = ("min_identity_psnr", "min_visible_fraction", "min_clip_score", "min_cp_clip", "min_identity", "max_cut_edge")
    sets = f"scene.min_objects={size}", f"scene.max_objects={size}", *(f"gate.{name}=null" for name in off)
    return ("compose", study.compose, "--photos", f"{home}/toys/photos", "--samples", str(study.made),
            "--out", f"{home}/made", "--address", "none", *_set(sets))  # fmt: skip


def _view(study: Study, group: str, source: str, out: Path) -> Step:
    """A choice of rows; by the number of objects, which is the same for all, the first rows are the best."""
    first, scenes = ("--by", "num_objects", "--top"), ", ".join(f"'{scene}'" for scene in study.scenes)
    if source == "composed":
        of, choice = "made", ("--where", f"background_prompt in [{scenes}]", *first, str(study.composed))
    elif source == "chosen":
        of, choice = "composed", ("--where", study.gate, "--by", "cp_clip", "--top", str(study.chosen))
    else:
        of, choice = "composed", (*first, source.removeprefix("composed-"))
    words = ("filter", f"{out}/{group}/{of}", *choice, "--view", f"{out}/{group}/{source}")
    return Step(f"{group}/{source}", words, (f"{group}/{of}",))


def _train(study: Study, regime: Regime, seed: int, home: Path, target: Path) -> tuple[str, ...]:
    given = ("--photos", f"{home}/toys/photos") if regime.data == "photos" else ("--data", f"{home}/{regime.data}")
    switches = ("composition_token", "repeat_concepts", "state_background") if regime.strategies else ()
    sets = (f"base={study.base}", f"seed={seed}", f"schedule.steps={study.steps}", "look.every=0",
            "look.identity=null", *(f"prompts.{name}=true" for name in switches),
            *(f"{key}={value}" for key, value in study.sets.items()))  # fmt: skip
    return ("train", study.training, *given, "--out", str(target), "--address", "none", "--cores", "1", *_set(sets))


def _evaluate(study: Study, number: int, out: Path, trained: Mapping[str, str]) -> tuple[str, ...]:
    group, size = group_name(study, number), len(study.groups[number])
    models = [f"{regime}={out / name}" for name, regime in trained.items()]
    sets = (f"subjects=[{size}]", f"scenes=[{', '.join(study.unseen)}]", f"per_prompt={study.per_prompt}",
            f"seed={study.seed}")  # fmt: skip
    return ("evaluate", *models, f"base={study.base}", "--protocol", study.protocol, "--photos",
            f"{out}/{group}/toys/held-out", "--trained", f"{out}/{group}/toys/photos", "--out",
            f"{out}/{group}/evaluated", "--address", "none", *_set(sets))  # fmt: skip


def _set(changes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for change in changes for word in ("--set", change))
