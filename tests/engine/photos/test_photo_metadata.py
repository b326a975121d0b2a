import pytest

from engine.photos.listing import list_photos
from engine.photos.metadata import clean_name
from tests.support.data.photo_folders import lines, names, refused, touch
from tests.support.data.photos import write


def test_metadata_says_better_than_folder_names(tmp_path):
    uri = touch(tmp_path, "rc_car/0.jpg", "rc_car/1.jpg", "rc_car/2.jpg")
    lines(
        tmp_path,
        {"file_name": "rc_car/0.jpg", "class": "toy", "license": "CC0-1.0"},
        {"file_name": "./rc_car/1.jpg", "class_name": "toy", "licence": "CC-BY-4.0", "concept": "racer"},
    )
    first, second, third = list_photos(uri)
    assert (first.concept, first.class_name, first.license) == ("rc_car", "toy", "CC0-1.0")
    assert (second.concept, second.class_name, second.license) == ("racer", "toy", "CC-BY-4.0")
    assert (third.concept, third.class_name, third.license) == ("rc_car", "rc car", "unknown")


def test_the_nearer_metadata_counts(tmp_path):
    uri = touch(tmp_path, "z/0.jpg", "a/0.jpg")
    lines(tmp_path, *({"file_name": f"{name}/0.jpg", "class": "far"} for name in "az"))
    lines(tmp_path, {"file_name": "0.jpg", "class": "near"}, at="a/metadata.jsonl")
    assert names(uri) == [("a", "near"), ("z", "far")]


def test_metadata_may_hold_blank_lines_a_byte_order_mark_and_line_separators(tmp_path):
    uri = touch(tmp_path, "dog/0.jpg")
    text = '\n\r\n{"file_name": "dog/0.jpg", "class": "big\u2028dog\x85"}\r\n\n'
    write(tmp_path / "metadata.jsonl", b"\xef\xbb\xbf" + text.encode())
    assert names(uri) == [("dog", "big dog")]


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "7", '"text"', "null", "{}", '{"file": "0.jpg"}', "[" * 100_000, "\\xff", "9" * 5000],
    ids=range(10),
)
def test_a_wrong_line_is_named_by_file_and_number(tmp_path, line):
    uri = touch(tmp_path, "dog/0.jpg")
    write(tmp_path / "dog" / "metadata.jsonl", f'{{"file_name": "0.jpg"}}\n\n{line}\n'.encode())
    error = refused(uri)
    assert (error.code, error.exit_code) == ("PHOTOS_METADATA", 2)
    assert error.where.endswith("/dog/metadata.jsonl:3")
    assert error.why
    assert "file_name" in error.fix


@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], {}, "", "  ", "\x1b[2J"])
def test_metadata_values_of_any_type_give_names(tmp_path, value):
    uri = touch(tmp_path, "dog/0.jpg")
    lines(tmp_path, {"file_name": "dog/0.jpg", "class": value, "concept": value, "license": value})
    (photo,) = list_photos(uri)
    for name in (photo.concept, photo.class_name):
        assert name
        assert name == clean_name(name)
    assert photo.license == clean_name(photo.license)
