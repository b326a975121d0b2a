"""The rules of `tests/README.md`, held up by reading the tests."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("engine", "planners", "actors", "cluster", "jobs")
TREES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_bytes())
    for folder in ("tests", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
TESTS = [
    (path, node)
    for path, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]
PATCHED = {
    "tests/actors/micro/composer/test_composer.py": "how much is measured is a constant of the module",
    "tests/actors/micro/detector/test_detector.py": "the sets of a training are found by their names alone",
    "tests/actors/micro/diffusion/test_denoising.py": "how much is measured is a constant of the module",
    "tests/actors/micro/identity/test_identity.py": "how much is measured is a constant of the module",
    "tests/engine/storage/test_manifest.py": "a segment of a thousand units takes a minute to write",
}


def imported(tree):
    """Every module that is imported, with the names that come out of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.asname or alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.asname or alias.name) for alias in node.names)


def test_benchmarks_and_tests_share_material_and_import_no_test():
    found = {(path, module) for path, tree in TREES.items() for module, _ in imported(tree) if "tests" in module}
    assert {module.rpartition(".")[0].rpartition(".")[0] for _, module in found} <= {"tests.support"}
    assert any(path.startswith("benchmarks/") for path, _ in found)


def replaces(tree):
    """What a test replaces while it runs, as far as it is ours: by its dotted name, or as something imported."""
    ours = {name for module, name in imported(tree) if module.split(".")[0] in OURS}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("setattr"):
            target = ast.unparse(node.args[0]).strip("f'\"")
            if target.split(".")[0] in (*OURS, *ours):
                yield target


def test_no_test_replaces_our_own_code_while_it_runs():
    assert {path for path, tree in TREES.items() if [*replaces(tree)]} == set(PATCHED)


def asserts(node):
    """Whether a test states what it expects: an assertion, an error, or those of NumPy."""
    return any(
        isinstance(inner, ast.Assert)
        or (isinstance(inner, ast.With) and any("raises" in ast.unparse(item.context_expr) for item in inner.items))
        or (isinstance(inner, ast.Call) and "testing.assert" in ast.unparse(inner.func))
        for inner in ast.walk(node)
    )


def test_every_test_states_what_it_expects():
    assert len(TESTS) > 800
    assert [f"{path}: {node.name}" for path, node in TESTS if not asserts(node)] == []
