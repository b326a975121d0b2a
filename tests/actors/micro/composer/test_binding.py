import torch

from actors.micro.composer.binding import WordAttention, binding_loss
from actors.micro.diffusion.denoising import new_unet

SIDE, TOKENS = 4, 5


def two_toys():
    """Masks of a toy to the left and one to the right, owners of tokens 1 and 3, and the attention that fits."""
    masks = torch.zeros(1, 2, SIDE, SIDE)
    masks[0, 0, 1:, :2], masks[0, 1, 2:, 2:] = 0.9, 0.75
    owners = torch.zeros(1, 2, TOKENS)
    owners[0, 0, 1] = owners[0, 1, 3] = 1
    truth = torch.zeros(1, 1, SIDE * SIDE, TOKENS)
    truth[0, 0, :, 1], truth[0, 0, :, 3] = masks[0].flatten(1)
    truth[..., 0] = 1 - truth.sum(-1)
    return masks, owners, truth


def test_the_loss_is_lowest_at_the_truth():
    masks, owners, truth = two_toys()
    least, right = binding_loss([truth], masks, owners)
    assert right == 1
    torch.manual_seed(0)
    for _ in range(20):
        other = torch.softmax(torch.log(truth.clamp(min=1e-3)) + 0.5 * torch.randn_like(truth), -1)
        assert binding_loss([other], masks, owners)[0] > least
    swapped, wrong = binding_loss([truth[..., [0, 3, 2, 1, 4]]], masks, owners)
    assert swapped > least + 1
    assert wrong == 0


def test_pictures_whose_words_say_nothing_are_left_out():
    masks, owners, truth = two_toys()
    alone, _ = binding_loss([truth], masks, owners)
    both, _ = binding_loss([truth.repeat(2, 1, 1, 1)], masks.repeat(2, 1, 1, 1), torch.cat([owners, 0 * owners]))
    assert torch.allclose(alone, both)
    assert binding_loss([truth], masks, 0 * owners) == (0, 0)


def test_recording_changes_no_answer_and_its_gradient_reaches_words_and_layers():
    torch.manual_seed(0)
    unet = new_unet((16, 32, 32), 4).eval()
    noisy, words = torch.randn(1, 4, 8, 8), torch.randn(1, TOKENS, 256, requires_grad=True)
    rest = {
        "timestep": torch.tensor([500]), "encoder_hidden_states": words,
        "added_cond_kwargs": {"text_embeds": torch.randn(1, 128), "time_ids": torch.full((1, 6), 128.0)},
    }  # fmt: skip
    before = unet(noisy, **rest).sample
    attention = WordAttention(unet)
    with attention.record() as record:
        after = unet(noisy, **rest).sample
    assert torch.allclose(before, after, atol=1e-5)
    assert {tuple(each.shape[2:]) for each in record} == {(4, TOKENS), (16, TOKENS)}, "2 x 2 and 4 x 4 cells"
    assert all(torch.allclose(each.sum(-1), torch.ones(each.shape[:3])) for each in record)
    masks, owners, _ = two_toys()
    binding_loss(record, masks, owners)[0].backward()
    assert words.grad[0, 1].abs().sum() > 0
    keys = [module.to_k.weight for name, module in unet.named_modules() if name.endswith("attn2")]
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in keys)
    unet(noisy, **rest)
    assert len(record) == sum(name.endswith("attn2") and "down" not in name for name, _ in unet.named_modules())
