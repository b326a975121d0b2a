import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.support.curate_data import write_dataset
from engine.dataset.score_sets import publish_scores
from engine.dataset.score_table import open_scores
from engine.dataset.views import CHOSEN, VIEW, open_dataset, write_view
from engine.errors import Damaged, UsageError
from engine.seeds import sample_id
from engine.storage.commits import commit_unit
from engine.storage.hashes import seal, unseal
from engine.storage.lock import LOCK, claim
from engine.storage.manifest import MANIFEST
from engine.storage.open_store import open_store
from jobs.report.stats import stats


@pytest.fixture
def folder(tmp_path):
    write_dataset(tmp_path / "data", units=3, unit_rows=5, image_bytes=8)
    return tmp_path / "data"


def chosen(*numbers):
    rows = {"unit_id": [number // 5 for number in numbers], "sample_id": [sample_id(number) for number in numbers]}
    return pa.table(rows, schema=CHOSEN)


def ids(dataset):
    return [name for table in dataset.tables(["sample_id", "image"]) for name in table["sample_id"].to_pylist()]


def test_a_dataset_is_all_of_its_rows(folder):
    assert ids(open_dataset(str(folder))) == [sample_id(number) for number in range(15)]


def test_a_view_is_some_of_them_and_its_shards_are_those_that_hold_any(folder, tmp_path):
    write_view(str(tmp_path / "view"), open_dataset(str(folder)), chosen(1, 3, 14), {"where": "x"})
    view = open_dataset(str(tmp_path / "view"))
    assert ids(view) == [sample_id(number) for number in (1, 3, 14)]
    assert [path[-9:-8] for path, _ in view.shards()] == ["0", "2"]
    (first, _) = view.tables(["image", "objects", "no_such_column"])
    assert first.column_names == ["image", "objects"]
    assert sum(file.stat().st_size for file in (tmp_path / "view").iterdir()) < 20_000


def test_a_view_of_a_view_is_a_view_of_the_dataset(folder, tmp_path):
    write_view(str(tmp_path / "one"), open_dataset(str(folder)), chosen(1, 3, 14), {})
    write_view(str(tmp_path / "two"), open_dataset(str(tmp_path / "one")), chosen(3), {})
    assert json.loads((tmp_path / "two" / VIEW).read_text())["dataset"] == str(folder)
    assert ids(open_dataset(str(tmp_path / "two"))) == [sample_id(3)]


def test_a_view_is_replaced_and_nothing_else_is(folder, tmp_path):
    source, place = open_dataset(str(folder)), tmp_path / "view"
    write_view(str(place), source, chosen(1), {})
    write_view(str(place), source, chosen(2, 3), {})
    assert len(list(place.glob("*.*"))) == 2, "the old list is gone"
    assert ids(open_dataset(str(place))) == [sample_id(2), sample_id(3)]
    with pytest.raises(UsageError, match="VIEW_PLACE"):
        write_view(str(folder), source, chosen(1), {})


def test_a_view_whose_list_was_changed_or_whose_dataset_is_gone_is_named(folder, tmp_path):
    place = tmp_path / "view"
    write_view(str(place), open_dataset(str(folder)), chosen(1), {})
    (rows,) = place.glob("rows-*")
    data = rows.read_bytes()
    rows.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    with pytest.raises(Damaged, match="VIEW_ROWS"):
        open_dataset(str(place))
    rows.write_bytes(data)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="VIEW_SOURCE"):
        open_dataset(str(place))


def count(dataset):
    with open_scores(dataset) as scores:
        return scores.ask("select count(*) from scores")[0][0].as_py()


def test_scores_are_of_all_that_is_committed_even_if_nobody_summarised_it(folder, tmp_path):
    (folder / MANIFEST).unlink()
    assert count(open_dataset(str(folder))) == 15
    write_dataset(tmp_path / "more", units=4, unit_rows=5, image_bytes=8, summary=False)
    (tmp_path / "more" / "data" / "part-00000003.parquet").rename(folder / "data" / "part-00000003.parquet")
    assert count(open_dataset(str(folder))) == 20


def test_the_scores_of_a_view_are_those_of_its_rows(folder, tmp_path):
    write_view(str(tmp_path / "view"), open_dataset(str(folder)), chosen(1, 14), {})
    assert count(open_dataset(str(tmp_path / "view"))) == 2


def test_a_score_file_that_is_broken_is_named(folder):
    (path,) = (folder / "scores").iterdir()
    path.write_bytes(path.read_bytes()[:-200] + bytes(200))
    with pytest.raises(Damaged, match="SCORES_DAMAGED"):
        count(open_dataset(str(folder)))


def test_nothing_committed_is_no_dataset(tmp_path):
    with pytest.raises(UsageError, match="DATASET_EMPTY"):
        count(open_dataset(str(tmp_path / "nothing")))


def test_a_view_of_a_dataset_that_another_one_took_the_place_of_is_named(folder, tmp_path):
    claim(open_store(str(folder)), {"data": {"one": 1}})
    place = tmp_path / "view"
    write_view(str(place), open_dataset(str(folder)), chosen(1), {})
    (folder / LOCK).unlink()
    claim(open_store(str(folder)), {"data": {"one": 2}})
    with pytest.raises(UsageError, match="VIEW_SOURCE"):
        open_dataset(str(place))


def test_rows_of_a_view_that_are_gone_are_missed(folder, tmp_path):
    write_view(str(tmp_path / "view"), open_dataset(str(folder)), chosen(1, 3), {})
    (folder / "data" / "part-00000000.parquet").write_bytes((folder / "data" / "part-00000001.parquet").read_bytes())
    with pytest.raises(Damaged, match=r"ROWS_GONE(.|\n)*2 of the chosen"):
        ids(open_dataset(str(tmp_path / "view")))


@pytest.mark.parametrize("change", [{"rows_file": "../x"}, {"rows_file": 3}, {"origin": None}])
def test_a_view_that_says_what_no_view_says_is_named(folder, tmp_path, change):
    place = tmp_path / "view"
    write_view(str(place), open_dataset(str(folder)), chosen(1), {})
    said = unseal((place / VIEW).read_bytes(), "view", where="")
    said = {key: value for key, value in {**said, **change}.items() if value is not None}
    (place / VIEW).write_bytes(seal("view", said))
    with pytest.raises(Damaged, match="VIEW_ROWS"):
        open_dataset(str(place))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("a", ["clip_score\" as q from x; copy (select 1) to 'pwned.csv'; --"]),
        ("a", "clip_score"),
        ("a", ["no_such"]),
        ('a" as b; drop', ["clip_score"]),
        ("A", ["clip_score"]),
    ],
)
def test_further_scores_that_nobody_can_have_added_are_damage(folder, name, columns):
    store = open_store(str(folder))
    store.put(f"_scores/{name}.json", seal("scores", {"columns": columns}))
    with pytest.raises(Damaged, match="SCORES_DAMAGED"):
        count(open_dataset(str(folder)))


