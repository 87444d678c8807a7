"""How light and of which colour the face in a frame is, as numbers that the film evens out (`diary/tone.py`)."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Places = NDArray[np.float64]  # (2, n): along the line of the eyes to the right, and across it downwards, from the middle between them, in IOD

STEP: Final = 1 / 40  # IOD between the points that are looked at: 6,000 of them in a face, so that grain of 10 levels moves the mean by a tenth of one
DARKEST: Final = 0.02  # luma: no photo is taken for darker than this, nor for brighter than 1 - DARKEST
LUMA: Final = np.array([0.2126, 0.7152, 0.0722])  # BT.709
COLOURED: Final = (0.1, 0.97)  # luma in which colour can be told: neither lost in the dark nor clipped


def tone(pixels: Pixels, left: tuple[float, float], right: tuple[float, float]) -> list[float]:
    """The `diary.tone.Tone` of a frame, (light, blue, red), each rounded to 0.0001.

    pixels: (h, w, 3) uint8 RGB; left, right: where the eyes lie, in its pixels, centres at integers.  Light is that of the whole face as one sees it, an
    ellipse from the hairline to the chin, beard and brows included; colour is the median of the skin of forehead, cheeks and nose.  What lies outside the
    picture does not count; a face of which nothing lies inside is middle grey.
    """
    face, skin = (_picked(pixels, places, left, right) for places in _places())
    if not len(face):
        return [0.0, 0.0, 0.0]
    luma = face @ LUMA
    mean = min(1 - DARKEST, max(DARKEST, float(luma.mean())))
    light = float(np.log(mean**2 / (1 - mean**2)))
    blue, red = _colour(skin)
    return [round(light, 4) + 0.0, round(blue, 4) + 0.0, round(red, 4) + 0.0]


def _picked(pixels: Pixels, places: Places, left: tuple[float, float], right: tuple[float, float]) -> NDArray[np.float64]:
    """(n, 3) RGB between 0 and 1 of the pixels at these places of the face."""
    along = np.array(right) - np.array(left)
    across = np.array([-along[1], along[0]])
    x, y = np.rint((np.array(left) + np.array(right))[:, None] / 2 + along[:, None] * places[0] + across[:, None] * places[1]).astype(np.intp)
    inside = (x >= 0) & (y >= 0) & (x < pixels.shape[1]) & (y < pixels.shape[0])
    picked: NDArray[np.float64] = pixels[y[inside], x[inside]] / 255.0
    return picked


def _colour(skin: NDArray[np.float64]) -> tuple[float, float]:
    """Cb / y and Cr / y."""
    luma = skin @ LUMA
    told = (luma > COLOURED[0]) & (luma < COLOURED[1])
    if told.sum() * 10 < len(luma) or not told.any():
        return 0.0, 0.0
    luma, skin = luma[told], skin[told]
    return float(np.median((skin[:, 2] - luma) / luma) / 1.8556), float(np.median((skin[:, 0] - luma) / luma) / 1.5748)


@cache
def _places() -> tuple[Places, Places]:
    """Of the face, and of its skin away from brows, eyes, mouth and most of a beard."""
    u, v = (axis.ravel() for axis in np.meshgrid(np.arange(-1, 1, STEP) + STEP / 2, np.arange(-1, 2, STEP) + STEP / 2))
    a = np.abs(u)
    face = (u / 0.95) ** 2 + ((v - 0.4) / 1.25) ** 2 <= 1
    forehead = (a <= 0.5) & (v >= -0.75) & (v <= -0.42)
    cheeks = (a >= 0.25) & (a <= 0.75) & (v >= 0.3) & (v <= 0.85)
    nose = (a <= 0.15) & (v >= 0.1) & (v <= 0.7)
    skin = forehead | cheeks | nose
    return np.stack([u[face], v[face]]), np.stack([u[skin], v[skin]])
