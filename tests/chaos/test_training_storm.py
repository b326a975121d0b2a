"""A training under kills: of workers, of the driver and of nodes, resized on the way; it ends as an undisturbed one."""

import random
import subprocess
import sys
import time

import psutil
import pytest
from safetensors.torch import load_file

from engine.storage.open_store import open_store
from engine.training.checkpoints import Checkpoints
from engine.training.reports import read_reports
from jobs.train.trainings import load
from tests.support.data.photos import CONCEPTS, concept_folder
from tests.support.models.tiny_bases import tiny_sd
from tests.support.processes.command import ROOT

EVENTS = ("worker", "node", "driver") * 3
STEPS, SEED = 1500, 5
SETS = (
    "side=64", "batch=4", f"schedule.steps={STEPS}", "schedule.checkpoint_every=25", "schedule.log_every=25",
    "schedule.bf16=false", "look.every=0", "look.pictures=1", "look.drawing.steps=1", "look.identity=null",
)  # fmt: skip
PATIENCE_S = 300


def command(base, photos, out, *options):
    sets = [word for each in (f"base={base}", *SETS) for word in ("--set", each)]
    words = ["train", "micro-custom-diffusion", "--photos", photos, "--out", out, "--cores", "1", *options, *sets]
    return [sys.executable, "-W", "ignore", "-m", "jobs", *map(str, words)]


def run_of(base, out):
    return Checkpoints(open_store(str(out)), load("micro-custom-diffusion", (f"base={base}", *SETS)).spec.run)


class Field:
    """A head that computes nothing, and nodes of one core each."""

    def __init__(self):
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        self.nodes = [self.cluster.add_node(num_cpus=1), self.cluster.add_node(num_cpus=1)]

    def end_worker(self):
        raylets = [node.all_processes["raylet"][0].process.pid for node in self.cluster.list_all_nodes()]
        workers = [
            child
            for raylet in raylets
            for child in psutil.Process(raylet).children(recursive=True)
            if "TrainWorker" in " ".join(child.cmdline())
        ]
        if workers:
            workers[0].kill()
        return bool(workers)

    def end_node(self):
        self.cluster.remove_node(self.nodes.pop(), allow_graceful=False)
        self.nodes.append(self.cluster.add_node(num_cpus=1))


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_nine_kills_of_a_worker_a_node_or_the_driver_change_nothing(tmp_path):
    base = tiny_sd(tmp_path / "base")
    photos = concept_folder(tmp_path / "photos", {name: CONCEPTS[name] for name in list(CONCEPTS)[:2]}, each=3)
    subprocess.run(command(base, photos, tmp_path / "calm", "--address", "none"), cwd=ROOT, check=True, timeout=900)
    field, chance, out = Field(), random.Random(SEED), tmp_path / "storm"
    storm = command(base, photos, out, "--address", field.cluster.address, "--workers", "1..2")
    checkpoints = run_of(base, out)
    try:
        driver = subprocess.Popen(storm, cwd=ROOT)
        for event in EVENTS:
            wait_for_progress(checkpoints, driver)
            time.sleep(chance.uniform(0, 2))
            assert driver.poll() is None, "it ended before the storm did: more steps"
            if event == "driver":
                driver.kill()
                driver.wait()
                driver = subprocess.Popen(storm, cwd=ROOT)
            elif event == "node":
                field.end_node()
            else:
                assert field.end_worker()
        assert driver.wait(1200) == 0
    finally:
        field.cluster.shutdown()
    for name in ("kv.safetensors", "concepts.safetensors"):
        calm, stormy = load_file(tmp_path / "calm" / name), load_file(out / name)
        assert max(float((calm[key] - stormy[key]).norm() / calm[key].norm()) for key in calm) <= 1e-3
    reports = read_reports(open_store(str(out)), checkpoints.run)
    assert {report.step for report in reports} == set(range(25, STEPS + 1, 25)), "no step is missing in the log"
    assert {report.metrics["workers"] for report in reports} == {1.0, 2.0}, "it was resized"


def wait_for_progress(checkpoints, driver):
    """Until two checkpoints are new."""
    before, until = max(checkpoints.steps(), default=0), time.monotonic() + PATIENCE_S
    while max(checkpoints.steps(), default=0) < before + 50:
        assert time.monotonic() < until, f"no progress since step {before}"
        assert driver.poll() is None, "the driver ended"
        time.sleep(0.2)
