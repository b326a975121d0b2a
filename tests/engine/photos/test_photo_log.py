import shutil

import pytest

from engine.photos.listing import list_photos
from engine.photos.photo_log import add_photos, read_photos
from engine.storage.open_store import open_store
from tests.support.data.photos import write
from tests.support.processes.watched_store import WatchedStore


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "library"))


@pytest.fixture
def photos(tmp_path):
    for name in ("dog/0.jpg", "dog/1.jpg", "cat/0.jpg"):
        write(tmp_path / "photos" / name, name.encode())
    return tmp_path / "photos"


def add(store, folder):
    return [(photo.concept, photo.source.rpartition("/")[2]) for photo in add_photos(store, list_photos(str(folder)))]


def test_photos_are_numbered_and_new_ones_come_behind(store, photos):
    assert len(add(store, photos)) == 3
    write(photos / "ant" / "0.jpg", b"first by name")
    assert add(store, photos) == [("ant", "0.jpg")]
    assert [photo.concept for photo in read_photos(store)] == ["cat", "dog", "dog", "ant"]


def test_moved_copied_and_renamed_photos_are_the_same(store, photos, tmp_path):
    add(store, photos)
    shutil.copy(photos / "dog" / "0.jpg", photos / "dog" / "copy.jpg")
    (photos / "cat" / "0.jpg").rename(photos / "cat" / "tom.jpg")
    shutil.move(photos, tmp_path / "elsewhere")
    assert add(store, tmp_path / "elsewhere") == []


def test_one_photo_of_two_concepts_is_two(store, photos):
    add(store, photos)
    write(photos / "puppy" / "0.jpg", b"dog/0.jpg")
    assert add(store, photos) == [("puppy", "0.jpg")]


def test_what_is_said_of_a_photo_makes_it_another_one(store, photos):
    add(store, photos)
    (photos / "metadata.jsonl").write_text('{"file_name": "cat/0.jpg", "class": "kitten"}\n')
    assert add(store, photos) == [("cat", "0.jpg")]


def test_another_matte_makes_another_photo(store, photos):
    add(store, photos)
    write(photos / "dog" / "0_mask.png", b"matte")
    assert add(store, photos) == [("dog", "0.jpg")]
    write(photos / "dog" / "0_mask.png", b"a better one")
    assert add(store, photos) == [("dog", "0.jpg")]
    assert add(store, photos) == []


def test_bytes_are_read_of_new_and_changed_files_alone(store, photos, monkeypatch):
    add(store, photos)
    listed = list_photos(str(photos))
    for photo in listed:
        (photos / photo.concept / photo.source.rpartition("/")[2]).chmod(0)
    assert add_photos(store, listed) == (), "nobody could read them now but root, and nobody tried"
    assert all(photo.sha256 for photo in read_photos(store))
    write(photos / "dog" / "2.jpg", b"new")
    assert add(store, photos) == [("dog", "2.jpg")]


def test_two_commands_at_once_log_each_photo_once(store, photos):
    listed = list_photos(str(photos))

    def beat(name, _path):
        if name == "create":
            add_photos(store, listed)

    assert add_photos(WatchedStore(store, beat), listed) == ()
    assert len(read_photos(store)) == 3
