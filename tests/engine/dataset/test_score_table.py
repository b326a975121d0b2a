import pytest

from engine.dataset.score_table import open_scores
from engine.dataset.views import open_dataset
from engine.storage.commits import data_files
from engine.storage.open_store import open_store
from engine.storage.receipts import receipt_path
from tests.support.data.units import commit

QUESTION = "select sample_id, status, objects[1].identity_psnr as psnr from scores order by sample_id"


@pytest.fixture
def unfinished(tmp_path):
    """Three units without a summary."""
    store = open_store(str(tmp_path))
    for unit_id in range(3):
        commit(store, unit_id, unit_id * 4, unit_id * 4 + 4)
    return store


def answers(store):
    with open_scores(open_dataset(store.uri)) as scores:
        return scores.ask(QUESTION).to_pylist()


def test_scores_of_an_unfinished_run_are_read_from_receipts_and_not_from_shards(unfinished):
    before = answers(unfinished)
    assert len(before) == 11
    for path in data_files(unfinished):
        unfinished.put(path, b"not to be read")
    assert answers(unfinished) == before


def test_scores_of_units_without_a_whole_receipt_are_read_from_their_shards_and_nothing_is_written(unfinished):
    before = answers(unfinished)
    unfinished.delete(receipt_path(0))
    unfinished.put(receipt_path(2), b"torn")
    files = {entry.path: unfinished.read(entry.path) for entry in unfinished.list()}
    assert answers(unfinished) == before
    assert {entry.path: unfinished.read(entry.path) for entry in unfinished.list()} == files
