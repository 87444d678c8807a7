"""The geometry: both eyes land exactly, filler is measured exactly, and the chosen format suits the diary."""

from __future__ import annotations

import math
import random
from statistics import fmean

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from photodiary.diary.canvas import (
    LARGEST_GROWTH,
    LITTLE_FILLER,
    SHAPES,
    SHORT_SIDES,
    WIDEST,
    Canvas,
    Fit,
    Framed,
    Matrix,
    apply,
    build,
    fit,
    scale_of,
    similarity,
    uncovered,
)
from photodiary.diary.eyes import EyePair, Point

CANVAS = Canvas(1080, 1350, Point(400.0, 580.0), Point(680.0, 580.0))


@st.composite
def eye_pairs(draw: st.DrawFn) -> EyePair:
    """Eyes anywhere in a photo of up to 50 megapixels, at any angle, 2 to 5,000 pixels apart."""
    x, y, angle = draw(st.floats(-100, 9000)), draw(st.floats(-100, 9000)), draw(st.floats(-math.pi, math.pi))
    iod = draw(st.floats(2, 5000))
    return EyePair(Point(x, y), Point(x + iod * math.cos(angle), y + iod * math.sin(angle)))


@st.composite
def canvases(draw: st.DrawFn) -> Canvas:
    width, height = 2 * draw(st.integers(32, 1500)), 2 * draw(st.integers(32, 1500))
    left_x = draw(st.floats(0, 0.8)) * width
    right_x = left_x + draw(st.floats(0.05, 0.9)) * width
    return Canvas(width, height, Point(left_x, draw(st.floats(0, 1)) * height), Point(right_x, draw(st.floats(0, 1)) * height))


# -- the transform -----------------------------------------------------------------------------------------------------------------


@given(eye_pairs(), canvases())
@example(EyePair(Point(3000.0, 100.0), Point(1000.0, 100.0)), CANVAS)  # upside down
def test_both_eyes_land_exactly(eyes: EyePair, canvas: Canvas) -> None:
    """Whatever the turn and the scale, each eye lands on its point of the canvas, to a millionth of a pixel."""
    matrix = similarity(eyes, canvas)
    assert math.dist(apply(matrix, eyes.left), canvas.left) < 1e-6
    assert math.dist(apply(matrix, eyes.right), canvas.right) < 1e-6


@given(eye_pairs(), canvases())
def test_nothing_is_sheared_or_mirrored(eyes: EyePair, canvas: Canvas) -> None:
    """The transform turns, scales and moves only: its columns are orthogonal and equally long, its determinant is positive."""
    (a, b, _), (d, e, _) = matrix = similarity(eyes, canvas)
    scale = scale_of(matrix)
    assert a * b + d * e == pytest.approx(0, abs=1e-9 * scale**2)
    assert math.hypot(b, e) == pytest.approx(math.hypot(a, d), rel=1e-9)
    assert a * e - b * d == pytest.approx(scale**2, rel=1e-9) and scale > 0
    assert scale == pytest.approx(canvas.iod / eyes.iod, rel=1e-6)


def test_a_transform_by_hand() -> None:
    """Eyes that stand one above the other are turned by a quarter: the upper one, being left, goes to the left."""
    eyes = EyePair(Point(50.0, 10.0), Point(50.0, 20.0))
    matrix = similarity(eyes, Canvas(64, 64, Point(10.0, 30.0), Point(50.0, 30.0)))
    assert [value for row in matrix for value in row] == pytest.approx([0, 4, -30, -4, 0, 230])
    assert apply(matrix, Point(51.0, 10.0)) == pytest.approx((10.0, 26.0))


def test_eyes_on_one_point_are_refused() -> None:
    """Two eyes on the same point say nothing about scale or turn."""
    with pytest.raises(ValueError, match="same point"):
        similarity(EyePair(Point(5.0, 5.0), Point(5.0, 5.0)), CANVAS)


@pytest.mark.parametrize("size", [(1081, 1350), (1080, 1351), (14, 100), (100, 7682)])
def test_a_format_no_film_can_have_is_refused(size: tuple[int, int]) -> None:
    """Odd, tiny and huge formats are refused with a sentence."""
    with pytest.raises(ValueError, match="both sides must be even and 16 to 7680"):
        Canvas(*size, Point(400.0, 580.0), Point(680.0, 580.0))


