"""The kinds of rows by name. A shard names its kind in its schema, and whoever reads it looks the record up here."""

from __future__ import annotations

from dataclasses import fields

import pyarrow as pa

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
        "evaluated_image": "engine.rows.evaluated:EvaluatedImage",
        "generated_image": "engine.rows.generated:GeneratedImage",
        "latent_moments": "engine.rows.latents:LatentMoments",
        "painted_background": "engine.rows.backgrounds:PaintedBackground",
        "phrase_embedding": "engine.rows.backgrounds:PhraseEmbedding",
        "scene_proposal": "engine.rows.proposals:SceneProposal",
    },
)


def kind_of(record: type) -> str:
    """The name of a record, which it says as `kind`; empty for rows that are no dataset's, such as failed ones."""
    return str(getattr(record, "kind", ""))


def record_of(schema: pa.Schema, where: str) -> type:
    """The record that the schema of a shard names; of a shard that names none, the only one that has all its columns.

    Raises:
        UsageError: ROWS_KIND where that is not one which is known here.
    """
    kind = (schema.metadata or {}).get(RECORD_KEY, b"").decode("utf-8", "replace")
    if kind in RECORDS:
        return RECORDS.resolve(kind)
    records = [RECORDS.resolve(name) for name in RECORDS]
    fitting = [record for record in records if {field.name for field in fields(record)}.issuperset(schema.names)]
    if kind or len(fitting) != 1:
        what = f"the rows are of the kind {kind!r}, which is not known" if kind else "the rows do not say what they are"
        fix = f"give the output of compose or segment; known kinds: {', '.join(RECORDS)}"
        raise UsageError("ROWS_KIND", what, where=where, fix=fix)
    return fitting[0]
