"""Pictures of a film as arrays: yuv420p, bt709 in limited range, a colour sample in the middle of its 2 x 2 pixels."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from photodiary.render.coding import COLOUR

Plane = NDArray[np.uint8]
Colour = tuple[int, int, int]
"""Y, Cb and Cr."""

BLACK: Final[Colour] = (16, 128, 128)
WHITE: Final[Colour] = (235, 128, 128)


def planes(frame: VideoFrame) -> tuple[Plane, Plane, Plane]:
    """Views of a picture's Y (h, w), Cb and Cr (h/2, w/2): what is written there is in the picture."""
    y, cb, cr = (np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width] for plane in frame.planes)
    return y, cb, cr


def picture(width: int, height: int, colour: Colour) -> VideoFrame:
    """A picture of one colour."""
    frame = VideoFrame(width, height, "yuv420p")
    for plane, value in zip(planes(frame), colour, strict=True):
        plane[:] = value
    return tagged(frame)


def tagged(frame: VideoFrame) -> VideoFrame:
    """The same picture, which now says which colours it has."""
    frame.colorspace, frame.color_range = COLOUR["space"], COLOUR["range"]
    frame.color_trc, frame.color_primaries = COLOUR["trc"], COLOUR["primaries"]
    return frame


def colour_of(text: str) -> Colour:
    """ "black" or "#rrggbb" in the film's colours (ITU-R BT.709-6, section 3, in 8 bits)."""
    if text == "black":
        return BLACK
    red, green, blue = (int(text[start : start + 2], 16) / 255 for start in (1, 3, 5))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return round(16 + 219 * luma), round(128 + 224 * (blue - luma) / 1.8556), round(128 + 224 * (red - luma) / 1.5748)


def halved(values: NDArray[Any]) -> NDArray[np.float32]:
    """The mean of every 2 x 2 values, for the colour samples of even many pixels."""
    return np.asarray((values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]) / 4, np.float32)


def mixed(plane: Plane, keep: NDArray[np.uint16], add: NDArray[np.uint16]) -> None:
    """plane = (keep plane + add) / 256, rounded, in place.  keep: 0 to 256; add: 256 times what comes in, so that both stay within a byte."""
    plane[:] = (plane * keep + add + 128) >> 8
