"""The kinds of rows by name. A shard names its kind in its schema, and whoever reads it looks the record up here."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import UsageError
from engine.registry import Registry

RECORD_KEY = b"mycanvas.record"
"""Key of the schema metadata under which a shard names the kind of its rows."""
RECORDS: Registry[type] = Registry(
    "kind of row",
    {
        "added_scores": "engine.rows.added_scores:AddedScores",
        "background_embedding": "engine.rows.backgrounds:BackgroundEmbedding",
        "composition": "engine.rows.composition:Composition",
        "cutout": "engine.rows.cutout:Cutout",
        "painted_background": "engine.rows.backgrounds:PaintedBackground",
        "phrase_embedding": "engine.rows.backgrounds:PhraseEmbedding",
        "scene_proposal": "engine.rows.proposals:SceneProposal",
    },
)


def kind_of(record: type) -> str:
    """The name of a record, which it says as `kind`; empty for rows that are no dataset's, such as failed ones."""
    return str(getattr(record, "kind", ""))


def record_of(metadata: Mapping[bytes, bytes] | None, where: str) -> type:
    """The record that the schema of a shard names.

    Raises:
        UsageError: ROWS_KIND where it names none, or one that is not known here.
    """
    kind = (metadata or {}).get(RECORD_KEY, b"").decode("utf-8", "replace")
    if kind not in RECORDS:
        what = f"the rows are of the kind {kind!r}, which is not known" if kind else "the rows do not say what they are"
        fix = f"give the output of compose or segment; known kinds: {', '.join(RECORDS)}"
        raise UsageError("ROWS_KIND", what, where=where, fix=fix)
    return RECORDS.resolve(kind)
