"""How far both eyes move from one frame to the next, told by the pictures alone: whoever found the eyes has no say in it.

A small window around each eye is laid over the same window of the next frame where both correlate best (Evangelidis and Psarakis 2008, OpenCV's
findTransformECC), once forwards and once backwards: only where both ways agree, and both windows are alike, is there an answer.  Light is taken out first:
a lamp from another side must not look like a movement.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from photodiary.diary.quality import Measured, Shift

Grey = NDArray[np.float32]
Spot = tuple[float, float]  # (x, y) in pixels of the frame, centres at integers

FINE: Final = 128  # pixels between the eyes of the copies that are compared
WIDTH, HEIGHT = 72, 48  # of a window at FINE: lids, brow's lower edge and corners of one eye, 0.28 IOD to either side and 0.18 up and down
MARGIN: Final = 24  # pixels more on every side of the picture in which the window is looked for, and from which light is judged
COARSE: Final = 4  # times smaller is the copy in which the answer is looked for first
NEIGHBOURHOOD: Final = 0.12  # IOD, standard deviation: light and contrast of what is larger than this are taken out
STEPS: Final = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
ALIKE: Final = 0.4  # least correlation of two windows that show the same eye
AGREE: Final = 0.8  # % of IOD by which the way there and the way back may differ
FARTHEST: Final = 8.0  # % of IOD: beyond, the windows have too little in common


def motion(before: bytes, after: bytes, left: Spot, right: Spot) -> Measured:
    """Where the eyes of one frame lie in the next, beside where they lie in the first.  left, right: where the eyes are meant to be in both.

    before, after: JPEGs of one size; two sizes have nothing in common.  Raises ValueError for what is no JPEG.
    """
    iod = math.dist(left, right)
    pair = [_grey(data, iod) for data in (before, after)]
    if len({(grey.shape, scale) for grey, scale in pair}) > 1:
        return Measured(None, 0.0)
    shifts, likeness = [], 1.0
    for spot in (left, right):
        shift, alike = _shift(*(_window(grey, spot, scale, iod) for grey, scale in pair))
        shifts.append(shift)
        likeness = min(likeness, alike)
    first, second = shifts
    return Measured(None if first is None or second is None else (first, second), round(likeness, 3))


def _grey(data: bytes, iod: float) -> tuple[NDArray[np.uint8], float]:
    """The frame in grey, decoded no larger than is needed, and how much smaller it is than the frame."""
    height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    shrink = min(1.0, FINE / iod)
    grey = simplejpeg.decode_jpeg(data, "GRAY", min_height=math.ceil(shrink * height), min_width=math.ceil(shrink * width), min_factor=1)[:, :, 0]
    return np.asarray(grey, np.uint8), round(8 * grey.shape[1] / width) / 8  # libjpeg shrinks by eighths


def _window(grey: NDArray[np.uint8], spot: Spot, scale: float, iod: float) -> Grey:
    """A window with its margin around a point of the frame, FINE pixels between the eyes, without what is only light: mean 0 and deviation 1 everywhere."""
    step = scale * iod / FINE  # pixels of `grey` from one pixel of the window to the next
    x, y = ((value + 0.5) * scale - 0.5 for value in spot)
    width, height = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
    matrix = np.array([[step, 0, x - step * (width - 1) / 2], [0, step, y - step * (height - 1) / 2]])
    seen = cv2.warpAffine(grey, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    light = np.log(seen.astype(np.float32) + 8)
    detail = light - cv2.GaussianBlur(light, (0, 0), NEIGHBOURHOOD * FINE)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), NEIGHBOURHOOD * FINE))
    return np.asarray(detail / (contrast + 0.02), np.float32)


def _shift(before: Grey, after: Grey) -> tuple[Shift | None, float]:
    """From one window to the other, in % of IOD, and how alike they are then, -1 to 1."""
    there, back = _found(before, after), _found(after, before)
    if there is None or back is None:
        return None, 0.0
    likeness = min(there[2], back[2])
    x, y = ((a - b) / 2 for a, b in zip(there[:2], back[:2], strict=True))
    apart = math.hypot(there[0] + back[0], there[1] + back[1])
    if likeness < ALIKE or apart > AGREE or math.hypot(x, y) > FARTHEST:
        return None, likeness
    return (round(x, 3) + 0.0, round(y, 3) + 0.0), likeness


def _found(before: Grey, after: Grey) -> tuple[float, float, float] | None:
    """Where the window of one picture lies in the other, (right, down) in % of IOD, and the correlation there; None where the search leads nowhere."""
    window = np.ascontiguousarray(before[MARGIN:-MARGIN, MARGIN:-MARGIN])
    try:
        _, x, y = _laid_over(_shrunk(window), _shrunk(after), MARGIN / COARSE, MARGIN / COARSE, 3)
    except cv2.error:  # it did not converge: the fine search begins in the middle
        x = y = MARGIN / COARSE
    try:
        correlation, x, y = _laid_over(window, after, x * COARSE, y * COARSE, 5)
    except cv2.error:
        return None
    return 100 * (x - MARGIN) / FINE, 100 * (y - MARGIN) / FINE, correlation


def _shrunk(picture: Grey) -> Grey:
    height, width = picture.shape
    return np.asarray(cv2.resize(picture, (width // COARSE, height // COARSE), interpolation=cv2.INTER_AREA), np.float32)


def _laid_over(window: Grey, picture: Grey, x: float, y: float, smooth: int) -> tuple[float, float, float]:
    """The correlation, and where the window's first pixel lies in the picture, looked for from (x, y) on.  Raises cv2.error where that leads nowhere."""
    start, everywhere = np.array([[1, 0, x], [0, 1, y]], np.float32), np.full(picture.shape, 255, np.uint8)
    correlation, found = cv2.findTransformECC(window, picture, start, cv2.MOTION_TRANSLATION, STEPS, everywhere, smooth)
    return float(correlation), float(found[0, 2]), float(found[1, 2])
