import numpy as np
import pytest
import torch

from actors.micro.diffusion.autoencoder import (
    AutoencoderTraining,
    find_autoencoder,
    load_autoencoder,
    new_autoencoder,
    psnr,
    standardise,
    to_input,
    to_pictures,
)  # fmt: skip
from actors.models.provenance import identify
from engine.errors import EnvironmentProblem
from engine.seeds import rng
from engine.toybox.sets import open_set
from engine.training.local import train_locally
from engine.training.resources import TrainingStorage
from engine.training.schedule import Schedule
from tests.support.toys.toysets import make_toysets

CPU = torch.device("cpu")
TINY = AutoencoderTraining(
    widths=(8, 8, 8, 8), groups=4, crop=64, batch=2, schedule=Schedule(steps=3, lr=1e-3, warmup=1)
)


def pictures(count=4):
    return rng(0, "pictures").integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)


def test_pictures_survive_the_way_to_the_network_and_back():
    assert np.array_equal(to_pictures(to_input(pictures(), CPU)), pictures())


def test_psnr_is_what_it_is_called():
    black = np.zeros((8, 8, 3), np.uint8)
    assert psnr(black, black) == 100
    assert psnr(black, black + np.uint8(255)) == pytest.approx(0)
    assert psnr(black, black + np.uint8(16)) == pytest.approx(20 * np.log10(255 / 16))


def test_the_signal_neither_fades_nor_explodes_at_the_beginning():
    vae = new_autoencoder(AutoencoderTraining())
    with torch.no_grad():
        out = vae.decode(vae.encode(to_input(pictures(), CPU)).latent_dist.mode()).sample
    assert 0.1 < float(out.std()) < 10
    assert sum(weight.numel() for weight in vae.parameters()) < 3.5e6


def test_standardised_latents_have_unit_variance_and_decode_as_before():
    vae = new_autoencoder(TINY).eval()
    values = to_input(pictures(), CPU)
    with torch.no_grad():
        before = vae.decode(vae.encode(values).latent_dist.mode()).sample
        logs = vae.encode(values).latent_dist.std / vae.encode(values).latent_dist.mode().std((0, 2, 3), keepdim=True)
        standardise(vae, pictures(), CPU)
        posterior = vae.encode(values).latent_dist
        after = vae.decode(posterior.mode()).sample
    assert torch.allclose(posterior.mode().mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(posterior.mode().std((0, 2, 3)), torch.ones(4), atol=1e-2)
    assert torch.allclose(before, after, atol=1e-3)
    assert torch.allclose(posterior.std, logs, rtol=1e-3)


def test_it_trains_is_saved_like_a_large_one_and_is_measured(tmp_path):
    data = make_toysets(tmp_path / "data", 4)
    storage = TrainingStorage(data=str(data), out=str(tmp_path / "family"), work=str(tmp_path / "work"))
    train_locally(TINY, storage)
    home = find_autoencoder(tmp_path / "family")
    assert identify("micro", home).license == "apache-2.0"
    vae = load_autoencoder(home, CPU)
    found = open_set(data, "photos")
    latents = vae.encode(to_input(found.images[:1], CPU)).latent_dist.mode()
    assert latents.shape == (1, 4, 32, 32)
    assert vae.config.scaling_factor == 1
    (row,) = TINY.evaluate(tmp_path / "family", data, seed=0)
    assert (row.part, row.metric, row.target) == ("autoencoder", "psnr", 26)
    assert 3 < row.value < 40


def test_a_family_without_it_is_a_named_problem(tmp_path):
    with pytest.raises(EnvironmentProblem, match="MICRO_PART_MISSING"):
        find_autoencoder(tmp_path)
