"""The page as text: what is on it, what never is, and that its policy lets in exactly its own style and script."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from engine.errors import Damaged, EnvironmentProblem, UsageError
from engine.photos.images import encode_jpeg, encode_png
from engine.storage.commits import commit_unit
from engine.storage.open_store import open_store
from jobs.report.gallery import gallery, large_side
from jobs.report.gallery_tiles import crop_mask, pictures
from jobs.report.pages import json_block
from tests.support.data.gallery_rows import HOSTILE, commit, composition, cutout, failed, hostile


def page_of(tmp_path, rows, failures=(), **options):
    page = tmp_path / "pages" / "page.html"
    tiles = gallery(commit(tmp_path / "set", rows, failures), page, **options)
    text = page.read_text(encoding="utf-8")
    return tiles, text, json.loads(block(text, '<script type="application/json" id="data">'))


def block(text, start, end="</script>"):
    return text.split(start, 1)[1].split(end, 1)[0]


def picture(data):
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_every_committed_row_is_a_tile(tmp_path):
    tiles, _, data = page_of(tmp_path, [composition(index) for index in range(11)])
    assert tiles == len(data["tiles"]) == data["rowsThere"] == 11
    assert [tile["id"] for tile in data["tiles"]] == [f"{index:010d}" for index in range(11)]
    assert (data["unitsRead"], data["units"], data["kind"]) == (2, 2, "images")


def test_the_limit_holds_and_no_further_unit_is_read(tmp_path):
    tiles, _, data = page_of(tmp_path, [composition(index) for index in range(20)], limit=9)
    assert tiles == len(data["tiles"]) == 9
    assert (data["rowsThere"], data["unitsRead"], data["units"]) == (16, 2, 3)


def test_equal_datasets_give_equal_pages(tmp_path):
    rows = [composition(index) for index in range(3)]
    _, first, _ = page_of(tmp_path / "one", rows)
    _, second, _ = page_of(tmp_path / "two", rows)
    assert first == second


def test_scores_are_the_lowest_of_the_objects_and_absent_where_unknown(tmp_path):
    rows = [composition(0), replace(composition(1), seam=float("nan"), clip_score=0.31)]
    _, _, data = page_of(tmp_path, rows)
    assert data["tiles"][0]["scores"] == {"identity_psnr": 40.0, "visible_fraction": 0.9, "seam": 0.5, "num_objects": 2}
    assert "seam" not in data["tiles"][1]["scores"]
    assert [score["key"] for score in data["scores"]][:4] == ["identity_psnr", "visible_fraction", "seam", "clip_score"]
    assert "cp_clip" not in [score["key"] for score in data["scores"]]


def test_the_scores_of_models_are_there_where_rows_have_them(tmp_path):
    known = composition(0)
    objects = tuple(replace(item, identity=0.9 - 0.2 * item.order, detection=0.7) for item in known.objects)
    _, _, data = page_of(tmp_path, [replace(known, objects=objects, object_recall=0.5, surplus=1), composition(1)])
    assert {key: data["tiles"][0]["scores"][key] for key in ("identity", "object_recall", "surplus")} == {
        "identity": 0.7,
        "object_recall": 0.5,
        "surplus": 1,
    }
    assert ["recognised", "0.70"] in data["tiles"][0]["objects"][0]["facts"]
    assert "surplus" not in data["tiles"][1]["scores"]


def test_failed_rows_are_listed(tmp_path):
    _, _, data = page_of(tmp_path, [composition(0)], [failed(8), failed(9)])
    assert [failure["sample_id"] for failure in data["failures"]] == ["0000000008", "0000000009"]
    assert data["failures"][0]["code"] == "CUTOUT_EMPTY"


def test_a_library_shows_its_cut_outs_with_their_alpha(tmp_path):
    tiles, _, data = page_of(tmp_path, [cutout(0), cutout(1)])
    assert tiles == 2
    assert data["kind"] == "cut-outs"
    thumb = picture(data["tiles"][0]["pictures"]["thumb"])
    assert (thumb.format, thumb.mode, thumb.size) == ("WEBP", "RGBA", (60, 40))
    assert data["tiles"][0]["scores"] == {"quality": 0.9}


def test_a_row_without_a_readable_image_keeps_its_tile(tmp_path):
    _, _, data = page_of(tmp_path, [replace(composition(0), image=None), replace(composition(1), image=b"\xff\xd8no")])
    assert [tile["pictures"]["thumb"] for tile in data["tiles"]] == ["", ""]


def test_seeds_keep_all_their_digits(tmp_path):
    _, _, data = page_of(tmp_path, [composition(1)])
    assert ["seed", str(2**62 + 1)] in data["tiles"][0]["lineage"]


def test_thumbnails_and_detail_pictures_are_bounded():
    photo = encode_jpeg(np.zeros((600, 900, 3), np.uint8))
    made = pictures(photo, 320, 768)
    assert picture(made.thumb).size == (320, 213)
    assert picture(made.large).size == (768, 512)
    assert pictures(photo, 320, None).large == ""
    assert pictures(encode_jpeg(np.zeros((300, 300, 3), np.uint8)), 320, 768).large == ""


def test_detail_pictures_shrink_as_tiles_grow_in_number():
    assert large_side(64, 320) == 768
    assert 200 * large_side(200, 320) ** 2 <= 64 * 768**2
    assert large_side(2000, 320) is None


def test_a_mask_is_cropped_to_its_object():
    canvas = np.zeros((100, 200), np.uint8)
    canvas[20:60, 50:150] = 255
    mask = crop_mask(encode_png(canvas))
    assert mask.box == (0.25, 0.2, 0.75, 0.6)
    assert picture(mask.src).size == (100, 40)
    assert crop_mask(encode_png(np.zeros((8, 8), np.uint8))) is None
    assert crop_mask(b"") is None


def test_the_page_names_nothing_outside_itself(tmp_path):
    _, text, _ = page_of(tmp_path, [composition(index) for index in range(3)], [failed(8)])
    assert not re.search(r"""https?:|["'(=]//|@import|<link|<iframe|<base|srcset|ftp:""", text)
    assert str(tmp_path) not in text


