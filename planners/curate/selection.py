"""Which rows of a dataset are wanted, as one question in SQL over its score table.

Rows go through conditions, then through caps (`per_concept`, `balance`), then `top` takes the best of what is left.
Ties go to the earlier sample, so the same question always chooses the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from engine.errors import UsageError
from engine.metrics.table import METRICS
from engine.rows.scores import EXAMPLE
from planners.curate.deduplication import BEST, Near, parse_dedup, with_steps
from planners.curate.expression import Column, Kind, Schema, Term
from planners.curate.where import clauses, number

Balance = Literal["concepts", "scene", "count"]
_GROUPS: Mapping[str, str] = {"scene": "scene", "count": "num_objects"}
_NEEDS: Mapping[str, str] = {**_GROUPS, "concepts": "concepts"}
_STATUS = "status == 'accepted'"
_NUMBERS = {"bigint", "integer", "double", "float", "smallint", "tinyint", "hugeint", "ubigint", "uinteger"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of a dataset; an empty field asks for nothing.

    Attributes:
        where: a condition, see `planners.curate.where`. Rejected rows are left out unless it names `status`.
        dedup: ``phash:4``, a row goes if a better one's perceptual hash differs in at most that many bits;
            ``embedding:0.95``, if a better one's embedding has that cosine with its own, or more.
        by: what is best: a number.
        top: ``10%`` or ``500``, the best of what is left; needs `by`.
        per_concept: a row stays if it is among the so many best of every concept in it.
        balance: as many rows of each concept, scene or number of objects as of the rarest.
    """

    where: str = ""
    dedup: str = ""
    by: str = ""
    top: str = ""
    per_concept: int | None = None
    balance: Balance | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """A question as SQL.

    Attributes:
        steps: what is asked, one after the other, each with a query for the rows that are left after it; `s0` is
            what the first leaves, and so on.
        reads: columns of the score table that are read.
        near: what must be answered first, since no SQL does; none where nothing is asked by embedding.
    """

    steps: Sequence[tuple[str, str]]
    reads: frozenset[str]
    near: Near | None = None

    @property
    def rows(self) -> str:
        """SQL for `unit_id` and `sample_id` of the chosen rows, ascending."""
        last = f"s{len(self.steps) - 1}"
        return f"{with_steps(self.steps)} select unit_id, sample_id from {last} order by unit_id, sample_id"

    @property
    def counts(self) -> str:
        """SQL for one row: how many rows are left after each step."""
        return f"{with_steps(self.steps)} select " + ", ".join(
            f"(select count(*) from s{k})" for k in range(len(self.steps))
        )


def select(wanted: Wanted, schema: Schema) -> Selection:
    """The question as SQL.

    Raises:
        UsageError: FILTER_TOP, FILTER_COLUMN, and those of `planners.curate.where`.
    """
    _need(wanted, schema)
    conditions = clauses(wanted.where, schema) if wanted.where else []
    if "status" in schema and not any("status" in term.reads for _, term in conditions):
        conditions = [*clauses(_STATUS, schema), *conditions]
    by = _rank(wanted.by, schema) if wanted.by else Term("null", "null")
    groups = sorted({_NEEDS[each] for each in _caps(wanted)})
    dedup = parse_dedup(wanted.dedup, schema) if wanted.dedup else None
    hashes = dedup.columns if dedup else ()
    flags = [f"coalesce({term.sql}, false) as c{place}" for place, (_, term) in enumerate(conditions)]
    columns = ["unit_id", "sample_id", *hashes, *groups, f"{by.sql} as rank_by", *flags]
    steps = [("all", f"select {', '.join(columns)} from scores")]
    steps += [(text, f"select * from s{place} where c{place}") for place, (text, _) in enumerate(conditions)]
    near = dedup.comparison(steps) if dedup else None
    if dedup:
        steps.append((f"unlike each other, {wanted.dedup}", dedup.query(len(steps))))
    if wanted.per_concept:
        steps.append((f"at most {wanted.per_concept} of each concept", _best(len(steps), str(wanted.per_concept))))
    if wanted.balance:
        steps.append((f"balanced by {wanted.balance}", _balance(len(steps), wanted.balance)))
    if wanted.top:
        steps.append((f"top {wanted.top} by {wanted.by}", _top(len(steps), wanted.top)))
    read = by.reads.union({"unit_id", "sample_id", *hashes, *groups}, *(term.reads for _, term in conditions))
    return Selection(steps, read | {near.column} if near else read, near)


