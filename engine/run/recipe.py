"""Recipes: YAML in, a checked tree of stage specs out. A wrong one dies here, with file, line and a suggestion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from engine.errors import UsageError
from engine.registry import Registry
from engine.run.recipe_yaml import Origins, Path, override, read_yaml
from engine.run.stage import Spec, Stage

COMMIT = "commit"
SEGMENT_POOL = ("segment", COMMIT)
PLACEMENT = {"timeout_s", "server"}  # how long and where a stage works, not what it makes
UNKNOWN_KEY = "extra_forbidden"  # as pydantic calls it

S = TypeVar("S", bound=Spec)


class Pool(Spec):
    """Stages that share one process, and what one such process needs. Grouping is placement: it never changes data."""

    stages: tuple[str, ...] = Field(min_length=1, description="consecutive stages; the last pool ends with `commit`")
    cpus: float = Field(1.0, ge=0, description="CPU cores of one replica")
    gpus: float = Field(0.0, ge=0, description="GPUs of one replica; 0.25 lets four share a card")
    memory_gb: float = Field(0.0, ge=0, description="host memory reserved for one replica; 0 reserves none")
    min_replicas: int = Field(1, ge=1)
    max_replicas: int | None = Field(None, ge=1, description="none: as many as the cluster holds")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_replicas is not None and self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas must not be more than max_replicas")
        return self


class Choice(Spec):
    """Which of all rows are wanted in the end: a view beside them. Rows do not depend on it, so it may change."""

    where: str = Field("", description="a condition, as `filter --where` has it; empty: accepted rows")
    by: str = Field("", description="what is best: `clip_score`, `min(objects.identity)`, …")
    top: str = Field(
        "",
        coerce_numbers_to_str=True,
        description="how many of the best: a share such as `10%`, or a number; needs `by`",
    )
    per_concept: int | None = Field(None, ge=1, description="at most so many rows of each concept, the best")
    balance: Literal["concepts", "scene", "count"] | None = Field(
        None, description="as many rows of each as of the rarest"
    )


class Recipe(Spec):
    """What to make (everything but `pools`) and where each part of it runs (`pools`)."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    description: str = ""
    size: int = Field(512, ge=64, le=4096, multiple_of=8, description="side of the square canvas in pixels")
    seed: int = Field(0, ge=0, lt=1 << 63, description="root seed of every draw")
    unit_size: int = Field(16, ge=1, le=4096, description="samples per unit, which is a block, a shard and a retry")
    accept_licence: tuple[str, ...] = Field(
        (), description="models that may be used though their licence is restricted"
    )
    segment: Stage
    stages: tuple[Stage, ...]
    pools: tuple[Pool, ...]
    choose: Choice | None = Field(None, description="which rows are wanted; they become the view `OUT/chosen`")
    segment_pool: Pool = Pool(stages=SEGMENT_POOL)

    @field_validator("segment_pool", mode="before")
    @classmethod
    def _with_stages(cls, pool: Any) -> Any:
        """Its stages are always the same: ``--set segment_pool.gpus=1`` need not name them."""
        return {"stages": SEGMENT_POOL, **pool} if isinstance(pool, dict) else pool

    def affects_data(self) -> dict[str, Any]:
        """The part of the recipe on which the rows depend; a resume must agree with it."""
        return {
            "size": self.size,
            "seed": self.seed,
            "unit_size": self.unit_size,
            "stages": {stage.name: stage.model_dump(mode="json", exclude=PLACEMENT) for stage in self.stages},
        }

    def groups(self) -> list[tuple[Stage, ...]]:
        """The stages of each pool.

        Raises:
            UsageError: POOLS_ORDER when the pools do not hold every stage once, in order, with `commit` last.
        """
        by_name = {stage.name: stage for stage in self.stages}
        self._agree("pools", self.pools, [*by_name, COMMIT])
        self._agree("segment_pool", [self.segment_pool], list(SEGMENT_POOL))
        return [tuple(by_name[name] for name in pool.stages if name != COMMIT) for pool in self.pools]

    def _agree(self, key: str, pools: Sequence[Pool], wanted: list[str]) -> None:
        given = [name for pool in pools for name in pool.stages]
        if given != wanted:
            raise UsageError(
                "POOLS_ORDER",
                f"the pools run {', '.join(given) or 'nothing'}",
                where=f"recipe {self.name}, {key}",
                fix=f"list each stage once, in this order: {', '.join(wanted)}",
            )


