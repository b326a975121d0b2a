import os
from dataclasses import astuple

import pytest

from engine.errors import SampleError, UsageError
from engine.photos.decode_photo import MAX_BYTES
from engine.photos.listing import class_of, list_photos, open_folder, read_file
from engine.photos.metadata import MAX_NAME
from engine.photos.photo_log import add_photos
from engine.rows.cutout import Cutout
from engine.run.sources import Origin, photos
from engine.storage.extents import extend
from engine.storage.open_store import open_store
from tests.support.data.photo_folders import lines, names, refused, touch
from tests.support.data.photos import write

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "bell\x07and\x9bcsi",
    "[/red]",
    "<img src=x onerror=alert(1)>",
    "left\u202eright\u2066x\u2069",
    "zero\u200bwidth\ufeff",
    "two\nlines\tand\rmore",
    "line\u2028and\u2029paragraph",
    "{obj_1} {background}",
    "%s %(name)s",
    "'; drop table --",
    "C:\\windows",
    "a::b",
    "a#b?c*[d]",
    "x" * 200,
    "日本語",
]


def test_a_folder_is_a_concept(tmp_path):
    photos = list_photos(touch(tmp_path, "dog/1.jpg", "dog/0.png", "cat/a.WEBP"))
    assert [(photo.concept, photo.source.rpartition("/")[2]) for photo in photos] == [
        ("cat", "a.WEBP"),
        ("dog", "0.png"),
        ("dog", "1.jpg"),
    ]
    assert {photo.license for photo in photos} == {"unknown"}
    assert all(read_file(photo.source) == b"pixels" for photo in photos)


def test_scenes_may_stand_above_concepts_and_digits_mark_instances_of_a_class(tmp_path):
    uri = touch(tmp_path, "pets/cat1/0.jpg", "pets/cat2/0.jpg", "home/house_plant/0.jpg", "home/3/0.jpg")
    assert names(uri) == [("3", "3"), ("house_plant", "house plant"), ("cat1", "cat"), ("cat2", "cat")]


def test_the_folder_above_a_concept_is_its_ensemble(tmp_path):
    uri = touch(tmp_path, "dog/0.jpg", "pets/cat/0.jpg", "deep/down/\x1b[1mhome/cup/0.jpg")
    assert {photo.concept: photo.ensemble for photo in list_photos(uri)} == {"dog": "", "cat": "pets", "cup": "[1mhome"}


def test_a_name_that_is_nothing_but_marks_still_is_of_a_class():
    assert (class_of("dog_7"), class_of("rc-car"), class_of("___"), class_of("42")) == ("dog", "rc car", "object", "42")


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_become_plain_ones_and_the_photo_is_still_found(tmp_path, name):
    uri = touch(tmp_path, f"{name}/0.jpg", "dog/0.jpg")
    lines(tmp_path, {"file_name": "dog/0.jpg", "class": name, "license": name, "concept": name})
    photos = list_photos(uri)
    for text in (text for photo in photos for text in (photo.concept, photo.class_name, photo.license)):
        assert text.isprintable()
        assert 0 < len(text) <= MAX_NAME
    assert [read_file(photo.source) for photo in photos] == [b"pixels"] * 2


def test_a_file_name_that_is_not_utf8_is_refused_since_no_shard_could_name_it(tmp_path):
    touch(tmp_path, "dog/" + os.fsdecode(b"\xff.jpg"))
    error = refused(str(tmp_path))
    assert (error.code, error.fix) == ("PHOTOS_NAME", "rename the file")
    assert error.where.isascii()


def test_hidden_files_stay_hidden(tmp_path):
    uri = touch(tmp_path, "dog/0.jpg", "dog/.1.jpg", ".trash/2.jpg", "dog/.thumbs/3.jpg", "dog/notes.txt", "4.jpg")
    lines(tmp_path, {"file_name": "../dog/0.jpg", "class": "hidden"}, at=".trash/metadata.jsonl")
    assert names(uri) == [("dog", "dog")]


@pytest.mark.parametrize("paths", [(), ("0.jpg",), ("dog/readme.txt",), (".dog/0.jpg",)])
def test_a_folder_without_concepts_is_refused_with_the_layout(tmp_path, paths):
    error = refused(touch(tmp_path, *paths))
    assert (error.code, error.where) == ("PHOTOS_EMPTY", str(tmp_path))
    assert "<concept>/<image>" in error.fix


def test_a_folder_that_is_not_there_or_is_a_file_is_refused(tmp_path):
    write(tmp_path / "file", b"")
    for name in ("nowhere", "file", "a\0b"):
        error = refused(str(tmp_path / name))
        assert (error.code, error.exit_code) == ("PHOTOS_UNREADABLE", 2)


