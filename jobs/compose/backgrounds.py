"""`mycanvas backgrounds`: photos that phrases can find, and pictures for phrases that no photo fits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actors.compose.generate import GENERATORS, Generation
from actors.models.licences import check_licences
from actors.score.clip import ClipScorer
from actors.score.scorers import CLIP_SCORERS, ClipSpec
from engine.errors import SampleError
from engine.photos.background_index import PATH, BackgroundIndex, read_index, write_index
from engine.photos.backgrounds import Background, list_backgrounds
from engine.photos.images import decode_photo, encode_jpeg, resize
from engine.photos.listing import METADATA, read_file
from engine.run.recipe import validate_spec
from engine.run.recipe_yaml import Origins
from engine.seeds import derive
from engine.storage.stores import open_store
from jobs.console import Console
from planners.compose.background_retrieval import retrieve
from planners.compose.captions import printable

CHUNK, SIDE = 64, 512  # photos in memory at once, and the longest side that CLIP is shown


@dataclass(frozen=True, slots=True)
class Indexed:
    """What became of a folder of photos."""

    photos: int
    unreadable: tuple[str, ...]
    model: str


def index(uri: str, clip: ClipSpec, console: Console) -> Indexed:
    """Write down what a CLIP model makes of every photo of a folder, beside the photos; what cannot be read is named.

    Raises:
        UsageError: those of `engine.photos.backgrounds.list_backgrounds`, and of the model.
        EnvironmentProblem: those of the model.
    """
    listed = list_backgrounds(uri)
    scorer = CLIP_SCORERS.resolve(clip.backend)(clip)
    known: list[Background] = []
    embeddings: list[NDArray[np.float32]] = []
    unreadable: list[str] = []
    for start in range(0, len(listed), CHUNK):
        pixels = list(_decode_photos(listed[start : start + CHUNK], unreadable))
        known += [background for background, _ in pixels]
        embeddings.append(scorer.embed_images([image for _, image in pixels]))
        console.say(f"indexed  {len(known):,} of {len(listed):,}")
    write_index(
        open_store(uri), BackgroundIndex(clip.model_dump(mode="json"), tuple(known), np.concatenate(embeddings))
    )
    return Indexed(len(known), tuple(unreadable), scorer.model.name)


def find_backgrounds(uri: str, phrases: Sequence[str], *, count: int, diversity: float) -> tuple[Background, ...]:
    """The backgrounds of an indexed folder that phrases call for, the shortlist of each after that of the one before.

    Raises:
        UsageError: BACKGROUNDS_NO_INDEX, RECIPE_KEY, RECIPE_VALUE, LICENCE_REFUSED, and those of the model that made
            the index.
        Damaged: those of `engine.photos.background_index.read_index`.
    """
    known = read_index(open_store(uri))
    clip = validate_spec(ClipSpec, known.clip, (), Origins(f"{uri}/{PATH}", {}), see="`mycanvas backgrounds index`")
    check_licences((clip,), ())
    scorer: ClipScorer = CLIP_SCORERS.resolve(clip.backend)(clip)
    words = scorer.embed_texts([f"a photo {phrase}" for phrase in phrases])
    return retrieve(phrases, words, known.backgrounds, known.embeddings, count=count, diversity=diversity)


def generate(phrases: Sequence[str], out: Path, spec: Generation, *, each: int, size: int, seed: int) -> list[Path]:
    """Pictures of phrases as a folder of backgrounds, with the model and its licence in their metadata.

    What is there already is not made again.

    Args:
        phrases: such as "on a sandy beach".
        out: folder of the pictures.
        spec: which model, and how.
        each: pictures of every phrase.
        size: pixels, the side of a picture.
        seed: of what is drawn.

    Raises:
        UsageError: LICENCE_REFUSED, and those of the model.
        EnvironmentProblem: those of the model.
    """
    check_licences((spec,), spec.accept_licence)
    generator = GENERATORS.resolve(spec.backend)(spec)
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for number, phrase in enumerate(phrases):
        for copy in range(each):
            path = out / f"{number:04d}-{copy:02d}.jpg"
            if not path.exists():
                (picture,) = generator.generate([phrase], [derive(seed, phrase, copy)], size)
                path.write_bytes(encode_jpeg(picture))
            told = f"{generator.model.name} {generator.model.revision}"
            made.append((path, {"phrase": phrase, "license": generator.model.license, "generator": told}))
    lines = [json.dumps({"file_name": path.name, **facts}, ensure_ascii=False) for path, facts in made]
    (out / METADATA).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [path for path, _ in made]


def read_phrases(path: Path) -> list[str]:
    """One phrase a line; empty lines and those that begin with # are left out."""
    lines = (printable(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _decode_photos(
    listed: Sequence[Background], unreadable: list[str]
) -> Iterator[tuple[Background, NDArray[np.uint8]]]:
    for background in listed:
        try:
            pixels = decode_photo(read_file(background.uri), where=background.uri)[..., :3]
        except SampleError as error:
            unreadable.append(f"{background.uri}  {error.code}")
            continue
        height, width = pixels.shape[:2]
        share = min(1.0, SIDE / max(height, width))
        yield background, resize(pixels, max(1, round(width * share)), max(1, round(height * share)))
