import json
import multiprocessing
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from actors.training.ema import Ema
from actors.training.loop import fit, learning_rate
from actors.training.optimizer import Optimizers
from engine.errors import EnvironmentProblem, UsageError
from engine.storage.open_store import open_store
from engine.training.checkpoints import MANIFEST, Checkpoints
from engine.training.local import open_local_context, train_locally
from engine.training.schedule import Schedule
from tests.support.models.tiny_training import SCHEDULE, Lines, TinyPart, TinyTraining, storage_in

RUN = TinyTraining().run


def trained(folder, tell=lambda _: None, **fields):
    train_locally(TinyTraining(**fields), storage_in(folder), tell=tell)
    return load_file(folder / "out" / "tiny" / "model.safetensors")


def fit_in(folder, task, schedule):
    """Train a task in this process, under a run of its own; the folder of its last checkpoint, or None."""
    with open_local_context("task", storage_in(folder)) as context:
        fit(task, schedule, context, device="cpu")
    return latest(folder, "task")


def checkpoints(folder, run):
    return Checkpoints(open_store(f"{folder}/work"), run)


def latest(folder, run=RUN):
    return folder / "work" / "runs" / run / f"step-{checkpoints(folder, run).steps()[-1]:09d}"


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_training_learns_reports_and_keeps_the_averages(tmp_path):
    said = []
    weights = trained(tmp_path, said.append)
    assert [report.step for report in said] == sorted({*range(20, 301, 20), *range(50, 301, 50)})
    assert [report.step for report in said if report.saved] == list(range(50, 301, 50))
    assert said[-1].metrics["loss"] < said[0].metrics["loss"] / 5
    assert said[0].metrics.keys() == {"loss", "gradient", "size", "lr", "skipped", "steps_per_s", "workers"}
    assert said[0].metrics["size"] == 32
    averages = load_file(latest(tmp_path) / "ema.safetensors")
    assert same({name: weights[name] for name in averages}, averages)
    (row,) = TinyPart().evaluate(tmp_path / "out", tmp_path, seed=7)
    assert row.met


MUON = replace(SCHEDULE, muon_lr=0.03)


def _run(folder, kill_at, schedule):
    trained(folder, kill_at=kill_at, schedule=schedule)


@pytest.mark.parametrize(("kill_at", "schedule"), [(130, SCHEDULE), (200, SCHEDULE), (130, MUON)])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path, kill_at, schedule):
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(tmp_path / "killed", kill_at, schedule))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    steps = []
    resumed = trained(tmp_path / "killed", lambda report: steps.append(report.step), kill_at=kill_at, schedule=schedule)
    assert steps[0] in {kill_at // 50 * 50 + 10, kill_at // 50 * 50 + 20}
    assert same(resumed, trained(tmp_path / "undisturbed", schedule=schedule))


def test_muon_moves_the_matrices_of_linear_layers_and_adamw_the_rest():
    table, tied = nn.Embedding(40, 32), nn.Linear(32, 40, bias=False)
    tied.weight = table.weight
    net = nn.Sequential(nn.Linear(32, 48), nn.Linear(48, 4), tied, table)
    optimizer = Optimizers(net, MUON)
    sum(weight.square().sum() for weight in net.parameters()).backward()
    before = [weight.detach().clone() for weight in net.parameters()]
    optimizer.step(0.01)
    kinds = {name: set(optimizer.moments(weight)) for name, weight in net.named_parameters()}
    assert kinds.pop("0.weight") == {"momentum_buffer"}
    assert all(kind == {"step", "exp_avg", "exp_avg_sq"} for kind in kinds.values())
    assert not any(torch.equal(one, other) for one, other in zip(before, net.parameters(), strict=True))
    optimizer.zero_grad()
    assert all(weight.grad is None for weight in net.parameters())


def test_a_half_written_checkpoint_is_none(tmp_path):
    whole = trained(tmp_path)
    assert checkpoints(tmp_path, TinyTraining().run).steps() == [250, 300]
    (latest(tmp_path) / MANIFEST).unlink()
    steps = []
    assert same(trained(tmp_path, lambda report: steps.append(report.step)), whole)
    assert steps[0] == 260, "from step 250"


def test_damaged_and_foreign_checkpoints_are_named(tmp_path):
    whole = trained(tmp_path)
    folder, run = tmp_path / "copy", TinyTraining().run
    shutil.copytree(latest(tmp_path), folder, ignore=shutil.ignore_patterns(MANIFEST))
    save_file({**load_file(folder / "model.safetensors"), "0.weight": torch.zeros(3, 2)}, folder / "model.safetensors")
    checkpoints(tmp_path, run).save(folder, 300, 1.0)
    named = r"CHECKPOINT_MISMATCH  step-000000300/model\.safetensors: .*1 tensors differ: 0\.weight"
    with pytest.raises(EnvironmentProblem, match=named):
        trained(tmp_path)
    model = folder / "model.safetensors"
    model.write_bytes(model.read_bytes()[:100])
    checkpoints(tmp_path, run).save(folder, 300, 1.0)
    with pytest.raises(EnvironmentProblem, match="WEIGHTS_UNREADABLE"):
        trained(tmp_path)
    (latest(tmp_path) / "model.safetensors").write_bytes(b"")
    assert same(trained(tmp_path), whole), "what was damaged after it was stored is passed over"


def test_a_state_that_is_cut_off_is_named(tmp_path):
    trained(tmp_path)
    folder = tmp_path / "copy"
    for text in ('{"step": 3', "[]", '{"stop": 3}'):
        shutil.copytree(latest(tmp_path), folder, ignore=shutil.ignore_patterns(MANIFEST), dirs_exist_ok=True)
        (folder / "state.json").write_text(text)
        checkpoints(tmp_path, TinyTraining().run).save(folder, 300, 1.0)
        with pytest.raises(EnvironmentProblem, match=r"CHECKPOINT_UNREADABLE  step-000000300/state\.json"):
            trained(tmp_path)


def test_losses_that_are_not_finite_are_skipped_and_counted(tmp_path):
    said = []
    weights = trained(tmp_path, said.append, poison=(5, 6, 250))
    assert said[-1].metrics["skipped"] == 3
    assert all(torch.isfinite(value).all() for value in weights.values())
    with pytest.raises(UsageError, match=r"TRAINING_DIVERGED .* at step 69"):
        trained(tmp_path / "other", poison=tuple(range(50, 80)))
    assert not (tmp_path / "other" / "out" / "tiny").exists()


def test_weights_of_one_dimension_and_frozen_ones_are_left_alone_where_they_should_be(tmp_path):
    task = Lines(0)
    task.net[4].requires_grad_(requires_grad=False)
    before = {name: value.clone() for name, value in task.net.state_dict().items()}
    fit_in(tmp_path, task, Schedule(steps=5, lr=0.1, warmup=0, ema=0))
    after = task.net.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"0.weight", "0.bias", "1.running_mean"} <= changed
    assert not {"4.weight", "4.bias"} & changed


