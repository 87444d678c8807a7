"""Resampling puts every colour where the matrix says, without aliasing, and borders are filled so that nobody sees a seam."""

from __future__ import annotations

import io
import math

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from photodiary.darkroom import warp

Matrix = NDArray[np.float64]


both = pytest.mark.parametrize("mapped", [warp.warp, warp.resampled], ids=["looks", "frames"])


def turning(scale: float, degrees: float, source: tuple[float, float], target: tuple[float, float]) -> Matrix:
    """Scale and turn so that `source` lands on `target`."""
    c, s = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    return np.array([[c, -s, target[0] - c * source[0] + s * source[1]], [s, c, target[1] - s * source[0] - c * source[1]]])


def seen_from(matrix: Matrix, size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Which place of the source every target pixel shows, by the exact inverse."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float64)
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    return back[0, 0] * x + back[0, 1] * y + back[0, 2], back[1, 0] * x + back[1, 1] * y + back[1, 2]


@both
@pytest.mark.parametrize("scale", [0.2, 0.33, 0.5, 0.89, 0.91, 1.0, 1.7, 3.0])
@pytest.mark.parametrize("degrees", [0.0, 17.0, -90.0, 200.0])
def test_a_warp_shows_what_the_matrix_says(studio, mapped, scale: float, degrees: float) -> None:
    """Every pixel has the colour that the source has at the place it maps to, at all scales and turns."""
    size = (90, 70)
    matrix = turning(scale, degrees, (398.3, 301.8), (44.7, 35.2))
    out, covered = mapped(studio.smooth(800, 600), matrix, size)
    truth = studio.colours(*seen_from(matrix, size))
    assert covered
    assert out.shape == (70, 90, 3)
    # Waves of 50 pixels lose some height when four or five pixels become one: an area mean is no point sample.
    assert np.abs(out - truth).max() < 2.5 + (6 if scale < 0.4 else 0)
    assert np.abs((out - truth).mean()) < 0.3


@both
@pytest.mark.parametrize("scale", [0.2, 0.27, 0.46, 0.5, 0.62, 0.8, 1.0, 2.0])
@pytest.mark.parametrize("target", [(30.0, 30.0), (29.51, 31.27)])
def test_the_position_is_right_below_a_pixel(studio, mapped, scale: float, target: tuple[float, float]) -> None:
    """A soft dot lands within a twentieth of a pixel of where the matrix carries it."""
    source = (251.37, 183.81)
    matrix = turning(scale, 31.0, source, target)
    out, _ = mapped(studio.dot(503, 401, source, sigma=4 / scale), matrix, (64, 64))
    x, y = studio.centre(out)
    assert math.hypot(x - target[0], y - target[1]) < 0.05


@both
def test_fine_patterns_become_even_grey(mapped) -> None:
    """A checkerboard of single pixels shrunk to a quarter is grey, without moiré."""
    y, x = np.mgrid[:400, :400]
    board = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, 2)
    for degrees in (0.0, 9.0):
        out, covered = mapped(board, turning(0.25, degrees, (199.5, 199.5), (31.5, 31.5)), (64, 64))
        assert covered
        assert np.abs(out.astype(float) - 127.5).max() < 6
    thumbnail, _ = warp.warp(board, *warp.thumbnail_matrix((400, 400), 100))
    assert np.abs(thumbnail.astype(float) - 127.5).max() < 1


@pytest.mark.parametrize("scale", [0.3, 0.45, 0.5, 0.6, 0.7, 0.89])
def test_a_frame_is_as_sharp_as_its_pixels_allow(scale: float) -> None:
    """A busy photo shrunk into a frame is nearer to the mean over each target pixel, taken nine times as finely, than the looks' warp, and no blur of it."""
    rng = np.random.default_rng(1)
    busy = np.clip(cv2.GaussianBlur(rng.normal(128, 400, (600, 700, 3)).astype(np.float32), (0, 0), 1.5), 0, 255).astype(np.uint8)
    matrix, size = turning(scale, 4.3, (349.5, 299.5), (60.3, 60.7)), (120, 120)
    finer = np.array([[3.0, 0, 1], [0, 3, 1]]) @ np.vstack([matrix, [0, 0, 1]])
    truth = cv2.resize(cv2.warpAffine(busy.astype(np.float32), finer, (360, 360), flags=cv2.INTER_LANCZOS4), size, interpolation=cv2.INTER_AREA)
    made, before = (mapped(busy, matrix, size)[0].astype(np.float32) for mapped in (warp.resampled, warp.warp))
    assert np.square(made - truth).mean() < np.square(before - truth).mean()
    edges = [float(cv2.Laplacian(picture, cv2.CV_32F).std()) for picture in (made, truth)]
    assert 0.8 < edges[0] / edges[1] < 1.15


