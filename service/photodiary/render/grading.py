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

    Luma follows the tone curve of `diary/tone.py`, and colour is changed as much as luma, so that saturation stays.  What is white is given no colour: a
    window behind the face does not turn pink because the skin was green.  k: 0.5 to 1.9, shifts: at most 0.14.  Pixels that another frame shares stay as
    they are there.
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
    sunk = np.sqrt(np.sqrt(min(k, 1.0)))  # only what every machine rounds alike: + - * / and roots
    bent = k / sunk
    level = np.arange(256)
    old = np.clip((level - BLACK) / LEVELS, 0, 1)
    gain = k / np.sqrt(1 + (bent * bent - 1) * old * old)
    new = gain * old
    curve = np.where(level < BLACK, level, np.rint(BLACK + LEVELS * new) + np.maximum(0, level - WHITE))
    fourth = old * old * old * old
    tint = new * (1 - fourth * fourth)
    shifts = [np.clip(np.rint(4 * 224 * part * tint), -127, 127).astype(np.int8).tobytes() for part in (blue, red)]
    return curve.astype(np.uint8).tobytes(), np.rint(64 * gain).astype(np.uint8).tobytes(), shifts[0], shifts[1]
