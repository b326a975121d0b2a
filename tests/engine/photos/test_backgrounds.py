import json
import math

import pytest

from engine.errors import UsageError
from engine.photos.backgrounds import DEFAULT_GROUND_LINE, Background, by_id, list_backgrounds, read_catalogue, to_jsonl
from engine.storage.lock import BACKGROUNDS
from engine.storage.open_store import open_store
from tests.support.data.photos import write


def lines(folder, *entries, at="metadata.jsonl"):
    write(folder / at, "\n".join(json.dumps(entry) for entry in entries).encode())


def refused(folder):
    with pytest.raises(UsageError) as caught:
        list_backgrounds(str(folder))
    return caught.value


def test_a_photo_without_a_word_stands_for_its_folder(tmp_path):
    write(tmp_path / "sea_side" / "0.jpg", b"one")
    (found,) = list_backgrounds(str(tmp_path))
    assert (found.scene, found.phrase, found.ground_line) == ("sea side", "in front of a sea side", DEFAULT_GROUND_LINE)
    assert (found.license, len(found.sha256)) == ("unknown", 64)
    assert found.background_id == f"photo:{found.sha256[:16]}"
    assert found.uri.endswith("/sea_side/0.jpg")


def test_metadata_says_where_the_ground_begins(tmp_path):
    write(tmp_path / "0.jpg", b"one")
    write(tmp_path / "garden" / "1.jpg", b"two")
    lines(
        tmp_path, {"file_name": "0.jpg", "scene": "park", "phrase": "in a park", "ground_line": 0.4, "license": "MIT"}
    )
    lines(tmp_path, {"file_name": "garden/1.jpg", "ground_line": 0, "scene": "far"}, at="metadata.jsonl.bak")
    lines(tmp_path, {"file_name": "1.jpg", "ground_line": 0}, at="garden/metadata.jsonl")
    park, garden = list_backgrounds(str(tmp_path))
    assert (park.scene, park.phrase, park.ground_line, park.license) == ("park", "in a park", 0.4, "MIT")
    assert (garden.scene, garden.ground_line) == ("garden", 0.0)


@pytest.mark.parametrize("folder", ["a", "z"])
def test_the_nearer_metadata_counts_whatever_the_folder_is_called(tmp_path, folder):
    write(tmp_path / folder / "0.jpg", b"one")
    lines(tmp_path, {"file_name": f"{folder}/0.jpg", "scene": "far"})
    lines(tmp_path, {"file_name": "0.jpg", "scene": "near"}, at=f"{folder}/metadata.jsonl")
    assert [found.scene for found in list_backgrounds(str(tmp_path))] == ["near"]


@pytest.mark.parametrize("value", [-0.1, 0.91, 1e9, math.nan, math.inf, True, "0.5", None, [0.5], {}], ids=repr)
def test_a_ground_line_that_is_no_height_is_refused_with_the_photo(tmp_path, value):
    write(tmp_path / "park" / "0.jpg", b"one")
    lines(tmp_path, {"file_name": "park/0.jpg", "ground_line": value})
    error = refused(tmp_path)
    assert (error.code, error.exit_code) == ("BACKGROUND_GROUND", 2)
    assert error.where.endswith("/park/0.jpg")
    assert "0.55" in error.fix


def test_a_wrong_line_is_named_by_file_and_number(tmp_path):
    write(tmp_path / "0.jpg", b"one")
    write(tmp_path / "metadata.jsonl", b'{"file_name": "0.jpg"}\n{"phrase": "in a park"}')
    error = refused(tmp_path)
    assert error.code == "PHOTOS_METADATA"
    assert error.where.endswith("/metadata.jsonl:2")


def test_hostile_names_become_plain_ones(tmp_path):
    text = "\x1b[31m[/red]<b>\u202ebeach\n" * 9
    write(tmp_path / "be\x1b[2Jach\u202e" / "0.jpg", b"one")
    write(tmp_path / "park" / "0.jpg", b"two")
    lines(tmp_path, {"file_name": "park/0.jpg", "scene": text, "phrase": text, "license": text})
    for found in list_backgrounds(str(tmp_path)):
        for word in (found.scene, found.phrase, found.license):
            assert word.isprintable()
            assert 0 < len(word) < 100


def test_hidden_files_are_no_backgrounds(tmp_path):
    write(tmp_path / "park" / "0.jpg", b"one")
    write(tmp_path / "park" / ".0.jpg", b"two")
    write(tmp_path / ".thumbs" / "0.jpg", b"three")
    assert len(list_backgrounds(str(tmp_path))) == 1


def test_a_folder_without_photos_or_no_folder_is_refused(tmp_path):
    write(tmp_path / "park" / "notes.txt", b"")
    assert refused(tmp_path).code == "BACKGROUNDS_EMPTY"
    assert refused(tmp_path / "nowhere").code == "PHOTOS_UNREADABLE"
    assert refused("memory://backgrounds").code == "PHOTOS_UNREADABLE"


def test_a_photo_that_cannot_be_read_is_refused_before_anything_starts(tmp_path):
    write(tmp_path / "park" / "0.jpg", b"one")
    (tmp_path / "park" / "gone.jpg").symlink_to("nowhere")
    error = refused(tmp_path)
    assert (error.code, error.exit_code) == ("BACKGROUND_UNREADABLE", 2)
    assert error.where.endswith("/park/gone.jpg")
    assert error.why


def test_other_bytes_are_another_background(tmp_path):
    write(tmp_path / "park" / "0.jpg", b"one")
    (before,) = list_backgrounds(str(tmp_path))
    write(tmp_path / "park" / "0.jpg", b"two")
    (after,) = list_backgrounds(str(tmp_path))
    assert before.background_id != after.background_id


def test_the_catalogue_comes_back_as_it_was_locked(tmp_path):
    made = tuple(
        Background(
            background_id=f"b{n}", scene="se\u2028a", phrase="at the se\u2028a", ground_line=0.1 * n, license="x"
        )
        for n in range(3)
    )
    store = open_store(str(tmp_path))
    store.put(BACKGROUNDS, to_jsonl(made))
    assert read_catalogue(store) == made
    assert list(by_id(made)) == ["b0", "b1", "b2"]
