import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from actors.backends.segment.isnet import INPUT_SIZE, IsNetSegmenter, convert, read_net
from actors.backends.segment.isnet_net import ISNet
from engine.errors import EnvironmentProblem, SampleError, UsageError

DATA = Path(os.environ.get("MYCANVAS_DATA", Path(__file__).parents[5] / "shared" / "data"))
NARROW = 1 / 16


class Canary:
    """Leaves a file behind when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def save_net(path, *, bias=None):
    """Weights of a narrow net; with `bias`, its finest map is sigmoid(bias) everywhere."""
    torch.manual_seed(0)
    tensors = ISNet(NARROW).state_dict()
    tensors["side1.weight"] *= 100 if bias is None else 0  # 100: far from 0.5, as a trained net
    tensors["side1.bias"].fill_(bias or 0)
    save_file(tensors, path)
    return str(path)


def photo(height=60, width=90):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)  # small maps: two threads wait for each other


@pytest.fixture(scope="module")
def published():
    return ISNet().state_dict()


@pytest.mark.skipif(not (DATA / "isnet_keys.json").is_file(), reason="the shared data are not here")
def test_names_shapes_and_order_are_those_of_the_published_weights(published):
    wanted = json.loads((DATA / "isnet_keys.json").read_text())
    assert {name: list(tensor.shape) for name, tensor in published.items()} == wanted
    assert list(published) == list(wanted)


def test_the_net_has_the_published_structure(published):
    assert len(published) == 798
    assert (
        sum(tensor.numel() for name, tensor in published.items() if "running" not in name and "num_" not in name)
        == 44_046_790
    )
    for name, shape in {
        "conv_in.weight": (64, 3, 3, 3),
        "stage1.rebnconv7.conv_s1.weight": (32, 32, 3, 3),
        "stage1.rebnconv6d.bn_s1.running_var": (32,),
        "stage4.rebnconvin.conv_s1.weight": (512, 256, 3, 3),
        "stage6.rebnconv3d.conv_s1.weight": (256, 512, 3, 3),
        "stage5d.rebnconvin.conv_s1.weight": (512, 1024, 3, 3),
        "stage1d.rebnconv1d.conv_s1.weight": (64, 32, 3, 3),
        "side6.bias": (1,),
    }.items():
        assert tuple(published[name].shape) == shape


@pytest.mark.parametrize(("height", "width"), [(64, 64), (97, 130)])
def test_six_maps_of_the_size_of_the_input_come_out_between_0_and_1(height, width):
    with torch.inference_mode():
        maps = ISNet(NARROW).eval()(torch.rand(2, 3, height, width) - 0.5)
    assert [tuple(side.shape) for side in maps] == [(2, 1, height, width)] * 6
    assert all(side.min() >= 0 and side.max() <= 1 for side in maps)


def test_the_first_map_is_the_finest():
    with torch.inference_mode():
        maps = ISNet(NARROW).eval()(torch.rand(1, 3, 256, 256) - 0.5)
    detail = [float((side[..., 1:] - side[..., :-1]).abs().mean() / side.std()) for side in maps]
    assert detail[0] > 2 * detail[5]  # the sixth map is 64 times smaller and was stretched


def test_the_width_of_a_narrower_net_is_read_from_its_weights(tmp_path):
    for width in (NARROW, 0.3, 0.25):
        torch.manual_seed(0)
        net = ISNet(width).eval()
        save_file(net.state_dict(), tmp_path / "net.safetensors")
        again = read_net(tmp_path / "net.safetensors")
        x = torch.rand(1, 3, 64, 64) - 0.5
        with torch.inference_mode():
            assert torch.equal(net(x)[0], again(x)[0])
    assert sum(p.numel() for p in ISNet(0.25).parameters()) < 44_046_790 / 15


def test_a_photo_enters_at_1024_px_between_minus_and_plus_a_half_as_published(tmp_path):
    segmenter = IsNetSegmenter(save_net(tmp_path / "net.safetensors", bias=1))
    seen = []
    segmenter.net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    segmenter(np.full((30, 50, 3), (0, 128, 255), np.uint8))
    assert seen[0].shape == (1, 3, INPUT_SIZE, INPUT_SIZE)
    assert torch.allclose(seen[0].mean((0, 2, 3)), torch.tensor([-0.5, 128 / 255 - 0.5, 0.5]))


def test_a_matte_has_the_size_of_its_photo_and_is_the_same_again(tmp_path):
    segmenter = IsNetSegmenter(save_net(tmp_path / "net.safetensors"))
    pixels = photo()
    pixels.flags.writeable = False
    matte = segmenter(pixels)
    assert matte.alpha.shape == (60, 90)
    assert matte.alpha.dtype == np.uint8
    assert matte.alpha.std() > 5
    assert 0 <= matte.quality <= 1
    assert np.array_equal(matte.alpha, segmenter(pixels).alpha)


def test_quality_is_how_decided_the_net_is(tmp_path):
    crisp = IsNetSegmenter(save_net(tmp_path / "crisp.safetensors", bias=6))(photo())
    hazy = IsNetSegmenter(save_net(tmp_path / "hazy.safetensors", bias=0.1))(photo())
    assert crisp.quality == pytest.approx(2 / (1 + np.exp(-6)) - 1, abs=1e-5)
    assert hazy.quality == pytest.approx(0.05, abs=0.001)
    assert crisp.alpha.min() == 254


def test_a_photo_in_which_nothing_stands_out_is_a_named_failure(tmp_path):
    segmenter = IsNetSegmenter(save_net(tmp_path / "net.safetensors", bias=-0.2))
    with pytest.raises(SampleError, match="NOTHING_TO_CUT"):
        segmenter(photo())


@pytest.mark.parametrize("weights", ["", "absent.safetensors"])
def test_without_weights_the_message_says_how_to_convert_them(weights):
    with pytest.raises(EnvironmentProblem, match="WEIGHTS_MISSING") as problem:
        IsNetSegmenter(weights)
    assert "python -m actors.backends.segment.isnet isnet-general-use.pth" in problem.value.fix


def test_published_weights_convert_and_carry_their_name_and_licence(tmp_path):
    tensors = ISNet(NARROW).state_dict()
    torch.save(tensors, tmp_path / "net.pth")
    convert(tmp_path / "net.pth", tmp_path / "net.safetensors")
    again = load_file(tmp_path / "net.safetensors")
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)
    model = IsNetSegmenter(str(tmp_path / "net.safetensors")).models[0]
    assert (model.name, model.license) == ("isnet-general-use", "Apache-2.0")
    assert model.revision.startswith("blake2b:")


def test_a_checkpoint_that_would_run_code_is_refused_and_not_run(tmp_path):
    torch.save({"conv_in.weight": Canary(tmp_path / "canary")}, tmp_path / "evil.pth")
    (tmp_path / "text.pth").write_text("no weights")
    for name in ("evil.pth", "text.pth"):
        with pytest.raises(UsageError, match="WEIGHTS_UNSAFE"):
            convert(tmp_path / name, tmp_path / "net.safetensors")
    assert not (tmp_path / "canary").exists()
    assert not (tmp_path / "net.safetensors").exists()


def test_weights_of_another_net_are_refused_with_the_tensors_that_differ(tmp_path):
    tensors = ISNet(NARROW).state_dict()
    tensors["side1.bias"] = torch.zeros(2)
    save_file(tensors, tmp_path / "net.safetensors")
    with pytest.raises(UsageError, match=r"1 tensors are not .* among them side1\.bias"):
        IsNetSegmenter(str(tmp_path / "net.safetensors"))
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        convert(tmp_path / "list.pth", tmp_path / "list.safetensors")
