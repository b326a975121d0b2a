import pytest

from engine.errors import EnvironmentProblem, UsageError
from engine.registry import EXTRAS, Registry

TABLE = Registry("joiner", {"path": "os.path:join", "gone": "no_such_library_anywhere:x"})


def test_a_name_is_resolved_late():
    assert TABLE.resolve("path")("a", "b") == "a/b"


def test_a_wrong_name_lists_the_right_ones():
    with pytest.raises(UsageError, match="did you mean 'path'"):
        TABLE.resolve("paht")


def test_a_missing_library_is_named_with_the_way_to_install_it():
    with pytest.raises(EnvironmentProblem, match=r"pip install 'mycanvas-engine\[models\]' -c constraints.txt"):
        TABLE.resolve("gone")


def test_what_the_constraints_do_not_fit_is_installed_without_them(monkeypatch):
    monkeypatch.setitem(EXTRAS, "nowhere_at_all", "vllm")
    with pytest.raises(EnvironmentProblem, match=r"pip install 'mycanvas-engine\[vllm\]'$"):
        Registry("thing", {"far": "nowhere_at_all:Thing"}).resolve("far")
