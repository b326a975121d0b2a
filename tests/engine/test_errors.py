import pickle

from engine.errors import (
    Damaged,
    EnvironmentProblem,
    MyCanvasError,
    OverBudget,
    SampleError,
    UsageError,
    from_json,
    to_json,
)


def test_an_error_says_what_where_why_and_how_to_mend():
    text = str(
        UsageError("RECIPE_KEY", "unknown key 'stpes'", where="mine.yaml:3", why="typo", fix="did you mean 'steps'")
    )
    assert text == "RECIPE_KEY  mine.yaml:3: unknown key 'stpes'\nwhy: typo\nfix: did you mean 'steps'"


def test_an_error_crosses_a_process_whole():
    error = SampleError("X", "what", where="w", why="y", fix="f")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (SampleError, str(error))


def test_an_error_travels_as_text():
    error = Damaged("X", "what", where="w", why="y", fix="f")
    again = from_json(to_json(error))
    assert (type(again), again.args) == (Damaged, error.args)


def test_exit_codes_tell_the_branches_apart():
    codes = [kind.exit_code for kind in (MyCanvasError, UsageError, OverBudget, EnvironmentProblem, Damaged)]
    assert codes == [1, 2, 3, 4, 6]
