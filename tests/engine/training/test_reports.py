import pytest

from engine.errors import Damaged
from engine.storage.open_store import open_store
from engine.training.checkpoints import Checkpoints
from engine.training.recorder import RunRecorder
from engine.training.reports import PART_LINES, ReportLog, TrainingReport, read_reports


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


def report(step, saved=False, **metrics):
    return TrainingReport(step, step / 2, metrics or {"loss": 0.5}, saved)


def test_a_report_is_a_flat_row_and_back():
    one = report(3, saved=True, loss=1.5, lr=1e-3)
    assert one.to_row() == {"step": 3, "seconds": 1.5, "saved": True, "loss": 1.5, "lr": 1e-3}
    assert TrainingReport.from_row(one.to_row()) == one


def test_a_report_with_a_checkpoint_is_stored_at_once_and_the_rest_soon(store):
    log = ReportLog(store, "run")
    log.append(report(1))
    assert read_reports(store, "run") == []
    log.append(report(2, saved=True))
    assert read_reports(store, "run") == [report(1), report(2, saved=True)]
    log.append(report(3))
    log.flush()
    assert [each.step for each in read_reports(store, "run")] == [1, 2, 3]


def test_every_driver_writes_parts_of_its_own(store):
    logs = [ReportLog(store, "run") for _ in range(2)]
    for step, log in ((1, logs[0]), (2, logs[1]), (3, logs[0])):
        log.append(report(step, saved=True))
    ReportLog(store, "run").append(report(4, saved=True))
    ReportLog(store, "other").append(report(9, saved=True))
    store.put("runs/run/log/notes.txt", b"a user's")
    assert sorted(store.names("runs/run/log"))[:3] == ["000001.jsonl", "000002.jsonl", "000003.jsonl"]
    assert [each.step for each in read_reports(store, "run")] == [1, 3, 2, 4]


def test_a_long_log_has_many_parts_and_keeps_its_order(store):
    log = ReportLog(store, "run")
    for step in range(2 * PART_LINES + 1):
        log.append(report(step, saved=step % 500 == 499))
    log.flush()
    assert len(list(store.names("runs/run/log"))) == 3
    assert [each.step for each in read_reports(store, "run")] == list(range(2 * PART_LINES + 1))


def test_what_died_with_a_worker_is_taken_from_the_next_checkpoint(store, tmp_path):
    (tmp_path / "files").mkdir()
    checkpoints, log = Checkpoints(store, "run"), ReportLog(store, "run")
    died = RunRecorder(checkpoints, None)
    log.append(died.record(10, {"loss": 3.0}, None))
    died.record(20, {"loss": 2.0}, tmp_path / "files")
    alive = RunRecorder(checkpoints, checkpoints.fetch_latest(tmp_path / "scratch"))
    log.append(alive.record(30, {"loss": 1.0}, tmp_path / "files"))
    stored = read_reports(store, "run")
    assert [report.step for report in stored] == [10, 20, 30]
    assert stored[1].seconds <= stored[2].seconds


def test_what_a_dying_driver_saved_late_comes_before_what_goes_on_from_it(store, tmp_path):
    (tmp_path / "files").mkdir()
    checkpoints, log = Checkpoints(store, "run"), ReportLog(store, "run")  # a driver that has taken over
    died = RunRecorder(checkpoints, None)
    late = [died.record(180, {"loss": 3.0}, None), died.record(200, {"loss": 2.5}, tmp_path / "files")]
    for each in (report(220), report(240), report(250, saved=True)):
        log.append(each)
    assert read_reports(store, "run") == [*late, report(220), report(240), report(250, saved=True)]


def test_what_a_driver_did_not_live_to_write_is_taken_from_the_checkpoints(store, tmp_path):
    (tmp_path / "files").mkdir()
    log, recorder = ReportLog(store, "run"), RunRecorder(Checkpoints(store, "run"), None)
    told = []
    for step in range(10, 60, 10):
        checkpoint = tmp_path / "files" if step in {20, 40} else None
        told.append(recorder.record(step, {"loss": float("nan") if step == 30 else 1.0}, checkpoint))
        if step <= 20:
            log.append(told[-1])
    again = ReportLog(store, "run")
    assert [report.to_line() for report in read_reports(store, "run")] == [report.to_line() for report in told[:4]]
    again.append(told[4])
    again.flush()
    ReportLog(store, "run")
    assert [report.step for report in read_reports(store, "run")] == [10, 20, 30, 40, 50]


@pytest.mark.parametrize("text", [b"{", b"[]\n", b'{"step": 3}\n', b"\xff\n"])
def test_a_damaged_log_is_named(store, text):
    store.put("runs/run/log/000001.jsonl", text)
    with pytest.raises(Damaged, match=r"TRAINING_LOG_DAMAGED .*000001\.jsonl"):
        read_reports(store, "run")
