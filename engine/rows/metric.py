"""What a score column is: a row of the table of metrics, which stands in the metadata of the field that it describes.

`engine.metrics.table` gathers the rows; everything that names, limits, shows or describes a score reads them there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from engine.rows.schema import without_none

METRIC = "metric"
"""The key of a field's metadata under which its `MetricSpec` stands."""

ModelKey = Literal["clip", "identity", "detector", "safety"]
"""The models that `score` can be given, as a recipe calls them."""

View = Literal["gallery", "export", "croissant", "by_concept"]
"""Where a score is shown: on tiles of the gallery, in exported rows, in `croissant.json`, in the means of a concept."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A key of the recipe's `gate` that rejects rows by a score.

    Attributes:
        about: what it asks for, in the recipe's schema.
        default: where it stands unless the recipe says otherwise; None asks for nothing.
        ranged: whether a limit must lie in the score's own range.
    """

    about: str
    default: float | None = None
    ranged: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """One score. A number is None, never 0, where nothing measured it.

    Attributes:
        label: its name for people, such as ``CLIP score``.
        short: the same in a word or two, for a tile.
        about: what it measures, as one clause without a full stop.
        function: where it is computed, as ``module:attribute``. Without `needs`, the stage `score` calls it with a
            picture or an object; with `request`, `mycanvas score` with a batch, of which it gives one value a row. What
            a model says is computed together, and this only says where.
        source: paper and section that define it; empty: our own.
        low: the lowest possible value; None: there is none.
        high: the highest.
        unit: written behind the number; empty for numbers without one.
        higher_is_better: None where neither direction is better.
        needs: models without which the column stays null. One that needs none is the same whoever computes it.
        request: the name in `metrics=[…]` of `mycanvas score` that asks for it; empty: it is computed without asking.
        limit: its key in the recipe's `gate`; None: no row is rejected by it.
        digits: decimals for people.
        rank: place among all scores wherever they are listed; limits of the gate stand in the same order.
        views: where it is shown.
        fact: label and format of the line that an object's tile has of it; None: it has none.
        column: under which it is stored; of lists in `AddedScores`, the name of the number of one object.
        kind: float, int, bool or str. Known from the field, as are `many` and `group`.
        many: whether the column is a list with a number for each object.
        group: the column of structs in which it is a field, such as ``objects``; empty for columns of the row.
    """

    label: str
    about: str
    function: str
    short: str = ""
    source: str = ""
    low: float | None = None
    high: float | None = None
    unit: str = ""
    higher_is_better: bool | None = None
    needs: tuple[ModelKey, ...] = ()
    request: str = ""
    limit: Limit | None = None
    digits: int = 3
    rank: int = 1000
    views: tuple[View, ...] = ("gallery", "export", "croissant")
    fact: tuple[str, str] | None = None
    column: str = ""
    kind: type = float
    many: bool = False
    group: str = ""

    @property
    def per_object(self) -> bool:
        """Whether each object of a row has a value of its own."""
        return self.many or bool(self.group)

    @property
    def limit_key(self) -> str:
        """What the gate calls its limit: ``min_identity``, ``max_seam``."""
        return f"{'max' if self.higher_is_better is False else 'min'}_{self.column}"

    @property
    def expression(self) -> str:
        """As `filter` says it; of objects, the worst: ``min(objects.identity)``."""
        worst = "max" if self.higher_is_better is False else "min"
        return f"{worst}({self.group}.{self.column})" if self.group else self.column

    def values(self, row: Any) -> list[float]:
        """What a composition or cut-out has of it: one number, one of each object, none where nothing was measured."""
        items: Sequence[Any] = getattr(row, self.group) if self.group else (row,)
        known = (getattr(item, self.column) for item in items)
        return [value for value in known if value is not None]

    def worst(self, values: Sequence[float]) -> float | None:
        """The worst of some values; None of none."""
        return (max if self.higher_is_better is False else min)(values, default=None)


def metric_fields(record: type) -> Mapping[str, MetricSpec]:
    """The score columns of a record by the name of their field, in the record's order; not those of its objects."""
    return _metric_fields(record)


@cache
def _metric_fields(record: type) -> Mapping[str, MetricSpec]:
    hints = get_type_hints(record)
    found = {}
    for field in fields(record):
        if METRIC in field.metadata:
            spec, (kind, many) = field.metadata[METRIC], _kind(hints[field.name])
            found[field.name] = replace(spec, column=spec.column or field.name, kind=kind, many=many)
    return MappingProxyType(found)


@cache
def item_records(record: type) -> Mapping[str, type]:
    """The columns of a record that are stored as lists of structs, and the record of their items."""
    hints = get_type_hints(record)
    stored = (field.name for field in fields(record) if not field.metadata.get("transient"))
    items = {name: get_args(hints[name])[0] for name in stored if get_origin(hints[name]) is tuple}
    return MappingProxyType(
        {name: item for name, item in items.items() if isinstance(item, type) and is_dataclass(item)}
    )


def _kind(hint: Any) -> tuple[type, bool]:
    """The type of a value, and whether the column is a list of such."""
    plain = without_none(hint)
    return (_kind(get_args(plain)[0])[0], True) if get_origin(plain) is tuple else (plain, False)
