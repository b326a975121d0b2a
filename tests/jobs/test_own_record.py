"""A kind of row that the engine does not know, with a recipe of its own, goes through every command that reads rows."""

from pathlib import Path

import pytest

from cluster.session import NONE
from engine.dataset.verify import verify as examine
from engine.dataset.views import open_dataset
from engine.errors import UsageError
from engine.rows.composition import Composition
from engine.storage.open_store import open_store
from jobs.compose.compose import compose
from jobs.compose.recipes import load, schema, show
from jobs.compose.request import ComposeRequest
from jobs.console import Console
from jobs.curate.export import export
from jobs.curate.filter import choose, write
from jobs.report.gallery import gallery
from jobs.report.stats import stats
from jobs.run_loop import ANY_FAILURES
from planners.curate.selection import Wanted
from tests.support.data.swatches import RECIPE, Swatch, enter, leave

QUIET = Console("quiet")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    enter()
    path = tmp_path_factory.mktemp("recipe") / "swatches.yaml"
    path.write_text(RECIPE)
    yield load(str(path))
    leave()


@pytest.fixture(scope="module")
def out(recipe, tmp_path_factory, ray_address):
    """Sixteen swatches, made by two commands: eight, and the same again with more samples."""
    folder = str(tmp_path_factory.mktemp("swatches") / "out")
    tallies = [make(recipe, folder, *run) for run in ((8, ray_address), (16, NONE), (16, NONE))]
    assert [(tally.rows, tally.failed) for tally in tallies] == [(8, 1), (8, 1), (0, 0)]
    return folder


def make(recipe, out, samples, address):
    request = ComposeRequest(recipe=recipe, samples=samples, out=out, address=address, budget=ANY_FAILURES)
    return compose(request, QUIET)


def test_its_recipe_is_shown_and_in_the_schema(recipe):
    assert "record: swatch" in show(recipe)
    assert "paint_swatch" in schema()["$defs"]["Phase"]["properties"]["stages"]["properties"]


def test_what_was_made_is_whole(out):
    report = examine(open_store(out))
    assert (report.ok, report.units) == (True, 4)
    assert open_dataset(out).record() is Swatch


def test_its_numbers_are_counted_and_chosen_by(out, tmp_path):
    report = stats(out)
    assert (report["rows"], report["failed"]) == (16, 2)
    assert report["scores"]["brightness"]["count"] == 14
    assert report["failures"] == {"paint_swatch  SWATCH_SEVENTH": 2}
    assert set(report["reasons"]) <= {"dark"}
    wanted = Wanted(where="status is not null and brightness > 0.4", by="brightness", top="3")
    chosen = choose(out, wanted, explain=False)
    assert chosen.rows.num_rows == 3
    write(chosen, wanted, str(tmp_path / "view"))
    assert stats(str(tmp_path / "view"))["scores"]["brightness"]["least"] > 0.4


def test_it_has_a_page_and_a_card(out, tmp_path):
    assert gallery(out, tmp_path / "page.html") == 14
    page = (tmp_path / "page.html").read_text()
    assert page.count("UklGR") >= 14, "WebP in base64"
    assert '"brightness"' in page
    card = Path(out, "README.md").read_text()
    assert "# Rows of the kind 'swatch' by the recipe `swatches`" in card
    assert "A square of one colour." in card


def test_what_is_made_for_compositions_alone_says_so(out, tmp_path):
    with pytest.raises(UsageError, match=r"ROWS_KIND(.|\n)*'swatch', not 'composition'"):
        export(out, "coco", str(tmp_path / "coco"), shard_mb=1, rejected=False, console=QUIET)
    with pytest.raises(UsageError, match="ROWS_KIND"):
        open_dataset(out).require(Composition)
