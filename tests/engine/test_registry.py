import importlib.util

import pytest

from engine.errors import EnvironmentProblem, UsageError
from engine.registry import Registry

TABLE = Registry("joiner", {"path": "os.path:join", "gone": "no_such_library_anywhere:x"})


def test_a_name_is_resolved_late():
    assert TABLE.resolve("path")("a", "b") == "a/b"


def test_a_wrong_name_lists_the_right_ones():
    with pytest.raises(UsageError, match="did you mean 'path'"):
        TABLE.resolve("paht")


def test_a_missing_library_is_named_with_the_way_to_install_it():
    with pytest.raises(EnvironmentProblem, match=r"pip install 'mycanvas-engine\[models\]' -c constraints.txt"):
        TABLE.resolve("gone")


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed here")
def test_what_the_constraints_do_not_fit_is_installed_without_them():
    with pytest.raises(EnvironmentProblem, match=r"pip install 'mycanvas-engine\[vllm\]'$"):
        Registry("thing", {"far": "vllm:LLM"}).resolve("far")
