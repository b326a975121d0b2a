import pytest
import torch

from actors.micro.composer.net import with_channels, with_full_attention
from actors.micro.composer.widening import widen_latents
from actors.micro.diffusion.autoencoder import new_autoencoder, to_input
from actors.micro.diffusion.denoising import new_unet
from actors.micro.specs import AutoencoderTraining
from engine.errors import UsageError
from engine.seeds import rng

CPU = torch.device("cpu")


@pytest.fixture
def unet():
    torch.manual_seed(0)
    return new_unet((16, 32, 32), 4).eval()


def answers(net, latents):
    torch.manual_seed(1)
    conditions = {"text_embeds": torch.randn(1, 128), "time_ids": torch.full((1, 6), 128.0)}
    with torch.no_grad():
        return net(latents, torch.tensor([500]), torch.randn(1, 5, 256), added_cond_kwargs=conditions).sample


def test_the_grown_unet_begins_as_the_old_one(unet):
    torch.manual_seed(2)
    latents = torch.randn(1, 8, 16, 16)
    grown = with_full_attention(with_channels(unet, 8)).eval()
    found = answers(grown, latents)
    assert torch.allclose(found[:, :4], answers(unet, latents[:, :4]), atol=1e-5)
    assert not found[:, 4:].any()
    assert grown.config.in_channels == grown.config.out_channels == 8


def test_words_are_read_at_full_resolution_once_it_has_learned(unet):
    grown = with_full_attention(unet).eval()
    new = {name for name in grown.state_dict() if name not in unet.state_dict()}
    assert {name.rsplit(".attentions.", 1)[0] for name in new} == {"down_blocks.0", "up_blocks.2"}
    assert with_full_attention(grown) is grown
    latents = torch.randn(1, 4, 16, 16)
    before = answers(grown, latents)
    torch.nn.init.normal_(grown.up_blocks[-1].attentions[0].proj_out.weight)
    assert (answers(grown, latents) - before).abs().max() > 1e-3


def test_a_unet_of_another_kind_is_refused(unet):
    unet.add_module("adapter", torch.nn.Linear(1, 1))
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        with_full_attention(unet)


def test_new_latent_channels_are_standardised_nearly_without_noise_and_leave_the_old_ones_alone():
    vae = new_autoencoder(AutoencoderTraining(widths=(8, 8, 8, 8), groups=4)).eval()
    pictures = rng(0, "pictures").integers(0, 256, (6, 64, 64, 3), dtype="uint8")
    with torch.no_grad():
        old = vae.encode(to_input(pictures, CPU)).latent_dist.mean
        wide = widen_latents(vae, 8, pictures)
        posterior = wide.encode(to_input(pictures, CPU)).latent_dist
    assert wide.training
    assert all(weight.requires_grad for weight in wide.parameters())
    assert torch.allclose(posterior.mean.mean((0, 2, 3)), torch.zeros(8), atol=1e-3)
    assert torch.allclose(posterior.mean.std((0, 2, 3)), torch.ones(8), atol=1e-2)
    assert posterior.std[:, 4:].mean() == pytest.approx(0.02, rel=0.01)
    scaled = (old - old.mean((0, 2, 3), keepdim=True)) / old.std((0, 2, 3), keepdim=True)
    assert torch.allclose(posterior.mean[:, :4], scaled, atol=1e-3)
