"""How photos are shown to the network, and how its answers find back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.darkroom import warp
from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet.framing import FramingConfig, Look, from_thumbnail, look_canvas, mirrored, padded, turned_back

point = st.builds(Point, st.floats(-50, 700), st.floats(-50, 700))
eyes = st.builds(EyePair, point, point)


@given(eyes, st.integers(1, 4000))
def test_mirroring_twice_changes_nothing(pair: EyePair, width: int) -> None:
    """A mirrored pair mirrored again is the pair itself."""
    assert mirrored(mirrored(pair, width), width).distance(pair) < 1e-9


def test_mirroring_agrees_with_mirrored_pixels() -> None:
    """What stood at the left eye stands at the right one of the mirrored picture."""
    picture = np.arange(60).reshape(5, 12)
    pair = EyePair(Point(2, 1), Point(9, 3))
    left, right = mirrored(pair, 12)
    flipped = picture[:, ::-1]
    assert flipped[int(right.y), int(right.x)] == picture[1, 2]
    assert flipped[int(left.y), int(left.x)] == picture[3, 9]
    assert left.x < right.x


@given(st.integers(1, 5000))
def test_padding_is_the_next_multiple(side: int) -> None:
    """Padded sizes are multiples of 32, at least the side, and never a whole step too large."""
    assert padded(side) % 32 == 0
    assert 0 <= padded(side) - side < 32


def test_thumbnail_coordinates_agree_with_the_darkroom() -> None:
    """A dot seen in a thumbnail is found back in the photo, to a twentieth of a thumbnail's pixel."""
    y, x = np.mgrid[:1001, :751].astype(np.float64)
    at = Point(531.4, 288.7)
    light = np.round(250 * np.exp(-((x - at.x) ** 2 + (y - at.y) ** 2) / (2 * 15.0**2))).astype(np.uint8)
    small, _ = warp.warp(np.repeat(light[..., None], 3, 2), *warp.thumbnail_matrix((751, 1001), 288))
    height, width = small.shape[:2]
    weight = small[..., 0].astype(float)
    row, column = np.mgrid[:height, :width]
    seen = Point((weight * column).sum() / weight.sum(), (weight * row).sum() / weight.sum())
    back = from_thumbnail(EyePair(seen, seen), (width, height), (751, 1001)).left
    assert back.x == pytest.approx(at.x, abs=0.17)
    assert back.y == pytest.approx(at.y, abs=0.17)


@given(st.builds(Look, st.floats(20, 80), st.floats(-5, 5), st.floats(-5, 5), st.floats(-30, 30), st.booleans()))
def test_a_look_has_its_eyes_where_it_says(look: Look) -> None:
    """A look is square; the eyes are as far apart, as tilted and as far from their usual place as it says, and left stays left."""
    framing = FramingConfig()
    canvas = look_canvas(framing, look)
    assert (canvas.width, canvas.height) == (framing.crop, framing.crop)
    pair = EyePair(canvas.left, canvas.right)
    assert pair.iod == pytest.approx(look.iod)
    assert math.degrees(pair.tilt) == pytest.approx(look.turn, abs=1e-6)
    assert pair.middle.x == pytest.approx((framing.crop - 1) / 2 + look.right)
    assert pair.middle.y == pytest.approx(framing.eye_level * framing.crop + look.down)
    assert canvas.left.x < canvas.right.x


def test_the_looks_are_many_and_fair() -> None:
    """An odd number of looks, so that the median is one of them; mirrored ones in both sets; the approach as the photo is; all eyes well inside."""
    framing = FramingConfig()
    assert len(framing.looks) % 2 == 1
    assert len(framing.looks + framing.more) % 2 == 1
    for looks in (framing.looks, framing.more):
        assert {look.mirrored for look in looks} == {False, True}
        assert len(set(looks)) == len(looks)
    assert not framing.approach.mirrored
    for look in (framing.approach, *framing.looks, *framing.more):
        canvas = look_canvas(framing, look)
        assert all(0.1 * framing.crop < v < 0.9 * framing.crop for point in (canvas.left, canvas.right) for v in point)


@given(st.integers(2, 40), st.integers(2, 40), st.integers(-4, 7), st.data())
def test_turning_back_undoes_rot90(width: int, height: int, quarters: int, data: st.DataObject) -> None:
    """What numpy turned by quarters lies, turned back, at the pixel it came from, for any size and any number of quarters."""
    picture = np.arange(width * height).reshape(height, width)
    turned = np.rot90(picture, quarters)
    seen = [Point(data.draw(st.integers(0, turned.shape[1] - 1)), data.draw(st.integers(0, turned.shape[0] - 1))) for _ in (0, 1)]
    back = turned_back(EyePair(*seen), quarters, (width, height))
    for there, here in zip(seen, back, strict=True):
        assert picture[int(here.y), int(here.x)] == turned[int(there.y), int(there.x)]


@given(eyes, st.integers(1, 800), st.integers(1, 800), st.integers(0, 3))
def test_turning_back_and_on_is_nothing(pair: EyePair, width: int, height: int, quarters: int) -> None:
    """Turned back and then on by as many quarters, the eyes are where they were, left still left."""
    turned = (width, height) if quarters % 2 == 0 else (height, width)
    there = turned_back(turned_back(pair, quarters, (width, height)), -quarters, turned)
    assert there.distance(pair) < 1e-9
