import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.dataset.near_duplicates import unlike

ROOT = Path(__file__).parents[3]


def drawn(count, copies, seed=0, noise=0.05):
    """Vectors of which the last `copies` resemble one of the first, and those that they resemble."""
    draw = np.random.default_rng(seed)
    vectors = draw.standard_normal((count, 64)).astype(np.float16)
    of = draw.integers(0, count - copies, copies)
    vectors[count - copies :] = vectors[of] + noise * draw.standard_normal((copies, 64))
    return vectors


def crowd(count, width, seed=0, noise=1e-3):
    """Vectors around one, whose cosines with each other differ by less than float32 tells apart."""
    draw = np.random.default_rng(seed)
    middle = draw.standard_normal(width)
    return (middle + noise * draw.standard_normal((count, width))).astype(np.float16)


def cosines(vectors):
    whole = vectors.astype(np.float64)
    unit = whole / np.linalg.norm(whole, axis=1, keepdims=True)
    return unit @ unit.T


def test_every_pair_is_compared_as_long_as_there_are_few():
    vectors = drawn(6000, 500)
    alike = (np.tril(cosines(vectors), -1) >= 0.95).any(axis=1)
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
def test_beyond_that_nearly_all_copies_are_found_and_nothing_else(noise):
    kept = unlike(drawn(20_000, 2000, noise=noise), 0.95, exact=1000, lists=64)
    assert kept[:18_000].all()
    assert (~kept[18_000:]).mean() > 0.97


@pytest.mark.parametrize("width", [64, 192, 384, 768])
def test_equal_vectors_are_alike_whatever_their_products_round_to(width):
    vectors = np.random.default_rng(0).standard_normal((500, width)).astype(np.float16)
    kept = unlike(np.concatenate([vectors, vectors]), 1.0)
    assert kept[:500].all()
    assert not kept[500:].any()


@pytest.mark.parametrize("width", [8, 100, 512, 1024, 2048])
@pytest.mark.parametrize("least", [1.0, 0.99])
def test_equal_vectors_are_alike_in_any_order_of_their_numbers(width, least):
    draw = np.random.default_rng(width)
    vectors = draw.standard_normal((400, width)).astype(np.float16)
    vectors[300:] = vectors[draw.integers(0, 300, 100)]
    kept = unlike(vectors, least)
    assert kept[:300].all()
    assert not kept[300:].any()
    assert np.array_equal(unlike(vectors[:, draw.permutation(width)], least), kept)


def test_equal_vectors_are_alike_however_far_apart_they_are():
    vectors = np.random.default_rng(5).standard_normal((4500, 96)).astype(np.float16)
    vectors[-100:] = vectors[:100]  # another block than theirs
    assert np.flatnonzero(~unlike(vectors, 1.0)).tolist() == list(range(4400, 4500))


def test_equal_vectors_are_alike_among_those_that_are_not_all_compared():
    vectors = np.random.default_rng(3).standard_normal((4000, 384)).astype(np.float16)
    kept = unlike(np.concatenate([vectors, vectors]), 1.0, exact=1000, lists=64)
    assert kept[:4000].all()
    assert not kept[4000:].any()


@pytest.mark.parametrize("width", [8, 384, 2048])
def test_a_limit_finer_than_float32_is_kept_to(width):
    """Of 900 vectors around one, about a third are decided one way by float32 and the other by float64."""
    vectors = crowd(900, width)
    exact = cosines(vectors)
    nearest = np.where(np.tri(900, k=-1, dtype=bool), exact, -1).max(axis=1)[1:]
    between = np.sort(nearest)[450:452]
    least = float(between.mean())
    assert between[1] - between[0] > 1e-12, "float64 tells them apart"
    assert np.array_equal(unlike(vectors, least)[1:], nearest < least)


def answer():
    """What is kept of vectors that are hard to tell apart, as one hash; for the other processes of the test below."""
    hard = [unlike(crowd(900, width), least) for width in (64, 384, 768) for least in (1.0, 0.9999995, 0.999999)]
    return hashlib.blake2b(b"".join(kept.tobytes() for kept in hard)).hexdigest()


@pytest.mark.parametrize(
    "setting",
    ["OPENBLAS_CORETYPE=Haswell", "OPENBLAS_CORETYPE=Nehalem", "OPENBLAS_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=4"],
)
def test_the_same_are_kept_whatever_the_processor_and_its_threads(setting):
    name, value = setting.split("=")
    code = "from tests.engine.dataset.test_near_duplicates import answer; print(answer())"
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), name: value}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == answer()
