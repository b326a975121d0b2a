"""Nets in ONNX files: our own segmenter exported, small graphs by hand, and U-2-Net where its file is there."""

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from actors.backends.segment.isnet import IsNetSegmenter
from actors.backends.segment.onnx import DESCRIPTION, OnnxSegmenter
from actors.compose.segment import Segment
from actors.models.nets import NETS
from engine.errors import EnvironmentProblem, SampleError, UsageError
from engine.photos.mattes import OPAQUE, overlap
from engine.toybox.concepts import draw_concept
from engine.toybox.studio import photograph

DATA = Path(os.environ.get("MYCANVAS_DATA", Path(__file__).parents[5] / "shared" / "data"))
SIDE = 32


def save_graph(path, nodes, *, described=True, **description):
    """A net of a few nodes from `photo` to `matte`."""
    shape = [1, 3, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("matte", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    if described:
        entry = model.metadata_props.add()
        entry.key, entry.value = (
            DESCRIPTION,
            json.dumps({"side": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1], **description}),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return str(path)


def brightness(path, **description):
    """A net to which what is bright is the object."""
    nodes = [helper.make_node("ReduceMean", ["photo"], ["matte"], axes=[1], keepdims=1)]
    return save_graph(path, nodes, **description)


def left_of(path):
    """A net that sees what is bright in the left half of what it is shown."""
    half = helper.make_tensor("half", TensorProto.FLOAT, [1, 1, 1, SIDE], [1.0] * 16 + [0.0] * 16)
    nodes = [
        helper.make_node("Constant", [], ["mask"], value=half),
        helper.make_node("ReduceMean", ["photo"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "mask"], ["matte"]),
    ]
    return save_graph(path, nodes)


def spot(bright=255, dark=20, left=20):
    photo = np.full((60, 90, 3), dark, np.uint8)
    photo[15:45, left : left + 40] = bright
    return photo


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The shipped micro segmenter as an ONNX file that says how it is fed."""
    own = IsNetSegmenter("shipped:micro/segmenter")
    path = tmp_path_factory.mktemp("nets") / "micro.onnx"
    side = own.input_size
    finest = _Finest(own.net)
    torch.onnx.export(finest, (torch.zeros(1, 3, side, side),), path, dynamo=True, verbose=False, external_data=False)
    model = onnx.load(path)
    entry = model.metadata_props.add()
    said = {"side": side, "mean": [0.5] * 3, "std": [1.0] * 3, "stretch": False, "license": "Apache-2.0"}
    entry.key, entry.value = DESCRIPTION, json.dumps(said)
    onnx.save(model, path)
    return str(path)


class _Finest(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)[0]


@pytest.mark.filterwarnings("ignore")  # of the exporter
def test_our_own_segmenter_cuts_the_same_out_of_its_export(exported):
    own, other = IsNetSegmenter("shipped:micro/segmenter"), OnnxSegmenter([exported])
    for number in range(4):
        toy, _ = photograph(draw_concept(77, number), 100 + number, 256)
        one, two = own(toy.image), other(toy.image)
        assert overlap(*((matte.alpha >= OPAQUE).astype(np.uint8) for matte in (one, two))) > 0.97
        assert abs(one.quality - two.quality) < 0.05
    (model,) = other.models
    assert (model.name, model.license) == ("micro", "Apache-2.0")


def test_a_matte_has_the_size_of_its_photo_and_the_place_of_its_object(tmp_path):
    matte = OnnxSegmenter([brightness(tmp_path / "own.onnx")])(spot())
    assert (matte.alpha.shape, matte.alpha.dtype) == ((60, 90), np.uint8)
    assert matte.alpha[30, 40] > 240
    assert matte.alpha[5, 80] < 15
    assert matte.quality > 0.8


def test_nets_that_disagree_are_trusted_less_than_either(tmp_path):
    bright = brightness(tmp_path / "bright.onnx")
    left = left_of(tmp_path / "left.onnx")
    alone = [OnnxSegmenter([net], look_again=False)(spot()).quality for net in (bright, left)]
    together = OnnxSegmenter([bright, left], look_again=False)
    assert together(spot()).quality < 0.8 * min(alone)
    assert [model.name for model in together.models] == ["bright", "left"]


def test_a_net_whose_looks_disagree_is_not_trusted(tmp_path):
    sees_left_halves = left_of(tmp_path / "left.onnx")
    assert OnnxSegmenter([sees_left_halves], look_again=False)(spot()).quality > 0.7
    assert OnnxSegmenter([sees_left_halves])(spot()).quality < 0.6
    assert OnnxSegmenter([brightness(tmp_path / "bright.onnx")])(spot()).quality > 0.8


def test_logits_go_through_a_sigmoid_and_are_stretched(tmp_path):
    nodes = [
        helper.make_node("Constant", [], ["ten"], value_float=10.0),
        helper.make_node("Constant", [], ["four"], value_float=4.0),
        helper.make_node("ReduceMean", ["photo"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "ten"], ["far"]),
        helper.make_node("Sub", ["far", "four"], ["matte"]),
    ]
    matte = OnnxSegmenter([save_graph(tmp_path / "logits.onnx", nodes, logits=True)])(spot())
    assert (matte.alpha[30, 40], matte.alpha[5, 80]) == (255, 0)


def test_where_nothing_stands_out_nothing_is_cut(tmp_path):
    zero = [
        helper.make_node("ReduceMean", ["photo"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["mean", "mean"], ["matte"]),
    ]
    net = OnnxSegmenter([save_graph(tmp_path / "zero.onnx", zero)])
    with pytest.raises(SampleError, match="NOTHING_TO_CUT"):
        net(spot())


def test_files_that_are_no_nets_or_tell_nothing_are_named(tmp_path):
    (tmp_path / "text.onnx").write_text("no net")
    with pytest.raises(EnvironmentProblem, match="WEIGHTS_UNREADABLE"):
        OnnxSegmenter([str(tmp_path / "text.onnx")])
    nodes = [helper.make_node("ReduceMean", ["photo"], ["matte"], axes=[1], keepdims=1)]
    silent = save_graph(tmp_path / "silent.onnx", nodes, described=False)
    with pytest.raises(UsageError, match="NET_UNKNOWN"):
        OnnxSegmenter([silent])
    with pytest.raises(UsageError, match="NET_UNKNOWN"):
        OnnxSegmenter([brightness(tmp_path / "odd.onnx", sied=3)])


def test_a_recipe_names_nets_for_this_backend_alone():
    for fields in ({"backend": "onnx"}, {"backend": "grabcut", "nets": ("u2netp",)}):
        with pytest.raises(ValueError, match="`nets` belongs to the backend 'onnx'"):
            Segment(**fields)
    assert Segment(backend="onnx", nets=("u2netp",)).nets == ("u2netp",)


@pytest.mark.skipif(not (DATA / "models" / "u2netp.onnx").is_file(), reason="the shared data are not here")
def test_u2netp_cuts_a_duck_out_of_its_photo():
    photo = np.asarray(Image.open(DATA / "dreambooth" / "duck_toy" / "00.jpg").convert("RGB"))
    matte = OnnxSegmenter([str(DATA / "models" / "u2netp.onnx")])(photo)
    yellow = (photo[..., 0] > 150) & (photo[..., 1] > 110) & (photo[..., 2] < 110)
    assert overlap((matte.alpha >= OPAQUE).astype(np.uint8), yellow.astype(np.uint8)) > 0.8
    assert matte.quality > 0.95
    assert NETS["u2netp"].license == "apache-2.0"
