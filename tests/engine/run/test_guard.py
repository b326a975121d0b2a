import pytest

from engine.errors import EnvironmentProblem, MyCanvasError, SampleError
from engine.rows.values import Failure
from engine.run.guard import call_guarded


def doubled(rows):
    if any(row == "bad" for row in rows):
        raise ValueError("bad row")
    return [row * 2 for row in rows]


def test_a_row_that_raises_costs_only_itself():
    answers = call_guarded("double", doubled, [1, 2, "bad", 4, 5])
    assert [answers[i] for i in (0, 1, 3, 4)] == [2, 4, 8, 10]
    assert answers[2].stage == "double"
    assert answers[2].code == "STAGE_RAISED"
    assert "bad row" in answers[2].message


def test_a_batch_is_halved_and_not_tried_row_by_row():
    calls = []

    def worker(rows):
        calls.append(len(rows))
        return doubled(rows)

    call_guarded("double", worker, [*range(63), "bad"])
    assert len(calls) == 13  # 1 + 2 for each of log2(64) halvings
    assert sum(calls) == 64 + 2 * (32 + 16 + 8 + 4 + 2 + 1) - 63 + 63


def test_a_sample_error_in_a_rows_place_becomes_its_failure():
    refuse = SampleError("TOO_DARK", "no light", where="x.png")
    assert call_guarded("see", lambda rows: [refuse for _ in rows], [1]) == [
        Failure("see", "TOO_DARK", "TOO_DARK  x.png: no light")
    ]


def test_a_problem_of_the_machine_is_nobodys_row():
    def worker(rows):
        raise EnvironmentProblem("DISK_FULL", "no space")

    with pytest.raises(EnvironmentProblem):
        call_guarded("write", worker, [1, 2])


def test_a_worker_that_loses_a_row_is_refused():
    with pytest.raises(MyCanvasError, match="1 answers for 2 rows"):
        call_guarded("lose", lambda rows: rows[:1], [1, 2])
