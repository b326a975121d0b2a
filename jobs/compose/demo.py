"""`mycanvas demo`: the main job with the recipe `micro` on photos of made-up toys; nothing is downloaded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from shlex import quote

from jobs.compose.compose import compose
from jobs.compose.recipes import load
from jobs.compose.request import ComposeRequest
from jobs.compose.toybox import toybox
from jobs.console import Console
from jobs.report.gallery import gallery
from jobs.run_loop import Budget

CONCEPTS, PHOTOS_EACH, PHOTO_SIZE, SEED = 16, 3, 320, 4
UNIT_SIZE = 8  # 64 samples make 8 units: four for each of two cores


def demo(samples: int, out: Path, console: Console) -> None:
    """Photograph toys, compose them, and build the gallery of the result."""
    photos, dataset, page = out / "photos", out / "dataset", out / "gallery.html"
    if not (photos / "metadata.jsonl").is_file():
        console.say(f"photos  {CONCEPTS} made-up toys, {PHOTOS_EACH} photos of each   {photos}")
        toybox(CONCEPTS, PHOTOS_EACH, PHOTO_SIZE, seed=SEED, out=out, console=Console("quiet"))
    console.say("recipe  micro: IS-Net, a Qwen2, SDXL inpainting, OpenCLIP, DINOv2, OWL-ViT, all small and shipped")
    recipe = load("micro", [f"unit_size={UNIT_SIZE}"])
    request = ComposeRequest(
        recipe=recipe, photos=str(photos), samples=samples, out=str(dataset), budget=Budget(share=0.05)
    )
    tally = compose(request, console)
    tiles = gallery(str(dataset), page, limit=samples)
    console.result(
        {"dataset": str(dataset), "gallery": str(page), **asdict(tally)},
        [
            f"{tally.accepted} accepted, {tally.rejected} rejected, {tally.failed} failed",
            f"  gallery  {page}   ({tiles} tiles: open it in a browser)",
            f"  data     {dataset}/data/*.parquet   (datasets.load_dataset reads {dataset})",
            f"next: mycanvas stats {quote(str(dataset))}",
            "      mycanvas compose classic --photos YOUR_PHOTOS --samples 64 --out out/mine",
        ],
    )
