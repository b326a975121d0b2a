"""`mycanvas score`: scores beside a dataset, by the same models the same as `compose` gave, and by others."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from actors.models.weights import SHIPPED_FOLDER
from benchmarks.support.curate_data import write_dataset
from cluster.session import NONE
from engine.dataset.score_table import open_scores
from engine.dataset.verify import verify
from engine.dataset.views import open_dataset
from engine.errors import OverBudget, UsageError
from engine.run.recipe_parse import spec_from_overrides
from engine.storage.open_store import open_store
from jobs.console import Console
from jobs.curate.filter import choose
from jobs.curate.rewrite import whole_scores
from jobs.curate.score import Rescore, score
from jobs.run_loop import Budget
from planners.curate.selection import Wanted
from tests.support.data.photos import concept_folder
from tests.support.data.units import commit as commit_numbered
from tests.support.processes.command import mycanvas
from tests.support.processes.inprocess import compose, cut

PARTS = {"clip": "scorer", "identity": "identity", "detector": "detector"}
MODELS = tuple(f"{key}.model=shipped:micro/{part}" for key, part in PARTS.items())
SAMPLES = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("score")
    cut(concept_folder(folder / "photos"), str(folder / "data" / "library"))
    scored = [f"score.{setting}" for setting in MODELS]
    small = ("size=128", "unit_size=4", "segment.max_side=128")
    compose(str(folder / "data" / "library"), str(folder / "data"), SAMPLES, *scored, small=small)
    return folder / "data"


def asked(data, settings, name, address=NONE, **options):
    spec = spec_from_overrides(Rescore, settings, see="")
    return score(str(data), spec, name, budget=Budget(share=0.05), address=address, console=Console("quiet"), **options)


def ask(data, sql):
    with open_scores(open_dataset(str(data))) as scores:
        return scores.ask(sql).to_pylist()


def shards(folder):
    return {path: hashlib.sha256(path.read_bytes()).digest() for path in (Path(folder) / "data").iterdir()}


def test_the_same_models_say_the_same_of_what_is_stored(data, ray_address):
    before = shards(data)
    words = [word for setting in (*MODELS, "phash=true") for word in ("--with", setting)]
    told = json.loads(mycanvas("score", data, "--name", "again", *words, "--address", ray_address, "--format", "json"))
    assert (told["rows"], told["failed"]) == (SAMPLES, 0)
    assert shards(data) == before
    pairs = ("clip_score", "ti_clip", "cp_clip", "cp_clip_assigned", "object_recall", "surplus")
    lists = (f"list_transform(objects, lambda o: o.{name}) as {name}" for name in ("identity", "detection"))
    rows = ask(data, f"select *, {', '.join(lists)} from scores")
    assert len(rows) == SAMPLES
    for row in rows:
        for name in pairs:
            assert row[f"{name}__again"] == pytest.approx(row[name], abs=1e-6), name
        assert row["identity__again"] == pytest.approx(row["identity"], abs=1e-6)
        assert row["detection__again"] == pytest.approx(row["detection"], abs=1e-6)
        assert isinstance(row["phash"], int)
        assert "unsafe__again" not in row
    assert all(len(each["models"]) == 3 for each in ask(data / "_scores" / "again", "select models from scores"))


def test_conditions_and_statistics_know_the_new_columns(data):
    where = "abs(clip_score - clip_score__again) < 1e-5 and min(identity__again) > -1"
    told = json.loads(mycanvas("filter", data, "--where", where, "--dedup", "phash:0", "--format", "json"))
    assert told["steps"][0][1] == SAMPLES
    assert told["reads"]["clip_score__again"] > 0
    report = json.loads(mycanvas("stats", data, "--format", "json"))
    assert report["scores"]["clip_score__again"]["count"] == SAMPLES
    assert verify(open_store(str(data))).damage == ()
    for path in (
        "_scores/again/data/part-00000000.parquet",
        "_scores/again.json",
        "_scores/again/scores/part-00000.parquet",
    ):
        whole = (data / path).read_bytes()
        (data / path).write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
        assert path in {damage.path for damage in verify(open_store(str(data))).damage}
        (data / path).write_bytes(whole)
    assert mycanvas("gc", data).startswith("would delete 0")


def test_the_metrics_of_papers_are_columns_and_vectors_are_kept(data, tmp_path):
    wanted = "metrics=[clipscore, clip_i, seg_clip_i, dino, seg_dino, cp_clip_detected]"
    head = tmp_path / "crowd"
    head.mkdir()
    config = json.loads((SHIPPED_FOLDER / "micro" / "scorer" / "open_clip_config.json").read_text())
    width = config["model_cfg"]["embed_dim"]
    tensors = {"weight": np.zeros((1, width), np.float32), "bias": np.full(1, 5.5, np.float32)}
    save_file(tensors, head / "head.safetensors")
    made = asked(data, (*MODELS, wanted, "embedding=identity", f"aesthetic.model={head}"), "tables")
    assert made.rows == SAMPLES
    card = Path(json.loads(mycanvas("card", data, "--format", "json"))["card"]).read_text()
    assert "| crowd | blake2b:" in card
    lists = "list_transform(objects, lambda o: o.identity) as identity"
    for row in ask(data, f"select *, {lists} from scores"):
        assert row["aesthetic__tables"] == 5.5
        assert row["clipscore__tables"] == pytest.approx(2.5 * max(row["clip_score"], 0))
        for name in ("clip_i", "seg_clip_i", "dino", "seg_dino"):
            assert len(row[f"{name}__tables"]) == row["num_objects"]
        for mean, best in zip(row["seg_dino__tables"], row["identity"], strict=True):
            assert mean <= best + 1e-6
        assert 0 <= row["concept_recall__tables"] <= 1
        assert row["cp_clip_detected__tables"] <= row["concept_recall__tables"] + 1e-6
        assert np.linalg.norm(row["embedding__tables"]) == pytest.approx(1, abs=2e-3)


def test_rows_that_look_alike_by_embedding_leave_the_best(data):
    told = mycanvas("query", data, "select len(embedding__tables) as width, count(*) as n from scores group by 1")
    assert told.splitlines()[1].split()[1] == str(SAMPLES)
    kept = {}
    for least in ("0.5", "0.99", "1.0"):
        words = ("--where", "status is not null", "--by", "clip_score", "--dedup", f"embedding:{least}")
        told = json.loads(mycanvas("filter", data, *words, "--format", "json"))
        assert told["reads"]["embedding__tables"] > 0
        kept[least] = dict(told["steps"])[f"unlike each other, embedding:{least}"]
    assert 1 <= kept["0.5"] <= kept["0.99"] <= kept["1.0"] == SAMPLES
    assert "dino__tables" in json.loads(mycanvas("stats", data, "--format", "json"))["scores"]
    rows = ask(data, "select sample_id, embedding__tables as v, clip_score from scores")
    rows.sort(key=lambda row: (-row["clip_score"], row["sample_id"]))
    vectors = np.asarray([row["v"] for row in rows])
    alike = np.tril(vectors @ vectors.T / np.outer(*[np.linalg.norm(vectors, axis=1)] * 2), -1) >= 0.99
    assert kept["0.99"] == int((~alike.any(axis=1)).sum())
    with pytest.raises(UsageError, match="FILTER_DEDUP"):
        choose(str(data), Wanted(dedup="embedding:0"), explain=False)
    with pytest.raises(UsageError, match="FILTER_COLUMN"):
        choose(str(data), Wanted(dedup="embedding__no:0.9"), explain=False)


def test_a_copy_takes_the_scores_along(data, tmp_path, capsys):
    out = tmp_path / "out"
    words = ("--where", "status is not null", "--out", out, "--address", NONE, "--format", "json")
    told = json.loads(mycanvas("filter", data, *words))
    assert told["rows"] == SAMPLES
    columns = "sample_id, clip_score, clip_score__again, phash, identity__again, embedding__tables"
    wanted = ask(data, f"select {columns} from scores order by sample_id")
    assert ask(out, f"select {columns} from scores order by sample_id") == wanted
    assert verify(open_store(str(out))).damage == ()
    assert asked(out, (*MODELS, "phash=true"), "again", library=str(data / "library")).rows == 0
    gone = data / "_scores" / "tables" / "data" / "part-00000001.parquet"
    kept = gone.read_bytes()
    gone.unlink()
    chosen = choose(str(data), Wanted(where="status is not null"), explain=False)
    assert [further.name for further in whole_scores(chosen, Console("human"))] == ["again"]
    assert "scores tables stay behind" in capsys.readouterr().err
    gone.write_bytes(kept)


def test_what_is_missing_is_scored_and_other_scores_do_not_go_by_the_same_name(data):
    gone = data / "_scores" / "again" / "data" / "part-00000001.parquet"
    gone.unlink()
    assert asked(data, (*MODELS, "phash=true"), "again").rows == 2
    assert asked(data, (*MODELS, "phash=true"), "again").rows == 0
    with pytest.raises(UsageError, match="RUN_CHANGED"):
        asked(data, ("phash=true",), "again")


@pytest.mark.parametrize(
    ("settings", "name", "options", "code"),
    [
        (("phash=true",), "Bad-Name", {}, "SCORE_NAME"),
        (("phash=true",), "../x", {}, "SCORE_NAME"),
        (("phash=false",), "x", {}, "SCORE_NOTHING"),
        (MODELS, "x", {"library": "nowhere"}, "SCORE_LIBRARY"),
    ],
)
def test_what_cannot_be_scored_is_named_and_nothing_is_written(data, settings, name, options, code):
    with pytest.raises(UsageError, match=code):
        asked(data, settings, name, **options)
    assert not (data / "_scores" / "x").exists()


def test_a_restricted_licence_is_accepted_by_name_alone(data):
    model = "black-forest-labs/FLUX.2-dev"
    clip = (f"clip.model=hf-hub:{model}", "clip.revision=" + "ab" * 20)
    with pytest.raises(UsageError, match="LICENCE_REFUSED"):
        asked(data, clip, "x")
    with pytest.raises(UsageError, match="SCORE_LIBRARY"):  # which is looked at next
        asked(data, (*clip, f"accept_licence=['hf-hub:{model}']"), "x", library="nowhere")


def test_a_dataset_of_nothing_is_named(tmp_path):
    with pytest.raises(UsageError, match="DATASET_EMPTY"):
        asked(tmp_path, ("phash=true",), "x")


def test_a_unit_without_rows_needs_no_scores_and_too_many_failures_make_no_columns(tmp_path):
    write_dataset(tmp_path / "data", units=2, unit_rows=4, image_bytes=16)
    commit_numbered(open_store(str(tmp_path / "data")), 2, 6, 7)  # its one row failed
    with pytest.raises(OverBudget, match="4 of 8 rows failed"):
        asked(tmp_path / "data", ("phash=true",), "phash")  # random bytes are no pictures
    assert not (tmp_path / "data" / "_scores" / "phash.json").exists()
