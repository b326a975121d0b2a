from dataclasses import replace

import pytest

from engine.errors import UsageError
from engine.photos.cast import castable, lock_cast, open_cast, read_cast
from engine.photos.exclusions import EXCLUDED, exclude, read_exclusions
from engine.photos.library import open_library
from engine.storage.open_store import open_store
from tests.support.data.libraries import cutout, library


def test_what_is_doubtful_or_excluded_is_not_cast(tmp_path):
    every = library(tmp_path, [cutout(1, quality=0.9), cutout(2, quality=0.5), cutout(3, quality=None), cutout(4)])
    exclude(every.store, {"id-5": "took the table along"})
    chosen = castable(every, 0.6)
    assert set(chosen.cutouts) == {"id-8", "id-6"}
    assert chosen.pixels("id-8").max() == 1
    assert len(every.cutouts) == 4, "the library keeps them"


def test_of_two_cut_outs_of_one_photo_the_later_is_cast(tmp_path):
    by_net, by_hand = cutout(1, cutout_id="z"), cutout(2, cutout_id="a", concept="thing1")
    every = library(tmp_path, [by_net, cutout(3)], [by_hand])
    assert set(every.cutouts) == {"z", "a", "id-6"}
    assert set(castable(every, 0.0).cutouts) == {"a", "id-6"}


def test_an_exclusion_can_be_taken_back(tmp_path):
    store = open_store(str(tmp_path))
    exclude(store, {"a": "blurred", "b": "cut off"})
    exclude(store, {"a": ""})
    assert read_exclusions(store) == {"b": "cut off"}
    store.put(EXCLUDED, b"[]")
    with pytest.raises(UsageError, match="LIBRARY_EXCLUDED"):
        read_exclusions(store)


def test_a_run_goes_on_with_what_it_locked_however_the_library_grows(tmp_path):
    every = library(tmp_path / "library", [cutout(1), cutout(2)])
    run = open_store(str(tmp_path / "run"))
    lock_cast(run, every)
    assert read_cast(run, every.store).fingerprint() == every.fingerprint()
    grown = library(tmp_path / "library", [cutout(1), cutout(2)], [cutout(3)])
    exclude(every.store, {"id-8": "no"})
    lock_cast(run, grown)
    assert read_cast(run, grown.store).fingerprint() == every.fingerprint()
    again = open_cast(run.uri, every.store.uri)
    assert again.cutouts == every.cutouts
    assert again.pixels("id-7").max() == 2
    assert set(open_cast(str(tmp_path / "other"), every.store.uri).cutouts) == set(grown.cutouts)


def test_what_was_said_of_a_size_is_locked_too(tmp_path):
    every = library(tmp_path / "library", [cutout(1)])
    sized = replace(every, cutouts={key: replace(info, metres=0.4) for key, info in every.cutouts.items()})
    run = open_store(str(tmp_path / "run"))
    lock_cast(run, sized)
    assert [info.metres for info in read_cast(run, sized.store).cutouts.values()] == [0.4]
    assert [info.metres for info in open_library(every.store.uri).cutouts.values()] == [None]
