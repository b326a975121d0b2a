"""Backgrounds that phrases find, with the CLIP and the generator that ship."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actors.compose.generate import Generation
from actors.score.scorers import ClipSpec
from cluster.session import NONE, session
from engine.compose.backdrops import BACKDROPS, render
from engine.errors import Damaged, UsageError
from engine.photos.background_index import POINTER, point_to_index, read_index
from engine.photos.backgrounds import list_backgrounds, read_catalogue
from engine.storage.open_store import open_store
from jobs.compose.backgrounds.find import find_backgrounds, read_indexed
from jobs.compose.backgrounds.generate import generate, read_phrases
from jobs.compose.backgrounds.index import index
from jobs.compose.inputs import gather_inputs
from jobs.console import Console
from tests.support.data.photos import concept_folder
from tests.support.processes.inprocess import cut, lay_out, requested

PLACES = tuple(BACKDROPS)[:6]
CLIP = ClipSpec(model="shipped:micro/scorer")
QUIET = Console("quiet")


@pytest.fixture(scope="module")
def places(tmp_path_factory, ray_address):
    """Three pictures of each of six places, in folders that say nothing, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("places") / "photos"
    folder.mkdir()
    for number, name in enumerate(PLACES):
        for seed in range(3):
            Image.fromarray(render(name, seed, 160)).save(folder / f"{number}-{seed}.png")
    lines = [{"file_name": "0-0.png", "license": "CC0-1.0", "ground_line": 0.6}]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "broken.jpg").write_bytes(b"not a picture")
    made = index(str(folder), CLIP, QUIET, ray_address)
    assert (made.photos, made.model) == (18, "micro/scorer")
    assert [line.rpartition("  ")[2] for line in made.unreadable] == ["IMAGE_UNREADABLE"]
    return str(folder)


def found(places, phrases, out, count):
    with session(NONE) as capacity:
        return find_backgrounds(
            places, phrases, count=count, diversity=0.0, out=str(out), capacity=capacity, console=QUIET
        )


def test_a_phrase_finds_the_photos_of_its_place(places, tmp_path):
    phrases = [BACKDROPS[name].phrase for name in PLACES]
    chosen = found(places, phrases, tmp_path, 2)
    right = [Path(item.uri).name[0] == str(phrases.index(item.phrase)) for item in chosen]
    assert len(right) == 12
    assert np.mean(right) >= 0.9


def test_what_is_known_of_a_photo_stays_with_it(places):
    known = {Path(item.uri).name: item for item in read_index(open_store(places)).backgrounds}
    assert (known["0-0.png"].license, known["0-0.png"].ground_line) == ("CC0-1.0", 0.6)
    assert known["1-0.png"].license == "unknown"
    assert len(list_backgrounds(places)) == 19, "the index is no photo"


def test_a_run_keeps_the_backgrounds_that_it_began_with(places, tmp_path):
    photos = concept_folder(tmp_path / "photos")
    cut(photos, str(tmp_path / "library"))
    out, phrase = str(tmp_path / "layouts"), BACKDROPS[PLACES[2]].phrase
    wanted = (f"scene.phrases=[{phrase}]", "scene.shortlist=3", "scene.diversity=0")
    chosen = found(places, [phrase], out, 3)
    assert {item.phrase for item in chosen} == {phrase}
    lay_out(str(tmp_path / "library"), out, 8, *wanted, backgrounds=chosen)
    assert read_catalogue(open_store(out)) == chosen
    request = requested("", out, 8, wanted, recipe="classic", small=("size=128", "segment.max_side=128"))
    with gather_inputs(replace(request, photos=photos, backgrounds="", address=NONE), request.whole, QUIET) as ready:
        assert ready.backgrounds == chosen, "a resume asks neither the model nor the folder"


