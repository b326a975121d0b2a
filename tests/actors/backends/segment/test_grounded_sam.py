from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from actors.backends.segment.grounded_sam import GroundedSam
from actors.compose.segment import Grounding, Segment, segment_row
from actors.models.preflight import check_models
from engine.errors import SampleError, UsageError
from engine.photos.images import encode_png
from engine.photos.mattes import Matte
from engine.rows.cutout import Cutout
from engine.rows.values import Model
from tests.support.models.tiny_models import save_grounding_dino, save_sam2

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {"detector": str(save_grounding_dino(folder / "dino")), "sam": str(save_sam2(folder / "sam"))}


@pytest.fixture(scope="module")
def segmenter(folders):
    return GroundedSam(Grounding(**folders, threshold=0))


def photo(height=80, width=120):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Edges:
    """A saliency net that always finds the same."""

    models = (Model(name="edges", revision="1", license="mit"),)

    def __init__(self, alpha):
        self.alpha = alpha

    def __call__(self, photo, name=""):
        if self.alpha is None:
            raise SampleError("NOTHING_TO_CUT", "no object stands out")
        return Matte(self.alpha, 0.9)


def test_a_named_thing_becomes_a_matte_of_the_photos_size(segmenter):
    assert [(model.name, model.license) for model in segmenter.models] == [
        ("dino", "apache-2.0"),
        ("sam", "apache-2.0"),
    ]
    for size in ((80, 120), (150, 70)):
        matte = segmenter(photo(*size), "mug")
        assert (matte.alpha.shape, matte.alpha.dtype) == (size, np.uint8)
        assert matte.alpha.max() == 255
        assert 0 <= matte.quality <= 1
        assert np.array_equal(matte.alpha, segmenter(photo(*size), "mug").alpha)


def test_the_box_depends_on_the_name_and_lies_in_the_photo(segmenter):
    boxes = [segmenter._box(photo(), name) for name in ("mug", "toy robot", "MUG")]
    assert not np.array_equal(boxes[0], boxes[1])
    assert np.array_equal(boxes[0], boxes[2])
    assert all((box >= 0).all() and (box <= (120, 80, 120, 80)).all() for box in boxes)


def test_what_is_not_found_is_named(folders):
    with pytest.raises(SampleError, match=r"NOTHING_TO_CUT.*'mug'"):
        GroundedSam(Grounding(**folders, threshold=1))(photo(), "mug")


def test_a_finer_edge_is_taken_of_the_same_thing_alone(folders, segmenter):
    mask, _ = segmenter._mask(photo(), segmenter._box(photo(), "mug"))
    fine = np.where(mask > 0, 250, 0).astype(np.uint8)
    spec = Grounding(**folders, threshold=0)
    assert GroundedSam(spec, Edges(fine))(photo(), "mug").alpha.max() == 250
    for other in (255 - mask, None):
        assert np.array_equal(GroundedSam(spec, Edges(other))(photo(), "mug").alpha, segmenter(photo(), "mug").alpha)
    assert [model.name for model in GroundedSam(spec, Edges(fine)).models] == ["dino", "sam", "edges"]


def test_a_row_is_cut_by_its_class_and_tells_of_both_nets(folders, segmenter, tmp_path):
    (tmp_path / "rex.png").write_bytes(encode_png(photo()))
    row = Cutout(
        sample_id="0", unit_id=0, seed=0, source=str(tmp_path / "rex.png"), concept="rex", class_name="toy robot"
    )
    spec = Segment(backend="grounded_sam", grounding=Grounding(**folders, threshold=0))
    asked = []

    class Listening:
        models = segmenter.models

        def __call__(self, pixels, name=""):
            asked.append(name)
            alpha = np.zeros(pixels.shape[:2], np.uint8)
            alpha[20:60, 30:80] = 255
            return Matte(alpha, 1.0)

    done = segment_row(spec, Listening(), row)
    assert asked == ["toy robot"]
    assert done.models == segmenter.models
    surer = spec.model_copy(update={"grounding": Grounding(**folders, threshold=0.5)})
    assert segment_row(surer, Listening(), row).cutout_id != done.cutout_id
    assert segment_row(spec, Listening(), replace(row, concept="tom")).cutout_id != done.cutout_id


def test_nets_in_each_others_place_are_refused(folders):
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        GroundedSam(Grounding(detector=folders["detector"], sam=folders["detector"]))
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        GroundedSam(Grounding(detector=folders["sam"], sam=folders["sam"]))


def test_a_pickle_is_found_before_any_worker_starts(folders, tmp_path):
    (tmp_path / "sam").mkdir()
    (tmp_path / "sam" / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    spec = Segment(backend="grounded_sam", grounding=Grounding(detector=folders["detector"], sam=str(tmp_path / "sam")))
    with pytest.raises(UsageError, match="WEIGHTS_PICKLE_ONLY"):
        check_models([spec], here=True)


@pytest.mark.parametrize("keys", [{"backend": "grounded_sam"}, {"grounding": {"detector": "a/b", "sam": "a/b"}}])
def test_the_nets_and_the_backend_belong_together(keys):
    with pytest.raises(ValidationError, match="grounding"):
        Segment(**keys)
