"""Folders of files that are called photos, and what listing them says."""

import json

import pytest

from engine.errors import UsageError
from engine.photos.listing import list_photos
from tests.support.data.photos import write


def touch(folder, *paths):
    for path in paths:
        write(folder / path, b"pixels")
    return str(folder)


def lines(folder, *entries, at="metadata.jsonl"):
    write(folder / at, "\n".join(json.dumps(entry) for entry in entries).encode())


def refused(uri):
    with pytest.raises(UsageError) as caught:
        list_photos(uri)
    return caught.value


def names(uri):
    return [(photo.concept, photo.class_name) for photo in list_photos(uri)]
