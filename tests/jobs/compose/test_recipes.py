import json

import pytest

from actors.compose.stages import STAGES
from engine.errors import UsageError
from engine.run.recipe_parse import parse_recipe
from jobs.compose.recipes import FOLDER, built_in, init, load, read, schema, show


def refused(name, *overrides):
    with pytest.raises(UsageError) as caught:
        load(name, overrides)
    assert caught.value.exit_code == 2
    return caught.value


def test_every_built_in_recipe_loads_and_says_what_it_is():
    assert "classic" in built_in()
    for name in built_in():
        recipe = load(name)
        assert recipe.name == name
        assert recipe.description


@pytest.mark.parametrize("overrides", [(), ("unit_size=8", "score.clip.model=ViT-B-32", "pools.segment.gpus=1")])
def test_what_show_prints_is_the_same_recipe(overrides):
    recipe = load("classic", overrides)
    again = parse_recipe(show(recipe), where="shown.yaml", stages=STAGES)
    assert again == recipe
    assert show(again) == show(recipe)


def test_show_writes_every_default_out():
    text = show(load("classic"))
    for key in ("timeout_s", "max_seam", "guidance", "max_replicas", "unit_size"):
        assert f"{key}:" in text


def test_a_recipe_that_is_missing_is_refused_with_the_one_that_was_meant():
    error = refused("clasic")
    assert error.code == "RECIPE_MISSING"
    assert "did you mean 'classic'?" in error.fix
    assert "mycanvas init" in error.fix


@pytest.mark.parametrize("name", ["", ".", "nowhere/mine.yaml", "a\0b", "x" * 5000, "\x1b[31m"])
def test_names_that_are_no_recipe_are_refused(name):
    assert refused(name).code == "RECIPE_MISSING"


def test_a_picture_in_the_place_of_a_recipe_is_refused(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    assert refused(str(tmp_path / "photo.jpg")).code == "RECIPE_MISSING"


def test_a_file_of_ones_own_is_named_as_it_was_given(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(read("classic")[0] + "\nunit_sise: 4\n")
    error = refused(str(path))
    assert error.where.startswith(f"{path}:")
    assert "did you mean 'unit_size'?" in error.fix


def test_stages_in_an_order_that_cannot_work_are_refused_before_anything_starts(tmp_path):
    path = tmp_path / "mine.yaml"
    text = read("classic")[0]
    path.write_text(text.replace("      caption:\n", "").replace("caption, ", ""))
    error = refused(str(path))
    assert error.code == "PIPELINE_ORDER"
    assert "'caption'" in error.what


@pytest.mark.parametrize(("stage", "column"), [("gate", "status"), ("restore", "image")])
def test_a_recipe_that_makes_no_row_to_commit_is_refused(tmp_path, stage, column):
    path = tmp_path / "mine.yaml"
    kept = ["scene", "layout", "paste", "inpaint", "restore"]
    kept = [name for name in ([*kept, "caption"] if stage == "gate" else kept) if name != stage]
    phase = {"record": "composition", "source": "samples", "stages": dict.fromkeys(kept)}
    pools = {"all": {"stages": [*kept, "commit"]}}
    path.write_text(json.dumps({"name": "mine", "phases": {"compose": phase}, "pools": pools}))
    error = refused(str(path))
    assert (error.code, error.where) == ("PIPELINE_ORDER", str(path))
    assert repr(column) in error.what
    assert stage in error.fix


def test_init_writes_a_recipe_that_loads_under_its_own_name(tmp_path):
    path = tmp_path / "new folder" / "My Recipe (2).yaml"
    init(path)
    assert load(str(path)).name == "my-recipe--2"
    assert show(load(str(path))).partition("\n")[2] == show(load("classic")).partition("\n")[2]
    assert path.read_text().count("#") >= 3, "comments and all"


def test_init_overwrites_nothing_unless_told_to(tmp_path):
    path = tmp_path / "mine.yaml"
    init(path)
    path.write_text("mine")
    with pytest.raises(UsageError) as caught:
        init(path)
    assert (caught.value.code, caught.value.where) == ("FILE_EXISTS", str(path))
    assert path.read_text() == "mine"
    init(path, force=True)
    assert load(str(path)).name == "mine"


def test_init_says_where_it_cannot_write(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        init(tmp_path / "file" / "mine.yaml")
    assert caught.value.code == "FILE_UNWRITABLE"
    with pytest.raises(UsageError, match="FILE_UNWRITABLE"):
        init(tmp_path, force=True)


def test_the_schema_knows_every_stage_and_nothing_heavy_leaks_into_it():
    made = schema()
    json.dumps(made)
    steps = made["$defs"]["Phase"]["properties"]["stages"]["properties"]
    assert set(steps) == set(STAGES)
    assert made["properties"]["unit_size"]["default"] == 16
    gate = steps["gate"]["anyOf"][0]
    assert gate["properties"]["max_seam"]["description"]


def test_the_schema_accepts_the_built_in_recipes_and_no_misspelt_key():
    jsonschema = pytest.importorskip("jsonschema")
    yaml = pytest.importorskip("yaml")
    made = schema()
    checker = jsonschema.validators.validator_for(made)
    checker.check_schema(made)
    for path in sorted(FOLDER.glob("*.yaml")):
        tree = yaml.safe_load(path.read_text())
        assert not list(checker(made).iter_errors(tree))
        assert not list(checker(made).iter_errors(yaml.safe_load(show(load(path.stem)))))
    for wrong in (
        {**tree, "unit_sise": 8},
        {**tree, "unit_size": "many"},
        with_stages(tree, gat={}),
        with_stages(tree, gate={"max_sean": 0.1}),
        with_stages(tree, paste={"margin": 1}),
        {**tree, "pools": {"all": {"stage": []}}},
        {**tree, "phases": {"compose": {"source": "samples"}}},
        {key: value for key, value in tree.items() if key != "phases"},
    ):
        assert list(checker(made).iter_errors(wrong))


def with_stages(tree, **stages):
    phase = tree["phases"]["compose"]
    return {**tree, "phases": {**tree["phases"], "compose": {**phase, "stages": {**phase["stages"], **stages}}}}


def test_changes_that_a_recipe_keeps_under_a_name_come_before_those_of_the_command():
    plain, scored = load("photo"), load("photo", ["score.identity=null"], ["scores"])
    score = next(stage for stage in scored.stages if stage.name == "score")
    assert all(stage.clip is None for stage in plain.stages if stage.name == "score")
    assert (score.clip.model, score.detector.model) == ("ViT-B-32", "google/owlv2-base-patch16-ensemble")
    assert score.identity is None
    assert all(len(each.revision) == 40 for each in (score.clip, score.detector))
    with pytest.raises(UsageError, match=r"RECIPE_EXTRA(.|\n)*there are: scores"):
        load("photo", (), ["score"])
    with pytest.raises(UsageError, match=r"RECIPE_EXTRA(.|\n)*this recipe has none"):
        load("classic", (), ["scores"])
