"""Decoding is the inverse of what the network is trained to say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet.peaks import candidates

coordinate = st.floats(20, 235)


@settings(max_examples=60, deadline=None)
@given(x=coordinate, y=coordinate, iod=st.floats(17, 120), tilt=st.floats(-1.0, 1.0), peak=st.floats(0.3, 0.999))
def test_known_eyes_come_back(oracle, x: float, y: float, iod: float, tilt: float, peak: float) -> None:
    """From perfect maps the eyes are read to a hundredth of a pixel, wherever they are, with score and expected distance."""
    pair = oracle.pair(x, y, iod, tilt)
    if not all(0 <= v <= 255 for point in pair for v in point):
        return
    found = candidates(oracle.maps([(pair, peak)], 32, 32), 0, 0.12)
    assert len(found) == 1
    assert found[0].eyes.distance(pair) < 0.01
    assert 0.5 * peak <= found[0].score <= peak + 1e-3
    assert 0.5 * peak <= found[0].weaker <= found[0].score + 1e-6
    assert found[0].expected == pytest.approx(8 * 0.1353, rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(
    first=st.tuples(st.floats(60, 120), st.floats(40, 215), st.floats(30, 70), st.floats(-0.5, 0.5)),
    aside=st.floats(85, 100), below=st.floats(-30, 30), iod=st.floats(30, 70), tilt=st.floats(-0.5, 0.5),
    peaks=st.tuples(st.floats(0.4, 0.98), st.floats(0.4, 0.98)),
)  # fmt: skip
def test_two_people_are_not_mixed_up(oracle, first, aside: float, below: float, iod: float, tilt: float, peaks: tuple[float, float]) -> None:
    """Of two faces side by side, however tilted and whichever is seen better, each keeps its own eyes; the better comes first."""
    one = oracle.pair(*first)
    other = oracle.pair(first[0] + aside, first[1] + below, iod, tilt)
    found = candidates(oracle.maps([(one, peaks[0]), (other, peaks[1])], 32, 32), 0, 0.12)
    assert len(found) == 2
    assert min(found[0].eyes.distance(one), found[1].eyes.distance(one)) < 0.01
    assert min(found[0].eyes.distance(other), found[1].eyes.distance(other)) < 0.01
    assert found[0].score >= found[1].score


def test_a_near_stranger_does_not_take_an_eye(oracle) -> None:
    """Two heads touching: the inner eyes are nearer to each other than to their own partners, and still not joined."""
    one, other = EyePair(Point(40, 100), Point(100, 100)), EyePair(Point(124, 104), Point(184, 104))
    found = candidates(oracle.maps([(one, 0.9), (other, 0.7)], 32, 32), 0, 0.12)
    assert [c.eyes.distance(truth) < 0.01 for c, truth in zip(found, (one, other), strict=True)] == [True, True]


@pytest.mark.parametrize("hidden", [0, 1])
def test_an_eye_without_partner_is_joined_to_the_expected_place(oracle, hidden: int) -> None:
    """A face of which one eye is covered is found all the same, at half the score and twice the expected distance."""
    pair = oracle.pair(121.3, 90.8, 51.0, 0.2)
    (found,) = candidates(oracle.maps([(pair, 0.9)], 32, 32, hidden=[(0, hidden)]), 0, 0.12)
    (whole,) = candidates(oracle.maps([(pair, 0.9)], 32, 32), 0, 0.12)
    assert found.eyes.distance(pair) < 0.01
    assert found.score <= 0.5 * 0.9
    assert found.score == pytest.approx(whole.score / 2, rel=0.25)
    assert found.expected == pytest.approx(2 * whole.expected)
    assert (found.weaker, whole.weaker > 0.4) == (0.0, True), "nobody saw the other eye"


def test_a_partner_in_the_next_room_is_not_waited_for(oracle) -> None:
    """One whole face and one half face give two candidates, the whole one first, and never a pair across both."""
    whole, half = oracle.pair(70, 80, 40), oracle.pair(180, 150, 44)
    found = candidates(oracle.maps([(whole, 0.8), (half, 0.9)], 32, 32, hidden=[(1, 1)]), 0, 0.12)
    assert [found[0].eyes.distance(whole) < 0.01, found[1].eyes.distance(half) < 0.01, len(found)] == [True, True, 2]


def test_what_is_too_faint_is_no_face(oracle) -> None:
    """Peaks below the asked-for score are nobody, and an empty picture has no candidates."""
    pair = oracle.pair(115.5, 115.5, 48)  # both eyes on cell centres
    assert candidates(oracle.maps([(pair, 0.3)], 32, 32), 0, 0.4) == []
    assert len(candidates(oracle.maps([(pair, 0.3)], 32, 32), 0, 0.2)) == 1
    assert candidates(oracle.maps([], 32, 32), 0, 0.12) == []


def test_an_eye_between_two_cells_is_one_eye(oracle) -> None:
    """Exactly between cells two peaks are equally high; it is still one face."""
    pair = EyePair(Point(7.5 + 8 * 9, 99.5), Point(7.5 + 8 * 15, 103.5))
    (found,) = candidates(oracle.maps([(pair, 0.9)], 32, 32), 0, 0.12)
    assert found.eyes.distance(pair) < 0.01


def test_eyes_at_the_very_edge_are_read(oracle) -> None:
    """The first and the last cell of a map count like any other."""
    pair = EyePair(Point(1.0, 2.0), Point(254.0, 253.0))
    (found,) = candidates(oracle.maps([(pair, 0.9)], 32, 32), 0, 0.12)
    assert found.eyes.distance(pair) < 0.01


def test_a_crowd_has_an_end(oracle) -> None:
    """A picture full of faces yields a bounded number of candidates."""
    crowd = [(oracle.pair(20 + 50 * i, 12 + 24 * j, 20), 0.5 + 0.005 * (5 * j + i)) for i in range(5) for j in range(10)]
    found = candidates(oracle.maps(crowd, 32, 32), 0, 0.12)
    assert 8 <= len(found) <= 16


def test_the_eye_seen_worse_is_told(oracle) -> None:
    """A pair of which one eye is faint says so, whichever it is, while its score lies between both eyes'."""
    pair = oracle.pair(115.5, 115.5, 48)  # both eyes on cell centres
    bright, faint = (oracle.maps([(pair, peak)], 32, 32) for peak in (0.9, 0.3))
    for eye in (0, 1):
        mixed = replace(bright, score=bright.score.clone())
        mixed.score[0, eye] = faint.score[0, eye]
        (found,) = candidates(mixed, 0, 0.12)
        assert found.weaker == pytest.approx(0.3, abs=0.01)
        assert found.score == pytest.approx((0.9 * 0.3) ** 0.5, abs=0.01)
        assert found.eyes.distance(pair) < 0.01
