import errno
import os
import pickle
import time

import pytest

from engine.errors import EnvironmentProblem, MyCanvasError, UsageError
from engine.storage.store import TMP
from engine.storage.stores import open_store
from tests.support.writers import KEYS, race


def test_a_path_and_a_file_uri_name_the_same_store(tmp_path):
    open_store(str(tmp_path)).put("a/b", b"1")
    assert open_store(f"file://{tmp_path}").read("a/b") == b"1"


@pytest.mark.parametrize(
    "uri", ["", "ftp://host/x", "gs://bucket/x", "s3://", "file://other/x", "a\x1b[31m", "http://h/x"]
)
def test_a_uri_that_is_no_folder_is_refused(uri):
    with pytest.raises(UsageError) as caught:
        open_store(uri)
    assert caught.value.code == "URI_UNSUPPORTED"
    assert "\x1b" not in str(caught.value)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(UsageError, match="URI_NOT_A_FOLDER"):
        open_store(str(tmp_path / "out"))


@pytest.mark.parametrize("path", ["", "/a", "a//b", "../a", "a/../b", "./a", "a\nb", "a\x00b", "a\\b", "a/"])
def test_a_path_that_leaves_the_store_is_refused(tmp_path, path):
    store = open_store(str(tmp_path))
    for act in (store.read, store.exists, store.delete, lambda where: store.put(where, b""), store.open):
        with pytest.raises(MyCanvasError, match="STORE_PATH"):
            act(path)


def test_create_puts_once_and_put_puts_always(tmp_path):
    store = open_store(str(tmp_path))
    assert store.create("a", b"1")
    assert not store.create("a", b"2")
    assert store.read("a") == b"1"
    store.put("a", b"3")
    assert store.read("a") == b"3"
    assert [entry.path for entry in store.list()] == ["a"]


def test_of_eight_writers_of_a_key_one_wins(tmp_path):
    wins = race(str(tmp_path), 8)
    store = open_store(str(tmp_path))
    assert sorted(key for key, _ in wins) == list(range(KEYS))
    assert all(store.read(f"keys/{key}") == mark.encode() for key, mark in wins)


def test_a_link_whose_answer_was_lost_still_counts_as_won(tmp_path, monkeypatch):
    link = os.link

    def lossy(source, target):
        link(source, target)
        raise FileExistsError(errno.EEXIST, "the repeated request finds the file")

    monkeypatch.setattr(os, "link", lossy)
    assert open_store(str(tmp_path)).create("a", b"1")


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "DISK_FULL"), (errno.EROFS, "STORE_DENIED"), (errno.EIO, "STORE_FAILED")]
)
def test_a_disk_that_refuses_is_explained_and_leaves_nothing_behind(tmp_path, monkeypatch, number, code):
    store = open_store(str(tmp_path))

    def refuse(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(EnvironmentProblem) as caught:
        store.create("data/a", b"1")
    assert (caught.value.code, caught.value.where) == (code, f"{tmp_path}/data/a")
    assert caught.value.why
    assert caught.value.fix
    monkeypatch.undo()
    assert not store.exists("data/a")
    assert store.create("data/a", b"1")


def test_a_missing_file_is_a_missing_file(tmp_path):
    store = open_store(str(tmp_path / "nowhere"))
    assert not store.exists("a")
    assert list(store.list()) == list(store.names("data")) == []
    store.delete("a")
    with pytest.raises(FileNotFoundError):
        store.read("a")
    with pytest.raises(FileNotFoundError):
        store.open("a")


def test_list_goes_down_and_names_stays(tmp_path):
    store = open_store(str(tmp_path))
    store.put("data/a", b"12")
    store.put("data/deep/b", b"123")
    store.put("other", b"")
    assert sorted((entry.path, entry.size) for entry in store.list("data")) == [("data/a", 2), ("data/deep/b", 3)]
    assert list(store.names("data")) == ["a"]
    assert all(abs(entry.modified - time.time()) < 60 for entry in store.list())


def test_open_reads_parts(tmp_path):
    store = open_store(str(tmp_path))
    store.put("a", b"0123456789")
    with store.open("a") as file:
        file.seek(4)
        assert file.read(2) == b"45"


def test_a_store_travels_to_another_process(tmp_path):
    store = pickle.loads(pickle.dumps(open_store(str(tmp_path))))
    store.put("a", b"1")
    assert open_store(str(tmp_path)).read("a") == b"1"


def test_nothing_unfinished_is_left_where_readers_look(tmp_path):
    store = open_store(str(tmp_path))
    store.create("data/a", b"1")
    store.create("data/a", b"2")
    store.put("data/a", b"3")
    assert list(store.list(TMP)) == []


def test_forty_thousand_names_are_listed_in_a_tenth_of_a_second_of_cpu(tmp_path):
    for number in range(2000):
        (tmp_path / f"part-{number:08d}.parquet").touch()
    folder = open_store(str(tmp_path.parent))
    before = time.process_time()
    for _ in range(20):
        assert sum(1 for _ in folder.names(tmp_path.name)) == 2000
    assert time.process_time() - before < 0.5
