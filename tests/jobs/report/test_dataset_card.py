"""The dataset card: read by the libraries that read cards, safe whatever names say, the same each time."""

import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path

import mlcroissant
import pytest
import yaml
from datasets import load_dataset

from engine.dataset.verify import verify
from engine.errors import UsageError
from engine.storage.lock import claim
from engine.storage.open_store import open_store
from jobs.console import Console
from jobs.curate.filter import choose, write
from jobs.curate.rewrite import materialise
from jobs.report.dataset_card import card
from planners.curate.selection import Wanted
from tests.support.data.gallery_rows import commit, composition, hostile
from tests.support.data.photos import concept_folder
from tests.support.processes.inprocess import compose, cut

SAMPLES = 6
QUIET = Console("quiet")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    cut(concept_folder(folder / "photos"), str(folder / "data" / "library"))
    compose(str(folder / "data" / "library"), str(folder / "data"), SAMPLES)
    return folder / "data"


def header(folder):
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def test_hubs_find_what_they_look_for(data):
    said = header(data)
    assert said["license"] == ["cc0-1.0", "cc-by-4.0"]
    assert {"synthetic", "image"} <= set(said["tags"])
    assert said["size_categories"] == ["n<1K"]
    assert [each["config_name"] for each in said["configs"]] == ["default", "scores"]


@pytest.mark.parametrize(("config", "column"), [(None, "image"), ("default", "image"), ("scores", "caption")])
def test_datasets_loads_both_configurations(data, tmp_path, config, column):
    loaded = load_dataset(str(data), config, split="train", cache_dir=str(tmp_path))
    assert len(loaded) == SAMPLES
    assert column in loaded.column_names
    assert (config == "scores") == ("image" not in loaded.column_names)


def test_a_person_reads_licences_models_and_how_many_were_kept(data):
    text = (data / "README.md").read_text()
    assert "| CC-BY-4.0 |" in text
    assert "planned 6 -> tried 6 -> made 6 -> accepted" in text
    assert "| mycanvas/blend |" in text
    assert "compositeSynthetic" in text, "nothing was painted by a model"


@pytest.mark.filterwarnings("ignore")
def test_croissant_is_valid_and_reads_pictures(data):
    dataset = mlcroissant.Dataset(str(data / "croissant.json"))
    assert dataset.metadata.ctx.issues.errors == set()
    rows = list(itertools.islice(dataset.records("rows"), 3))
    assert [row["rows/sample_id"] for row in rows] == [b"0000000000", b"0000000001", b"0000000002"]
    assert rows[0]["rows/image"].size == (128, 128)
    said = json.loads((data / "croissant.json").read_text())
    assert said["license"][0] == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert "photos under CC0-1.0" in said["prov:wasDerivedFrom"][0]["name"]
    assert any("mycanvas/blend" in each for each in said["rai:machineAnnotationTools"])


def test_the_card_can_be_made_again_and_is_part_of_what_is_verified(data):
    before = (data / "README.md").read_bytes()
    (data / "README.md").write_text("mine")
    assert [damage.path for damage in verify(open_store(str(data))).damage] == ["README.md"]
    assert card(str(data)).endswith("README.md")
    assert (data / "README.md").read_bytes() == before
    assert verify(open_store(str(data))).damage == ()


def test_hostile_names_are_text_in_the_card(tmp_path):
    rows = [replace(hostile(0), reasons=("a|b\n# c",), status="rejected"), composition(1)]
    folder = tmp_path / "data"
    card(commit(folder, rows))
    assert set(header(folder)) >= {"license", "tags"}
    text = (folder / "README.md").read_text()
    assert "a\\|b \\# c" in text
    assert "<script" not in text
    json.loads((folder / "croissant.json").read_text())


def test_rows_of_another_kind_have_a_card_that_says_which(data):
    text = Path(card(str(data / "library"))).read_text()
    assert "# Rows of the kind 'cutout' by the recipe" in text
    assert "Made by machines" not in text, "cut-outs are photographs"


def test_what_has_no_card_is_named(data, tmp_path):
    write(choose(str(data), Wanted(), explain=False), Wanted(), str(tmp_path / "view"))
    with pytest.raises(UsageError, match="CARD_VIEW"):
        card(str(tmp_path / "view"))
    with pytest.raises(UsageError, match="DATASET_EMPTY"):
        card(str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()


def test_what_a_strangers_lock_calls_the_recipe_is_text_in_the_card(tmp_path):
    data = commit(tmp_path, [composition(0)])
    claim(open_store(data), {"data": {}, "recipe": "<script>alert(1)</script>\x1b[31m`red`"})
    text = Path(card(data)).read_text()
    assert "<script" not in text
    assert "\x1b" not in text
    assert "&lt;script&gt;" in text


def test_the_card_of_a_filtered_dataset_says_what_it_was_filtered_from(data, tmp_path):
    wanted = Wanted(where="num_objects >= 2")
    chosen = choose(str(data), wanted, explain=False)
    materialise(chosen, str(tmp_path / "out"), question=asdict(wanted), shard_mb=1, address="none", console=QUIET)
    text = (tmp_path / "out" / "README.md").read_text()
    assert f"Chosen from the dataset {data.name} by: where num\\_objects" in text.replace("\\\\", "\\")
    assert str(data.parent) not in text
    assert "Chosen from" not in (data / "README.md").read_text()
