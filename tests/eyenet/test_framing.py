"""How photos are shown to the network, and how its answers find back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.darkroom import warp
from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet.framing import FramingConfig, crop_canvas, from_thumbnail, mirrored, padded

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
    small, _, _ = warp.thumbnail(np.repeat(light[..., None], 3, 2), 288)
    height, width = small.shape[:2]
    weight = small[..., 0].astype(float)
    row, column = np.mgrid[:height, :width]
    seen = Point((weight * column).sum() / weight.sum(), (weight * row).sum() / weight.sum())
    back = from_thumbnail(EyePair(seen, seen), (width, height), (751, 1001)).left
    assert back.x == pytest.approx(at.x, abs=0.17)
    assert back.y == pytest.approx(at.y, abs=0.17)


def test_the_crop_has_its_eyes_where_it_says() -> None:
    """The second look is square, eyes level and symmetric, as far apart as configured."""
    framing = FramingConfig()
    canvas = crop_canvas(framing)
    assert (canvas.width, canvas.height) == (framing.crop, framing.crop)
    assert canvas.iod == pytest.approx(framing.iod)
    assert canvas.left.y == canvas.right.y
    assert canvas.left.x + canvas.right.x == pytest.approx(framing.crop - 1)
