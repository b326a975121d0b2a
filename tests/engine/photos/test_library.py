import numpy as np
import pytest

from engine.errors import Damaged, UsageError
from engine.photos.library import PixelCache, add_metres, open_library
from engine.rows.values import Model
from tests.support.data.libraries import cutout, library


def test_the_index_holds_everything_but_pixels_in_the_order_of_ids(tmp_path):
    made = library(tmp_path, [cutout(1), cutout(2)], [cutout(3)])
    assert list(made.cutouts) == ["id-6", "id-7", "id-8"]
    info = made.cutouts["id-8"]
    assert (info.concept, info.width, info.height, info.aspect) == ("thing1", 10, 20, 0.5)
    assert (info.cut_borders, info.quality, info.license) == (("bottom",), 0.75, "CC0-1.0")
    assert info.models == (Model(name="grabcut", revision="1", license="Apache-2.0"),)


def test_sizes_that_somebody_wrote_down_are_part_of_the_index_and_of_its_fingerprint(tmp_path):
    before = library(tmp_path, [cutout(1)])
    add_metres(before.store, {"thing": 0.6, "other": 3})
    add_metres(before.store, {"thing": 9.0})
    after = open_library(str(tmp_path))
    assert [info.metres for info in after.cutouts.values()] == [0.6], "what was said first stands"
    assert after.fingerprint() != before.fingerprint()


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"thing": "large"}', '{"thing": -1}', '{"thing": NaN}', '{"thing": null}']
)
def test_sizes_that_are_none_are_refused_with_the_name_of_the_file(tmp_path, text):
    made = library(tmp_path, [cutout(1)])
    made.store.put("metres.json", text.encode())
    with pytest.raises(UsageError, match=r"LIBRARY_METRES(.|\n)*metres\.json") as caught:
        open_library(str(tmp_path))
    assert ("'thing'" in str(caught.value)) == (text in ('{"thing": -1}', '{"thing": NaN}'))


def test_pixels_come_from_their_own_shard_and_row(tmp_path):
    made = library(tmp_path, [cutout(1), cutout(2, status="rejected"), cutout(3)], [cutout(4)])
    for number in (1, 3, 4):
        assert np.array_equal(made.pixels(f"id-{9 - number}"), np.full((20, 10, 4), number, np.uint8))


def test_rejected_cutouts_are_not_there(tmp_path):
    made = library(tmp_path, [cutout(1), cutout(2, status="rejected", reasons=("low_quality",))])
    assert list(made.cutouts) == ["id-8"]
    with pytest.raises(Damaged) as caught:
        made.pixels("id-7")
    assert (caught.value.code, caught.value.where) == ("CUTOUT_MISSING", str(tmp_path))


def test_of_two_rows_of_one_cutout_the_last_counts(tmp_path):
    made = library(tmp_path, [cutout(1)], [cutout(2, cutout_id="id-8", concept="copy")])
    assert {key: info.concept for key, info in made.cutouts.items()} == {"id-8": "copy"}
    assert made.pixels("id-8").max() == 2


def test_a_folder_without_units_is_an_empty_library(tmp_path):
    assert not open_library(str(tmp_path / "nowhere")).cutouts
    assert not (tmp_path / "nowhere").exists()


def test_the_fingerprint_is_of_what_may_be_used_wherever_it_lies(tmp_path):
    first = library(tmp_path / "one", [cutout(1), cutout(2)]).fingerprint()
    assert library(tmp_path / "cut otherwise", [cutout(2)], [cutout(1)]).fingerprint() == first
    assert (
        library(tmp_path / "rejected too", [cutout(1), cutout(2), cutout(3, status="rejected")]).fingerprint() == first
    )
    others = [
        library(tmp_path / "fewer", [cutout(1)]),
        library(tmp_path / "class", [cutout(1), cutout(2, class_name="other")]),
        library(tmp_path / "license", [cutout(1), cutout(2, license="other")]),
        library(tmp_path / "photo", [cutout(1), cutout(2, source_sha256="01")]),
    ]
    assert len({first, *(other.fingerprint() for other in others)}) == 5


def test_the_cache_is_bounded_in_bytes_and_forgets_what_was_not_asked_for():
    cache = PixelCache(limit_bytes=300)
    for key in "abc":
        cache.keep(key, np.zeros((10, 10), np.uint8))
    assert cache.get("a") is not None
    cache.keep("d", np.zeros((10, 10), np.uint8))
    assert (list(cache.held), cache.bytes_held) == (["c", "a", "d"], 300)
    assert cache.get("b") is None


def test_one_cutout_larger_than_the_cache_is_held_alone():
    cache = PixelCache(limit_bytes=50)
    cache.keep("small", np.zeros(10, np.uint8))
    cache.keep("large", np.zeros(200, np.uint8))
    assert (list(cache.held), cache.bytes_held) == (["large"], 200)


def test_a_cutout_is_decoded_once(tmp_path):
    made = library(tmp_path, [cutout(1)])
    assert made.pixels("id-8") is made.pixels("id-8")
