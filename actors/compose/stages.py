"""Every stage a recipe may name, as strings: reading this table imports no stage."""

from __future__ import annotations

from engine.registry import Registry
from engine.run.stage import Stage

STAGES: Registry[type[Stage]] = Registry(
    "stage",
    {
        "segment": "actors.compose.segment:Segment",
        "scene": "actors.compose.scene:Scene",
        "layout": "actors.compose.layout:Layout",
        "paste": "actors.compose.paste:Paste",
        "inpaint": "actors.compose.inpaint:Inpaint",
        "restore": "actors.compose.restore:Restore",
        "caption": "actors.compose.caption:Caption",
        "score": "actors.compose.score:Score",
        "gate": "actors.compose.gate:Gate",
    },
)