def test_phrases_without_an_index_are_refused_before_anything_starts(tmp_path):
    photos = concept_folder(tmp_path / "photos", each=1)
    Image.fromarray(render(PLACES[0], 0, 64)).save(tmp_path / "a.png")
    request = requested("", str(tmp_path / "out"), 1, ("scene.phrases=[on a beach]",), recipe="classic", small=())
    for places, cure in ((str(tmp_path), "backgrounds index"), ("", "--backgrounds")):
        asked = replace(request, photos=photos, backgrounds=places)
        with (
            pytest.raises(UsageError, match=rf"BACKGROUNDS_NO_INDEX(.|\n)*{cure}"),
            gather_inputs(asked, asked.whole, QUIET),
        ):
            pass
    assert not (tmp_path / "out").exists()


def test_places_are_painted_from_phrases_with_model_and_licence(tmp_path):
    listed = tmp_path / "phrases.txt"
    listed.write_text("# places\n\non a sandy beach\nin the {snow}\n")
    phrases = read_phrases(listed)
    assert phrases == ["on a sandy beach", "in the (snow)"]
    spec = Generation(model="shipped:micro/generator", revision="", steps=2, prompt_template="a photo {background}")
    made = generate(phrases, tmp_path / "places", spec, each=2, size=256, seed=3, console=QUIET, address=NONE)
    assert [path.name for path in made] == ["0000-00.jpg", "0000-01.jpg", "0001-00.jpg", "0001-01.jpg"]
    first = made[0].read_bytes()
    assert first != made[1].read_bytes()
    made[0].unlink()
    again = generate(phrases, tmp_path / "places", spec, each=2, size=256, seed=3, console=QUIET, address=NONE)
    assert again[0].read_bytes() == first
    with pytest.raises(UsageError, match="RUN_CHANGED"):
        generate(phrases[::-1], tmp_path / "places", spec, each=2, size=256, seed=3, console=QUIET, address=NONE)
    backgrounds = list_backgrounds(str(tmp_path / "places"))
    assert [item.phrase for item in backgrounds] == ["on a sandy beach"] * 2 + ["in the (snow)"] * 2
    assert {item.license for item in backgrounds} == {"apache-2.0"}
    line = json.loads((tmp_path / "places" / "metadata.jsonl").read_text().splitlines()[0])
    assert line["generator"].startswith("micro/generator blake2b:")


@pytest.mark.parametrize("clip", [{}, {"model": 1}, {"modle": "x"}])
def test_an_index_of_a_model_that_is_none_is_named(places, tmp_path, clip):
    pointer = json.loads((Path(places) / POINTER).read_text())
    copy = tmp_path / "copy"
    shutil.copytree(places, copy)
    point_to_index(open_store(str(copy)), pointer["folder"], clip)
    with pytest.raises(UsageError, match=r"RECIPE_KEY|RECIPE_VALUE"):
        read_indexed(str(copy))


def test_an_index_that_is_gone_or_elsewhere_is_named(places, tmp_path):
    for folder in (".mycanvas/index-0000", "../elsewhere"):
        point_to_index(open_store(str(tmp_path)), folder, {"model": "x"})
        with pytest.raises(UsageError, match=r"BACKGROUNDS_NO_INDEX(.|\n)*is not there"):
            read_indexed(str(tmp_path))
    (tmp_path / POINTER).write_text("{")
    with pytest.raises(Damaged, match="SEAL_BROKEN"):
        read_indexed(str(tmp_path))


def test_a_generator_with_a_restricted_licence_is_accepted_by_name_alone(tmp_path):
    model = "black-forest-labs/FLUX.2-dev"
    refused = Generation(model=model, revision="")
    with pytest.raises(UsageError, match="LICENCE_REFUSED"):
        generate(["on a beach"], tmp_path / "out", refused, each=1, size=64, seed=0, console=QUIET)
    accepted = Generation(model=model, revision="", accept_licence=(model,))
    with pytest.raises(UsageError, match="WEIGHTS_UNPINNED"):  # which is looked at next
        generate(["on a beach"], tmp_path / "out", accepted, each=1, size=64, seed=0, console=QUIET, address=NONE)
