"""A face compared with what the diary's person looks like."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from photodiary.eyenet.likeness import CLOSEST, ENOUGH, Gallery, stored

ODDS = (-6.0, 12.0, -2.0)
Vectors = NDArray[np.float32]


def looks(count: int, *, person: int = 0, spread: float = 0.4, seed: int = 0, dimensions: int = 32) -> Vectors:
    """Looks of one person: around a direction of their own, of length 1."""
    rng = np.random.default_rng((seed, person))
    around = np.random.default_rng(person).standard_normal(dimensions)
    vectors = around / np.linalg.norm(around) + spread * rng.standard_normal((count, dimensions)) / np.sqrt(dimensions)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.fixture
def mine() -> Gallery:
    made = Gallery.of([stored(look) for look in looks(20)])
    assert made is not None
    return made


@pytest.mark.parametrize("count", [0, 1, ENOUGH - 1])
def test_a_few_frames_are_no_gallery(count: int) -> None:
    """Below ten trusted frames nobody is compared with anybody."""
    assert Gallery.of([stored(look) for look in looks(20)[:count]]) is None


def test_ten_frames_are_a_gallery() -> None:
    """From ten on there is one, of vectors of length 1, as many as were stored."""
    assert ENOUGH == 10
    made = Gallery.of([stored(look) for look in looks(ENOUGH)])
    assert made is not None
    assert made.vectors.shape == (ENOUGH, 32)
    assert made.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-6)


def test_what_is_stored_comes_back() -> None:
    """A look is kept in two bytes a number, little endian, and comes back to half precision."""
    look = looks(1)[0]
    data = stored(look)
    assert len(data) == 64
    assert data == look.astype(np.float16).tobytes()
    made = Gallery.of([data] * ENOUGH)
    assert made is not None
    assert np.abs(made.vectors[0] - look).max() < 1e-3


def test_the_own_person_is_above_a_stranger_below(mine: Gallery) -> None:
    """A new photo of the person has odds in favour, one of anybody else against, by a wide margin."""
    own = mine.log_odds(list(looks(30, seed=1)), ODDS)
    strangers = mine.log_odds([looks(1, person=n, seed=1)[0] for n in range(1, 40)], ODDS)
    assert min(own) > 0
    assert max(strangers) < 0
    assert min(own) - max(strangers) > 2


def test_the_odds_are_what_the_weights_say(mine: Gallery) -> None:
    """Log odds are linear in the likeness and in the gallery's likeness to itself, each face for itself."""
    faces = list(looks(3, seed=2)) + list(looks(2, person=5))
    truth = [-6.0 + 12.0 * mine.likeness(face) - 2.0 * mine.own() for face in faces]
    assert mine.log_odds(faces, ODDS) == pytest.approx(truth)
    assert mine.log_odds([], ODDS) == []


def test_only_the_closest_count(mine: Gallery) -> None:
    """With a beard or without: a face is compared with those few frames it is most like, and other sides of the person do not count against it."""
    face = looks(1, seed=3)[0]
    close = np.sort(mine.vectors @ face)[-CLOSEST:].mean()
    assert mine.likeness(face) == pytest.approx(float(close), abs=1e-6)
    mixed = Gallery(np.concatenate([mine.vectors, looks(20, person=9)]))
    assert mixed.likeness(face) == pytest.approx(mine.likeness(face), abs=0.05)


@given(st.integers(0, 50), st.integers(ENOUGH, 40))
def test_likeness_lies_between_unlike_and_alike(seed: int, count: int) -> None:
    """It is a cosine: -1 to 1, whatever is compared; a gallery of one picture is entirely like itself."""
    gallery = Gallery(looks(count, person=seed, spread=2.0))
    for face in (*looks(3, person=seed + 1), -gallery.vectors[0]):
        assert -1 - 1e-5 <= gallery.likeness(face) <= 1 + 1e-5
    assert -1 - 1e-5 <= gallery.own() <= 1 + 1e-5
    same = Gallery(np.repeat(looks(1, person=seed), count, axis=0))
    assert same.own() == pytest.approx(1.0, abs=1e-5)
    assert same.likeness(same.vectors[0]) == pytest.approx(1.0, abs=1e-5)


def test_a_gallery_does_not_compare_pictures_with_themselves() -> None:
    """How alike a gallery is to itself is told by each picture and the others: it is what a new photo of the person can be expected to reach."""
    whole = looks(60, spread=1.0)
    own = Gallery(whole[:30]).own()
    new = float(np.median([Gallery(whole[:30]).likeness(face) for face in whole[30:]]))
    assert own == pytest.approx(new, abs=0.05)
    assert own < 0.9


def test_a_few_strangers_in_the_gallery_do_no_harm() -> None:
    """Two pictures of somebody else that were trusted wrongly neither let them in nor shut the person out."""
    gallery = Gallery(np.concatenate([looks(18), looks(2, person=7)]))
    assert min(gallery.log_odds(list(looks(20, seed=4)), ODDS)) > 0
    assert max(gallery.log_odds(list(looks(20, person=7, seed=4)), ODDS)) < min(gallery.log_odds(list(looks(20, seed=4)), ODDS))


def test_asking_whether_there_is_one_costs_nothing() -> None:
    """A verb that only counts trusted frames loads neither numpy nor torch."""
    program = (
        "import sys; from photodiary.eyenet.likeness import Gallery; assert Gallery.of([b'']) is None; print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30).stdout.split() == ["False", "False"]
