"""The page of a training, renewed while it trains: what it drew, which concept bleeds into which, its loss."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

from actors.personalize.manifest import MANIFEST, read_manifest
from engine.photos.images import decode, encode_jpeg, resize
from engine.storage.lock import read_lock
from engine.storage.store import Store
from engine.training.reports import TrainingReport
from jobs.report.pages import fill_page, read_asset

PAGE, LOOKS = "report.html", "looks"
SHEETS, WIDTH = 24, 1200  # looks on the page, evenly chosen, and px of their sheets: 10 MB at most
POINTS = 2000  # of the curve


def put_report(store: Store, name: str, reports: Sequence[TrainingReport]) -> None:
    """Put ``report.html`` beside the artifact, or where it will be.

    Args:
        store: of the artifact.
        name: of the training.
        reports: its log.
    """
    manifest = read_manifest(store) if store.exists(MANIFEST) else None
    spec = read_lock(store)["data"]["training"]
    losses = {each.step: float(each.metrics.get("loss", nan)) for each in reports}
    curve = [(step, loss) for step, loss in sorted(losses.items()) if isfinite(loss)]
    data = {
        "summary": _summary(reports, spec, done=manifest is not None),
        "concepts": manifest["words"] if manifest else [],
        "facts": _facts(spec, manifest),
        "curve": curve[:: max(len(curve) // POINTS, 1)],
        "looks": _looks(store),
    }
    style, script = read_asset("training.css"), read_asset("training.js")
    text = fill_page("training.html", title=name, style=style, script=script, data=data)
    store.put(PAGE, text.encode())


def _summary(reports: Sequence[TrainingReport], spec: dict[str, Any], *, done: bool) -> str:
    total = spec["schedule"]["steps"]
    if not reports:
        return f"{total:,} steps, none reported yet"
    last = reports[-1]
    return f"{last.step:,} of {total:,} steps in {last.seconds / 60:.1f} min{'' if done else ', still training'}"


def _facts(spec: dict[str, Any], manifest: dict[str, Any] | None) -> list[tuple[str, str]]:
    shown = ("method", "rank", "side", "batch", "prior_weight", "seed")
    facts = [(name.replace("_", " "), str(spec[name])) for name in shown if name in spec]
    facts.append(("learning rate", f"{spec['schedule']['lr']:g}"))
    if manifest is None:
        return [("base", spec["base"]), *facts]
    base, data = manifest["base"], manifest["data"]
    return [
        ("base", f"{base['name']} {base['revision']} ({base['license']})"),
        *facts,
        ("data", f"{data['rows']} rows of {data['uri']}"),
        ("licences", ", ".join(manifest["licenses"])),
    ]


def _looks(store: Store) -> list[dict[str, Any]]:
    names = sorted(name for name in store.names(LOOKS) if name.endswith(".json"))
    chosen = [names[round(place * (len(names) - 1) / (SHEETS - 1))] for place in range(SHEETS)] if names else []
    return [_look(store, name) for name in dict.fromkeys(chosen)]


def _look(store: Store, name: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(store.read(f"{LOOKS}/{name}"))
    sheet = store.read(f"{LOOKS}/{name.removesuffix('.json')}.jpg")
    pixels = decode(sheet)
    height, width = pixels.shape[:2]
    if width > WIDTH:
        sheet = encode_jpeg(resize(pixels, WIDTH, round(height * WIDTH / width)))
    return said | {"sheet": base64.b64encode(sheet).decode()}