@pytest.mark.parametrize("name", ["2024", "all", "select", "own", "s0", "scores", "left"])
def test_further_scores_may_have_any_name_that_is_allowed(folder, name):
    store = open_store(str(folder))
    write_dataset(f"{folder}/_scores/{name}", units=3, unit_rows=5, image_bytes=8)
    publish_scores(store, name, ["clip_score"])
    with open_scores(open_dataset(str(folder))) as scores:
        (row,) = scores.ask(f'select count("clip_score__{name}") as n from scores').to_pylist()
    assert row["n"] == 15


def test_a_score_that_is_no_number_counts_as_not_measured(tmp_path):
    write_dataset(tmp_path, units=1, unit_rows=5, image_bytes=8, summary=False)
    table = pq.read_table(tmp_path / "data" / "part-00000000.parquet")
    place = table.schema.get_field_index("clip_score")
    odd = pa.array([float("nan"), float("inf"), 0.1, 0.2, None])
    store = open_store(str(tmp_path / "odd"))
    commit_unit(store, 0, table.set_column(place, "clip_score", odd), [], attempt=1, timings={})
    with open_scores(open_dataset(str(tmp_path / "odd"))) as scores:
        assert scores.ask("select count(clip_score), max(clip_score) from scores").to_pylist() == [
            {"count(clip_score)": 2, "max(clip_score)": 0.2}
        ]
    assert stats(str(tmp_path / "odd"))["scores"]["clip_score"]["count"] == 2


def test_a_folder_whose_name_is_a_pattern_means_itself(tmp_path):
    for name, rows in (("a*", 5), ("ab", 3), ("c[d]", 4)):
        write_dataset(tmp_path / name, units=1, unit_rows=rows, image_bytes=8)
        assert count(open_dataset(str(tmp_path / name))) == rows
    assert count(open_dataset(str(tmp_path / "a*"))) == 5
