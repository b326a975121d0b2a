"""The shape of the code, held up by reading it. Which folder imports which is checked by `lint-imports` (pyproject.toml)."""

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("engine", "planners", "actors", "cluster", "jobs")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TREES = {path: ast.parse(path.read_bytes()) for path in FILES}

FUNCTION_LINES, FILE_LINES = 40, 250
LONG_FILES = {"jobs/cli.py": "every command with its options and its help"}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base"}
MODEL_LIBRARIES = {
    "torch", "torchvision", "diffusers", "transformers", "open_clip", "vllm", "safetensors", "huggingface_hub",
}  # fmt: skip
RUN_CODE = {"eval", "exec", "compile", "__import__"}
UNPICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


def imported(tree: ast.AST) -> Iterator[str]:
    """The top-level packages of every import below `tree`, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def imported_at_once(tree: ast.Module) -> set[str]:
    """The same, but only what importing the file imports; what is for type checkers alone is not."""
    statements = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {name for node in statements for name in imported(node)}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the dotted name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            yield ast.unparse(node.func), node


def folder(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


@pytest.mark.parametrize("name", FOLDERS)
def test_the_five_names_are_ours_and_no_other_distributions(name):
    module = importlib.import_module(name)
    assert Path(module.__file__ or "").parent == ROOT / name
    assert name not in sys.stdlib_module_names


def test_every_folder_with_code_is_a_package():
    assert {path.parent for path in FILES} == {path.parent for path in FILES if path.name == "__init__.py"}


@each_file
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(TREES[path])


@each_file
def test_no_file_is_named_after_nothing(path):
    assert not NAMELESS & {path.stem, *path.relative_to(ROOT).parent.parts}


@each_file
def test_files_are_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES or str(path.relative_to(ROOT)) in LONG_FILES, f"{lines} lines"


def test_every_exception_for_long_files_is_still_needed():
    for name in LONG_FILES:
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) > FILE_LINES, name


@each_file
def test_functions_are_short(path):
    functions = (node for node in ast.walk(TREES[path]) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    lengths = {node.name: _lines(node) for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end; a docstring explains and does not count."""
    first = function.body[0]
    explained = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if explained else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


@each_file
def test_ray_is_imported_by_cluster_alone(path):
    assert "ray" not in imported(TREES[path]) or folder(path) == "cluster"


@each_file
def test_model_libraries_are_imported_by_actors_alone(path):
    assert not MODEL_LIBRARIES & set(imported(TREES[path])) or folder(path) == "actors"


@each_file
def test_importing_a_stage_imports_no_model_library(path):
    assert not MODEL_LIBRARIES & imported_at_once(TREES[path]) or path.parent.name == "backends"


@each_file
def test_engine_and_planners_import_nothing_above_themselves(path):
    above = {"engine": set(FOLDERS[1:]), "planners": set(FOLDERS[2:])}.get(folder(path), set())
    assert not above & set(imported(TREES[path]))


@each_file
def test_planners_touch_no_file_no_clock_and_no_global_chance(path):
    if folder(path) == "planners":
        assert not {"os", "io", "time", "datetime", "random", "pathlib", "fsspec", "obstore"} & set(
            imported(TREES[path])
        )
        assert not [name for name, _ in calls(TREES[path]) if name == "open" or name.startswith("np.random.")]


@each_file
def test_randomness_comes_from_seeds_alone(path):
    assert not {"random", "secrets"} & set(imported(TREES[path]))
    drawn = [name for name, _ in calls(TREES[path]) if name.startswith("np.random.")]
    assert not drawn or path.name == "seeds.py"


@each_file
def test_no_text_is_run_and_nothing_is_unpickled(path):
    assert not [name for name, _ in calls(TREES[path]) if name in RUN_CODE]
    assert not [name for name, _ in calls(TREES[path]) if name.split(".")[0] in UNPICKLERS]


@each_file
def test_weights_are_loaded_as_tensors_and_without_code(path):
    for name, call in calls(TREES[path]):
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        if name == "torch.load":
            assert given.get("weights_only") == "True"
        if name.endswith("Pipeline.from_pretrained"):
            assert (given.get("use_safetensors"), given.get("trust_remote_code")) == ("True", "False")


@each_file
def test_only_the_console_and_the_command_line_print(path):
    assert "print" not in dict(calls(TREES[path])) or str(path.relative_to(ROOT)) == "jobs/console.py"


def test_classes_that_are_neither_final_nor_abstract_are_known():
    """A base of which others are made, or a class whose decorator says it is closed: nothing in between grows unseen."""
    named = {f"{path.relative_to(ROOT)}:{node.name}" for path in FILES for node in _open_classes(TREES[path])}
    assert named <= {
        "engine/errors.py:MyCanvasError",
        "engine/registry.py:Registry",
        "engine/stage.py:Spec",
        "planners/gate.py:Thresholds",
        "planners/layout_answer.py:_Strict",
    }, "say final, dataclass, Protocol or ABC, or add it here with a reason"


def _open_classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    closed = {"ABC", "Protocol", "Spec", "Stage", "Exception", "MyCanvasError", "RawIOBase", "Datasource"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            marks = [ast.unparse(mark).split("(")[0].split(".")[-1] for mark in node.decorator_list]
            bases = {ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases}
            if not {"final", "dataclass"} & set(marks) and not closed & bases:
                yield node
