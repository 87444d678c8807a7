"""What a film shows of a frame: its size and shape without a wrong pixel, a border around the photo only, and words that can be read and stand still."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from photodiary.diary.reel import Cell, Coding
from photodiary.diary.reel_style import PLACES
from photodiary.render.coding import COLOUR
from photodiary.render.dressing import Dresser
from photodiary.render.planes import BLACK, Colour, colour_of, picture, planes

SQUARE = Coding(240, 240, 240, 300)
TALL = Coding(240, 426, 240, 300)
STAMPED = Coding(480, 600, 480, 600, stamp_position="bottom left", stamp_size=5)
Planes = list[NDArray[np.uint8]]


def noise(coding: Coding, seed: int = 0) -> VideoFrame:
    """A frame of grain, in which any pixel that moved would be seen."""
    frame, dice = picture(coding.frame_width, coding.frame_height, BLACK), np.random.default_rng(seed)
    for plane in planes(frame):
        plane[:] = dice.integers(16, 236, plane.shape, np.uint8)
    return frame


def copied(frame: VideoFrame) -> Planes:
    return [plane.copy() for plane in planes(frame)]


def flat(coding: Coding, colour: Colour = BLACK) -> VideoFrame:
    return picture(coding.frame_width, coding.frame_height, colour)


def digest(frame: VideoFrame) -> str:
    return hashlib.sha256(b"".join(plane.tobytes() for plane in planes(frame))).hexdigest()


def dressed(coding: Coding, cell: Cell, frame: VideoFrame) -> VideoFrame:
    """Dressed, and told as every film is."""
    shown = Dresser(coding).dress(frame, cell)
    assert (shown.width, shown.height, shown.format.name) == (coding.width, coding.height, "yuv420p")
    assert (shown.colorspace, shown.color_range, shown.color_trc, shown.color_primaries) == tuple(COLOUR.values())
    return shown


def test_a_frame_that_needs_nothing_stays_the_same_object() -> None:
    """With no border to fill, no other size and nothing to write, it is handed on untouched, though it has an outline."""
    coding = Coding(240, 300, 240, 300)
    frame = noise(coding)
    before = digest(frame)
    assert Dresser(coding).dress(frame, Cell("a", outline=(10, 10, 200, 10, 200, 280, 10, 280))) is frame
    assert digest(frame) == before


def test_a_frame_that_is_only_cut_keeps_every_pixel() -> None:
    """4:5 to 1:1 takes rows from top and bottom, the same in all planes, and leaves the frame as it was."""
    frame = noise(SQUARE)
    before = digest(frame)
    y, cb, cr = planes(dressed(SQUARE, Cell("a"), frame))
    whole = planes(frame)
    (top,) = (start for start in range(0, 61, 2) if np.array_equal(whole[0][start : start + 240], y))
    assert 0 < top < 60 and np.array_equal(whole[1][top // 2 : top // 2 + 120], cb) and np.array_equal(whole[2][top // 2 : top // 2 + 120], cr)
    assert digest(frame) == before


@pytest.mark.parametrize("border", ["blur", "black", "#c8102e"])
def test_a_frame_that_would_lose_too_much_is_shown_whole(border: str) -> None:
    """4:5 in 9:16 keeps every pixel; above and below lies exactly the colour, or a soft and darker likeness of the picture."""
    frame = noise(TALL)
    for plane in planes(frame):
        plane[:] = plane // 4 + 140  # as bright as a wall, so that "darker" means something
    shown = planes(dressed(replace(TALL, border=border), Cell("a"), frame))
    for number, (plane, source) in enumerate(zip(shown, planes(frame), strict=True)):
        top, high = (62, 300) if number == 0 else (31, 150)
        assert np.array_equal(plane[top : top + high], source)
        around = np.concatenate([plane[:top], plane[top + high :]])
        if border == "blur":
            assert around.std() < 0.3 * source.std()
            assert 60 < around.mean() < 0.85 * source.mean() if number == 0 else 128 < around.mean() < source.mean()
        else:
            assert (around == colour_of(border)[number]).all()


def test_a_background_has_no_steps() -> None:
    """A slow gradient in the dark goes on slowly, by grain between two levels, where rounding alone would leave stripes."""
    frame = flat(TALL)
    planes(frame)[0][:] = np.linspace(24, 48, 300)[:, None].astype(np.uint8)
    band = planes(dressed(TALL, Cell("a"), frame))[0][:62].astype(int)
    assert np.abs(np.diff(band, axis=0)).max() <= 1
    assert np.ptp(band, axis=1).max() == 1


@pytest.mark.parametrize(("width", "height"), [(480, 600), (192, 240), (2160, 2700)])
def test_scaling_moves_nothing(width: int, height: int) -> None:
    """Larger, smaller and up to 4K, light and colour stay where they were, to a twentieth of a pixel: colour samples lie between their pixels."""
    frame = flat(SQUARE)
    for number, plane in enumerate(planes(frame)):
        rows, columns = plane.shape
        plane[:] = np.round(40 + 0.5 * (1 + (number > 0)) * np.arange(columns)[None, :] + 0.2 * (1 + (number > 0)) * np.arange(rows)[:, None])
    scale = width / 240
    for number, plane in enumerate(planes(dressed(Coding(width, height, 240, 300), Cell("a"), frame))):
        rows, columns = plane.shape
        x, y = (np.arange(columns) + 0.5) / scale - 0.5, (np.arange(rows) + 0.5) / scale - 0.5  # of the frame's own samples: centred in both
        exact = 40 + 0.5 * (1 + (number > 0)) * x[None, :] + 0.2 * (1 + (number > 0)) * y[:, None]
        inner = slice(rows // 10, -rows // 10), slice(columns // 10, -columns // 10)
        assert abs(float((plane[inner] - exact[inner]).mean())) < 0.05


@pytest.mark.parametrize("colour", [(16, 128, 128), (235, 128, 128), (81, 90, 240)])
def test_scaling_keeps_colours(colour: Colour) -> None:
    """A picture of one colour is of the same colour in every size."""
    for plane, value in zip(planes(dressed(Coding(322, 402, 240, 300), Cell("a"), flat(SQUARE, colour))), colour, strict=True):
        assert (plane == value).all()


def test_colours_are_those_of_the_standard() -> None:
    """BT.709's primaries in limited range (ITU-T H.273's equations give the same)."""
    assert [colour_of(text) for text in ("black", "#ffffff", "#ff0000", "#0000ff")] == [(16, 128, 128), (235, 128, 128), (63, 102, 240), (32, 240, 118)]


@settings(max_examples=40, deadline=None)
@given(st.floats(-math.pi, math.pi), st.floats(40, 160), st.floats(60, 200), st.tuples(st.floats(40, 200), st.floats(50, 250)), st.booleans())
def test_a_border_lies_outside_of_the_photo_only(angle: float, wide: float, high: float, middle: tuple[float, float], mirrored: bool) -> None:
    """However a photo is turned, shifted or mirrored: the colour everywhere outside of it, every pixel as it was inside, and two pixels between."""
    turn = complex(math.cos(angle), math.sin(angle))
    corners = [complex(*middle) + turn * complex(x * wide, y * high) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    outline = tuple(round(value, 1) for corner in (reversed(corners) if mirrored else corners) for value in (corner.real, corner.imag))
    coding = Coding(240, 300, 240, 300, border="#c8102e")
    frame = noise(coding)
    before = copied(frame)
    after = planes(dressed(coding, Cell("a", outline=outline), frame))
    x, y = np.meshgrid(np.arange(240), np.arange(300))
    local = ((x + 1j * y) - complex(*middle)) / turn
    outside = np.maximum(np.abs(local.real) - wide, np.abs(local.imag) - high)  # pixels from the photo's edge, at its corners too few
    assert (after[0][outside > 0.5] == colour_of("#c8102e")[0]).all()
    assert np.array_equal(after[0][outside < -3], before[0][outside < -3])
    coarse = outside.reshape(150, 2, 120, 2)
    for number in (1, 2):
        assert (after[number][coarse.min((1, 3)) > 0.5] == colour_of("#c8102e")[number]).all()
        kept = coarse.max((1, 3)) < -3
        assert np.array_equal(after[number][kept], before[number][kept])


def written(coding: Coding, cell: Cell) -> NDArray[np.bool_]:
    """Where white letters come to lie on black."""
    return planes(dressed(coding, cell, flat(coding)))[0] > 120


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("coding", [STAMPED, replace(STAMPED, width=854, height=480), replace(STAMPED, width=480, height=854)])
def test_a_stamp_stands_where_it_should(coding: Coding, place: str) -> None:
    """In its corner, away from the edges, on phones away from what apps lay over the picture, and as large as told."""
    letters = written(replace(coding, stamp_position=place), Cell("a", stamp="4. September 2025\n1 year, 4 months"))
    rows, columns = np.flatnonzero(letters.any(1)), np.flatnonzero(letters.any(0))
    width, height = coding.width, coding.height
    tall = height > 1.5 * width
    above, below = (0.1 * height, 0.17 * height) if tall else (0.05 * width, 0.05 * width)
    deep = 0.25 * 0.05 * height  # of a g or a comma, below the line
    if place.startswith("top"):
        assert abs(rows[0] - above) <= 3 and rows[-1] < height / 2
    else:
        assert height - below - 2 <= rows[-1] <= height - below + deep and rows[0] > height / 2
    low, high = columns[0], width - 1 - columns[-1]
    beside = 0.05 * width
    assert {"left": abs(low - beside), "centre": abs(low - high), "right": abs(high - beside)}[place.split()[1]] <= 5
    assert min(low, high) >= beside - 2
    assert abs(len(rows) - (1.25 + 0.711) * 0.05 * height) <= deep + 5


@pytest.mark.parametrize("place", ["bottom left", "bottom right", "top centre"])
def test_what_does_not_change_in_a_stamp_stands_still(place: str) -> None:
    """From one day to the next only the figures that differ are drawn otherwise."""
    coding = replace(STAMPED, stamp_position=place)
    one, other = (planes(dressed(coding, Cell("a", stamp=f"{day}. September 2025"), flat(coding, (120, 128, 128))))[0] for day in (17, 14))
    wide = np.flatnonzero((one > 180).any(0))
    changed = np.flatnonzero((one != other).any(0))
    assert len(changed) and len(changed) < 0.3 * (wide[-1] - wide[0])


@pytest.mark.parametrize("colour", [(235, 128, 128), (16, 128, 128), (126, 128, 128), (81, 90, 240)])
def test_a_stamp_can_be_read_on_any_background(colour: Colour) -> None:
    """Around white letters it is dark, be it on white: half of the light is gone within an eighth of their height."""
    shown = planes(dressed(STAMPED, Cell("a", stamp="17"), flat(STAMPED, colour)))
    letters = written(STAMPED, Cell("a", stamp="17"))
    rows, columns = np.flatnonzero(letters.any(1)), np.flatnonzero(letters.any(0))
    assert (shown[0][letters] > 115).all() and shown[0][letters].max() == 235
    reach = 4
    near = shown[0][rows[0] - reach : rows[-1] + reach, columns[0] - reach : columns[-1] + reach]
    assert near.min() < 16 + 0.5 * 219
    untouched = shown[0][:300]
    assert (untouched == colour[0]).all() and all((plane[:150] == value).all() for plane, value in zip(shown[1:], colour[1:], strict=True))


def test_a_title_is_large_below_the_face_and_above_the_stamp() -> None:
    """It lies in the middle of the lower half, larger than the stamp, and touches neither it nor the edges; 200 letters fit as well."""
    for title in ("A year of mornings", "One photo a day " * 12):
        both, stamp = (written(STAMPED, Cell("a", stamp="4. May 2025\n3 years", title=text)) for text in (title, ""))
        alone = both & ~stamp
        rows, columns = np.flatnonzero(alone.any(1)), np.flatnonzero(alone.any(0))
        assert (both & stamp == stamp).all()
        assert rows[0] > 300 and rows[-1] < np.flatnonzero(stamp.any(1))[0] - 3
        assert columns[0] >= 0.05 * 480 and abs(columns[0] - (479 - columns[-1])) <= 6


def test_dressing_is_the_same_every_time() -> None:
    """Two dressers, whatever they did before, make the same bytes of the same frame."""
    coding = Coding(360, 640, 240, 300, stamp_position="top right", stamp_size=4)
    cell = Cell("a", stamp="4 сентября 2025 г.", title="Été")
    first, second = Dresser(coding), Dresser(coding)
    second.dress(noise(coding, 1), Cell("b", stamp="other"))
    assert digest(first.dress(noise(coding), cell)) == digest(second.dress(noise(coding), cell)) == digest(first.dress(noise(coding), cell))
