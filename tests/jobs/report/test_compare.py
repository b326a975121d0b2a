import json

import numpy as np
import pytest
from PIL import Image

from engine.errors import UsageError
from jobs.curate.filter import choose, write
from jobs.report.compare import GAP, HEAD, compare, sheet
from planners.curate.selection import Wanted
from tests.support.data.gallery_rows import commit, composition
from tests.support.processes.command import mycanvas


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    uri = commit(folder / "all", [composition(index) for index in range(21)])
    wanted = Wanted(where="status is not null", top="5", by="seam")
    write(choose(uri, wanted, explain=False), wanted, str(folder / "seams"))
    return uri, str(folder / "seams")


def test_numbers_stand_side_by_side_with_their_difference(pair):
    told = json.loads(mycanvas("compare", *pair, "--format", "json"))
    assert told["counts"]["rows"] == [21, 5]
    seam = told["scores"]["seam"]
    assert seam["means"] == pytest.approx([0.40, 0.32], abs=0.001)
    assert seam["difference"] == pytest.approx(-0.08, abs=0.001)
    shown = mycanvas("compare", *pair)
    assert "seam" in shown
    assert "-0.080" in shown


def test_the_sheet_holds_evenly_spaced_rows_of_each(pair, tmp_path):
    mycanvas("compare", *pair, "--sheet", tmp_path / "sheet.png", "--count", "6", "--side", "32")
    picture = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert picture.shape == (HEAD + 2 * (32 + GAP), 2 * (4 * (32 + GAP) - GAP) + 3 * GAP, 3)
    left = picture[HEAD : HEAD + 32, :32]
    assert left.std() > 5, "a picture and not paper"
    last = picture[HEAD + 32 + GAP : HEAD + 64 + GAP, 32 + GAP : 64 + GAP]
    right = picture[:, 4 * (32 + GAP) - GAP + 3 * GAP :]
    assert last.std() > 5, "six on the left"
    assert right[HEAD + 32 + GAP : HEAD + 64 + GAP, 32 + GAP : 64 + GAP].std() < 2, "five on the right"
    sheet(*pair, tmp_path / "again.png", count=6, side=32)
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "sheet.png").read_bytes()


def test_what_cannot_be_compared_is_named(pair, tmp_path):
    with pytest.raises(UsageError, match="DATASET_EMPTY"):
        compare(pair[0], str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="SHEET_KIND"):
        sheet(*pair, tmp_path / "sheet.docx", count=2, side=32)
    assert not list(tmp_path.iterdir())
