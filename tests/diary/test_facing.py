"""Which way round a photo is: whatever a person said, the eyes land on the canvas points, left and right as seen in the frame."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from photodiary.diary.canvas import Canvas, apply, scale_of, similarity, uncovered
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.facing import TURNS, Facing, after, onto, turned_size, turning

CANVAS = Canvas(1080, 1350, Point(399.5, 580.0), Point(679.5, 580.0))  # upright in the middle, as every chosen format is
coordinates = st.floats(-2e4, 2e4, allow_nan=False)
points = st.builds(Point, coordinates, coordinates)
pairs = st.builds(EyePair, points, points).filter(lambda eyes: eyes.iod > 1)
facings = st.builds(Facing, st.booleans(), st.sampled_from((None, *TURNS)))
sizes = st.tuples(st.integers(2, 9000), st.integers(2, 9000))
turns = st.sampled_from(TURNS)


def determinant(matrix: tuple[tuple[float, float, float], tuple[float, float, float]]) -> float:
    (a, b, _), (d, e, _) = matrix
    return a * e - b * d


@given(pairs, facings)
def test_both_eyes_land_on_the_canvas_points(eyes: EyePair, facing: Facing) -> None:
    """One eye on each point; the one that is left in the turned photo is left in the frame, and right in a mirrored one."""
    landed = [apply(onto(eyes, facing, CANVAS), eye) for eye in facing.ordered(eyes)]
    wanted = (CANVAS.right, CANVAS.left) if facing.mirrored else (CANVAS.left, CANVAS.right)
    for seen, target in zip(landed, wanted, strict=True):
        assert math.dist(seen, target) < 1e-3 * max(1.0, CANVAS.iod / eyes.iod)


@given(pairs, facings)
def test_only_a_mirrored_frame_is_a_reflection(eyes: EyePair, facing: Facing) -> None:
    """The determinant's sign says whether the frame is a mirror's picture; the size of things is the same either way."""
    matrix = onto(eyes, facing, CANVAS)
    assert (determinant(matrix) < 0) == facing.mirrored
    assert scale_of(matrix) == pytest.approx(CANVAS.iod / eyes.iod)
    assert abs(determinant(matrix)) == pytest.approx(scale_of(matrix) ** 2)


@given(pairs)
def test_nobody_said_anything_is_the_plain_similarity(eyes: EyePair) -> None:
    """Without a word of a person the transform is, bit for bit, the one it always was."""
    assert onto(eyes, Facing(), CANVAS) == similarity(eyes, CANVAS)


@given(pairs, facings, points)
def test_a_mirrored_frame_is_the_frame_seen_in_a_mirror(eyes: EyePair, facing: Facing, point: Point) -> None:
    """With the canvas points level and in its middle, mirroring takes every point to the other side of the frame, and nothing else changes."""
    plain = apply(onto(eyes, Facing(False, facing.turned), CANVAS), point)
    mirrored = apply(onto(eyes, Facing(True, facing.turned), CANVAS), point)
    reach = 1e-9 * (1 + CANVAS.iod / eyes.iod) * (1 + max(map(abs, (*point, *eyes.left, *eyes.right))))
    assert math.dist(mirrored, (CANVAS.width - 1 - plain.x, plain.y)) < 1e-6 + reach


@given(pairs, st.builds(Facing, st.booleans(), turns), sizes)
def test_left_is_left_once_the_photo_is_turned(eyes: EyePair, facing: Facing, size: tuple[int, int]) -> None:
    """In the turned picture the left eye is never to the right of the other, whatever order the eyes came in; no eye moves."""
    assert facing.turned is not None
    left, right = (apply(turning(facing.turned, size), eye) for eye in facing.ordered(eyes))
    assert left.x <= right.x
    assert set(facing.ordered(eyes)) == set(eyes)
    assert facing.ordered(facing.ordered(eyes)) == facing.ordered(eyes)


def test_a_photo_that_stood_on_its_head_swaps_its_eyes() -> None:
    """Eyes found in the wrong order in a photo that has to be turned by 180 degrees change places, and the frame turns round."""
    eyes = EyePair(Point(1000.0, 1500.0), Point(1600.0, 1480.0))
    facing = Facing(turned=180)
    assert facing.ordered(eyes) == EyePair(eyes.right, eyes.left)
    assert apply(onto(eyes, facing, CANVAS), eyes.right) == pytest.approx(CANVAS.left)
    chin = Point(1300.0, 700.0)  # below the eyes once the photo stands upright
    assert apply(onto(eyes, facing, CANVAS), chin).y > CANVAS.left.y
    assert apply(onto(eyes, Facing(turned=0), CANVAS), chin).y < CANVAS.left.y


@given(turns, sizes, st.floats(0, 1), st.floats(0, 1))
def test_a_turned_photo_fills_its_own_rectangle(turned: int, size: tuple[int, int], across: float, down: float) -> None:
    """Every pixel of the photo has its place in the turned one, whose sides are swapped by a quarter; turning on to 360 degrees brings it back."""
    point = Point(across * (size[0] - 1), down * (size[1] - 1))
    width, height = turned_size(turned, size)
    seen = apply(turning(turned, size), point)
    assert -1e-6 <= seen.x <= width - 1 + 1e-6 and -1e-6 <= seen.y <= height - 1 + 1e-6
    back = after(turning((360 - turned) % 360, (width, height)), turning(turned, size))
    assert apply(back, point) == pytest.approx(point, abs=1e-6)


def test_clockwise_is_clockwise() -> None:
    """The top left corner of a 4 x 3 photo goes to the top right one, the bottom right one, the bottom left one."""
    corner = Point(0.0, 0.0)
    assert [apply(turning(turned, (4, 3)), corner) for turned in TURNS] == [(0, 0), (2, 0), (3, 2), (0, 3)]


@given(pairs, facings)
def test_how_much_a_frame_needs_filling_does_not_depend_on_the_mirror(eyes: EyePair, facing: Facing) -> None:
    """The picture format that fits a diary is the same whether its photos are mirrored or not."""
    assume(eyes.iod > 20)
    shares = [uncovered(3000, 4000, onto(eyes, Facing(mirrored, facing.turned), CANVAS), CANVAS) for mirrored in (False, True)]
    assert shares[0] == pytest.approx(shares[1], abs=1e-6)


@pytest.mark.parametrize("turned", [1, -90, 360, 45])
def test_other_turns_do_not_exist(turned: int) -> None:
    """A photo is turned by quarters."""
    with pytest.raises(ValueError, match="degrees"):
        Facing(turned=turned)


def test_it_is_said_in_words() -> None:
    """What a person reads."""
    assert Facing().in_words() == "not mirrored"
    assert Facing(True, 90).in_words() == "mirrored, upright when turned by 90 degrees clockwise"
    assert Facing(True, 0).in_words() == "mirrored, upright as it is"
