import pickle
import socket
import time

import pytest

from benchmarks.support.curate_data import write_dataset
from engine.dataset.score_table import open_scores
from engine.dataset.verify import verify
from engine.dataset.views import open_dataset, write_view
from engine.errors import EnvironmentProblem, UsageError
from engine.storage.commits import list_committed, receipts
from engine.storage.hashes import digest
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store
from engine.storage.receipts import data_path
from tests.support.data.units import commit, make_run
from tests.support.data.writers import KEYS, race
from tests.support.processes.s3_server import BUCKET, s3_environment, s3_server


@pytest.fixture(scope="module")
def endpoint():
    """A real server process on loopback that speaks S3, with one bucket."""
    pytest.importorskip("moto")
    with s3_server() as address:
        yield address


@pytest.fixture
def uri(endpoint, monkeypatch, request):
    """A prefix of its own for each test."""
    for name, value in s3_environment(endpoint).items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{request.node.name}/out"


def test_of_eight_writers_of_a_key_one_wins(uri):
    wins = race(uri, 8)
    store = open_store(uri)
    assert sorted(key for key, _ in wins) == list(range(KEYS))
    assert all(store.read(f"keys/{key}") == mark.encode() for key, mark in wins)


def test_files_are_put_read_listed_and_removed(uri):
    store = pickle.loads(pickle.dumps(open_store(uri)))
    assert store.create("data/a", b"0123456789")
    assert not store.create("data/a", b"other", durable=False)
    written = store.create_from("data/c", lambda file: [file.write(b"01234"), file.write(b"56789")])
    assert (written.size, written.blake2b) == (10, digest(b"0123456789"))
    assert store.create_from("data/c", lambda file: pytest.fail("nothing is to be written")) is None
    assert store.create_from("data/d", lambda file: store.create("data/d", b"overtaken")) is None
    assert (store.read("data/c"), store.read("data/d")) == (b"0123456789", b"overtaken")
    assert list(store.read_many(["data/d", "data/gone", *["data/c"] * 300]))[:3] == [b"overtaken", None, b"0123456789"]
    assert sum(data == b"0123456789" for data in store.read_many(["data/c"] * 300)) == 300
    for path in ("data/c", "data/d"):
        store.delete(path)
    store.put("data/deep/b", bytes(12_000_000))
    assert sorted((entry.path, entry.size) for entry in store.list("data")) == [
        ("data/a", 10),
        ("data/deep/b", 12_000_000),
    ]
    assert list(store.names("data")) == ["a"]
    with store.open("data/a") as file:
        assert file.seek(-4, 2) == 6
        assert file.read(2) == b"67"
        assert file.read() == b"89"
    store.put("data/a", b"new")
    assert store.read("data/a") == b"new"
    store.delete("data/a")
    store.delete("data/a")
    assert not store.exists("data/a")
    for act in (store.read, store.open):
        with pytest.raises(FileNotFoundError):
            act("data/a")
    assert all(abs(entry.modified - time.time()) < 600 for entry in store.list())


def test_a_run_is_committed_verified_damaged_and_mended(uri):
    store = open_store(uri)
    make_run(store, samples=12)
    first, won = commit(store, 1, 4, 8)
    assert not won
    assert [receipt.unit_id for receipt in receipts(store)] == [0, 1, 2]
    assert list_committed(store, 4).missing().tolist() == [3]
    assert verify(store).ok
    good = store.read(data_path(1))
    store.put(data_path(1), good[:500] + bytes([good[500] ^ 1]) + good[501:])
    assert [damage.path for damage in verify(store).damage] == [data_path(1)]
    store.delete(data_path(1))
    assert commit(store, 1, 4, 8) == (first, True)
    write_manifest(store)
    assert verify(store).ok


def test_scores_are_asked_and_a_view_is_written_in_a_bucket(uri):
    write_dataset(uri, units=2, unit_rows=4, image_bytes=8)
    with open_scores(open_dataset(uri)) as scores:
        rows = scores.ask("select unit_id, sample_id from scores where unit_id = 1 order by 2 limit 3")
    write_view(f"{uri}-view", open_dataset(uri), rows, {})
    view = open_dataset(f"{uri}-view")
    assert [table.num_rows for table in view.tables(["image"])] == [3]
    with open_scores(view) as scores:
        assert scores.ask("select count(*) from scores")[0][0].as_py() == 3


def test_a_bucket_that_is_not_there_is_explained(uri):
    store = open_store("s3://no-such-bucket/out")
    for ask in (
        lambda: store.create("a", b""),
        lambda: store.read("a"),
        lambda: [*store.list()],
        lambda: [*store.names("")],
    ):
        with pytest.raises(UsageError) as caught:
            ask()
        assert caught.value.code == "STORE_NO_BUCKET"
        assert "no-such-bucket" in caught.value.what
        assert "aws s3 mb s3://no-such-bucket" in caught.value.fix


def test_a_server_that_listens_and_never_answers_is_given_up(uri, monkeypatch):
    """Waited for more than three minutes, without a word."""
    monkeypatch.setenv("MYCANVAS_ANSWER_S", "0.5")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(EnvironmentProblem, match=r"STORE_FAILED(.|\n)*no answer within 0.5 s"):
            open_store(uri).read("a")


def test_a_server_that_is_gone_is_explained(uri, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(EnvironmentProblem, match="STORE_FAILED"):
        open_store(uri).read("a")