def test_filling_in_tiles_leaves_no_trace_of_them(studio) -> None:
    """A frame is the same whatever the size of the tiles in which its border is filled."""
    picture, matrix = studio.smooth(500, 400), turning(0.9, 11.0, (250, 200), (260, 260))
    framed = warp.frame(picture, matrix, (520, 520))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(warp, "TILE", 1000)
        whole = warp.frame(picture, matrix, (520, 520))
    assert (framed == whole).all()


def test_outside_the_photo_its_edge_goes_on(studio) -> None:
    """Beyond the source a warp repeats its edge, and says that the source did not cover all."""
    picture = studio.smooth(200, 150)
    out, covered = warp.warp(picture, np.array([[1.0, 0, 40], [0, 1, 30]]), (200, 150))
    assert not covered
    assert (out[:30, 40:] == out[30:31, 40:]).all()
    assert (out[30:, :40] == out[30:, 40:41]).all()
    assert (out[30:, 40:] == picture[:120, :160]).all()


@both
@pytest.mark.parametrize("matrix", [[[1.0, 0, 500], [0, 1, 0]], [[1.0, 0, 0], [0, 1, -500]], [[0.01, 0, 30], [0, 0.01, 30]], [[90.0, 0, -900], [0, 90, -900]]])
def test_a_warp_that_shows_almost_nothing_is_a_picture_all_the_same(studio, mapped, matrix: list[list[float]]) -> None:
    """Looking beside the photo, from far away or through a magnifying glass is no error."""
    out, covered = mapped(studio.smooth(120, 90), np.array(matrix), (64, 64))
    assert out.shape == (64, 64, 3)
    assert covered == (matrix[0][0] == 90)


def test_a_covered_frame_is_not_touched_by_filling(studio) -> None:
    """A photo that covers the canvas is shown as it is, up to its last row and column."""
    picture = studio.smooth(200, 150)
    assert (warp.frame(picture, np.array([[1.0, 0, 0], [0, 1, 0]]), (200, 150)) == picture).all()
    matrix = turning(0.7, 12.0, (100, 75), (32, 32))
    assert (warp.frame(picture, matrix, (64, 64)) == warp.resampled(picture, matrix, (64, 64))[0]).all()


def test_filling_leaves_what_the_photo_covers_alone(studio) -> None:
    """A few pixels inside the photo's edge everything is as in the plain warp; only the seam is blended."""
    picture = studio.smooth(300, 240)
    matrix = turning(1.0, 8.0, (150, 120), (180, 150))
    plain, covered = warp.resampled(picture, matrix, (360, 300))
    framed = warp.frame(picture, matrix, (360, 300))
    assert not covered
    x, y = seen_from(matrix, (360, 300))
    inside = np.minimum.reduce([x, y, 299 - x, 239 - y])
    assert (framed[inside > 10] == plain[inside > 10]).all()
    assert (framed[inside < 0] != plain[inside < 0]).any()


def test_the_border_is_filled_without_black_and_without_a_seam() -> None:
    """Where the photo ends, its own colours go on softly: no black, no line that was not there."""
    y, x = np.mgrid[:240, :300]
    picture = np.stack([150 + x / 5, 120 + y / 3, 160 + (x + y) / 9], axis=-1).astype(np.uint8)  # bright, no edges of its own
    framed = warp.frame(picture, turning(0.8, 15.0, (150, 120), (170, 140)), (360, 300)).astype(float)
    assert framed.min() > 110
    assert np.abs(np.diff(framed, axis=0)).max() < 6
    assert np.abs(np.diff(framed, axis=1)).max() < 6


def test_the_seam_is_soft_where_the_photo_is_busy(studio) -> None:
    """Where a busy photo ends, the change to its filling is spread over several columns: no column makes half of it."""
    rng = np.random.default_rng(0)
    picture = np.clip(cv2.GaussianBlur(rng.normal(128, 300, (240, 300, 3)).astype(np.float32), (0, 0), 4), 0, 255).astype(np.uint8)
    framed = warp.frame(picture, np.array([[1.0, 0, 60], [0, 1, 0]]), (360, 240)).astype(float)
    steps = np.abs(np.diff(framed, axis=1)).mean((0, 2))  # between columns
    whole = np.abs(picture[:, 0].astype(float) - framed[:, 55]).mean()  # what a hard cut would change at once
    assert steps[52:70].max() < 0.5 * whole
    assert steps[:50].max() < 0.35 * steps[80:].mean(), "the filling itself is calm"


def test_a_frame_is_a_jpeg_without_metadata(studio) -> None:
    """A published frame says nothing of place, device or time: no EXIF, no comment, no profile, no thumbnail."""
    data = warp.encode(studio.smooth(64, 48))
    markers, at = [], 2
    while data[at + 1] != 0xDA:
        markers.append(data[at + 1])
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    assert set(markers) <= {0xE0, 0xDB, 0xC0, 0xC4}, "only JFIF, tables and the frame header"
    image = Image.open(io.BytesIO(data))
    assert not image.getexif()
    assert "comment" not in image.info and "icc_profile" not in image.info
    assert simplejpeg.decode_jpeg_header(data)[:2] == (48, 64)
    assert np.abs(simplejpeg.decode_jpeg(data, "RGB").astype(int) - studio.smooth(64, 48)).mean() < 3


