import shutil

import pytest

from engine.errors import Damaged
from engine.storage.open_store import open_store
from engine.training.checkpoints import MANIFEST, Checkpoints


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(open_store(str(tmp_path / "work")), "run-1")


def save(checkpoints, scratch, step):
    folder = scratch / "saved"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "deep").mkdir(parents=True)
    (folder / "state.json").write_text(str(step))
    (folder / "deep" / "weights").write_bytes(bytes([step % 256]) * 1000)
    checkpoints.save(folder, step, step / 10)


def path(checkpoints, step, name):
    return f"runs/{checkpoints.run}/step-{step:09d}/{name}"


def test_the_last_two_are_kept_and_the_last_is_found_again(checkpoints, tmp_path):
    assert checkpoints.fetch_latest(tmp_path / "none") is None
    for step in (50, 100, 150):
        save(checkpoints, tmp_path, step)
    assert checkpoints.steps() == [100, 150]
    found = Checkpoints(open_store(checkpoints.store.uri), "run-1").fetch_latest(tmp_path / "scratch")
    assert (found.step, found.seconds) == (150, 15.0)
    assert (found.folder / "state.json").read_text() == "150"
    assert (found.folder / "deep" / "weights").read_bytes() == bytes([150]) * 1000
    assert {entry.path.split("/")[2] for entry in checkpoints.store.list("runs")} == {
        "step-000000100",
        "step-000000150",
    }


def test_runs_do_not_see_each_other(checkpoints, tmp_path):
    save(checkpoints, tmp_path, 50)
    other = Checkpoints(checkpoints.store, "run-2")
    assert other.steps() == []
    save(other, tmp_path, 10)
    other.clear()
    assert checkpoints.steps() == [50]
    assert other.fetch_latest(tmp_path) is None


def test_a_checkpoint_that_is_not_whole_is_passed_over(checkpoints, tmp_path):
    for step in (50, 100):
        save(checkpoints, tmp_path, step)
    checkpoints.store.delete(path(checkpoints, 100, MANIFEST))
    assert checkpoints.steps() == [50]
    assert checkpoints.fetch_latest(tmp_path / "scratch").step == 50
    save(checkpoints, tmp_path, 100)
    assert checkpoints.fetch_latest(tmp_path / "again").step == 100


@pytest.mark.parametrize("harm", ["missing", "changed", "manifest"])
def test_a_damaged_checkpoint_is_passed_over_and_the_only_one_is_named(checkpoints, tmp_path, harm):
    for step in (50, 100):
        save(checkpoints, tmp_path, step)
    for step in (100, 50):
        if harm == "missing":
            checkpoints.store.delete(path(checkpoints, step, "deep/weights"))
        else:
            name = MANIFEST if harm == "manifest" else "deep/weights"
            data = checkpoints.store.read(path(checkpoints, step, name))
            checkpoints.store.put(path(checkpoints, step, name), data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
        with pytest.raises(Damaged, match=f"CHECKPOINT_DAMAGED .*step-{step:09d}"):
            checkpoints.fetch(step, tmp_path / "one")
        if step == 100:
            assert checkpoints.fetch_latest(tmp_path / "scratch").step == 50
    with pytest.raises(Damaged, match=r"CHECKPOINT_DAMAGED .*step-000000100"):
        checkpoints.fetch_latest(tmp_path / "scratch")


def test_a_step_that_is_saved_again_is_never_half_old_and_half_new(checkpoints, tmp_path):
    save(checkpoints, tmp_path, 50)
    (tmp_path / "saved" / "state.json").write_text("other")
    (tmp_path / "saved" / "deep" / "weights").unlink()
    checkpoints.save(tmp_path / "saved", 50, 7.0)
    found = checkpoints.fetch(50, tmp_path / "scratch")
    assert found.seconds == 7.0
    assert [file.name for file in found.folder.iterdir()] == ["state.json"]
    assert (found.folder / "state.json").read_text() == "other"
