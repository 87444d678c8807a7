"""Changes light and colours of a video picture as `diary/tone.py` says, with whole numbers only: the same on every machine."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from photodiary.diary.tone import Grade

Plane = NDArray[np.uint8]

BLACK: Final = 16
WHITE: Final = 235  # of luma in limited range; colour goes from 16 to 240 around 128
LEVELS: Final = WHITE - BLACK


def grade(frame: VideoFrame, grade: Grade) -> None:
    """Change a yuv420p picture (BT.709, limited range) in place; an empty grade leaves it alone.

    Black stays black and white white; between them luma follows the tone curve of `diary/tone.py`, and colour as much as luma, so that saturation stays.
    What is white is given no colour: a window behind the face does not turn pink because the skin was green.
    """
    if not grade:
        return
    curve, gains, blues, reds = _tables(grade)
    frame.make_writable()
    luma, blue, red = (_visible(frame, number) for number in range(3))
    under = luma[::2, ::2].tobytes()  # of each 2 x 2 pixels with one colour, the first one
    gain = np.frombuffer(under.translate(gains), np.uint8).reshape(blue.shape)
    for plane, shifts in ((blue, blues), (red, reds)):
        shift = np.frombuffer(under.translate(shifts), np.int8).reshape(blue.shape)
        plane[:] = _coloured(plane, gain, shift)
    luma[:] = np.frombuffer(luma.tobytes().translate(curve), np.uint8).reshape(luma.shape)


def _visible(frame: VideoFrame, number: int) -> Plane:
    """(h, w) of a plane, without what pads its lines."""
    plane = frame.planes[number]
    lines: Plane = np.frombuffer(memoryview(plane), np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
    return lines[:, : plane.width]


def _coloured(plane: Plane, gain: Plane, shift: NDArray[np.int8]) -> Plane:
    """128 + (plane - 128) * gain / 64 + shift / 4, rounded, within 16 to 240.  Nothing overflows: gain < 128, so that all stays below 2 ** 15."""
    wide = plane.astype(np.int16)
    wide -= 128
    wide *= gain
    moved = shift.astype(np.int16)
    moved <<= 4
    wide += moved
    wide += 32
    wide >>= 6
    wide += 128
    return np.clip(wide, 16, 240, out=wide).astype(np.uint8)


@lru_cache(maxsize=64)
def _tables(grade: Grade) -> tuple[bytes, bytes, bytes, bytes]:
    """For each level of luma: the new one, 64 times the gain of colour, and four times what is added to Cb and Cr."""
    k, blue, red = grade
    old = np.clip((np.arange(256) - BLACK) / LEVELS, 0, 1)
    more = 1 + (k * k - 1) * old * old
    new = k * old / np.sqrt(more)
    curve = np.rint(BLACK + LEVELS * new)
    outside = np.arange(256)
    curve = np.where((outside < BLACK) | (outside > WHITE), outside, curve)
    gains = np.rint(64 * k / np.sqrt(more))  # new / old, also where both are 0
    fourth = new * new * new * new
    tint = new * (1 - fourth * fourth)
    shifts = [np.rint(4 * 224 * part * tint).astype(np.int8).tobytes() for part in (blue, red)]
    return curve.astype(np.uint8).tobytes(), gains.astype(np.uint8).tobytes(), shifts[0], shifts[1]
