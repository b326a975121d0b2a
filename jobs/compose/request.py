"""What is asked of `compose` and `layout`."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.session import LOCAL
from engine.run.phase import Phase
from engine.run.recipe import Recipe
from engine.run.stage import Run
from engine.storage.open_store import open_store
from jobs.run_loop import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeRequest:
    """What the user asked for; empty strings are options that were left out."""

    recipe: Recipe
    photos: str = ""
    samples: int
    out: str
    library: str = ""
    backgrounds: str = ""
    layouts: str = ""
    address: str = LOCAL
    budget: Budget

    @property
    def whole(self) -> Phase:
        """The phase `compose` with all those before it, whose rows it goes on with."""
        return self.recipe.whole("compose")

    def needs(self, what: str) -> bool:
        """Whether a stage needs something beside the run: `library`, `backgrounds`."""
        return any(what in stage.needs for stage in self.whole.stages)

    @property
    def library_uri(self) -> str:
        """Where the cut-outs are; absolute, as the output's, since a worker runs in a folder of its own."""
        return open_store(self.library or f"{open_store(self.out).uri}/library").uri

    def run(self) -> Run:
        """What every worker of the run shares."""
        return Run(out=open_store(self.out).uri, library=self.library_uri, size=self.recipe.size)