@pytest.mark.parametrize("x", [400.0, 399.0])
def test_a_format_that_swaps_the_eyes_is_refused(x: float) -> None:
    """The left eye's point lies left of the right eye's."""
    with pytest.raises(ValueError, match="left eye"):
        Canvas(1080, 1350, Point(400.0, 580.0), Point(x, 580.0))


# -- filler ------------------------------------------------------------------------------------------------------------------------


def sampled(width: int, height: int, matrix: Matrix, canvas: Canvas, side: int = 60) -> float:
    """The share of a grid of points on the canvas whose place in the photo lies outside it."""
    (a, b, c), (d, e, f) = matrix
    determinant = a * e - b * d
    outside = 0
    for row in range(side):
        for column in range(side):
            x, y = (column + 0.5) / side * canvas.width - 0.5 - c, (row + 0.5) / side * canvas.height - 0.5 - f
            u, v = (e * x - b * y) / determinant, (a * y - d * x) / determinant
            outside += not (-0.5 <= u <= width - 0.5 and -0.5 <= v <= height - 0.5)
    return outside / side**2


@settings(max_examples=60, deadline=None)
@given(
    st.integers(50, 4000), st.integers(50, 4000), st.floats(-0.3, 1.3), st.floats(-0.3, 1.3), st.floats(-math.pi, math.pi), st.floats(0.05, 1.2), canvases()
)  # fmt: skip
def test_filler_is_what_counting_points_says(width: int, height: int, x: float, y: float, angle: float, apart: float, canvas: Canvas) -> None:
    """The measured filler equals a count over a grid of the canvas, for photos of any size, turn and scale, also beside the canvas."""
    iod = apart * width
    left = Point(x * width, y * height)
    eyes = EyePair(left, Point(left.x + iod * math.cos(angle), left.y + iod * math.sin(angle)))
    matrix = similarity(eyes, canvas)
    filler = uncovered(width, height, matrix, canvas)
    assert 0 <= filler <= 1
    assert filler == pytest.approx(sampled(width, height, matrix, canvas), abs=0.05)  # the edge crosses at most 4 x 60 of 3,600 cells, half of each


IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
SMALL = Canvas(100, 200, Point(30.0, 90.0), Point(70.0, 90.0))


@pytest.mark.parametrize(
    ("width", "height", "matrix", "wanted"),
    [
        (100, 200, IDENTITY, 0.0),  # edge to edge
        (5000, 5000, ((1.0, 0.0, -50.0), (0.0, 1.0, -50.0)), 0.0),
        (50, 200, IDENTITY, 0.5),
        (100, 200, ((1.0, 0.0, 25.0), (0.0, 1.0, 0.0)), 0.25),
        (100, 200, ((1.0, 0.0, 0.0), (0.0, 1.0, -20.0)), 0.1),
        (50, 100, ((2.0, 0.0, 0.5), (0.0, 2.0, 0.5)), 0.0),  # pixels have an extent: -0.5 to size - 0.5
        (10, 10, ((1.0, 0.0, 45.0), (0.0, 1.0, 95.0)), 0.995),  # an island
        (100, 200, ((1.0, 0.0, 500.0), (0.0, 1.0, 0.0)), 1.0),  # beside it
        (200, 100, ((0.0, -1.0, 99.0), (1.0, 0.0, 0.0)), 0.0),  # turned by a quarter
    ],
)
def test_filler_by_hand(width: int, height: int, matrix: Matrix, wanted: float) -> None:
    """Easy cases come out as one would reckon them on paper."""
    assert uncovered(width, height, matrix, SMALL) == pytest.approx(wanted, abs=1e-12)


@given(eye_pairs(), canvases(), st.integers(0, 500))
def test_a_covered_canvas_has_no_filler(eyes: EyePair, canvas: Canvas, margin: int) -> None:
    """A photo that reaches beyond every corner of the canvas needs no filler."""
    (a, b, c), (d, e, f) = similarity(eyes, canvas)
    determinant = a * e - b * d
    corners = [(x, y) for x in (-0.5, canvas.width - 0.5) for y in (-0.5, canvas.height - 0.5)]
    back = [((e * (x - c) - b * (y - f)) / determinant, (a * (y - f) - d * (x - c)) / determinant) for x, y in corners]
    left, top = math.floor(min(u for u, _ in back)) - 1 - margin, math.floor(min(v for _, v in back)) - 1 - margin
    width, height = math.ceil(max(u for u, _ in back)) + 2 + margin - left, math.ceil(max(v for _, v in back)) + 2 + margin - top
    moved = EyePair(Point(eyes.left.x - left, eyes.left.y - top), Point(eyes.right.x - left, eyes.right.y - top))
    assume(math.dist(moved.left, moved.right) > 1e-3)
    assert uncovered(width, height, similarity(moved, canvas), canvas) == pytest.approx(0, abs=1e-9)


