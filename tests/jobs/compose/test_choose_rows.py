"""A recipe's `choose`: what is wanted of all rows together becomes a view when the run ends."""

import shutil
from pathlib import Path

import pytest

from engine.dataset.verify import verify
from engine.dataset.views import open_dataset
from engine.errors import UsageError
from engine.storage.open_store import open_store
from jobs.compose.choose_rows import choose_of_run, selection_of_recipe
from jobs.compose.recipes import load
from jobs.console import Console
from tests.support.data.photos import concept_folder
from tests.support.processes.inprocess import compose, cut

SMALL = ("size=128", "unit_size=4", "segment.max_side=128")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choose")
    cut(concept_folder(folder / "photos"), str(folder / "data" / "library"))
    compose(str(folder / "data" / "library"), str(folder / "data"), 12)
    return str(folder / "data")


def wanted(*settings):
    return selection_of_recipe(load("classic", [*SMALL, *settings]))


def test_the_best_become_a_view_and_another_choice_takes_its_place(out, capsys):
    choose_of_run(out, wanted("choose.top=4", "choose.by=-seam", "choose.where=status is not null"), Console("human"))
    assert "choose  4 rows: " in capsys.readouterr().err
    view = open_dataset(f"{out}/chosen")
    assert view.chosen.num_rows == 4
    assert view.view["chosen_by"]["top"] == "4"
    choose_of_run(out, wanted("choose.per_concept=1", "choose.where=status is not null"), Console("quiet"))
    assert 1 <= open_dataset(f"{out}/chosen").chosen.num_rows <= 3


def test_a_choice_that_leaves_nothing_is_said_and_ends_no_run(out, capsys):
    choose_of_run(out, wanted("choose.where=seam > 1000"), Console("human"))
    assert "choose  no row is left after: seam > 1000" in capsys.readouterr().err
    assert open_dataset(f"{out}/chosen").chosen is None, "the view of an earlier choice is gone"


def test_verify_looks_for_the_rows_of_the_view(out):
    choose_of_run(out, wanted("choose.top=4", "choose.by=-seam", "choose.where=status is not null"), Console("quiet"))
    assert verify(open_store(out)).damage == ()
    listed = next((Path(out) / "chosen").glob("rows-*.parquet"))
    whole = listed.read_bytes()
    listed.write_bytes(whole[:60] + bytes([whole[60] ^ 1]) + whole[61:])
    assert [damage.path for damage in verify(open_store(out)).damage] == [listed.name]
    listed.write_bytes(whole)


def test_a_choice_is_checked_before_anything_is_made():
    assert wanted() is None
    for settings, code in (
        (("choose.where=no_such_score > 1",), "EXPRESSION_NAME"),
        (("choose.top=10%",), "FILTER_TOP"),
        (("choose.by=clip_score", "choose.top=much"), "FILTER_TOP"),
    ):
        with pytest.raises(UsageError, match=code):
            wanted(*settings)


def test_rows_do_not_depend_on_a_choice():
    plain, choosing = (load("classic", [*SMALL, *more]) for more in ((), ("choose.per_concept=5",)))
    assert plain.affects_data(plain.whole("compose")) == choosing.affects_data(choosing.whole("compose"))


def test_a_choice_moves_with_its_dataset(out, tmp_path):
    choose_of_run(out, wanted("choose.top=3", "choose.by=-seam", "choose.where=status is not null"), Console("quiet"))
    moved = str(tmp_path / "moved")
    shutil.copytree(out, moved)
    view = open_dataset(f"{moved}/chosen")
    assert view.store.uri == open_store(moved).uri
    assert view.rows_there() == 3
    assert verify(open_store(moved)).damage == ()


def test_what_lies_where_a_choice_would_is_found_before_anything_is_made(tmp_path):
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen" / "mine.txt").write_text("mine")
    recipe = load("classic", [*SMALL, "choose.per_concept=5"])
    with pytest.raises(UsageError, match="VIEW_PLACE"):
        selection_of_recipe(recipe, str(tmp_path))
