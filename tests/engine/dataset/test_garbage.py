import os
import time

import pytest

from engine.dataset.garbage import collect, garbage, strange_notes
from engine.dataset.verify import verify
from engine.errors import MyCanvasError
from engine.storage.open_store import open_store
from engine.storage.store import Entry
from tests.support.data.units import make_run


def age(root, seconds):
    """Make every file look as old as this."""
    then = time.time() - seconds
    for path in root.rglob("*"):
        os.utime(path, (then, then))


def littered(root):
    """A finished run with three leftovers, two of them garbage: the journal of unit 77 belongs to a unit to come."""
    store = open_store(str(root))
    make_run(store)
    store.put("_tmp/1-dead", b"12345")
    for unit_id in (1, 77):
        store.put(f"_journal/{unit_id:08d}.paste.run0123456789.json", b"{}")
    return store


def test_leftovers_are_found_and_removed_and_nothing_else(tmp_path):
    store = littered(tmp_path)
    age(tmp_path, 7200)
    before = {entry.path for entry in store.list()}
    found = garbage(store, 3600)
    assert [entry.path for entry in found] == ["_journal/00000001.paste.run0123456789.json", "_tmp/1-dead"]
    assert collect(store, found) == 7
    assert before - {entry.path for entry in store.list()} == {entry.path for entry in found}
    assert verify(store).ok


def test_a_file_in_the_journal_that_is_no_note_is_named_and_removed(tmp_path):
    store = littered(tmp_path)
    for name in ("00000077.paste.cut.json", "00000078.paste.x.txt", "readme"):
        store.put(f"_journal/{name}", b"")
    strange = [f"_journal/{name}" for name in ("00000077.paste.cut.json", "00000078.paste.x.txt", "readme")]
    assert strange_notes(store) == strange
    age(tmp_path, 7200)
    found = garbage(store, 3600)
    assert set(strange) <= {entry.path for entry in found}
    assert "_journal/00000077.paste.run0123456789.json" not in {entry.path for entry in found}


def test_a_writer_at_work_is_left_alone(tmp_path):
    store = littered(tmp_path)
    assert garbage(store, 3600) == []


def test_collecting_twice_is_no_error(tmp_path):
    store = littered(tmp_path)
    found = garbage(store, 0)
    assert len(found) == 2
    collect(store, found)
    collect(store, found)
    assert garbage(store, 0) == []
    assert verify(store).ok


@pytest.mark.parametrize(
    "path", ["data/part-00000000.parquet", "_commits/00000000.arrow", "run.lock.json", "_manifest/manifest.json"]
)
def test_a_committed_file_is_never_collected(tmp_path, path):
    store = littered(tmp_path)
    with pytest.raises(MyCanvasError, match="GC_REFUSED"):
        collect(store, [Entry(path, 1)])
    assert store.exists(path)
