"""The documents say what the code does. What they list is compared with the code; what they show is run."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.main import get_command

from actors.chat.chat_stage import CHAT_MODELS, ChatSpec
from actors.chat.server import Server
from actors.compose.inpaint import PAINTERS, Lora, Preview, Refiner
from actors.compose.segment import SEGMENTERS, Grounding
from actors.compose.stages import STAGES
from actors.models.licences import FACTS
from actors.score.safety import CLASSIFIERS, SafetySpec
from actors.score.scorers import CLIP_SCORERS, DETECTORS, IDENTITY_SCORERS, ClipSpec, DetectorSpec, IdentitySpec
from engine.errors import MyCanvasError
from engine.failpoints import NAMES
from engine.metrics.table import METRICS
from engine.rows.composition import Composition, PlacedObject
from engine.rows.cutout import Cutout
from engine.rows.metric import metric_fields
from engine.rows.schema import IMAGE, arrow_schema, column_names
from engine.rows.values import Model
from engine.run.journal import KILLED, TIMED_OUT
from engine.run.phase import Phase
from engine.run.pool import Pool
from engine.run.recipe import Recipe
from engine.storage.commits import FailedRow
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store
from jobs.cli.main import app
from jobs.compose.recipes import built_in, load
from tests.support.data.gallery_rows import commit, composition

ROOT = Path(__file__).parents[1]
FOLDERS = ("engine", "planners", "actors", "cluster", "jobs")
GENERATED = {"out", "build", "dist", "mycanvas-demo", "toysets"}
BRANCHES = {kind.__name__ for kind in (MyCanvasError, *MyCanvasError.__subclasses__())}
UPPER_SNAKE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MACHINE_PATH = re.compile(r"(?<![\w.*/:])/(?:work|root|tmp|home|Users|mnt)/")


def files(*suffixes: str) -> list[Path]:
    """The repository's own files with these endings; neither hidden nor generated ones."""
    tops = (top for top in ROOT.iterdir() if not top.name.startswith(".") and top.name not in GENERATED)
    found = (path for top in tops for path in (top.rglob("*") if top.is_dir() else [top]))
    return sorted(path for path in found if path.suffix in suffixes and path.is_file())


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def rows(path: str) -> Iterator[tuple[str, list[str]]]:
    """Each row of each table with the heading above it; cells without their backticks."""
    heading = ""
    for line in text(path).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("| `"):
            yield heading, [cell.strip() for cell in line.strip("|").split(" | ")]


def listed(path: str, heading: str) -> dict[str, list[str]]:
    """The tables under headings that begin so: first cell without backticks -> the other cells."""
    return {cells[0].strip("`"): cells[1:] for above, cells in rows(path) if above.startswith(heading)}


def raised() -> set[tuple[str, str]]:
    """Branch and code of every error that the five folders make."""
    found = {("SampleError", KILLED), ("SampleError", TIMED_OUT)}  # the journal hands these on as values
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in BRANCHES and call.args:
                found |= {(name, code) for code in _codes(call.args[0])}
            elif name == "Failure" and len(call.args) > 1:
                found |= {("SampleError", code) for code in _codes(call.args[1])}
    return found


def _codes(argument: ast.expr) -> Iterator[str]:
    constants = (node.value for node in ast.walk(argument) if isinstance(node, ast.Constant))
    return (value for value in constants if isinstance(value, str) and UPPER_SNAKE.fullmatch(value))


def test_every_error_code_is_documented_under_its_branch_and_every_documented_one_exists():
    documented = {
        (heading.split("`")[1], cells[0].strip("`"))
        for heading, cells in rows("docs/errors.md")
        if heading.startswith("`") and heading.split("`")[1] in BRANCHES
    }
    assert documented == raised()


def test_the_exit_codes_in_the_documents_are_those_of_the_tree():
    headings = re.findall(r"^## `(\w+)`: .*exit (\d+)$", text("docs/errors.md"), re.MULTILINE)
    kinds = {kind.__name__: kind.exit_code for kind in (MyCanvasError, *MyCanvasError.__subclasses__())}
    del kinds["SampleError"]  # costs a row, ends nothing
    assert {name: int(code) for name, code in headings} == kinds


def test_every_command_is_in_the_table_of_the_readme():
    table = "\n".join(line for line in text("README.md").splitlines() if line.startswith("|"))
    for name, command in get_command(app).commands.items():
        assert re.search(rf"`mycanvas {name}\b", table), name
        for below in getattr(command, "commands", {}):
            assert re.search(rf"^.*`mycanvas {name}.*\b{below}\b", table, re.MULTILINE), f"{name} {below}"


