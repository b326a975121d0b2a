import pytest
import yaml

from cluster.submit import Job
from engine.errors import EnvironmentProblem, UsageError
from jobs.cluster.remote_python import facts
from jobs.cluster.submit import describe, read_run, submit
from jobs.console import Console
from jobs.train.trainings import load

TRAIN = {"training": "micro-custom-diffusion", "photos": "/shared/photos", "out": "s3://bucket/taught", "workers": 2}
RUN = {"recipe": "classic", "photos": "/shared/photos", "samples": 10, "out": "s3://bucket/mine"}


def written(folder, run=RUN, **changes):
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in {**run, **changes}.items() if value is not None}))
    return path


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"photos": "photos"}, "URI_RELATIVE", "photos"),
        ({"out": "./out"}, "URI_RELATIVE", "out"),
        ({"library": "~/library"}, "URI_RELATIVE", "library"),
        ({"out": "s3://me:hunter2@bucket/x"}, "URI_SECRET", "AWS_"),
        ({"backgrounds": "https://user@host/x"}, "URI_SECRET", "backgrounds"),
        ({"models": "models"}, "URI_RELATIVE", "models"),
        ({"sampels": 5}, "RECIPE_KEY", "did you mean 'samples'"),
        ({"samples": 0}, "RECIPE_VALUE", "samples"),
        ({"samples": "many"}, "RECIPE_VALUE", "samples"),
        ({"photos": None}, "RECIPE_VALUE", "photos"),
        ({"code": "magic"}, "RECIPE_VALUE", "code"),
        ({"set": ["unit_sise=3"]}, "RECIPE_KEY", "did you mean 'unit_size'"),
        ({"recipe": "clasic"}, "RECIPE_MISSING", "did you mean 'classic'"),
        ({"max_failures": "lots"}, "BUDGET_VALUE", "lots"),
    ],
)
def test_a_wrong_run_file_dies_before_the_cluster_is_asked(tmp_path, changes, code, said):
    with pytest.raises(UsageError) as caught:
        submit(written(tmp_path, **changes), "http://127.0.0.1:9", Console("quiet"))
    assert caught.value.code == code
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_model_that_only_this_machine_has_is_refused(tmp_path, monkeypatch):
    (tmp_path / "clip").mkdir()
    monkeypatch.chdir(tmp_path)
    changes = ["score.clip.backend=open_clip", "score.clip.model=local-dir:clip"]
    with pytest.raises((UsageError, EnvironmentProblem), match=r"URI_RELATIVE|WEIGHTS"):
        submit(written(tmp_path, set=changes), "http://127.0.0.1:9", Console("quiet"))


def test_a_number_of_failures_is_a_budget_too(tmp_path):
    assert read_run(written(tmp_path, max_failures=20)).handed.max_failures == "20"


@pytest.mark.parametrize(("name", "number"), [("mycanvas-ab-1", 1), ("mycanvas-ab-12", 12), ("mycanvas-ab-x", 0)])
def test_a_job_knows_how_often_its_run_was_submitted(name, number):
    assert Job(name, "STOPPED", "", {}).number == number


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match="RUN_FILE"):
        read_run(tmp_path / "nothing.yaml")


def test_a_recipe_beside_the_run_file_is_meant(tmp_path):
    (tmp_path / "mine.yaml").write_text(_own_recipe())
    parcel = read_run(written(tmp_path, recipe="mine.yaml"))
    assert (parcel.handed.samples, parcel.metadata["recipe"]) == (10, "mine")


def _own_recipe():
    from jobs.compose.recipes import read

    return read("classic")[0].replace("name: classic", "name: mine")


def test_a_run_is_known_by_all_that_it_asks_for(tmp_path):
    def name(**changes):
        return read_run(written(tmp_path, **changes)).name

    assert name() == name() == name(code="send")
    assert len({name(), name(samples=11), name(set=["seed=1"]), name(out="s3://bucket/other")}) == 4


def test_nobody_at_the_address_is_told(tmp_path):
    with pytest.raises(EnvironmentProblem, match="RAY_UNREACHABLE"):
        submit(written(tmp_path), "http://127.0.0.1:9", Console("quiet"))


def test_a_job_in_a_line():
    job = Job("mycanvas-0-1", "RUNNING", "", {"out": "s3://b/x"}, started=100.0)
    assert describe(job, now=142.0) == "mycanvas-0-1  running  42 s  s3://b/x"
    ended = Job("mycanvas-0-1", "FAILED", "", {}, started=100.0, ended=160.0, exit_code=3)
    assert describe(ended) == "mycanvas-0-1  failed  60 s  exit 3"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"photos": None}, "TRAIN_DATA"),
        ({"photos": "photos"}, "URI_RELATIVE"),
        ({"data": "/shared/rows"}, "TRAIN_DATA"),
        ({"workers": "8..2"}, "TRAIN_WORKERS"),
        ({"workers": 9}, "TRAIN_WORKERS"),
        ({"samples": 3}, "RECIPE_KEY"),
        ({"set": ["prior=dogs"]}, "URI_RELATIVE"),
        ({"training": "micro"}, "TRAINING_MISSING"),
    ],
)
def test_a_wrong_training_dies_before_the_cluster_is_asked(tmp_path, changes, code):
    with pytest.raises(UsageError, match=code):
        submit(written(tmp_path, TRAIN, **changes), "http://127.0.0.1:9", Console("quiet"))


def test_a_training_travels_with_every_default_and_is_the_same_there(tmp_path):
    parcel = read_run(written(tmp_path, TRAIN, set=["schedule.steps=7"]))
    (tmp_path / parcel.file).write_text(parcel.text)
    there = load(str(tmp_path / parcel.file)).spec
    assert there == load("micro-custom-diffusion", ["schedule.steps=7"]).spec
    assert facts(str(tmp_path / parcel.file))["recipe"] == ""
    assert parcel.command[:2] == ["train", "training.yaml"]
    assert parcel.command[-2:] == ["--workers", "2"]
