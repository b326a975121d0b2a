"""The shape of the code, held up by reading it. Which folder may import which is checked by `lint-imports`."""

import ast
import importlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("engine", "planners", "actors", "cluster", "jobs")
TREES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_bytes())
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
}

FUNCTION_LINES, FILE_LINES = 40, 250
LONG_FILES: dict[str, str] = {}
FOLDER_FILES = 15
OPEN_CLASSES = {
    "cluster/stream.py:_Worker": "a subclass is made for each pool, since Ray calls an operator after its class",
    "engine/errors.py:MyCanvasError": "the root of the tree",
    "engine/run/stage.py:Spec": "what all configuration is made of",
    "planners/chat/layout_answer.py:_Strict": "what answers are made of",
}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base"}
MODEL_LIBRARIES = {
    "torch", "torchvision", "diffusers", "transformers", "open_clip", "vllm", "safetensors", "huggingface_hub",
}  # fmt: skip
TORCH_AT_ONCE = ("actors/backends/", "actors/models/dummy/", "actors/training/", "actors/micro/", "actors/personalize/")
IMPURE = {"os", "io", "time", "datetime", "random", "secrets", "pathlib", "fsspec", "obstore"}
IRREGULAR = {
    "begun", "built", "drawn", "found", "given", "gone", "held", "kept", "known", "laid", "left", "lit", "made",
    "meant", "said", "seen", "sent", "shown", "taken", "told", "written",
}  # fmt: skip
VERBS = {"embed", "feed", "need", "seed"}
RUN_CODE = {"eval", "exec", "compile", "__import__"}
UNPICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def imported(tree: ast.AST) -> set[str]:
    """The top-level packages of every import below `tree`, inside functions too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def imported_at_once(tree: ast.Module) -> set[str]:
    """Those that importing the file imports; what is imported in functions or for type checkers is not among them."""
    statements = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return set().union(*(imported(node) for node in statements))


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    """Every call, with the dotted name of what is called."""
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [(ast.unparse(node.func), node) for node in found if isinstance(node.func, (ast.Name, ast.Attribute))]


def lines(path: str) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imports(tree: ast.Module) -> Iterator[str]:
    """Every module that an import may mean, also inside functions; imports for type checkers are left out."""
    typing = {id(inner) for node in ast.walk(tree) if _for_type_checkers(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in typing:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


IMPORTS = {_module(path): set(_imports(tree)) - {_module(path)} for path, tree in TREES.items()}


@pytest.mark.parametrize("name", FOLDERS)
def test_the_five_names_are_ours_and_no_other_distributions(name):
    module = importlib.import_module(name)
    assert Path(module.__file__ or "").parent == ROOT / name
    assert name not in sys.stdlib_module_names


def test_every_folder_with_code_is_a_package_and_every_module_says_what_it_is():
    folders = {str(Path(path).parent) for path in TREES}
    assert folders == {str(Path(path).parent) for path in TREES if path.endswith("__init__.py")}
    assert [path for path, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_no_file_is_named_after_nothing():
    assert [path for path in TREES if NAMELESS & {*Path(path).with_suffix("").parts}] == []


def test_files_are_short_and_every_exception_is_needed():
    assert {path for path in TREES if lines(path) > FILE_LINES} == set(LONG_FILES)


def test_no_folder_is_a_bag_of_files():
    files = [path for folder in (*FOLDERS, "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    folders = Counter(str(path.parent.relative_to(ROOT)) for path in files if path.name != "__init__.py")
    assert {folder: count for folder, count in folders.items() if count > FOLDER_FILES} == {}


def test_no_two_classes_have_the_same_name():
    names = Counter(node.name for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert {name: count for name, count in names.items() if count > 1} == {}


def test_no_modules_import_each_other_in_a_circle():
    left = {module: imports & IMPORTS.keys() for module, imports in IMPORTS.items()}
    while ends := {
        module for module, imports in left.items() if not imports or module not in set().union(*left.values())
    }:
        left = {module: imports - ends for module, imports in left.items() if module not in ends}
    assert left == {}


def test_no_function_is_named_by_a_participle_alone():
    functions = (
        (path, node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not _is_property(node)
    )
    assert [f"{path}:{node.name}" for path, node in functions if _is_participle(node.name.strip("_"))] == []


def _is_participle(name: str) -> bool:
    return name in IRREGULAR or (name.endswith("ed") and "_" not in name and name not in VERBS)


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(mark) in {"property", "cached_property"} for mark in node.decorator_list)


def test_functions_are_short():
    functions = (
        (path, node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    lengths = {f"{path}:{node.name}": _lines_of_code(node) for path, node in functions}
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}


def _lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end; a docstring explains and does not count."""
    first = function.body[0]
    explains = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if explains else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_ray_is_imported_by_cluster_alone():
    assert {path.split("/")[0] for path, tree in TREES.items() if "ray" in imported(tree)} == {"cluster"}