@pytest.mark.parametrize(
    ("heading", "record"),
    [
        ("Compositions", Composition),
        ("An entry of `objects`", PlacedObject),
        ("An entry of `models`", Model),
        ("Cut-outs", Cutout),
        ("Failed rows", FailedRow),
    ],
)
def test_every_stored_column_is_described_with_its_type_in_order(heading, record):
    names = column_names(record, stored=True)
    types = {field.name: _named(field.type) for field in arrow_schema(record, names)}
    documented = {name: cells[0].strip("`") for name, cells in listed("docs/record.md", heading).items()}
    assert list(documented.items()) == list(types.items())


def _named(kind) -> str:
    if kind == IMAGE:
        return "image"
    if hasattr(kind, "value_type"):
        return f"list<{_named(kind.value_type)}>"
    return str(kind).split("<")[0]


def test_every_score_is_documented_as_the_table_of_metrics_has_it():
    documented = listed("docs/metrics.md", "Every score")
    assert list(documented) == list(METRICS)
    for name, spec in METRICS.items():
        better = {True: "higher", False: "lower", None: "-"}[spec.higher_is_better]
        needs = ", ".join(f"`{model}`" for model in spec.needs)
        limit = f"`{spec.limit_key}`" if spec.limit else ""
        cells = ("object" if spec.per_object else "row", _range(spec), better, needs, limit, spec.source)
        assert documented[name] == [*(cell or "-" for cell in cells), f"`{spec.function}`"], name


def _range(spec) -> str:
    if spec.kind in (bool, str):
        return {bool: "true, false", str: "text"}[spec.kind]
    low, high = ("" if limit is None else f"{limit:g}" for limit in (spec.low, spec.high))
    return (f"{low} to {high}" if low and high else f"from {low}" if low else "any") + f" {spec.unit}".rstrip()


@pytest.mark.parametrize(
    ("heading", "record"),
    [("Compositions", Composition), ("An entry of `objects`", PlacedObject), ("Cut-outs", Cutout)],
)
def test_the_record_says_the_range_of_every_score_and_the_model_without_which_it_is_null(heading, record):
    words = {"clip": "a CLIP model", "identity": "an identity model", "detector": "a detector", "safety": "a judge"}
    documented = listed("docs/record.md", heading)
    for name, spec in metric_fields(record).items():
        meaning = documented[name][-1]
        assert spec.low is None or spec.high is None or _range(spec) in meaning, name
        assert spec.kind is str or all(f"null without {words[model]}" in meaning for model in spec.needs), name


def test_the_stage_that_the_documents_name_writes_the_column():
    composing = [name for name in STAGES if name != "segment"]
    for heading, stages in (("Compositions", composing), ("Cut-outs", ["segment"])):
        writers = {column: name for name in stages for column in STAGES.resolve(name).writes}
        documented = {column: cells[1] for column, cells in listed("docs/record.md", heading).items()}
        assert documented == {column: writers.get(column, "plan") for column in documented}


def test_every_key_of_a_recipe_is_described_with_its_default():
    kinds: dict[str, type[BaseModel]] = {"The file": Recipe, "Phases": Phase, "Pools": Pool, "`score.clip`": ClipSpec}
    kinds |= {
        "`segment.grounding`": Grounding,
        "`inpaint.refiner`": Refiner,
        "`inpaint.lora`": Lora,
        "`inpaint.preview`": Preview,
        "`server`": Server,
        "`score.identity`": IdentitySpec,
        "`score.detector`": DetectorSpec,
        "`score.safety`": SafetySpec,
    }
    kinds |= {f"`{name}`": STAGES.resolve(name) for name in STAGES}
    shared, chat = listed("docs/recipes.md", "Every stage"), listed("docs/recipes.md", "Language models")
    for heading, kind in kinds.items():
        documented = listed("docs/recipes.md", heading) | (shared if hasattr(kind, "reads") else {})
        documented |= chat if issubclass(kind, ChatSpec) else {}
        written = {name: field for name, field in kind.model_fields.items() if name not in UNWRITTEN.get(heading, ())}
        assert set(documented) == set(written), heading
        for name, field in written.items():
            assert documented[name][0].strip("`") in _written(field.default), f"{heading} {name}"


UNWRITTEN = {"Phases": ("name",)}
"""Fields that a recipe says in another way: a phase is named by its key."""


def _written(default: object) -> tuple[str, ...]:
    if default is PydanticUndefined:
        return ("required",)
    return (json.dumps(default),)


