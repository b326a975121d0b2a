import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from actors.backends.segment.isnet import FILE, INPUT_SIZE, IsNetSegmenter
from actors.backends.segment.isnet_net import ISNet
from actors.micro.half_precision import half_precision_state
from engine.errors import EnvironmentProblem, UsageError


def save_net(path, **metadata):
    torch.manual_seed(0)
    net = ISNet(1 / 16).eval()
    net.side1.bias.data.fill_(3)
    save_file(half_precision_state(net), path, metadata=metadata or None)
    return str(path)


def test_the_input_size_is_a_property_of_the_weights(tmp_path):
    segmenter = IsNetSegmenter(save_net(tmp_path / "net.safetensors", input_size="96"))
    seen = []
    segmenter.net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    assert segmenter(np.zeros((40, 50, 3), np.uint8)).alpha.shape == (40, 50)
    assert seen[0].shape == (1, 3, 96, 96)
    assert IsNetSegmenter(save_net(tmp_path / "net.safetensors")).input_size == INPUT_SIZE


def test_weights_in_float16_are_run_in_float32(tmp_path):
    net = IsNetSegmenter(save_net(tmp_path / "net.safetensors", input_size="64")).net
    assert {weight.dtype for weight in net.parameters()} == {torch.float32}


@pytest.mark.parametrize("size", ["0", "-64", "64.5", "a", "", "100000", "²"])
def test_an_impossible_input_size_is_refused(tmp_path, size):
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        IsNetSegmenter(save_net(tmp_path / "net.safetensors", input_size=size))


def test_a_folder_may_be_named(tmp_path):
    with pytest.raises(EnvironmentProblem, match="WEIGHTS_MISSING"):
        IsNetSegmenter(str(tmp_path))
    save_net(tmp_path / "other.safetensors")
    with pytest.raises(EnvironmentProblem, match=f"holds no {FILE}"):
        IsNetSegmenter(str(tmp_path))
    save_net(tmp_path / FILE, input_size="64", name="small")
    assert IsNetSegmenter(str(tmp_path)).models[0].name == "small"
