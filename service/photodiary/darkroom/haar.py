"""The eyes by OpenCV's Haar cascades, as the original notebooks found them: the baseline that `compare` holds the network against."""

from __future__ import annotations

import math
from functools import cache

import cv2
import cv2.data
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Eyes = list[list[float]]

FACE, EYE = "frontalface_default", "eye_tree_eyeglasses"
SIDE = 800  # pixels on the longer side of what the cascades look at; between 640 and 1600 nothing but the time changes
LEAST_FACE = 1 / 12  # of SIDE
LEAST_EYE = 1 / 12  # of the face's width
LEVEL = (0.15, 0.60)  # of the face box's height: where eyes can be
APART = (0.25, 0.70)  # of the face box's width: how far eyes can be apart; nostrils and brows are not


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    """A cascade of the wheel itself: a file we trust, so that OpenCV may be given its path."""
    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")


def load() -> None:
    """Have both cascades in memory."""
    _cascade(FACE)
    _cascade(EYE)


def eyes(photo: Pixels) -> Eyes | None:
    """Both eyes of the largest face, [[x, y], [x, y]], left in the picture first, in pixels of `photo` (h, w, 3) RGB, centres at integers.

    The eye boxes' centres, the left-most and the right-most of those that lie where eyes can be.  None without a face or without two such boxes.
    """
    height, width = photo.shape[:2]
    shrink = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    grey = cv2.cvtColor(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    least = round(LEAST_FACE * SIDE)
    faces = _cascade(FACE).detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(least, least))
    if len(faces) == 0:
        return None
    x, y, w, h = max((tuple(map(int, face)) for face in faces), key=lambda face: face[2])
    least = round(LEAST_EYE * w)
    boxes = _cascade(EYE).detectMultiScale(
        np.ascontiguousarray(grey[y : y + round(LEVEL[1] * h), x : x + w]), scaleFactor=1.05, minNeighbors=3, minSize=(least, least)
    )
    centres = [(x + int(bx) + (int(bw) - 1) / 2, y + int(by) + (int(bh) - 1) / 2) for bx, by, bw, bh in boxes]
    likely = sorted(centre for centre in centres if LEVEL[0] * h < centre[1] - y < LEVEL[1] * h)
    if len(likely) < 2 or not APART[0] * w < math.dist(likely[0], likely[-1]) < APART[1] * w:
        return None
    fx, fy = size[0] / width, size[1] / height
    return [[(cx + 0.5) / fx - 0.5, (cy + 0.5) / fy - 0.5] for cx, cy in (likely[0], likely[-1])]
