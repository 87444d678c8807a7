"""What lies around a photo: a colour instead of the blurred edge that its frame has."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from photodiary.render.planes import Colour, halved, mixed, planes

INSET = 1.0
"""Pixels that the border reaches into the photo, whose own edge is softened by its transform and by JPEG."""
SOFT = 1.5
"""Pixels over which the photo becomes border."""


def fill(frame: VideoFrame, outline: tuple[float, ...], colour: Colour) -> None:
    """Fill a frame, in place, outside of the photo with a colour.

    outline: x, y of the photo's corners in a row, either way round; pixels, centres at integers.
    """
    height, width = frame.height, frame.width
    for (x, y), (next_x, next_y) in _edges(outline):
        length = math.hypot(next_x - x, next_y - y)
        if length == 0:
            continue
        a, b = (next_y - y) / length, (x - next_x) / length  # the normal that looks out of the photo
        c = INSET + SOFT / 2 - a * x - b * y  # a x + b y + c: pixels outside of where the border begins
        rows, columns = _touched(a, b, c, width, height)
        if rows.start >= rows.stop:
            continue
        along = (a * np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(c))[None, :]
        covered = np.clip((along + (b * np.arange(rows.start, rows.stop, dtype=np.float32))[:, None]) / SOFT, 0, 1, dtype=np.float32)
        _cover(frame, rows, columns, covered, colour)


def _edges(outline: tuple[float, ...]) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The outline's edges, such that the photo lies to their right on the screen."""
    corners = list(zip(outline[::2], outline[1::2], strict=True))
    around = list(pairwise([*corners, corners[0]]))
    twice = sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in around)
    return around if twice > 0 else [(after, before) for before, after in around]


def _touched(a: float, b: float, c: float, width: int, height: int) -> tuple[slice, slice]:
    """The rows and columns, even many, outside of which a x + b y + c is nowhere above 0; none of both where that is so all over the picture."""
    across, down = (0.0, width - 1.0), (0.0, height - 1.0)
    columns = _reach(a, c + max(b * y for y in down), width)
    rows = _reach(b, c + max(a * x for x in across), height)
    return (slice(0, 0), slice(0, 0)) if columns.start >= columns.stop else (rows, columns)


def _reach(slope: float, most: float, size: int) -> slice:
    """Where slope * t + most > 0, of the even range 0 to size."""
    if abs(slope) < 1e-9:
        return slice(0, size if most > 0 else 0)
    start, stop = (-most / slope, float(size)) if slope > 0 else (0.0, -most / slope + 1)
    low, high = math.floor(max(0.0, min(start, size)) / 2) * 2, math.ceil(max(0.0, min(stop, size)) / 2) * 2
    return slice(low, high)


def _cover(frame: VideoFrame, rows: slice, columns: slice, covered: NDArray[np.float32], colour: Colour) -> None:
    fine, coarse = covered, halved(covered)
    for number, (plane, value) in enumerate(zip(planes(frame), colour, strict=True)):
        share = coarse if number else fine
        part = plane[rows.start // 2 : rows.stop // 2, columns.start // 2 : columns.stop // 2] if number else plane[rows, columns]
        add = np.round(256 * share).astype(np.uint16)
        mixed(part, 256 - add, add * np.uint16(value))
