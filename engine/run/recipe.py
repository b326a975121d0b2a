"""A recipe: what to make, phase by phase, and where each part of it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import Field

from engine.errors import UsageError
from engine.run.phase import Phase
from engine.run.pool import COMMIT, Pool
from engine.run.stage import Spec, Stage


class Choice(Spec):
    """Which of all rows are wanted in the end: a view beside them. Rows do not depend on it, so it may change."""

    where: str = Field("", description="a condition, as `filter --where` has it; empty: accepted rows")
    by: str = Field("", description="what is best: a score, or `min(objects.identity)` and the like")
    top: str = Field(
        "",
        coerce_numbers_to_str=True,
        description="how many of the best: a share such as `10%`, or a number; needs `by`",
    )
    per_concept: int | None = Field(None, ge=1, description="at most this many rows of each concept, the best")
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
    phases: tuple[Phase, ...] = Field(min_length=1)
    pools: dict[str, Pool] = Field(description="which stages share a process, by a name of your own")
    extras: dict[str, tuple[str, ...]] = Field(
        {}, description="changes that go together, each as `--set` has it, under a name that `--with` takes"
    )
    choose: Choice | None = Field(None, description="which rows are wanted; they become the view `OUT/chosen`")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of all phases."""
        return tuple(stage for phase in self.phases for stage in phase.stages)

    def phase(self, name: str) -> Phase:
        """The phase of that name, by itself.

        Raises:
            UsageError: PHASE_UNKNOWN.
        """
        whole = self.whole(name)
        return self._phase(name).model_copy(update={"record": whole.record, "unit_size": whole.unit_size})

    def _phase(self, name: str) -> Phase:
        found = next((phase for phase in self.phases if phase.name == name), None)
        if found is None:
            raise UsageError(
                "PHASE_UNKNOWN",
                f"the recipe {self.name!r} has no phase {name!r}",
                fix=f"its phases: {', '.join(phase.name for phase in self.phases)}",
            )
        return found

    def whole(self, name: str) -> Phase:
        """The phase of that name with all those whose rows it goes on with, as one.

        Raises:
            UsageError: PHASE_UNKNOWN.
        """
        phase = self._phase(name)
        names = [each.name for each in self.phases]
        while phase.source in names:
            phase = phase.after(self._phase(phase.source))
        return phase

    def has_phase(self, name: str) -> bool:
        """Whether there is a phase of that name."""
        return any(phase.name == name for phase in self.phases)

    def with_stage(self, stage: Stage) -> Self:
        """The recipe with another configuration of one of its stages."""
        phases = tuple(
            phase.model_copy(
                update={"stages": tuple(stage if each.name == stage.name else each for each in phase.stages)}
            )
            for phase in self.phases
        )
        return self.model_copy(update={"phases": phases})

    def ends(self) -> Iterator[Phase]:
        """The phases that no other goes on with, each with those before it."""
        continued = {phase.source for phase in self.phases}
        yield from (self.whole(phase.name) for phase in self.phases if phase.name not in continued)

    def pools_of(self, phase: Phase) -> tuple[Pool, ...]:
        """The pools that run a phase, or several as one; the last of them commits.

        Of a pool that other phases share only the stages of this one are left. A phase whose stages no pool names runs
        in one process of one CPU core.
        """
        names, ends_here = set(phase.stage_names()), any(phase.stages[-1] is end.stages[-1] for end in self.ends())
        wanted = names | {COMMIT} if ends_here else names
        own = [(pool, tuple(name for name in pool.stages if name in wanted)) for pool in self._shares(phase)]
        pools = [pool.only(kept) for pool, kept in own if kept] or [Pool(stages=phase.stage_names())]
        if pools[-1].stages[-1] != COMMIT:
            pools[-1] = pools[-1].only((*pools[-1].stages, COMMIT))
        return tuple(pools)

    def _shares(self, phase: Phase) -> list[Pool]:
        """The pools of the chain to which a phase belongs; one that only commits belongs to the pool before it."""
        chains = {name: number for number, end in enumerate(self.ends()) for name in end.stage_names()}
        shares: list[Pool] = []
        chain = 0
        for pool in self.pools.values():
            chain = next((chains[name] for name in pool.stages if name in chains), chain)
            shares += [pool] if chain == chains[phase.stages[0].name] else []
        return shares

    def unit_size_of(self, phase: Phase) -> int:
        """Samples per unit of a phase."""
        return phase.unit_size or self.unit_size

    def affects_data(self, phase: Phase) -> dict[str, Any]:
        """The part of the recipe on which the rows of a phase depend; a resume must agree with it."""
        return {
            "size": self.size,
            "seed": self.seed,
            "unit_size": self.unit_size_of(phase),
            "stages": phase.affects_data(),
        }

    def check_pools(self) -> None:
        """Refuse pools that do not hold every stage of a phase once, in order, with `commit` last.

        Raises:
            UsageError: POOLS_ORDER.
        """
        orders = {phase.name: [*phase.stage_names(), COMMIT] for phase in self.ends()}
        told = "; ".join(", ".join(names) for names in orders.values())
        for phase in self.ends():
            given = [name for pool in self._shares(phase) for name in pool.stages]
            if given not in ([], orders[phase.name]):
                raise UsageError(
                    "POOLS_ORDER",
                    f"the pools run {', '.join(given)}",
                    where=f"recipe {self.name}, pools",
                    fix=f"list each stage once, in this order: {told}",
                )

    def check_phases(self) -> None:
        """Refuse phases that go on with what comes later, and stages that stand in two of them.

        Raises:
            UsageError: PHASES_ORDER.
        """
        seen: dict[str, str] = {}
        for number, phase in enumerate(self.phases):
            later = [each.name for each in self.phases[number:]]
            if phase.source in later:
                raise self._phases_wrong(phase, f"goes on with {phase.source!r}, which comes later", "reorder them")
            for name in phase.stage_names():
                if name in seen:
                    raise self._phases_wrong(phase, f"has the stage {name!r}, as {seen[name]!r} has", "keep one")
                seen[name] = phase.name
            earlier = next((each for each in self.phases[:number] if each.name == phase.source), None)
            if earlier and phase.record and phase.record != self.whole(earlier.name).record:
                raise self._phases_wrong(phase, "goes on with rows of another record", "leave `record` out")

    def _phases_wrong(self, phase: Phase, what: str, fix: str) -> UsageError:
        return UsageError("PHASES_ORDER", what, where=f"recipe {self.name}, phases.{phase.name}", fix=fix)
