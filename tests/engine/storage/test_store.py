import errno
import os
import pickle
import resource
import threading
import time

import pytest

from engine.errors import EnvironmentProblem, MyCanvasError, UsageError
from engine.storage.hashes import digest
from engine.storage.open_store import open_store
from engine.storage.store import TMP
from tests.support.data.writers import KEYS, race


def test_a_path_and_a_file_uri_name_the_same_store(tmp_path):
    open_store(str(tmp_path)).put("a/b", b"1")
    assert open_store(f"file://{tmp_path}").read("a/b") == b"1"


@pytest.mark.parametrize(
    "uri",
    [
        "", "ftp://host/x", "gs://bucket/x", "s3://", "file://other/x", "a\x1b[31m", "http://h/x", "s3://b/x?y",
        "s3://b/x#y", "s3://b//x", "s3://b/a/../x", "file:///tmp/x?", "s3://b/./x",
    ],
)  # fmt: skip
def test_a_uri_that_is_no_folder_is_refused(uri):
    with pytest.raises(UsageError) as caught:
        open_store(uri)
    assert caught.value.code == "URI_UNSUPPORTED"
    assert "\x1b" not in str(caught.value)


def test_a_name_may_hold_any_printed_space(tmp_path):
    """A non-breaking space was called a control character."""
    open_store(f"{tmp_path}/my\N{NO-BREAK SPACE}dog").put("a", b"1")
    assert (tmp_path / "my\N{NO-BREAK SPACE}dog" / "a").read_bytes() == b"1"


def test_a_file_system_without_hard_links_is_named(tmp_path, monkeypatch):
    def no_link(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    with pytest.raises(EnvironmentProblem, match=r"STORE_NO_LINKS(.|\n)*FAT"):
        open_store(str(tmp_path)).create("a", b"1")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "and nothing is left"


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


def write_pieces(sizes):
    """Something that writes pieces of these sizes, no two alike; and what it writes."""
    pieces = [bytes([number % 251]) * size for number, size in enumerate(sizes)]

    def write(file):
        for piece in pieces:
            assert file.write(piece) == len(piece)

    return write, b"".join(pieces)


@pytest.mark.parametrize(
    "sizes", [[], [1], [1 << 20], [(1 << 20) - 1, 1, 1], [3_000_000, 7, 0, 1_100_000, 5], [99] * 999]
)
def test_what_is_streamed_is_stored_with_its_size_and_hash(tmp_path, sizes):
    store = open_store(str(tmp_path))
    write, data = write_pieces(sizes)
    written = store.create_from("data/a", write)
    assert (written.size, written.blake2b) == (len(data), digest(data))
    assert store.read("data/a") == data
    assert [entry.path for entry in store.list()] == ["data/a"]


def test_nothing_is_streamed_where_something_is(tmp_path):
    store = open_store(str(tmp_path))
    store.put("a", b"1")
    assert store.create_from("a", lambda file: pytest.fail("nothing is to be written")) is None
    assert store.read("a") == b"1"


def test_a_stream_that_is_overtaken_changes_nothing(tmp_path):
    store = open_store(str(tmp_path))

    def overtaken(file):
        file.write(b"late")
        assert store.create("a", b"first")

    assert store.create_from("a", overtaken) is None
    assert store.read("a") == b"first"
    assert list(store.list(TMP)) == []


def test_a_stream_that_breaks_off_leaves_nothing_behind(tmp_path):
    store, threads = open_store(str(tmp_path)), threading.active_count()

    def broken(file):
        file.write(bytes(3_000_000))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.create_from("data/a", broken)
    assert list(store.list()) == []
    assert threading.active_count() == threads


def test_a_disk_that_fills_up_under_a_stream_is_explained(tmp_path):
    store, limits = open_store(str(tmp_path)), resource.getrlimit(resource.RLIMIT_FSIZE)
    write, data = write_pieces([1_500_000] * 3)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        with pytest.raises(EnvironmentProblem, match="DISK_FULL"):
            store.create_from("data/a", write)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(store.list()) == []
    assert store.create_from("data/a", write).size == len(data)


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
    assert store.create("derived", b"1", durable=False), "nobody waits for the disk there"
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


def test_many_files_are_read_in_the_order_asked_for(tmp_path):
    store = open_store(str(tmp_path))
    for number in range(3):
        store.put(f"a/{number}", bytes([number]))
    assert list(store.read_many(["a/2", "a/9", "a/0", "a/2"])) == [b"\2", None, b"\0", b"\2"]
    assert list(store.read_many([])) == []


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


@pytest.mark.parametrize("linked", ["_tmp", "_journal", "data"])
def test_a_link_below_the_root_leads_nowhere(tmp_path, linked):
    """`gc --delete` removed a stranger's files through a linked `_tmp`."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "00000001.dear.json").write_text("a diary")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / linked).symlink_to(theirs)
    store = open_store(str(tmp_path / "ours"))
    for touch in (
        lambda: list(store.list(linked)),
        lambda: list(store.names(linked)),
        lambda: store.read(f"{linked}/00000001.dear.json"),
        lambda: store.open(f"{linked}/00000001.dear.json"),
        lambda: store.exists(f"{linked}/00000001.dear.json"),
        lambda: store.put(f"{linked}/x", b""),
        lambda: store.create(f"{linked}/x", b""),
        lambda: store.delete(f"{linked}/00000001.dear.json"),
    ):
        with pytest.raises(UsageError, match="STORE_LINK"):
            touch()
    assert [path.name for path in theirs.iterdir()] == ["00000001.dear.json"]


def test_a_linked_file_is_listed_as_itself_and_removed_as_itself(tmp_path):
    (tmp_path / "diary").write_text("dear " * 100)
    (tmp_path / "ours" / "_tmp").mkdir(parents=True)
    (tmp_path / "ours" / "_tmp" / "1-x").symlink_to(tmp_path / "diary")
    store = open_store(str(tmp_path / "ours"))
    (entry,) = store.list("_tmp")
    assert entry.size < 400
    with pytest.raises(UsageError, match="STORE_LINK"):
        store.read("_tmp/1-x")
    store.delete("_tmp/1-x")
    assert (tmp_path / "diary").exists()
    assert not list(store.list())


def test_the_root_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "real")
    open_store(str(tmp_path / "root")).put("a/b", b"1")
    assert (tmp_path / "real" / "a" / "b").read_bytes() == b"1"