def test_model_libraries_are_imported_by_actors_alone_and_at_once_by_backends_and_trainings_alone():
    users = [path for path, tree in TREES.items() if MODEL_LIBRARIES & imported(tree)]
    assert [path for path in users if not path.startswith("actors/")] == []
    at_once = [path for path in users if MODEL_LIBRARIES & imported_at_once(TREES[path])]
    assert [path for path in at_once if not path.startswith(TORCH_AT_ONCE)] == []


def test_the_training_seam_knows_no_family_of_models():
    seam = [path for path in TREES if path.startswith(("engine/training/", "cluster/train"))]
    assert len(seam) >= 9
    named = {path: (ROOT / path).read_text(encoding="utf-8").lower() for path in seam}
    assert [path for path, text in named.items() if "toybox" in text or "micro" in text] == []


def test_planners_touch_no_file_no_clock_and_no_global_chance():
    planners = {path: tree for path, tree in TREES.items() if path.startswith("planners/")}
    assert [path for path, tree in planners.items() if IMPURE & imported(tree)] == []
    assert [path for path, tree in planners.items() if "open" in dict(calls(tree))] == []


def test_chance_comes_from_seeds_alone():
    assert [path for path, tree in TREES.items() if {"random", "secrets"} & imported(tree)] == []
    drawing = [path for path, tree in TREES.items() if any(name.startswith("np.random.") for name, _ in calls(tree))]
    assert drawing == ["engine/seeds.py"]


def test_no_text_is_run_and_nothing_is_unpickled():
    names = {f"{path}: {name}" for path, tree in TREES.items() for name, _ in calls(tree)}
    assert {name for name in names if name.split(": ")[1] in RUN_CODE} == set()
    assert {name for name in names if name.split(": ")[1].split(".")[0] in UNPICKLERS} == set()


def test_weights_are_read_as_tensors_and_without_code():
    for path, tree in TREES.items():
        for name, call in calls(tree):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            if name == "torch.load":
                assert given.get("weights_only") == "True", path
            if name.endswith("Pipeline.from_pretrained"):
                assert (given.get("use_safetensors"), given.get("trust_remote_code")) == ("True", "False"), path


def test_the_console_alone_prints():
    assert [path for path, tree in TREES.items() if "print" in dict(calls(tree))] == ["jobs/console.py"]


def test_classes_are_abstract_or_final_and_every_exception_has_a_reason():
    assert {f"{path}:{node.name}" for path, tree in TREES.items() for node in _open_classes(tree)} == set(OPEN_CLASSES)


def _open_classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    """Classes that are neither marked final or as data, nor abstract, nor made of a base that says what they are."""
    bases = {"ABC", "Protocol", "Spec", "Stage", "MyCanvasError", "RawIOBase", "Datasource"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            marks = {ast.unparse(mark).split("(")[0] for mark in node.decorator_list}
            above = {ast.unparse(base).split("[")[0].rsplit(".", 1)[-1] for base in node.bases}
            if not {"final", "dataclass"} & marks and not bases & above:
                yield node