@pytest.mark.parametrize(
    "uri",
    [
        "memory://photos",
        "http://127.0.0.1/photos",
        "https://example.com/photos",
        "ftp://example.com/photos",
        "sftp://example.com/photos",
        "github://owner:repo@main/photos",
        "zip://photos::file:///tmp/a.zip",
        "simplecache::file:///tmp",
        "simplecache::s3://bucket/photos",
        "filecache::/tmp",
        "reference://photos",
        "data:,x://y",
    ],
)
def test_what_workers_elsewhere_cannot_read_or_a_server_could_redirect_is_refused(uri):
    with pytest.raises(UsageError) as caught:
        open_folder(uri)
    assert (caught.value.code, caught.value.where) == ("PHOTOS_UNREADABLE", uri)
    assert "s3" in caught.value.fix


def test_a_store_without_its_library_is_a_usage_error():
    with pytest.raises(UsageError) as caught:
        open_folder("az://container/photos")
    assert caught.value.code == "PHOTOS_UNREADABLE"
    assert caught.value.why


def test_a_link_to_nothing_costs_one_photo(tmp_path):
    uri = touch(tmp_path, "dog/0.jpg")
    (tmp_path / "dog" / "gone.jpg").symlink_to("nowhere")
    found, gone = list_photos(uri)
    assert read_file(found.source) == b"pixels"
    with pytest.raises(SampleError) as caught:
        read_file(gone.source)
    assert caught.value.code == "PHOTO_UNREADABLE"
    assert caught.value.where.endswith("/dog/gone.jpg")
    assert caught.value.why
    assert caught.value.fix


def test_a_folder_named_like_a_photo_is_a_concept_and_no_photo(tmp_path):
    uri = touch(tmp_path, "dog/0.jpg", "odd.jpg/0.png")
    assert names(uri) == [("dog", "dog"), ("odd.jpg", "odd.jpg")]
    with pytest.raises(SampleError, match="PHOTO_UNREADABLE"):
        read_file((tmp_path / "odd.jpg").as_uri())


def test_a_folder_that_links_to_itself_ends(tmp_path):
    uri = touch(tmp_path, "dog/0.jpg")
    (tmp_path / "dog" / "again").symlink_to("..")
    assert names(uri) == [("dog", "dog")]


def test_no_more_is_read_of_a_file_than_an_image_may_have(tmp_path):
    endless = tmp_path / "endless.jpg"
    endless.symlink_to("/dev/zero")
    assert len(read_file(endless.as_uri())) == MAX_BYTES + 1


def test_the_catalogue_that_was_locked_is_what_workers_read(tmp_path):
    listed = list_photos(touch(tmp_path / "photos", *(f"{name}/0.jpg" for name in "abcde")))
    library = str(tmp_path / "library")
    add_photos(open_store(library), listed)
    extents = extend(open_store(library), len(listed), 2)
    source = photos(Origin(record=Cutout, extents=extents, seed=0, out=library))
    rows = [row for unit_id in range(3) for row in source.unit(unit_id).rows]
    assert [(row.source, row.concept, row.class_name, row.license, row.ensemble) for row in rows] == [
        astuple(item)[:5] for item in listed
    ]
    assert [row.unit_id for row in rows] == [0, 0, 1, 1, 2]
    assert len({row.seed for row in rows}) == 5


def told(uri):
    said = []
    photos = list_photos(uri, lambda path, why: said.append((path.rpartition("/")[2], why)))
    return photos, said


def test_what_is_left_out_is_told_with_the_reason(tmp_path):
    uri = touch(tmp_path, "dog/0.jpg", "dog/notes.txt", "loose.jpg")
    lines(tmp_path, {"file_name": "dog/0.jpg", "clas": "puppy"}, {"file_name": "dog/9.jpg", "class": "puppy"})
    photos, said = told(uri)
    assert [photo.class_name for photo in photos] == ["dog"]
    assert sorted(said) == [
        ("0.jpg", "metadata.jsonl says 'clas' of it, which is no key"),
        ("9.jpg", "named in metadata.jsonl, and not there"),
        ("loose.jpg", "in no concept folder"),
        ("notes.txt", "no photo, by its name"),
    ]


def test_a_matte_beside_a_photo_is_its_matte_and_never_a_photo(tmp_path):
    uri = touch(tmp_path, "dog/0.jpg", "dog/0_mask.png", "dog/0_mask_isnet.png", "dog/1.jpg", "dog/2_mask.png")
    photos, said = told(uri)
    assert [(photo.source[-5:], photo.mask.rpartition("/")[2]) for photo in photos] == [
        ("0.jpg", "0_mask.png"), ("1.jpg", ""),
    ]  # fmt: skip
    assert sorted(name for name, _ in said) == ["0_mask_isnet.png", "2_mask.png"]
