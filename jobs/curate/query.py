"""`mycanvas query`: SQL over the scores of a dataset, which can change nothing and reach nothing else."""

from __future__ import annotations

import threading
from collections import Counter

import duckdb
import pyarrow as pa

from engine.dataset.score_table import TABLE, open_scores
from engine.dataset.views import open_dataset
from engine.errors import UsageError
from jobs.console import plain

SHOWN, WIDEST = 40, 60  # rows, and characters of a cell


def query(uri: str, sql: str, *, timeout_s: float = 60.0) -> pa.Table:
    """The answer to one statement that reads; the table is called `scores`.

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
            answer = scores.connection.sql(sql).to_arrow_table()
            return answer.rename_columns(_distinct(answer.column_names))
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


def lines(rows: pa.Table) -> list[str]:
    """Rows of an answer as columns of text."""
    shown = [[str(name) for name in rows.column_names]]
    shown += [[_cell(value) for value in row.values()] for row in rows.slice(0, SHOWN).to_pylist()]
    widths = [max(len(row[place]) for row in shown) for place in range(len(shown[0]))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    more = rows.num_rows - SHOWN
    return [*text, f"… {more:,} more rows; --format json prints all"] if more > 0 else text


def _cell(value: object) -> str:
    text = plain(f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split()))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
