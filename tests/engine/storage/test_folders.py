import pytest

from engine.storage.folders import fetch_file, local_path, put_folder
from engine.storage.hashes import digest
from engine.storage.open_store import open_store
from tests.support.processes.s3_server import BUCKET, environment, s3_environment, s3_server


@pytest.fixture(params=["disk", "s3"])
def store(request, tmp_path):
    if request.param == "disk":
        yield open_store(str(tmp_path / "out"))
        return
    pytest.importorskip("moto")
    with s3_server() as address, environment(s3_environment(address)):
        yield open_store(f"s3://{BUCKET}/out")


def test_a_folder_comes_back_as_it_was_put(store, tmp_path):
    folder = tmp_path / "model"
    (folder / "unet").mkdir(parents=True)
    contents = {"config.json": b"{}", "unet/weights.safetensors": bytes(range(256)) * 100_000, "unet/empty": b""}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    hashes = put_folder(store, "models/a", folder)
    assert hashes == {name: digest(data) for name, data in contents.items()}
    for name, data in contents.items():
        copy = tmp_path / "copy" / name
        assert fetch_file(store, f"models/a/{name}", copy) == digest(data)
        assert copy.read_bytes() == data


def test_what_was_there_is_replaced_and_what_is_missing_is_not_found(store, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for data in (b"old", b"new"):
        (folder / "a").write_bytes(data)
        put_folder(store, "m", folder)
    assert store.read("m/a") == b"new"
    with pytest.raises(FileNotFoundError):
        fetch_file(store, "m/b", tmp_path / "b")


def test_disks_have_a_path_and_buckets_have_none(tmp_path):
    assert local_path(open_store(str(tmp_path))) == tmp_path
    assert local_path(open_store(f"file://{tmp_path}")) == tmp_path
    assert local_path(open_store("s3://bucket/prefix")) is None
