"""Files of a dataset's folder that are none of its own, and that somebody would take for such."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from engine.photos.exclusions import EXCLUDED
from engine.photos.library import METRES
from engine.photos.photo_log import LEFT_OUT
from engine.storage.lock import BACKGROUNDS, CUTOUTS, LISTED, LOCK, PLAN
from engine.storage.manifest import CROISSANT, SCORES, scores_path, segment_path
from engine.storage.receipts import DATA, FAILURES, RECEIPTS, data_path, failures_path, receipt_path

NUMBERED = re.compile(rf"(?:{DATA}/part-|{FAILURES}/part-|{RECEIPTS}/)(\d+)\.(?:parquet|arrow)")
_SCORES_PART = re.compile(rf"{SCORES}/part-(\d+)\.parquet")
_ROOT = frozenset([LOCK, BACKGROUNDS, CUTOUTS, PLAN, LISTED, CROISSANT, METRES, EXCLUDED, LEFT_OUT])
_READ_BY_OTHERS = (".parquet", ".arrow", ".json", ".jsonl")


def stray_files(paths: Collection[str]) -> Iterator[str]:
    """Those of a run's files that are of no unit and no summary of it, and that readers of its folders would read."""
    places = {f"{DATA}/": data_path, f"{FAILURES}/": failures_path, f"{RECEIPTS}/": receipt_path}
    for path in paths:
        number, part = NUMBERED.fullmatch(path), _SCORES_PART.fullmatch(path)
        of_units = next((named for folder, named in places.items() if path.startswith(folder)), None)
        if of_units is not None:
            stray = number is None or of_units(int(number[1])) != path
        elif path.startswith(f"{SCORES}/"):
            stray = part is None or scores_path(int(part[1])) != path or segment_path(int(part[1])) not in paths
        else:
            stray = "/" not in path and path.endswith(_READ_BY_OTHERS) and path not in _ROOT
        if stray:
            yield path
