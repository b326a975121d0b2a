import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from actors.compose.inpaint import PAINTERS, Inpaint
from actors.compose.restore import Restore, restore
from engine.errors import UsageError
from engine.metrics.pixels import identity_psnr
from engine.photos.images import decode
from engine.rows.composition import Composition, Placement
from engine.run.stage import Run

SIZE = 64
RUN = Run(out="", library="", size=SIZE)


def _row():
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    alpha[20:50, 20:40] = 255
    alpha[19, 20:40] = 120
    foreground = np.dstack([np.full((SIZE, SIZE, 3), (180, 40, 60), np.uint8), alpha])
    placement = Placement(
        cutout_id="a",
        box=(20 / 64, 19 / 64, 40 / 64, 50 / 64),
        flip=False,
        order=0,
        support="ground",
        relative_size=1.0,
    )
    return Composition(
        sample_id="0",
        unit_id=0,
        seed=3,
        ground_line=0.3,
        background=np.full((SIZE, SIZE, 3), 150, np.uint8),
        foreground=foreground,
        layers=(alpha,),
        repaint_mask=255 - alpha,
        placements=(placement,),
    )


def test_blend_keeps_objects_and_shades_the_ground():
    (row,) = Inpaint().load(RUN)([_row()])
    assert (row.painted[25:45, 25:35] == (180, 40, 60)).all()
    assert row.painted[51, 30].mean() < 120
    assert (row.painted[:15] == 150).all()
    assert [model.name for model in row.painters] == ["mycanvas/blend"]


def test_a_batch_paints_as_its_rows_alone():
    work = Inpaint().load(RUN)
    alone, together = work([_row()])[0], work([_row(), _row()])[1]
    assert np.array_equal(alone.painted, together.painted)


def test_restore_puts_the_subject_back_over_whatever_was_painted():
    row = _row()
    painted = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    picture = restore(painted, row.foreground)
    solid = row.foreground[..., 3] >= 250
    assert np.array_equal(picture[solid], row.foreground[solid][:, :3])
    assert np.array_equal(picture[row.foreground[..., 3] == 0], painted[row.foreground[..., 3] == 0])


def test_the_stored_image_holds_the_subject():
    (row,) = Inpaint().load(RUN)([_row()])
    (row,) = Restore().load(RUN)([row])
    stored = decode(row.image)
    assert stored.shape == (SIZE, SIZE, 3)
    assert identity_psnr(stored, row.foreground, row.layers[0]) > 40


def test_a_model_backend_without_a_model_is_refused_with_the_recipe():
    with pytest.raises(ValidationError, match="needs a model"):
        Inpaint(backend="sdxl")
    assert Inpaint(backend="sdxl", model="org/name", revision="0" * 40).steps == 30


def test_the_prompt_template_knows_one_placeholder():
    with pytest.raises(ValidationError, match="background"):
        Inpaint(prompt_template="a photo of {caption}")


def test_a_wrong_backend_is_told_the_right_ones():
    with pytest.raises(UsageError, match="blend, flow, sdxl"):
        PAINTERS.resolve("gan")


def test_importing_the_stage_imports_no_model_library():
    stages = ", ".join(f"actors.compose.{name}" for name in ("inpaint", "score", "paste", "restore"))
    code = f"import sys, {stages}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