def _rank(by: str, schema: Schema) -> Term:
    """What is best as the largest number: of a score that is better when lower, by its bare name, the lowest."""
    term, spec = number(by, schema), METRICS.get(by.strip())
    return replace(term, sql=f"-({term.sql})") if spec and spec.higher_is_better is False else term


def schema_of(types: Mapping[str, Any]) -> dict[str, Column]:
    """The columns that expressions may name, from DuckDB's types; lists of structs by their fields."""
    found: dict[str, Column] = {}
    for name, kind in types.items():
        many = kind.id == "list"
        inner = kind.children[0][1] if many else kind
        if inner.id == "struct" and many:
            fields = ((field, _kind(type_)) for field, type_ in inner.children)
            found.update({f"{name}.{field}": Column(known, group=name) for field, known in fields if known})
        elif known := _kind(inner):
            found[name] = Column(known, many=many)
    return found


def _kind(type_: Any) -> Kind | None:
    if type_.id in _NUMBERS:
        return "number"
    return {"varchar": "text", "boolean": "boolean"}.get(type_.id)  # type: ignore[return-value]


def _caps(wanted: Wanted) -> list[str]:
    return [*(["concepts"] if wanted.per_concept else []), *([wanted.balance] if wanted.balance else [])]


def _need(wanted: Wanted, schema: Schema) -> None:
    if wanted.top and not wanted.by:
        raise UsageError("FILTER_TOP", "--top needs --by: the best by what?", fix=f"--by {EXAMPLE}")
    if wanted.top:
        _share(wanted.top)
    if wanted.balance and wanted.balance not in get_args(Balance):
        known = ", ".join(get_args(Balance))
        raise UsageError("FILTER_BALANCE", f"nothing is balanced by {wanted.balance!r}", fix=f"one of {known}")
    for each in _caps(wanted):
        if _NEEDS[each] not in schema:
            raise UsageError("FILTER_COLUMN", f"the rows have no {_NEEDS[each]}", fix="give the output of compose")


def _balance(step: int, balance: Balance) -> str:
    if balance == "concepts":
        each = f"select unnest(list_distinct(concepts)) as concept from s{step - 1}"
        return _best(step, f"(select min(n) from (select count(*) as n from ({each}) group by concept))")
    group = _GROUPS[balance]
    rarest = f"(select min(n) from (select count(*) as n from s{step - 1} group by {group}))"
    return f"select * from s{step - 1} qualify row_number() over (partition by {group} {BEST}) <= {rarest}"


def _best(step: int, most: str) -> str:
    """Rows that are among the `most` best of every concept in them: no concept then has more rows than that."""
    place = f"row_number() over (partition by concept {BEST})"
    rows = f"select *, unnest(list_distinct(concepts)) as concept from s{step - 1}"
    placed = f"select sample_id, {place} as place from ({rows})"
    kept = f"select sample_id from ({placed}) group by sample_id having max(place) <= {most}"
    return f"select * from s{step - 1} semi join ({kept}) using (sample_id)"


def _top(step: int, top: str) -> str:
    share, count = _share(top)
    limit = f"(select ceil(count(*) * {share}) from s{step - 1})" if share else str(count)
    return f"select * from s{step - 1} where rank_by is not null qualify row_number() over ({BEST}) <= {limit}"


def _share(top: str) -> tuple[str, int]:
    """A share of 1 as an exact decimal and 0, or nothing and a number of rows."""
    match = re.fullmatch(r"(\d{1,12})|(\d{1,3}(?:\.\d{1,6})?)\s*%", top.strip())
    if match and match[1] and int(match[1]) > 0:
        return "", int(match[1])
    if match and match[2] and 0 < float(match[2]) <= 100:
        return f"({match[2]} / 100)::decimal(18, 10)", 0
    raise UsageError("FILTER_TOP", f"--top {top!r} is no number of rows and no share", fix="--top 500, or --top 10%")
