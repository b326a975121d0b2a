"""One figure: what was expected of it and what came out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure.

    `met` is None where nothing could be measured: data that is not here, or a benchmark that broke down. `detail`
    says from how many runs the figure comes and how far they spread.
    """

    name: str
    target: str
    measured: str | float
    met: bool | None
    detail: str = ""

    @property
    def shown(self) -> str:
        """The measured value as text."""
        return self.measured if isinstance(self.measured, str) else f"{self.measured:.3g}"

    @property
    def verdict(self) -> str:
        """Whether the target is met, as a word."""
        return {True: "yes", False: "NO", None: "not measured"}[self.met]


def spread(values: list[float]) -> str:
    """Smallest to largest of some runs."""
    return f"{min(values):.3g} to {max(values):.3g} in {len(values)} runs"