# -- the format that fits ----------------------------------------------------------------------------------------------------------


@st.composite
def selfies(draw: st.DrawFn) -> Framed:
    """Photos held in any way, faces from a sixth of the width up to filling it, a little turned."""
    width, height = draw(st.sampled_from([(3000, 4000), (4000, 3000), (2448, 3264), (1080, 1920), (1080, 1080), (480, 640), (320, 240)]))
    iod = draw(st.floats(0.06, 0.4)) * min(width, height)
    x, y = draw(st.floats(0.2, 0.8)) * width, draw(st.floats(0.2, 0.7)) * height
    angle = draw(st.floats(-0.3, 0.3))
    dx, dy = iod / 2 * math.cos(angle), iod / 2 * math.sin(angle)
    return Framed(width, height, EyePair(Point(x - dx, y - dy), Point(x + dx, y + dy)))


@st.composite
def roomy(draw: st.DrawFn) -> Framed:
    """Photos with nearly always enough around the face: a little less than forehead and chin need, or more."""
    iod, aside, above, below = draw(st.floats(60, 800)), draw(st.floats(0.7, 3)), draw(st.floats(1.37, 3)), draw(st.floats(1.72, 4))
    x, y = (aside + 0.5) * iod, above * iod
    eyes = EyePair(Point(x - iod / 2, y), Point(x + iod / 2, y))
    return Framed(math.ceil(2 * x), math.ceil(y + below * iod), eyes)


albums = st.lists(selfies(), min_size=1, max_size=5)


def mean_filler(photos: list[Framed], canvas: Canvas) -> float:
    return fmean(uncovered(p.width, p.height, similarity(p.eyes, canvas), canvas) for p in photos)


