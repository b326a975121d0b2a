"""Rows without those that resemble a better one: by perceptual hash in SQL alone, by embedding with help."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from engine.errors import UsageError
from planners.curate.expression import Schema

_MOST_BITS = 12  # more are between pictures that share a layout; and then nearly all pairs share a part
ALIKE = "alike"
BEST = "order by rank_by desc nulls last, sample_id"
"""The best row first; ties go to the earlier sample."""
Steps = Sequence[tuple[str, str]]
"""What is asked, one after the other, each with its query."""


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
class ByHash:
    """Rows whose perceptual hashes differ in more than `bits` bits."""

    columns: ClassVar[tuple[str, ...]] = ("phash",)
    bits: int

    def query(self, step: int) -> str:
        """Rows of the step before `step` without those that resemble a better one."""
        return _unlike(step, self.bits)

    def comparison(self, steps: Steps) -> None:
        """SQL needs no help with these."""


@dataclass(frozen=True, slots=True)
class ByEmbedding:
    """Rows whose embeddings in `column` have a cosine below `least`."""

    columns: ClassVar[tuple[str, ...]] = ()
    column: str
    least: float

    def query(self, step: int) -> str:
        """Rows of the step before `step` without those that resemble a better one."""
        return f"select * from s{step - 1} anti join {ALIKE} using (sample_id)"

    def comparison(self, steps: Steps) -> Near:
        """What has to be compared outside of SQL, the best first."""
        return Near(self.column, self.least, f"{with_steps(steps)} select sample_id from s{len(steps) - 1} {BEST}")


def parse_dedup(dedup: str, schema: Schema) -> ByHash | ByEmbedding:
    """What `Wanted.dedup` says.

    Raises:
        UsageError: FILTER_DEDUP, FILTER_COLUMN.
    """
    match = re.fullmatch(r"(?:phash:(\d{1,2})|(embedding(?:__\w+)?):(0?\.\d+|1|1\.0+))", dedup)
    if not match or (match[1] and int(match[1]) > _MOST_BITS) or (match[3] and not float(match[3])):
        known = f"phash:0 to phash:{_MOST_BITS}, 4 finds copies that were scaled or compressed again; embedding:0.95"
        raise UsageError("FILTER_DEDUP", f"rows cannot be compared by {dedup!r}", fix=known)
    if match[1] and "phash" in schema:
        return ByHash(int(match[1]))
    there = [name for name in schema if name.startswith("embedding__") and match[2] in ("embedding", name)]
    if match[1] or not there:
        fix = "mycanvas score DATASET --name NAME --with " + (
            "phash=true" if match[1] else "embedding=identity --with identity.model=shipped:micro/identity"
        )
        raise UsageError("FILTER_COLUMN", f"the rows have no {'perceptual hash' if match[1] else match[2]}", fix=fix)
    if len(there) > 1:
        fix = f"--dedup {there[0]}:{match[3]}; there are {', '.join(there)}"
        raise UsageError("FILTER_DEDUP", "the rows have several embeddings", fix=fix)
    return ByEmbedding(there[0], float(match[3]))


def with_steps(steps: Steps) -> str:
    """The steps as common table expressions: `s0`, `s1` and so on."""
    return "with " + ", ".join(f"s{k} as ({sql})" for k, (_, sql) in enumerate(steps))


def _unlike(step: int, bits: int) -> str:
    """Rows without those of which a better one is at most `bits` away, best first; rows without a hash stay.

    Of hashes that differ in at most b bits, cut into b + 1 parts, one part is equal: only such pairs are compared.
    """
    parts, unsigned = bits + 1, "(phash::hugeint & 18446744073709551615)"
    cuts = [64 * part // parts for part in range(parts + 1)]
    keys = ", ".join(f"(({unsigned} >> {low}) & {(1 << (high - low)) - 1})" for low, high in pairwise(cuts))
    one = f"select *, row_number() over (partition by phash {BEST}) as twin from s{step - 1} where phash is not null"
    ranked = f"select sample_id, phash, row_number() over ({BEST}) as place from ({one}) where twin = 1"
    cut = f"select *, unnest([{keys}]) as piece, unnest(range({parts})) as part from ranked"
    pair = "pieces a join pieces b on a.piece = b.piece and a.part = b.part and a.place < b.place"
    close = f"bit_count(xor(a.phash, b.phash)) <= {bits}"
    kept = f"select sample_id from ranked where sample_id not in (select b.sample_id from {pair} where {close})"
    wanted = f"with ranked as ({ranked}), pieces as ({cut}) {kept}"
    return f"select * from s{step - 1} where phash is null or sample_id in ({wanted})"
