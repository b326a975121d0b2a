import pytest

from engine.errors import Damaged, UsageError
from engine.storage.hashes import unseal
from engine.storage.lock import LOCK, claim, read_lock
from engine.storage.open_store import open_store

CONTENT = {
    "data": {"recipe": {"seed": 7, "inpaint": {"steps": 30, "backend": "blend"}, "sizes": (1, 2)}, "unit_size": 8},
    "versions": {"pyarrow": "26.0.1"},
}


def changed(**recipe):
    return {**CONTENT, "data": {**CONTENT["data"], "recipe": {**CONTENT["data"]["recipe"], **recipe}}}


def test_the_first_writer_writes_and_the_same_recipe_goes_on(tmp_path):
    store = open_store(str(tmp_path))
    claim(store, CONTENT)
    before = store.read(LOCK)
    claim(store, CONTENT)
    assert store.read(LOCK) == before
    assert read_lock(store)["versions"] == {"pyarrow": "26.0.1"}


def test_what_does_not_decide_the_data_may_differ(tmp_path):
    store = open_store(str(tmp_path))
    claim(store, CONTENT)
    before = store.read(LOCK)
    claim(store, {**CONTENT, "versions": {"pyarrow": "27"}, "pools": 3})
    assert store.read(LOCK) == before


def test_a_changed_recipe_is_refused_with_every_difference(tmp_path):
    store = open_store(str(tmp_path))
    claim(store, CONTENT)
    with pytest.raises(UsageError) as caught:
        claim(store, changed(seed=8, inpaint={"steps": 20, "mode": "x"}, sizes=[1, 2]))
    text = str(caught.value)
    assert caught.value.code == "RUN_CHANGED"
    assert "recipe.seed: 7 -> 8" in text
    assert "recipe.inpaint.steps: 30 -> 20" in text
    assert 'recipe.inpaint.backend: "blend" -> (absent)' in text
    assert 'recipe.inpaint.mode: (absent) -> "x"' in text
    assert "sizes" not in text
    assert "--out" in caught.value.fix


def test_a_truth_value_is_not_a_number(tmp_path):
    store = open_store(str(tmp_path))
    claim(store, changed(flag=1))
    with pytest.raises(UsageError, match="1 -> true"):
        claim(store, changed(flag=True))


def test_a_long_value_is_shortened(tmp_path):
    store = open_store(str(tmp_path))
    claim(store, changed(prompt="a" * 5000))
    with pytest.raises(UsageError) as caught:
        claim(store, changed(prompt="b" * 5000))
    assert len(str(caught.value)) < 1000


def test_every_flipped_bit_of_the_lock_is_found(tmp_path):
    store = open_store(str(tmp_path))
    claim(store, changed(learning_rate=1e-05))
    good = store.read(LOCK)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damaged):
            unseal(bytes(bad), "lock", where=LOCK)
