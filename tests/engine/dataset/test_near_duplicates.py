import numpy as np
import pytest

from engine.dataset import near_duplicates as near
from engine.dataset.near_duplicates import unlike


def drawn(count, copies, seed=0, noise=0.05):
    """Vectors of which the last `copies` resemble one of the first, and those that they resemble."""
    draw = np.random.default_rng(seed)
    vectors = draw.standard_normal((count, 64)).astype(np.float16)
    of = draw.integers(0, count - copies, copies)
    vectors[count - copies :] = vectors[of] + noise * draw.standard_normal((copies, 64))
    return vectors


def test_every_pair_is_compared_as_long_as_there_are_few():
    vectors = drawn(6000, 500)
    unit = vectors.astype(np.float32) / np.linalg.norm(vectors.astype(np.float32), axis=1, keepdims=True)
    alike = (np.tril(unit @ unit.T, -1) >= 0.95).any(axis=1)
    assert np.array_equal(unlike(vectors, 0.95), ~alike)
    assert alike.sum() == 500


def test_the_earliest_stays_and_a_chain_goes_with_it():
    steps = np.deg2rad([0, 10, 20, 90])
    vectors = np.stack([np.cos(steps), np.sin(steps)], axis=1).astype(np.float16)
    assert unlike(vectors, np.cos(np.deg2rad(11))).tolist() == [True, False, False, True]
    assert unlike(vectors * np.float16(3), 0.9999).all()
    assert unlike(vectors[:1], 0.5).tolist() == [True]
    assert unlike(vectors[:0], 0.5).tolist() == []


@pytest.mark.parametrize("noise", [0.05, 0.15])
def test_beyond_that_nearly_all_copies_are_found_and_nothing_else(monkeypatch, noise):
    monkeypatch.setattr(near, "EXACT", 1000)
    monkeypatch.setattr(near, "LISTS", 64)
    kept = unlike(drawn(20_000, 2000, noise=noise), 0.95)
    assert kept[:18_000].all()
    assert (~kept[18_000:]).mean() > 0.97


@pytest.mark.parametrize("width", [64, 192, 384, 768])
def test_equal_vectors_are_alike_whatever_their_products_round_to(width):
    vectors = np.random.default_rng(0).standard_normal((500, width)).astype(np.float16)
    kept = unlike(np.concatenate([vectors, vectors]), 1.0)
    assert kept[:500].all()
    assert not kept[500:].any()
