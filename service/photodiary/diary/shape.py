"""How large a film is, and where a frame of another shape lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from photodiary.diary.canvas import CHIN, FOREHEAD

LOST: Final = 0.25
"""Share of a side that may be cut off so that a frame fills the film."""
HEAD: Final = 3.2
"""IOD across that must stay in the picture: a head with its ears, and a little."""
EYE_LEVEL: Final = 0.42
"""Where the eyes are put in a picture that is cut at its top and bottom, as a share of the height, ..."""
HAIR, NECK = 1.8, 2.0
"""... but so many IOD above and below them are kept, where they fit."""
NEARLY: Final = 0.005
"""Shapes that differ no more than this are the same, but for the rounding to even pixels."""
SHORTEST, LONGEST = 2160, 3840
"""Pixels of the shorter and the longer side at most: 4K."""
FULL_HD: Final = 1080


@dataclass(frozen=True)
class Box:
    """Part of a picture, in whole pixels, all even, so that colour samples are cut nowhere."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Layout:
    """shown: the part of the frame that the film shows; place: where in the film it lies, what is around it is border."""

    shown: Box
    place: Box


def film_size(frame_width: int, frame_height: int, shape: str, size: int, eyes: tuple[float, ...] = ()) -> tuple[int, int]:
    """Width and height of a film, even pixels.

    shape: "4:5", width to height, or empty for the frames' own; size: pixels of the shorter side, or 0 for as many as the frames fill, neither
    enlarged nor shrunk (but full HD instead of what lies between it and 4K, where televisions expect one or the other: 16:9 and 9:16).
    eyes: x, y of the left and the right one on the frames, if known.  A film is 4K at most.
    """
    wide, high = _ratio(frame_width, frame_height, shape)
    if not size:
        box = _cut(frame_width, frame_height, wide, high, eyes)
        if box is not None:
            size = min(box.width, box.height)
        elif frame_width * high > frame_height * wide:
            size = round(frame_width * min(wide, high) / wide)
        else:
            size = round(frame_height * min(wide, high) / high)
        if shape in ("16:9", "9:16") and FULL_HD < size < SHORTEST:
            size = FULL_HD
    short = min(size, SHORTEST, LONGEST * min(wide, high) / max(wide, high))
    long = _even(short * max(wide, high) / min(wide, high))
    return (_even(short), long) if wide <= high else (long, _even(short))


def layout(frame_width: int, frame_height: int, width: int, height: int, eyes: tuple[float, ...] = ()) -> Layout:
    """How a frame lies in a film of width x height pixels.

    It is cut to the film's shape where that takes no more than `LOST` of one side and leaves forehead, chin and ears in the picture; else
    all of it is shown, in the middle.  eyes: as in `film_size`; unknown ones are taken to be where they usually are.
    """
    box = _cut(frame_width, frame_height, width, height, eyes)
    if box is not None:
        return Layout(box, Box(0, 0, width, height))
    scale = min(width / frame_width, height / frame_height)
    wide, high = min(width, _even(frame_width * scale)), min(height, _even(frame_height * scale))
    return Layout(Box(0, 0, frame_width, frame_height), Box((width - wide) // 4 * 2, (height - high) // 4 * 2, wide, high))


def cover(frame_width: int, frame_height: int, width: int, height: int) -> Box:
    """The largest part of a frame, from its middle, that has the shape of width x height."""
    if frame_width * height > frame_height * width:
        wide = _even(frame_height * width / height)
        return Box((frame_width - wide) // 4 * 2, 0, wide, frame_height)
    high = _even(frame_width * height / width)
    return Box(0, (frame_height - high) // 4 * 2, frame_width, high)


def _cut(frame_width: int, frame_height: int, wide: int, high: int, eyes: tuple[float, ...]) -> Box | None:
    """The part of a frame that fills a film of that shape; None where too much would be lost."""
    left_x, left_y, right_x, right_y = eyes or _usual(frame_width, frame_height)
    iod, x, y = abs(right_x - left_x), (left_x + right_x) / 2, (left_y + right_y) / 2
    across, along = frame_width * high, frame_height * wide
    if abs(across - along) <= NEARLY * along:
        return Box(0, 0, frame_width, frame_height)
    if across > along:
        width = _even(along / high)
        low, top = max(0.0, x + HEAD / 2 * iod - width), min(frame_width - width, x - HEAD / 2 * iod)
        if width < (1 - LOST) * frame_width - 1 or low > top:
            return None
        return Box(_even(min(max(x - width / 2, low), top)), 0, width, frame_height)
    height = _even(across / wide)
    low, top = max(0.0, y + CHIN * iod - height), min(frame_height - height, y - FOREHEAD * iod)
    if height < (1 - LOST) * frame_height - 1 or low > top:
        return None
    above = min(max(EYE_LEVEL * height, HAIR * iod), height - NECK * iod)
    return Box(0, _even(min(max(y - above, low), top)), frame_width, height)


def _usual(width: int, height: int) -> tuple[float, float, float, float]:
    iod = min(width, height) / 3.6
    return (width - iod) / 2, 0.43 * height, (width + iod) / 2, 0.43 * height


def _ratio(frame_width: int, frame_height: int, shape: str) -> tuple[int, int]:
    if not shape:
        return frame_width, frame_height
    wide, high = (int(part) for part in shape.split(":"))
    same = abs(frame_width * high - frame_height * wide) <= NEARLY * frame_height * wide
    return (frame_width, frame_height) if same else (wide, high)


def _even(pixels: float) -> int:
    return 2 * round(pixels / 2)
