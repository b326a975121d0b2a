"""Backgrounds that phrases find, with the CLIP and the generator that ship."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from actors.compose.generate import Generation
from actors.score.scorers import ClipSpec
from engine.compose.backdrops import BACKDROPS, render
from engine.errors import UsageError
from engine.photos.background_index import PATH, read_index
from engine.photos.backgrounds import list_backgrounds, read_catalogue
from engine.storage.parquet import write_table
from engine.storage.stores import open_store
from jobs.compose.backgrounds import find_backgrounds, generate, index, read_phrases
from jobs.compose.order import _backgrounds
from jobs.compose.recipes import load
from jobs.console import Console
from tests.support.inprocess import cut, lay_out, ordered
from tests.support.photos import concept_folder

PLACES = tuple(BACKDROPS)[:6]
CLIP = ClipSpec(model="shipped:micro/scorer")
QUIET = Console("quiet")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Three pictures of each of six places, in folders that say nothing, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("places") / "photos"
    folder.mkdir()
    for number, name in enumerate(PLACES):
        for seed in range(3):
            Image.fromarray(render(name, seed, 160)).save(folder / f"{number}-{seed}.png")
    lines = [{"file_name": "0-0.png", "license": "CC0-1.0", "ground_line": 0.6}]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "broken.jpg").write_bytes(b"not a picture")
    made = index(str(folder), CLIP, QUIET)
    assert (made.photos, made.model) == (18, "micro/scorer")
    assert [line.rpartition("  ")[2] for line in made.unreadable] == ["IMAGE_UNREADABLE"]
    return str(folder)


def test_a_phrase_finds_the_photos_of_its_place(places):
    phrases = [BACKDROPS[name].phrase for name in PLACES]
    chosen = find_backgrounds(places, phrases, count=2, diversity=0.0)
    right = [Path(item.uri).name[0] == str(phrases.index(item.phrase)) for item in chosen]
    assert len(right) == 12
    assert np.mean(right) >= 0.9


def test_what_is_known_of_a_photo_stays_with_it(places):
    known = {Path(item.uri).name: item for item in read_index(open_store(places)).backgrounds}
    assert (known["0-0.png"].license, known["0-0.png"].ground_line) == ("CC0-1.0", 0.6)
    assert known["1-0.png"].license == "unknown"
    assert "backgrounds.parquet" not in {Path(item.uri).name for item in list_backgrounds(places)}


def test_a_run_keeps_the_backgrounds_that_it_began_with(places, tmp_path):
    cut(concept_folder(tmp_path / "photos"), str(tmp_path / "library"))
    out, phrase = str(tmp_path / "layouts"), BACKDROPS[PLACES[2]].phrase
    wanted = (f"scene.phrases=[{phrase}]", "scene.shortlist=3", "scene.diversity=0")
    order = ordered(str(tmp_path / "library"), out, 8, wanted, recipe="classic", small=())
    chosen = _backgrounds(replace(order, backgrounds=places))
    assert {item.phrase for item in chosen} == {phrase}
    lay_out(str(tmp_path / "library"), out, 8, *wanted, backgrounds=chosen)
    assert read_catalogue(open_store(out)) == chosen
    assert _backgrounds(replace(order, backgrounds="")) == chosen, "a resume asks neither the model nor the folder"


def test_phrases_without_an_index_are_refused(tmp_path):
    Image.fromarray(render(PLACES[0], 0, 64)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"BACKGROUNDS_NO_INDEX(.|\n)*backgrounds index"):
        find_backgrounds(str(tmp_path), ["on a beach"], count=1, diversity=0.0)
    order = ordered("", str(tmp_path / "out"), 1, ("scene.phrases=[on a beach]",), recipe="classic", small=())
    with pytest.raises(UsageError, match=r"BACKGROUNDS_NO_INDEX(.|\n)*--backgrounds"):
        _backgrounds(order)
    assert load("classic").stages[0].phrases == ()


def test_places_are_painted_from_phrases_with_model_and_licence(tmp_path):
    listed = tmp_path / "phrases.txt"
    listed.write_text("# places\n\non a sandy beach\nin the {snow}\n")
    phrases = read_phrases(listed)
    assert phrases == ["on a sandy beach", "in the (snow)"]
    spec = Generation(model="shipped:micro/generator", revision="", steps=2, prompt_template="a photo {background}")
    made = generate(phrases, tmp_path / "places", spec, each=2, size=256, seed=3)
    assert [path.name for path in made] == ["0000-00.jpg", "0000-01.jpg", "0001-00.jpg", "0001-01.jpg"]
    first = made[0].read_bytes()
    assert first != made[1].read_bytes()
    made[0].unlink()
    again = generate(phrases, tmp_path / "places", spec, each=2, size=256, seed=3)
    assert again[0].read_bytes() == first
    backgrounds = list_backgrounds(str(tmp_path / "places"))
    assert [item.phrase for item in backgrounds] == ["on a sandy beach"] * 2 + ["in the (snow)"] * 2
    assert {item.license for item in backgrounds} == {"apache-2.0"}
    line = json.loads((tmp_path / "places" / "metadata.jsonl").read_text().splitlines()[0])
    assert line["generator"].startswith("micro/generator blake2b:")


@pytest.mark.parametrize("metadata", [{}, {"clip": "{"}, {"clip": '{"model": 1}'}, {"clip": '{"modle": "x"}'}])
def test_a_file_that_is_no_index_of_ours_is_named(tmp_path, metadata):
    columns = {name: [""] for name in ("background_id", "scene", "phrase", "license", "uri", "sha256")}
    table = pa.table({**columns, "ground_line": [0.5], "embedding": [[1.0, 0.0]]})
    open_store(str(tmp_path)).put(PATH, write_table(table, metadata=metadata))
    with pytest.raises(UsageError, match=r"BACKGROUNDS_NO_INDEX|RECIPE_KEY|RECIPE_VALUE"):
        find_backgrounds(str(tmp_path), ["on a beach"], count=1, diversity=0.0)
    open_store(str(tmp_path)).put(PATH, write_table(pa.table({"a": [1]}), metadata={"clip": "{}"}))
    with pytest.raises(UsageError, match=r"BACKGROUNDS_NO_INDEX(.|\n)*no index of this release"):
        find_backgrounds(str(tmp_path), ["on a beach"], count=1, diversity=0.0)


def test_a_generator_with_a_restricted_licence_is_accepted_by_name_alone(tmp_path):
    model = "black-forest-labs/FLUX.2-dev"
    refused = Generation(model=model, revision="")
    with pytest.raises(UsageError, match="LICENCE_REFUSED"):
        generate(["on a beach"], tmp_path / "out", refused, each=1, size=64, seed=0)
    accepted = Generation(model=model, revision="", accept_licence=(model,))
    with pytest.raises(UsageError, match="WEIGHTS_UNPINNED"):  # which is looked at next
        generate(["on a beach"], tmp_path / "out", accepted, each=1, size=64, seed=0)