def parse_recipe(text: str, *, where: str, stages: Registry[type[Stage]], overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from YAML and ``--set a.b=value`` overrides.

    Args:
        text: the YAML document.
        where: file name for messages.
        stages: stage classes by name.
        overrides: ``key=value`` with a YAML value; a stage's key may be written without ``stages.``.

    Raises:
        UsageError: RECIPE_YAML, RECIPE_SET, RECIPE_KEY, RECIPE_VALUE, each with line or option and a suggestion.
    """
    tree, origins = read_yaml(text, where)
    for item in overrides:
        origins = override(tree, item, origins, stage_names=[name for name in stages if name != "segment"])
    for key in ("segment", "stages"):
        if not isinstance(tree.get(key), dict):
            raise UsageError("RECIPE_KEY", f"{key!r} is missing or no mapping", where=where, fix="see `mycanvas init`")
    segment = _stage(tree["segment"], ("segment",), origins, stages)
    steps = tuple(_stage(value, ("stages", str(name)), origins, stages) for name, value in tree["stages"].items())
    return validate_spec(Recipe, {**tree, "segment": segment, "stages": steps}, (), origins)


def _stage(value: Any, path: Path, origins: Origins, stages: Registry[type[Stage]]) -> Stage:
    if path[-1] not in stages:
        raise UsageError(
            "RECIPE_KEY",
            f"there is no stage {path[-1]!r}",
            where=origins.of(path),
            fix=_suggestion(path[-1], list(stages)),
        )
    return validate_spec(stages.resolve(path[-1]), {} if value is None else value, path, origins)


def validate_spec(kind: type[S], values: Any, path: Path, origins: Origins, see: str = "`mycanvas recipe schema`") -> S:
    """A spec from what a person wrote.

    Args:
        kind: of the spec.
        values: its keys.
        path: where they stand in the document.
        origins: what line that is.
        see: where values are described.

    Raises:
        UsageError: RECIPE_KEY, RECIPE_VALUE, with line and suggestion.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = sorted(error.errors(), key=lambda problem: problem["type"] != UNKNOWN_KEY)
        first = problems[0]  # a misspelt key before the field that it leaves out
        place = (*path, *(str(part) for part in first["loc"]))
        unknown = first["type"] == UNKNOWN_KEY
        raise UsageError(
            "RECIPE_KEY" if unknown else "RECIPE_VALUE",
            f"unknown key {'.'.join(place)!r}"
            if unknown
            else f"{'.'.join(place)}: {first['msg'].removeprefix('Value error, ')}",
            where=origins.of(place),
            fix=_suggestion(place[-1], _known_keys(kind, first["loc"])) if unknown else f"see {see}",
        ) from error


def spec_from_overrides(kind: type[S], overrides: Sequence[str], *, see: str) -> S:
    """A spec with its defaults, but for ``key=value`` items; values are YAML.

    Raises:
        UsageError: RECIPE_SET, RECIPE_YAML, RECIPE_KEY, RECIPE_VALUE.
    """
    tree: dict[str, Any] = {}
    origins = Origins("--set", {})
    for item in overrides:
        origins = override(tree, item, origins, stage_names=())
    return validate_spec(kind, tree, (), origins, see)


def _known_keys(kind: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that may stand where `loc` ends: those of `kind`, or of a spec inside it."""
    for part in loc[:-1]:
        if isinstance(part, str) and part in kind.model_fields:
            kind = next(_specs(kind.model_fields[part].annotation), kind)
    return list(kind.model_fields)


def _specs(annotation: Any) -> Iterator[type[BaseModel]]:
    """The specs that a field may hold: itself, or inside a tuple or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _specs(inner)


def _suggestion(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known keys: {', '.join(known)}"