@pytest.mark.parametrize(
    ("size", "side", "expected"), [((800, 600), 288, (288, 216)), ((601, 800), 288, (216, 288)), ((100, 60), 288, (100, 60)), ((5000, 16), 288, (288, 1))]
)
def test_a_thumbnail_has_its_side_and_tells_its_scale(studio, size, side: int, expected) -> None:
    """The longer side is as asked, never enlarged; the matrix carries a dot to where it is."""
    at = (size[0] * 0.63, size[1] * 0.37)
    matrix, small = warp.thumbnail_matrix(size, side)
    out, _ = warp.warp(studio.dot(*size, at, sigma=min(size) / 25), matrix, small)
    assert (out.shape[1], out.shape[0]) == small == expected
    fx, fy = expected[0] / size[0], expected[1] / size[1]
    if min(expected) > 50:
        x, y = studio.centre(out)
        assert x == pytest.approx((at[0] + 0.5) * fx - 0.5, abs=0.05)
        assert y == pytest.approx((at[1] + 0.5) * fy - 0.5, abs=0.05)


# -- halving ---------------------------------------------------------------------------------------------------------------------------


def halved_by(times: int) -> Matrix:
    """Where pixels of a photo that was halved so many times lie in the photo."""
    grow = 2**times
    return np.array([[grow, 0, (grow - 1) / 2], [0, grow, (grow - 1) / 2], [0, 0, 1]])


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(300, 500), height=st.integers(300, 500), times=st.integers(1, 4),
    across=st.floats(0.4, 0.6), down=st.floats(0.4, 0.6),
)  # fmt: skip
def test_halving_moves_nothing(studio, width: int, height: int, times: int, across: float, down: float) -> None:
    """Pixel p of a halved photo lies at 2 p + 0.5 of it: a dot is found where it was, at odd and even sizes, however often halved."""
    at = across * width, down * height
    small = studio.dot(width, height, at, sigma=2.0 * 2**times)
    for number in range(1, times + 1):
        small = warp.halved(small)
        assert small.shape == (-(-height // 2**number), -(-width // 2**number), 3)
    grow = 2**times
    seen = [grow * v + (grow - 1) / 2 for v in studio.centre(small)]
    truth = studio.centre(studio.dot(width, height, at, sigma=2.0 * grow))  # its centroid is that of whole numbers, too
    assert math.dist(seen, truth) < 0.1 * grow


def test_an_odd_last_row_counts_twice() -> None:
    """Every pixel is the mean of its 2 x 2; what is missing at the right and below is the last column and row again."""
    picture = np.arange(15, dtype=np.uint8).reshape(3, 5, 1).repeat(3, 2) * 8
    wide = np.pad(picture.astype(float), ((0, 1), (0, 1), (0, 0)), mode="edge")
    truth = wide.reshape(2, 2, 3, 2, 3).mean((1, 3))
    assert np.abs(warp.halved(picture) - truth).max() <= 0.5


@given(st.floats(1e-4, 8))
def test_halvings_leave_enough_pixels(scale: float) -> None:
    """After so many halvings there are still two to four pixels a pixel of the target in each direction, or all there are."""
    times = warp.halvings(scale)
    left = scale * 2**times  # scale of the warp that remains
    assert times == 0 or 0.25 < left <= 0.5 + 1e-12
    assert times > 0 or scale > 0.25
    assert warp.halvings(0.0) == 0


@settings(max_examples=60, deadline=None)
@given(
    more=st.tuples(st.integers(0, 200), st.integers(0, 200)), scale=st.floats(0.06, 1.5), degrees=st.floats(-180, 180),
    target=st.tuples(st.floats(28, 36), st.floats(28, 36)),
)  # fmt: skip
def test_a_look_at_a_halved_photo_is_a_look_at_the_photo(studio, more: tuple[int, int], scale: float, degrees: float, target: tuple[float, float]) -> None:
    """Through as many halvings as a worker makes, a dot stays where the matrix carries it, to a tenth of a pixel of the target."""
    width, height = (round(40 / scale) + extra for extra in more)
    at = 0.47 * width, 0.52 * height
    matrix = turning(scale, degrees, at, target)
    picture, times = studio.dot(width, height, at, sigma=3.5 / scale), warp.halvings(scale)
    for _ in range(times):
        picture = warp.halved(picture)
    out, _ = warp.warp(picture, matrix @ halved_by(times), (64, 64))
    assert math.dist(studio.centre(out), target) < 0.1