def test_every_known_model_is_documented_with_its_licence_and_size():
    documented = listed("docs/models.md", "Licences")
    assert set(documented) == set(FACTS)
    for name, fact in FACTS.items():
        license_, size, note = documented[name]
        assert (license_, size) == (fact.license, f"{fact.gigabytes:g} GB"), name
        assert ("refused" in note) == fact.restricted, name


def test_every_backend_that_needs_a_model_has_a_place_in_the_page_of_models():
    places = {(cells[0], cells[1].strip("`")) for _, cells in rows("docs/models.md") if len(cells) == 4}
    table = {
        "segment": (SEGMENTERS, {"grabcut"}), "layout": (CHAT_MODELS, set()), "inpaint": (PAINTERS, {"blend"}),
        "score.clip": (CLIP_SCORERS, set()), "score.identity": (IDENTITY_SCORERS, set()),
        "score.detector": (DETECTORS, set()),
    }  # fmt: skip
    wanted = {(stage, name) for stage, (registry, free) in table.items() for name in registry if name not in free}
    assert {(stage.strip("`"), name) for stage, name in places if stage.strip("`") in table} == wanted


def test_every_recipe_is_in_the_readme_of_the_recipes():
    assert set(listed("recipes/README.md", "recipes")) == set(built_in())


def test_every_stage_and_backend_is_in_the_readme_of_its_folder():
    assert set(listed("actors/README.md", "actors")) >= set(STAGES)
    named = " ".join(cells[0] for cells in listed("actors/backends/README.md", "actors/backends").values())
    for stage, registry in (
        ("segment", SEGMENTERS),
        ("layout", CHAT_MODELS),
        ("caption", CHAT_MODELS),
        ("score.safety", CHAT_MODELS),
        ("score.safety", CLASSIFIERS),
        ("inpaint", PAINTERS),
        ("score.clip", CLIP_SCORERS),
        ("score.identity", IDENTITY_SCORERS),
        ("score.detector", DETECTORS),
    ):
        for name in registry:
            assert f"`{stage}: {name}`" in named


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_nearest_readme_names_every_file(folder):
    inside = (path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".js", ".css", ".html"})
    files = [path for path in inside if path.stem != "__init__"]
    assert [str(path.relative_to(ROOT)) for path in files if not _is_named_in_a_readme(path)] == []


def _is_named_in_a_readme(path: Path) -> bool:
    readme = next(folder / "README.md" for folder in path.parents if (folder / "README.md").is_file())
    return f"`{path.relative_to(readme.parent).as_posix()}`" in readme.read_text(encoding="utf-8")


def test_every_failpoint_is_described():
    assert set(listed("docs/reliability.md", "How it is tested")) == set(NAMES)


def test_every_make_target_is_described():
    targets = re.findall(r"^\.PHONY: (.+)$", text("Makefile"), re.MULTILINE)[0].split()
    assert set(listed("CONTRIBUTING.md", "Set up")) == {f"make {target}" for target in targets}


@pytest.mark.parametrize("path", files(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path):
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        place = (path.parent / target) if target else path
        assert place.exists(), link
        assert not anchor or anchor in _anchors(place), link


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_file_holds_a_path_of_one_machine():
    kinds = (".py", ".md", ".toml", ".yaml", ".txt", ".js", ".css", ".html", ".json", "")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files(*kinds)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if MACHINE_PATH.search(line) and path != Path(__file__)
    ]
    assert not found


def blocks(path: str, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text(path), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> str:
    """Eight committed rows, summarised, with a card: what `compose` leaves behind."""
    folder = tmp_path_factory.mktemp("documented")
    uri = commit(folder, [composition(index) for index in range(8)])
    store = open_store(uri)
    store.put("README.md", b"---\nconfigs:\n- config_name: default\n  data_files: data/*.parquet\n---\n")
    write_manifest(store)
    return uri


@pytest.mark.parametrize("number", range(4))
@pytest.mark.filterwarnings("default")
def test_the_examples_of_reading_run(number, dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    examples = blocks("docs/record.md")
    assert len(examples) == 4
    exec(compile(examples[number], "docs/record.md", "exec"), {"OUT": dataset})
    assert capsys.readouterr().out


def test_the_examples_of_placement_hold():
    examples = blocks("docs/cluster.md")
    assert sum(example.count("assert replicas(") for example in examples) >= 6
    for example in examples:
        exec(compile(example, "docs/cluster.md", "exec"), {})


def test_the_example_recipe_is_a_recipe(tmp_path):
    path = tmp_path / "example.yaml"
    for example in blocks("docs/recipes.md", "yaml"):
        path.write_text(example, encoding="utf-8")
        assert load(str(path)).stages