def test_the_policy_admits_the_pages_own_style_and_script_alone(tmp_path):
    _, text, _ = page_of(tmp_path, [composition(0)])
    policy = block(text, 'Content-Security-Policy" content="', '"')
    for kind, body in (("style", block(text, "<style>", "</style>")), ("script", block(text, "<script>"))):
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    assert not re.search(
        r"\.(innerHTML|outerHTML|insertAdjacentHTML)|document\.write|\beval\(", block(text, "<script>")
    )


def test_hostile_text_cannot_leave_the_data_block(tmp_path):
    _, text, data = page_of(tmp_path, [hostile(0)], [failed(8, HOSTILE)])
    raw = block(text, 'id="data">')
    assert not set("<>&\x1b\u2028") & set(raw)
    assert "alert(1)" not in text.replace(raw, "")
    assert data["tiles"][0]["caption"] == HOSTILE
    assert data["failures"][0]["message"] == HOSTILE


def test_a_hostile_folder_name_is_text_in_the_title(tmp_path):
    page = tmp_path / "page.html"
    gallery(commit(tmp_path / "<b onclick=alert(1)>{{data}}", [composition(0)]), page)
    title = block(page.read_text(encoding="utf-8"), "<title>", "</title>")
    assert title == "&lt;b onclick=alert(1)&gt;{{data}}"


def test_json_that_no_browser_could_read_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_block({"score": float("inf")})


def test_an_empty_folder_is_a_mistake_of_use(tmp_path):
    with pytest.raises(UsageError, match="DATASET_EMPTY"):
        gallery(str(tmp_path), tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_rows_of_another_kind_are_refused(tmp_path):
    table = pa.table({"sample_id": ["0000000000"], "unit_id": [0], "status": ["accepted"]})
    commit_unit(open_store(str(tmp_path)), 0, table, (), attempt=1, timings={})
    with pytest.raises(UsageError, match=r"ROWS_KIND(.|\n)*do not say what they are"):
        gallery(str(tmp_path), tmp_path / "page.html")


def test_a_damaged_shard_is_named_and_the_page_before_it_stays(tmp_path):
    uri, page = commit(tmp_path / "set", [composition(0)]), tmp_path / "page.html"
    page.write_text("before")
    shard = tmp_path / "set" / "data" / "part-00000000.parquet"
    data = bytearray(shard.read_bytes())
    data[data.index(b"\xff\xd8\xff") + 40] ^= 1  # inside the first image
    shard.write_bytes(data)
    with pytest.raises(Damaged, match=r"part-00000000\.parquet"):
        gallery(uri, page)
    assert page.read_text() == "before"


def test_a_page_that_cannot_be_written_is_explained(tmp_path):
    uri, page = commit(tmp_path / "set", [composition(0)]), tmp_path / "page.html"
    page.mkdir()
    with pytest.raises(EnvironmentProblem, match="PAGE_NOT_WRITTEN"):
        gallery(uri, page)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(scheme):
    style = (Path(__file__).parents[3] / "jobs" / "report" / "assets" / "gallery.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    tokens = dict(re.findall(r"--([\w-]+): (#\w{6});", light if scheme == "light" else dark))
    for text in ("ink", "soft", "warn", "accent"):
        for ground in ("paper", "tile", "sunken"):
            assert contrast(tokens[text], tokens[ground]) >= 4.5, (text, ground)


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color):
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
