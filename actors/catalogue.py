"""Every stage a recipe may name, as strings: reading this table imports no stage."""

from __future__ import annotations

from engine.registry import Registry
from engine.stage import Stage

STAGES: Registry[type[Stage]] = Registry(
    "stage",
    {
        "segment": "actors.segment:Segment",
        "scene": "actors.scene:Scene",
        "layout": "actors.layout:Layout",
        "paste": "actors.paste:Paste",
        "inpaint": "actors.inpaint:Inpaint",
        "restore": "actors.restore:Restore",
        "caption": "actors.caption:Caption",
        "score": "actors.score:Score",
        "gate": "actors.gate:Gate",
    },
)
