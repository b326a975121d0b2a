"""`mycanvas demo`: the main job on photos that ship inside the scikit-image wheel; nothing is downloaded."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from engine.errors import EnvironmentProblem
from jobs.compose import Order, compose
from jobs.console import Console
from jobs.gallery import gallery
from jobs.recipes import load
from jobs.run import Budget

MIN_QUALITY = 0.4  # keeps the two people, whose cut-outs score 0.6 and 0.4, and not the cat that fills its photo (0.35)
UNIT_SIZE = 8  # 64 samples make 8 units: four for each of two cores


@dataclass(frozen=True, slots=True)
class DemoPhoto:
    """A crop of a photo of scikit-image, with the licence that scikit-image states for it."""

    concept: str
    class_name: str
    file: str
    crop: tuple[int, int, int, int]
    license: str
    credit: str


PHOTOS = (
    DemoPhoto("coffee", "cup of coffee", "coffee.png", (60, 0, 520, 400), "CC0-1.0", "Rachel Michetti"),
    DemoPhoto("rocket", "rocket", "rocket.jpg", (290, 120, 360, 400), "public domain", "SpaceX"),
    DemoPhoto("astronaut", "astronaut", "astronaut.png", (0, 0, 512, 512), "public domain", "NASA"),
    DemoPhoto("photographer", "man", "camera.png", (0, 60, 420, 512), "CC0-1.0", "Lav Varshney"),
    DemoPhoto("horse", "horse", "horse.png", (0, 0, 400, 328), "CC0-1.0", "Andreas Preuss"),
    DemoPhoto("coin", "coin", "coins.png", (290, 20, 384, 80), "no known restrictions", "Brooklyn Museum"),
    DemoPhoto("cat", "cat", "chelsea.png", (0, 0, 451, 300), "CC0-1.0", "Stefan van der Walt"),
)
"""Which photos, cropped to the one thing in them; licences as in the docstrings of `skimage.data`."""


def write_photos(folder: Path) -> None:
    """Write the demo's photos as ``<concept>/<image>`` with a ``metadata.jsonl``.

    Raises:
        EnvironmentProblem: DEMO_PHOTOS when scikit-image is not installed.
    """
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise EnvironmentProblem(
            "DEMO_PHOTOS",
            "the demo composes photos of the scikit-image wheel, which is not installed",
            fix="pip install 'mycanvas-engine[demo]' -c constraints.txt",
        )
    source = Path(found.origin).parent / "data"
    lines = []
    for photo in PHOTOS:
        target = folder / photo.concept / "00.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(source / photo.file) as image:
            image.convert("RGB").crop(photo.crop).save(target)
        facts = {"class": photo.class_name, "license": photo.license, "credit": photo.credit}
        lines.append(json.dumps({"file_name": f"{photo.concept}/00.png", **facts}))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def demo(samples: int, out: Path, console: Console) -> None:
    """Write the photos, compose them, verify the result and build its gallery."""
    photos, dataset, page = out / "photos", out / "dataset", out / "gallery.html"
    console.say(f"photos  {len(PHOTOS)} from the scikit-image wheel, CC0 or public domain   {photos}")
    write_photos(photos)
    recipe = load("classic", [f"unit_size={UNIT_SIZE}", f"segment.min_quality={MIN_QUALITY}"])
    console.say("recipe  classic: GrabCut, layout solver, harmonised blend; no model has a hand in these pictures")
    order = Order(recipe=recipe, photos=str(photos), samples=samples, out=str(dataset), budget=Budget(share=0.05))
    tally = compose(order, console)
    cards = gallery(str(dataset), page, limit=samples)
    console.result(
        {"dataset": str(dataset), "gallery": str(page), **asdict(tally)},
        [
            f"{tally.accepted} accepted, {tally.rejected} rejected, {tally.failed} failed",
            f"  gallery  {page}   ({cards} cards: open it in a browser)",
            f"  data     {dataset}/data/*.parquet   (datasets.load_dataset reads {dataset})",
            f"next: mycanvas stats {dataset}",
            "      mycanvas compose classic --photos YOUR_PHOTOS --samples 64 --out out/mine",
        ],
    )