def test_layers_that_share_weights_are_saved_once_and_come_back(tmp_path):
    task = Lines(0)
    shared = nn.Linear(16, 16)
    task.net = nn.Sequential(nn.Linear(2, 16), shared, nn.Tanh(), shared, nn.Linear(16, 1))
    schedule = Schedule(steps=20, lr=0.01, checkpoint_every=10)
    stored = load_file(fit_in(tmp_path, task, schedule) / "model.safetensors")
    assert "3.weight" not in stored
    again = Lines(1)
    shared = nn.Linear(16, 16)
    again.net = nn.Sequential(nn.Linear(2, 16), shared, nn.Tanh(), shared, nn.Linear(16, 1))
    fit_in(tmp_path, again, schedule)
    assert same(dict(again.net.named_parameters()), dict(task.net.named_parameters()))


def test_the_rate_rises_and_falls():
    schedule = Schedule(steps=1000, lr=1.0, warmup=100, final_lr_share=0.1)
    rates = np.array([learning_rate(schedule, step) for step in range(1000)])
    assert rates[0] == 0.01
    assert rates.argmax() in {99, 100}
    assert rates.max() == 1.0
    assert (np.diff(rates[100:]) < 0).all()
    assert rates[-1] == pytest.approx(0.1, abs=1e-4)
    assert learning_rate(Schedule(steps=5, lr=1.0, warmup=0), 0) == 1.0
    again = replace(schedule, steps=2500, restart_every=1000)
    assert [learning_rate(again, step) for step in range(2000)] == [*rates, *rates]
    last = np.array([learning_rate(again, step) for step in range(2000, 2500)])
    assert last[:100] == pytest.approx(rates[:100])
    assert last[-1] == pytest.approx(0.1, abs=1e-3)


def test_averages_follow_the_weights():
    net = nn.Linear(3, 1)
    ema = Ema(net, 0.9)
    first = net.weight.detach().clone()
    with torch.no_grad():
        net.weight += 1
    ema.update(0)
    assert torch.allclose(ema.averages["weight"], first + 0.9, atol=1e-6)
    ema.update(10**6)
    assert torch.allclose(ema.averages["weight"], first + 0.91, atol=1e-6)
    ema.apply()
    assert torch.equal(net.weight, ema.averages["weight"])


def test_a_checkpoint_says_how_far_it_is(tmp_path):
    trained(tmp_path)
    state = json.loads((latest(tmp_path) / "state.json").read_text())
    assert state == {"step": 300, "updates": 300, "skipped": 0, "in_a_row": 0}
