"""Which rows of a dataset are wanted, as one question in SQL over its score table.

Rows go through conditions, then through caps (`per_concept`, `balance`), then `top` takes the best of what is left.
Ties go to the earlier sample, so the same question always chooses the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

from engine.errors import UsageError
from engine.rows.scores import EXAMPLE
from planners.curate.expression import Column, Kind, Schema, Term
from planners.curate.where import clauses, number

Balance = Literal["concepts", "scene", "count"]
_GROUPS: Mapping[str, str] = {"scene": "scene", "count": "num_objects"}
_NEEDS: Mapping[str, str] = {**_GROUPS, "concepts": "concepts"}
_MOST_BITS = 12  # more are between pictures that share a layout; and then nearly all pairs share a part
_STATUS = "status == 'accepted'"
_NUMBERS = {"bigint", "integer", "double", "float", "smallint", "tinyint", "hugeint", "ubigint", "uinteger"}
ALIKE = "alike"
_BEST = "order by rank_by desc nulls last, sample_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of a dataset; an empty field asks for nothing.

    Attributes:
        where: a condition, see `planners.curate.where`. Rejected rows are left out unless it names `status`.
        dedup: ``phash:4``, a row goes if a better one's perceptual hash differs in at most so many bits;
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
class Near:
    """Rows to be compared by embedding; the `sample_id` of those that go are to be put into the table `ALIKE`.

    Attributes:
        column: with the embeddings.
        least: cosine from which two rows are alike, above 0, at most 1.
        candidates: SQL for `sample_id`, the best first.
    """

    column: str
    least: float
    candidates: str


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
        return f"{_with(self.steps)} select unit_id, sample_id from s{len(self.steps) - 1} order by unit_id, sample_id"

    @property
    def counts(self) -> str:
        """SQL for one row: how many rows are left after each step."""
        return f"{_with(self.steps)} select " + ", ".join(
            f"(select count(*) from s{k})" for k in range(len(self.steps))
        )


def _with(steps: Sequence[tuple[str, str]]) -> str:
    return "with " + ", ".join(f"s{k} as ({sql})" for k, (_, sql) in enumerate(steps))


def select(wanted: Wanted, schema: Schema) -> Selection:
    """The question as SQL.

    Raises:
        UsageError: FILTER_TOP, FILTER_COLUMN, and those of `planners.curate.where`.
    """
    _need(wanted, schema)
    conditions = clauses(wanted.where, schema) if wanted.where else []
    if "status" in schema and not any("status" in term.reads for _, term in conditions):
        conditions = [*clauses(_STATUS, schema), *conditions]
    by = number(wanted.by, schema) if wanted.by else Term("null", "null")
    groups = sorted({_NEEDS[each] for each in _caps(wanted)})
    alike = _alike(wanted.dedup, schema) if wanted.dedup else None
    hashes = ["phash"] if isinstance(alike, int) else []
    flags = [f"coalesce({term.sql}, false) as c{place}" for place, (_, term) in enumerate(conditions)]
    columns = ["unit_id", "sample_id", *hashes, *groups, f"{by.sql} as rank_by", *flags]
    steps = [("all", f"select {', '.join(columns)} from scores")]
    steps += [(text, f"select * from s{place} where c{place}") for place, (text, _) in enumerate(conditions)]
    near = None
    if isinstance(alike, int):
        steps.append((f"unlike each other, {wanted.dedup}", _unlike(len(steps), alike)))
    elif alike:
        near = Near(*alike, _candidates(steps))
        steps.append((f"unlike each other, {wanted.dedup}", _unlike_sql(len(steps))))
    if wanted.per_concept:
        steps.append((f"at most {wanted.per_concept} of each concept", _best(len(steps), str(wanted.per_concept))))
    if wanted.balance:
        steps.append((f"balanced by {wanted.balance}", _balance(len(steps), wanted.balance)))
    if wanted.top:
        steps.append((f"top {wanted.top} by {wanted.by}", _top(len(steps), wanted.top)))
    read = by.reads.union({"unit_id", "sample_id", *hashes, *groups}, *(term.reads for _, term in conditions))
    return Selection(steps, read | {near.column} if near else read, near)


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
    return f"select * from s{step - 1} qualify row_number() over (partition by {group} {_BEST}) <= {rarest}"


def _best(step: int, most: str) -> str:
    """Rows that are among the `most` best of every concept in them: no concept then has more rows than that."""
    place = f"row_number() over (partition by concept {_BEST})"
    rows = f"select *, unnest(list_distinct(concepts)) as concept from s{step - 1}"
    placed = f"select sample_id, {place} as place from ({rows})"
    kept = f"select sample_id from ({placed}) group by sample_id having max(place) <= {most}"
    return f"select * from s{step - 1} semi join ({kept}) using (sample_id)"


def _unlike(step: int, bits: int) -> str:
    """Rows without those of which a better one is at most `bits` away, best first; rows without a hash stay.

    Of hashes that differ in at most b bits, cut into b + 1 parts, one part is equal: only such pairs are compared.
    """
    parts, unsigned = bits + 1, "(phash::hugeint & 18446744073709551615)"
    cuts = [64 * part // parts for part in range(parts + 1)]
    keys = ", ".join(f"(({unsigned} >> {low}) & {(1 << (high - low)) - 1})" for low, high in pairwise(cuts))
    one = f"select *, row_number() over (partition by phash {_BEST}) as twin from s{step - 1} where phash is not null"
    ranked = f"select sample_id, phash, row_number() over ({_BEST}) as place from ({one}) where twin = 1"
    cut = f"select *, unnest([{keys}]) as piece, unnest(range({parts})) as part from ranked"
    pair = "pieces a join pieces b on a.piece = b.piece and a.part = b.part and a.place < b.place"
    close = f"bit_count(xor(a.phash, b.phash)) <= {bits}"
    kept = f"select sample_id from ranked where sample_id not in (select b.sample_id from {pair} where {close})"
    wanted = f"with ranked as ({ranked}), pieces as ({cut}) {kept}"
    return f"select * from s{step - 1} where phash is null or sample_id in ({wanted})"


def _candidates(steps: Sequence[tuple[str, str]]) -> str:
    """Ids, the best first."""
    return f"{_with(steps)} select sample_id from s{len(steps) - 1} {_BEST}"


def _unlike_sql(step: int) -> str:
    """Rows without those that resemble a better one."""
    return f"select * from s{step - 1} anti join {ALIKE} using (sample_id)"


def _alike(dedup: str, schema: Schema) -> int | tuple[str, float]:
    """Bits of perceptual hashes, or a column of embeddings and a cosine."""
    match = re.fullmatch(r"(?:phash:(\d{1,2})|(embedding(?:__\w+)?):(0?\.\d+|1|1\.0+))", dedup)
    if not match or (match[1] and int(match[1]) > _MOST_BITS) or (match[3] and not float(match[3])):
        known = f"phash:0 to phash:{_MOST_BITS}, 4 finds copies that were scaled or compressed again; embedding:0.95"
        raise UsageError("FILTER_DEDUP", f"rows cannot be compared by {dedup!r}", fix=known)
    if match[1] and "phash" in schema:
        return int(match[1])
    there = [name for name in schema if name.startswith("embedding__") and match[2] in ("embedding", name)]
    if match[1] or not there:
        fix = "mycanvas score DATASET --name NAME --with " + (
            "phash=true" if match[1] else "embedding=identity --with identity.model=shipped:micro/identity"
        )
        raise UsageError("FILTER_COLUMN", f"the rows have no {'perceptual hash' if match[1] else match[2]}", fix=fix)
    if len(there) > 1:
        fix = f"--dedup {there[0]}:{match[3]}; there are {', '.join(there)}"
        raise UsageError("FILTER_DEDUP", "the rows have several embeddings", fix=fix)
    return there[0], float(match[3])


def _top(step: int, top: str) -> str:
    share, count = _share(top)
    limit = f"(select ceil(count(*) * {share}) from s{step - 1})" if share else str(count)
    return f"select * from s{step - 1} where rank_by is not null qualify row_number() over ({_BEST}) <= {limit}"


def _share(top: str) -> tuple[str, int]:
    """A share of 1 as an exact decimal and 0, or nothing and a number of rows."""
    match = re.fullmatch(r"(\d{1,12})|(\d{1,3}(?:\.\d{1,6})?)\s*%", top.strip())
    if match and match[1] and int(match[1]) > 0:
        return "", int(match[1])
    if match and match[2] and 0 < float(match[2]) <= 100:
        return f"({match[2]} / 100)::decimal(18, 10)", 0
    raise UsageError("FILTER_TOP", f"--top {top!r} is no number of rows and no share", fix="--top 500, or --top 10%")