def median_growth(photos: list[Framed], canvas: Canvas) -> float:
    distances = sorted(photo.eyes.iod for photo in photos)
    return canvas.iod / distances[len(distances) // 2]


@settings(max_examples=25, deadline=None)
@given(albums, st.randoms(use_true_random=False))
def test_the_format_does_not_depend_on_order(photos: list[Framed], chance: random.Random) -> None:
    """The same photos give the same format, in whatever order they came."""
    shuffled = list(photos)
    chance.shuffle(shuffled)
    assert fit(shuffled) == fit(photos)


@settings(max_examples=40, deadline=None)
@given(albums)
def test_forehead_and_chin_are_in_the_picture(photos: list[Framed]) -> None:
    """At least 1.4 IOD above and 1.75 below the eyes are in the picture, counted to the outermost pixel centres and to the pixel edges."""
    canvas = fit(photos).canvas
    assert canvas.left.y == canvas.right.y
    above, below = canvas.left.y, canvas.height - 1 - canvas.left.y
    for margin in (0.0, 0.5):
        assert (above + margin) / canvas.iod >= 1.4
        assert (below + margin) / canvas.iod >= 1.75
    assert canvas.left.x + canvas.right.x == pytest.approx(canvas.width - 1, abs=0.02)


@pytest.mark.parametrize("short_side", SHORT_SIDES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_size_has_even_sides_and_its_shape(shape: tuple[str, int, int], short_side: int) -> None:
    """All formats that can come out have even sides and keep their shape to the pixel pair."""
    _, w, h = shape
    canvas = build((w, h), 4.0, 0.45, short_side)
    assert canvas.width % 2 == canvas.height % 2 == 0
    assert min(canvas.width, canvas.height) == short_side
    assert abs(canvas.width * h - canvas.height * w) <= max(w, h)


@settings(max_examples=40, deadline=None)
@given(albums)
def test_what_is_said_of_a_format_is_true(photos: list[Framed]) -> None:
    """The shape, the number of photos and the filler that a choice reports are those of the canvas it made."""
    chosen = fit(photos)
    assert chosen.photos == len(photos)
    w, h = next((w, h) for name, w, h in SHAPES if name == chosen.shape)
    assert chosen.canvas.width * h == pytest.approx(chosen.canvas.height * w, rel=0.01)
    assert chosen.filler == pytest.approx(mean_filler(photos, chosen.canvas), abs=0.005)
    assert f"{chosen.canvas.width} x {chosen.canvas.height}" in chosen.in_words() and chosen.shape in chosen.in_words()


@settings(max_examples=60, deadline=None)
@given(st.lists(roomy(), min_size=1, max_size=4) | albums)
def test_little_filler_wherever_the_closest_framing_allows_it(photos: list[Framed]) -> None:
    """When any shape, framed as close as forehead and chin allow, needs little filler, the chosen format does too."""
    closest = [build((w, h), 1.41 + 1.76, 1.41 / (1.41 + 1.76), 1000) for _, w, h in SHAPES]
    possible = min(mean_filler(photos, canvas) for canvas in closest) <= LITTLE_FILLER - 0.001
    event("possible" if possible else "impossible")
    assert not possible or mean_filler(photos, fit(photos).canvas) <= LITTLE_FILLER + 0.005


def test_little_filler_where_only_a_wider_framing_allows_it() -> None:
    """A strip missing above the forehead weighs less in a wider picture: the format that needs little filler is found there too."""
    iod = 500.0
    photo = Framed(6000, 6000, EyePair(Point(2750.0, 1.32 * iod), Point(2750.0 + iod, 1.32 * iod)))
    wide = build((4, 5), 5.5, 1.41 / 5.5, 1000)
    assert mean_filler([photo], wide) <= LITTLE_FILLER - 0.001
    assert mean_filler([photo], fit([photo]).canvas) <= LITTLE_FILLER + 0.005


@settings(max_examples=40, deadline=None)
@given(albums)
def test_the_median_photo_is_not_enlarged_much(photos: list[Framed]) -> None:
    """The median photo is never enlarged by more than LARGEST_GROWTH, unless the format has its smallest size."""
    canvas = fit(photos).canvas
    assert min(canvas.width, canvas.height) in SHORT_SIDES
    assert median_growth(photos, canvas) <= LARGEST_GROWTH + 1e-3 or min(canvas.width, canvas.height) == SHORT_SIDES[-1]


def test_sharp_photos_get_a_large_format() -> None:
    """A diary of large faces gets the largest size, one of small faces the smallest."""

    def sized(scale: float) -> Fit:
        eyes = EyePair(Point(1200 * scale, 1700 * scale), Point(1800 * scale, 1700 * scale))
        return fit([Framed(round(3000 * scale), round(4000 * scale), eyes)])

    assert min(sized(1.0).canvas.width, sized(1.0).canvas.height) == SHORT_SIDES[0]
    assert min(sized(0.08).canvas.width, sized(0.08).canvas.height) == SHORT_SIDES[-1]


def test_upright_selfies_get_an_upright_format_and_wide_ones_a_wide_one() -> None:
    """The shape follows how the photos were held."""
    tall = Framed(3000, 4000, EyePair(Point(1100.0, 1750.0), Point(1900.0, 1750.0)))
    wide = Framed(4800, 2700, EyePair(Point(2100.0, 1150.0), Point(2700.0, 1150.0)))
    assert fit([tall] * 3).shape == "4:5"
    assert fit([wide] * 3).shape == "16:9"


def test_more_is_shown_where_more_was_photographed() -> None:
    """Faces that were photographed from further away are shown with more around them."""

    def height_in_iod(iod: float) -> float:
        chosen = fit([Framed(3000, 4000, EyePair(Point(1500 - iod / 2, 1750.0), Point(1500 + iod / 2, 1750.0)))]).canvas
        return chosen.height / chosen.iod

    assert height_in_iod(900.0) < height_in_iod(750.0) < height_in_iod(500.0)


def test_the_face_stays_the_subject() -> None:
    """However far away a face was, the picture is at most WIDEST inter-ocular distances high."""
    canvas = fit([Framed(3000, 4000, EyePair(Point(1400.0, 1750.0), Point(1600.0, 1750.0)))]).canvas
    assert canvas.height / canvas.iod <= WIDEST + 1e-3


def test_no_photos_no_format() -> None:
    """Without photos there is nothing to choose from."""
    with pytest.raises(ValueError, match="none yet"):
        fit([])
