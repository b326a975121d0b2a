"""`mycanvas query`: SQL over the scores of a dataset, which can change nothing and reach nothing else."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from engine.dataset.score_table import TABLE, open_scores
from engine.dataset.views import open_dataset
from engine.errors import UsageError
from jobs.console import plain

SHOWN, WIDEST = 40, 60  # rows, and characters of a cell


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows of a query, all or the first of them, and how many there are."""

    rows: pa.Table
    count: int


def query(uri: str, sql: str, *, timeout_s: float = 60.0, most: int | None = None) -> QueryResult:
    """The answer to one statement that reads; the table is called `scores`.

    Of more than `most` rows the others are counted and not made: a million wide ones take 5 GB.

    Raises:
        UsageError: QUERY_SQL where it is no such statement, or the database does not understand it; QUERY_TIME where it
            takes longer than `timeout_s` seconds.
        Damaged: SCORES_DAMAGED.
    """
    with open_scores(open_dataset(uri), for_strangers=True) as scores:
        late = threading.Timer(timeout_s, scores.connection.interrupt)
        late.daemon = True
        late.start()
        try:
            statements = scores.connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise _query_refused("is not one statement that reads", "write one `select … from scores …`")
            answer = scores.connection.sql(sql)  # lazy: nothing is read yet
            count = answer.aggregate("count(*)").fetchall() if most is not None else []
            rows = (answer if most is None else answer.limit(most)).to_arrow_table()
            table = rows.rename_columns(_distinct(rows.column_names))
            return QueryResult(table, int(count[0][0]) if count else table.num_rows)
        except duckdb.InterruptException as error:
            fix = "ask for less, or give it more time: --timeout-s"
            raise UsageError("QUERY_TIME", f"takes longer than {timeout_s:g} s", where="the query", fix=fix) from error
        except duckdb.Error as error:
            names = ", ".join(scores.types())
            raise _query_refused((str(error).splitlines() or ["is not understood"])[0], f"columns: {names}") from error
        finally:
            late.cancel()


def _distinct(names: list[str]) -> list[str]:
    """Column names of which no two are the same."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found


def _query_refused(what: str, fix: str) -> UsageError:
    return UsageError("QUERY_SQL", what, where=f"a query of the table {TABLE!r}", fix=fix)


def lines(result: QueryResult) -> list[str]:
    """Rows of a query as columns of text."""
    rows = result.rows
    shown = [[str(name) for name in rows.column_names]]
    shown += [[_cell(value) for value in row.values()] for row in rows.slice(0, SHOWN).to_pylist()]
    widths = [max(len(row[place]) for row in shown) for place in range(len(shown[0]))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    more = result.count - SHOWN
    return [*text, f"… {more:,} more rows; --format json prints all"] if more > 0 else text


def _cell(value: object) -> str:
    text = plain(f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split()))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
