import json
import shutil
from pathlib import Path

import pytest

from cluster.session import NONE
from engine.errors import MyCanvasError, UsageError
from engine.photos.library import open_library
from jobs.compose.recipes import load
from jobs.compose.scenes import propose
from jobs.console import Console
from tests.support.data.photos import concept_folder, encoded, thing
from tests.support.processes.chat_server import MODEL, chat_server, says
from tests.support.processes.inprocess import cut

QUIET = Console("quiet")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    photos = Path(concept_folder(folder / "photos"))
    (photos / "flumph").mkdir()
    (photos / "flumph" / "1.png").write_bytes(encoded(thing((80, 80, 200), seed=9)))
    cut(str(photos), str(folder / "library"))
    return str(folder / "library")


def asking(url):
    settings = ("layout.backend=openai", f"layout.model={MODEL}", f"layout.server.url={url}", "layout.server.retries=0")
    return load("classic", settings)


def test_proposals_make_a_recipe_that_runs(library, tmp_path, ray_address):
    def answer(_question, number):
        if number == 1:
            return says("I would rather not.")
        phrases, metres = [f"on a table of wood {'x' * (number + 1)}"], [0.2, 0.3, 0.4, 0.5]
        return says(json.dumps({"phrases": phrases, "together": [[0, 1]], "metres": metres}))

    out = tmp_path / "mine.yaml"
    with chat_server(answer) as (url, asked):
        made = propose(asking(url), library, out, count=30, console=QUIET, address=ray_address)
        again = propose(asking(url), library, out, count=30, console=QUIET, address=NONE)
    assert len(asked) == 3, "thirty places take three questions, and no answer is asked for twice"
    assert made == again
    assert made.unusable == 1
    assert len(made.phrases) == 2
    scene = load(str(out)).phase("layout").stages[0]
    assert scene.phrases == made.phrases
    assert scene.together == made.together != ()
    said = {item.class_name: item.metres for item in open_library(library).cutouts.values() if item.metres}
    assert said == made.metres
    assert list(said) == ["flumph"], "the sizes of the others are known"


def test_a_model_that_has_no_idea_is_named(library, tmp_path):
    fresh = shutil.copytree(library, tmp_path / "library", ignore=shutil.ignore_patterns("_answers"))
    out, options = tmp_path / "mine.yaml", {"count": 4, "console": QUIET, "address": NONE}
    with chat_server(lambda *_: says("no")) as (url, _), pytest.raises(UsageError, match="SCENES_NONE"):
        propose(asking(url), str(fresh), out, **options)
    assert not out.exists()


def test_a_recipe_without_a_language_model_cannot_propose(library, tmp_path):
    with pytest.raises(UsageError, match=r"SCENES_NO_MODEL(.|\n)*layout.backend"):
        propose(load("classic"), library, tmp_path / "mine.yaml", count=4, console=QUIET, address=NONE)


def test_a_library_of_nothing_is_refused_before_anybody_is_asked(tmp_path):
    (tmp_path / "library").mkdir()
    with chat_server(lambda *_: says("{}")) as (url, asked):
        with pytest.raises(MyCanvasError):
            propose(
                asking(url),
                str(tmp_path / "library"),
                tmp_path / "mine.yaml",
                count=4,
                console=QUIET,
            )
        assert asked == []
