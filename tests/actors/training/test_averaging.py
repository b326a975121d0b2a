"""Gradients of two processes, averaged while the backward pass goes on."""

import multiprocessing

import pytest
import torch
from torch import distributed as dist
from torch import nn

from actors.training.averaging import GradientAverage


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 50), nn.Tanh(), nn.Linear(50, 4), nn.Linear(4, 1))


def rows(rank):
    return torch.arange(6.0).view(2, 3) + rank


def work(rank, folder, bucket_bytes):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    made = net()
    unused = nn.Parameter(torch.ones(5))
    weights = [*made.parameters(), unused]
    average = GradientAverage(weights, 2, bucket_bytes)
    for _ in range(2):  # the second step's hooks are its own
        for weight in weights:
            weight.grad = None
        (made(rows(rank)).sum() / 2).backward()  # the first part of two is not sent by itself
        average.begin()
        (made(rows(rank)).sum() / 2).backward()
        average.finish()
    torch.save([weight.grad for weight in weights], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("bucket_bytes", [1, 300, 1 << 20], ids=["a bucket each", "some", "one"])
def test_every_process_gets_the_mean_of_all_gradients(tmp_path, bucket_bytes):
    context = multiprocessing.get_context("spawn")
    crew = [context.Process(target=work, args=(rank, str(tmp_path), bucket_bytes)) for rank in range(2)]
    for each in crew:
        each.start()
    for each in crew:
        each.join(60)
        assert each.exitcode == 0
    made = net()
    (torch.stack([made(rows(rank)).sum() for rank in range(2)]).mean()).backward()
    wanted = [*(weight.grad for weight in made.parameters()), torch.zeros(5)]
    for rank in range(2):
        for one, other in zip(torch.load(tmp_path / f"{rank}.pt", weights_only=True), wanted, strict=True):
            torch.testing.assert_close(one, other)
