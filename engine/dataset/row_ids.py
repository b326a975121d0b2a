"""Ids of rows as they may be: in the shard of a stranger one could be a path."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from engine.errors import Damaged

ID_PATTERN = r"\A[A-Za-z0-9_-]{1,128}\z"


def require_ids(table: pa.Table, path: str) -> None:
    """Ids become names of files in exports: in a stranger's shard one may be ``../../x``.

    Raises:
        Damaged: ROWS_IDS.
    """
    if "sample_id" not in table.column_names:
        return
    ids = table.column("sample_id")
    fine = pc.fill_null(pc.match_substring_regex(ids, ID_PATTERN), fill_value=False)
    if not pc.all(fine).as_py():
        strange = ids.filter(pc.invert(fine))[0].as_py()
        why = (
            "ids are letters, digits, - and _, at most 128; this engine writes no others, so it did not write this file"
        )
        raise Damaged("ROWS_IDS", f"a row has the id {str(strange)[:80]!r}", where=path, why=why, fix="do not use it")
