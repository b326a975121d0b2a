"""`mycanvas evaluate` as its user runs it: artifacts and a base of random weights, measured by the shipped models."""

import json
import re
import shutil

import pytest

from engine.rows.generated import GeneratedImage
from engine.storage.open_store import open_store
from jobs.evaluate.protocols import built_in, load
from jobs.listed_run import read_rows
from tests.support.models.tiny_bases import tiny_sd
from tests.support.toys.toy_photos import toys, write_photos

TOYS = toys("mug", "duck")
QUICK = (
    "method=kv-lora", "side=64", "batch=2", "rank=2", "schedule.steps=2", "schedule.checkpoint_every=2",
    "schedule.log_every=1", "schedule.bf16=false", "look.every=0", "look.pictures=1", "look.drawing.steps=1",
    "look.identity=null",
)  # fmt: skip
FEW = ("scenes=[in the snow, on the moon]", "per_prompt=1", "drawing.steps=1")


def sets(*changes):
    return [word for each in changes for word in ("--set", each)]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_sd(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def places(tmp_path):
    return write_photos(tmp_path / "trained", TOYS, range(2)), write_photos(tmp_path / "held", TOYS, range(5, 8))


def seeds_of(folder):
    rows = read_rows(str(folder), GeneratedImage)
    return {(row.caption, row.concepts, row.take): row.seed for row in rows}


def train(run, base, photos, out, *options):
    words = ["train", "micro-custom-diffusion", "--photos", photos, "--out", out, "--address", "none", *options]
    code, _, err = run(*words, *sets(f"base={base}", *QUICK))
    assert code == 0, err
    return out


def evaluate(run, models, held, out, *options, changes=FEW):
    words = ["evaluate", *models, "--protocol", "micro", "--photos", held, "--out", out, "--address", "none"]
    return run(*words, *options, *sets(*changes))


def test_models_are_compared_and_another_one_draws_nothing_again(run, base, places, tmp_path):
    trained, held = places
    artifact, out = train(run, base, trained, tmp_path / "a"), tmp_path / "out"
    options = "--trained", trained, "--format", "json"
    code, said, err = evaluate(run, [f"first={artifact}"], held, out, *options)
    assert code == 0, err
    table = json.loads(said)
    assert table["models"] == ["first", "real photos"]
    assert table["pictures"] == {"first": 2 * 2 + 2, "real photos": 4}
    assert [name.split()[0] for name in table["measured_by"]] == [
        "micro/detector",
        "micro/identity",
        "micro/scorer",
        "micro/segmenter",
    ]
    cells = {(cell["model"], cell["subjects"], cell["metric"]): cell for cell in table["cells"]}
    assert {subjects for _, subjects, _ in cells} == {"1", "2"}
    assert cells["real photos", "1", "identity"]["mean"] > 0.8 > cells["first", "1", "identity"]["mean"]
    assert (cells["first", "2", "clip_t"]["casts"], cells["first", "2", "clip_t"]["prompts"]) == (1, 2)
    drawn = {path: path.stat().st_mtime_ns for path in out.glob("*/*/data/*")}
    code, said, err = evaluate(run, [f"first={artifact}", f"base={base}"], held, out, *options)
    assert code == 0, err
    assert {path: path.stat().st_mtime_ns for path in drawn} == drawn
    seeds = [seeds_of(out / "drawn" / folder) for folder in ("01-first", "02-base")]
    assert seeds[0] == seeds[1], "the same questions, the same noise"
    assert len(set(seeds[0].values())) == len(seeds[0])
    table = json.loads(said)
    assert table["models"] == ["first", "base", "real photos"]
    assert {(each["model"], each["over"]) for each in table["ratios"]} == {("base", "first")}
    text = (out / "evaluation.md").read_text()
    assert "| base |" in text
    assert "CP-CLIP ↑" in text
    page = (out / "report.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert {(sheet["model"], sheet["subjects"]) for sheet in data["sheets"]} == {
        ("first", 1), ("first", 2), ("base", 1), ("base", 2), ("real photos", 1),
    }  # fmt: skip
    asked = json.loads(open_store(str(out)).read("questions.json"))
    assert {each["background"] for each in asked} == {"in the snow", "on the moon"}


def test_models_that_know_other_concepts_are_compared_where_both_were_asked(run, base, places, tmp_path):
    trained, held = places
    both = train(run, base, trained, tmp_path / "both")
    one = train(run, base, trained, tmp_path / "one", *sets(f"only={TOYS[0].name}"))
    code, said, err = evaluate(run, [f"both={both}", f"one={one}"], held, tmp_path / "out", "--format", "json")
    assert code == 0, err
    table = json.loads(said)
    (ratio,) = (each for each in table["ratios"] if each["metric"] == "ti_clip")
    assert (ratio["model"], ratio["over"], ratio["subjects"]) == ("one", "both", "1")
    assert (ratio["count"], ratio["casts"], ratio["prompts"]) == (2, 1, 2)
    seeds = [seeds_of(tmp_path / "out" / "drawn" / folder) for folder in ("01-both", "02-one")]
    assert seeds[1].items() <= seeds[0].items()


def test_artifacts_of_one_concept_each_are_one_row(run, base, places, tmp_path):
    trained, held = places
    artifacts = [train(run, base, trained, tmp_path / toy.name, *sets(f"only={toy.name}")) for toy in TOYS]
    models = [f"each={artifact}" for artifact in artifacts]
    code, said, err = evaluate(run, models, held, tmp_path / "out", "--format", "json")
    assert code == 0, err
    table = json.loads(said)
    assert table["models"] == ["each"]
    (cell,) = (c for c in table["cells"] if c["metric"] == "cp_clip")
    assert (cell["subjects"], cell["casts"], cell["count"]) == ("1", 2, 4)


def test_what_cannot_be_compared_is_refused_before_anything_starts(run, base, places, tmp_path):
    trained, held = places
    artifact, out = train(run, base, trained, tmp_path / "a"), tmp_path / "out"
    model = f"first={artifact}"
    wrong = {
        "EVALUATE_MODELS": evaluate(run, [base], held, out),
        "EVALUATE_REFERENCES": evaluate(run, [model], trained, out, "--trained", trained),
        "leave it out for no judge": evaluate(run, [model], held, out, changes=(*FEW, "judge={backend: none}")),
        "EVALUATE_NOTHING": evaluate(run, [model], held, out, changes=(*FEW, "subjects=[5]")),
        "BENCHMARK_FILE": evaluate(run, [model], held, out, changes=("ask=dreambench",)),
        "RECIPE_VALUE": evaluate(run, [model], held, out, changes=("scenes=[]",)),
    }
    second = tmp_path / "b" / "a"
    shutil.copytree(artifact, second)
    wrong["two models are called 'a'"] = evaluate(run, [artifact, second], held, out)
    wrong["is no artifact, no folder and no hub id"] = evaluate(run, [model, "b=nothing"], held, out)
    wrong["it is among what first was trained on"] = evaluate(run, [model], trained, out)
    empty = write_photos(tmp_path / "empty", toys("bell"), range(1))
    wrong["EVALUATE_REFERENCES  --trained"] = evaluate(run, [model], held, out, "--trained", empty)
    wrong["may not be called 'real photos'"] = evaluate(run, [f"real photos={artifact}"], held, out)
    lone = write_photos(tmp_path / "lone", TOYS[:1], range(5, 8))
    wrong["EVALUATE_REFERENCES  --photos: there is no photo of"] = evaluate(run, [model], lone, out)
    for code, (status, _, err) in wrong.items():
        assert status == 2, code
        assert code in err
    assert not out.exists()


def test_a_judge_that_wrote_the_captions_is_refused(run, base, places, tmp_path):
    trained, held = places
    artifact = train(run, base, trained, tmp_path / "a")
    manifest = json.loads((artifact / "manifest.json").read_text())
    store = open_store(str(tmp_path / "data"))
    from engine.storage.lock import claim

    claim(store, {"data": {"recipe": {"caption": {"model": "org/sees"}}}})
    chosen = open_store(str(tmp_path / "chosen"))  # as `filter --out` leaves it
    claim(chosen, {"data": {"dataset": store.uri, "rows": 1}})
    manifest["data"]["uri"] = chosen.uri
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    judge = 'judge={backend: transformers, model: org/sees, revision: "' + "0" * 40 + '"}'
    code, _, err = evaluate(run, [f"a={artifact}"], held, tmp_path / "out", changes=(*FEW, judge))
    assert code == 2
    assert "JUDGE_PARTIAL" in err


def test_a_benchmark_asks_its_own_questions_in_its_own_folder_alone(run, base, places, tmp_path):
    trained, held = places
    artifact = train(run, base, trained, tmp_path / "a")
    bench = tmp_path / "bench"
    bench.mkdir()
    entry = {"instance_data_dir": f"./x/{TOYS[0].name}", "prompt_filename": "p.txt"}
    (bench / "dataset.json").write_text(json.dumps([entry]))
    (bench / "p.txt").write_text("photo of a {}.\n{} on a shelf\n")
    options = "--benchmark", bench, "--format", "json"
    changes = "ask=customconcept101", "per_prompt=1", "drawing.steps=1"
    code, said, err = evaluate(run, [f"a={artifact}"], held, tmp_path / "out", *options, changes=changes)
    assert code == 0, err
    assert json.loads(said)["pictures"] == {"a": 2}
    (bench / "dataset.json").write_text(json.dumps([entry | {"prompt_filename": "../../etc/passwd"}]))
    code, _, err = evaluate(run, [f"a={artifact}"], held, tmp_path / "other", *options, changes=changes)
    assert code == 2
    assert "BENCHMARK_FILE" in err
    assert "outside of its folder" in err


@pytest.mark.parametrize("name", built_in())
def test_every_built_in_protocol_is_a_spec(name):
    named = load(name)
    assert named.description
    assert named.spec.measures.clip.model


def test_protocols_are_listed_and_shown_with_their_models(run):
    code, said, _ = run("recipe", "list")
    assert code == 0
    assert all(f"compares: {load(name).description}" in said for name in built_in())
    code, said, _ = run("recipe", "show", "dreambench", "--set", "per_prompt=2")
    assert code == 0
    assert "per_prompt: 2" in said
    assert "# model  facebook/dino-vits16" in said
    code, said, _ = run("models", "list", "mycanvas")
    assert code == 0
    assert "facebook/dinov2-large" in said
    code, said, _ = run("recipe", "show", "micro")
    assert "phases:" in said, "the recipe, which is called so too"


def test_a_misspelt_protocol_is_guessed(run):
    code, _, err = run("evaluate", "x", "--protocol", "mycanvs", "--photos", "p", "--out", "o")
    assert code == 2
    assert "did you mean 'mycanvas'" in err
