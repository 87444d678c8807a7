"""Writes into pictures of one size: stamps that stand still from photo to photo, and titles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from photodiary.darkroom.lettering import CAPITAL, PITCH, draw, fitted, width
from photodiary.render.planes import BLACK, WHITE, halved, mixed, planes

BESIDE: Final = 0.05
"""Share of the width that stays free of letters on either side, and above and below as much: what televisions may hide (EBU R 95)."""
TALL: Final = 1.5
"""Pictures higher than so many widths are seen on phones, whose apps lay words and buttons over them ..."""
ABOVE, BELOW = 0.1, 0.17
"""... within these shares of the height, at the top and at the bottom."""
TITLE: Final = 0.085
"""Size of a title's letters as a share of the picture's shorter side."""
TITLE_LINES: Final = 3
TITLE_LEVEL: Final = 0.87
"""Where a title ends, as a share of the height: below the face ..."""
TITLE_TALL: Final = 0.72
"""... and in tall pictures above what apps lay over them."""
STAMP_LINES: Final = 2
KEPT: Final = 8


class _Ink(NamedTuple):
    """What is laid over part of a picture, from pixel (x, y) on, both even: what is kept and what is added, in 256ths, for its Y, Cb and Cr."""

    x: int
    y: int
    keep: tuple[NDArray[np.uint16], ...]
    add: tuple[NDArray[np.uint16], ...]


class Stamper:
    """Writes into pictures of width x height pixels.  position: one of `PLACES`; size: of a stamp's letters, in percent of the height."""

    def __init__(self, width: int, height: int, position: str, size: float) -> None:
        self._width, self._height, self._position, self._percent = width, height, position or "bottom left", size
        self._ink = lru_cache(KEPT)(self._laid)

    def write(self, frame: VideoFrame, stamp: str, title: str) -> None:
        """Write a stamp, and a title above or below it, into a picture, in place."""
        for ink in self._ink(stamp, title):
            for number, (plane, keep, add) in enumerate(zip(planes(frame), ink.keep, ink.add, strict=True)):
                x, y = (ink.x // 2, ink.y // 2) if number else (ink.x, ink.y)
                mixed(plane[y : y + keep.shape[0], x : x + keep.shape[1]], keep, add)

    def _laid(self, stamp: str, title: str) -> list[_Ink]:
        answer, free = [], self._height * (TITLE_TALL if self._tall else TITLE_LEVEL)
        if stamp:
            vertical, align = self._position.split()
            lines, size = self._stamp_lines(stamp.split("\n"))
            left, right = round(BESIDE * self._width), self._width - round(BESIDE * self._width)
            x = {"left": left, "centre": self._width // 2, "right": right}[align]
            y = self._first_line(vertical, len(lines), size)
            if vertical == "bottom":
                free = min(free, y - (CAPITAL + 0.6) * size)
            answer.append(self._inked(lines, size, align, x, y))
        if title:
            room = self._width - 2 * round(1.6 * BESIDE * self._width)
            lines, size = fitted(title, max(8, round(TITLE * min(self._width, self._height))), room, TITLE_LINES)
            y = round(free - 0.25 * size) - (len(lines) - 1) * round(PITCH * size)
            answer.append(self._inked(lines, size, "centre", self._width // 2, y))
        return answer

    @property
    def _tall(self) -> bool:
        return self._height > TALL * self._width

    def _stamp_lines(self, lines: Sequence[str]) -> tuple[Sequence[str], int]:
        """A stamp's lines, and the size at which they fit into the picture."""
        size = max(8, round(self._percent / 100 * self._height))
        most = self._width - 2 * round(BESIDE * self._width)
        widest = max(width(line, size) for line in lines)
        return lines[:STAMP_LINES], size if widest <= most else max(8, int(size * most / widest))

    def _first_line(self, vertical: str, lines: int, size: int) -> int:
        """Where the first line of letters stands, such that the block keeps its distance from the picture's edge, whatever is written."""
        if vertical == "top":
            return round((ABOVE * self._height if self._tall else BESIDE * self._width) + CAPITAL * size)
        return self._height - round(BELOW * self._height if self._tall else BESIDE * self._width) - (lines - 1) * round(PITCH * size)

    def _inked(self, lines: Sequence[str], size: int, align: str, x: int, y: int) -> _Ink:
        """What the letters of some lines lay over the picture, cut off at its edges."""
        drawn = draw(lines, size, align)
        left, top = x - drawn.x, y - drawn.y
        start_x, start_y = max(0, left) // 2 * 2, max(0, top) // 2 * 2
        stop_x = min(self._width, left + drawn.letters.shape[1] + 1) // 2 * 2
        stop_y = min(self._height, top + drawn.letters.shape[0] + 1) // 2 * 2
        lit, dark = (self._placed(mask, left, top, (start_x, start_y, stop_x, stop_y)) for mask in (drawn.letters, drawn.shadow))
        kept = (1 - lit) * (1 - dark)
        coarse = halved(kept)
        shares = kept, coarse, coarse
        adds = BLACK[0] * dark * (1 - lit) + WHITE[0] * lit, BLACK[1] * (1 - coarse), BLACK[2] * (1 - coarse)
        return _Ink(start_x, start_y, tuple(_in_256ths(share) for share in shares), tuple(_in_256ths(add) for add in adds))

    @staticmethod
    def _placed(mask: NDArray[np.uint8], left: int, top: int, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
        """The part of a mask that lies in a box of the picture, 0 to 1, with nothing where the mask ends before the box."""
        start_x, start_y, stop_x, stop_y = box
        part = mask[max(0, start_y - top) : stop_y - top, max(0, start_x - left) : stop_x - left]
        before = max(0, top - start_y), max(0, left - start_x)
        after = stop_y - start_y - part.shape[0] - before[0], stop_x - start_x - part.shape[1] - before[1]
        return np.pad(part, ((before[0], after[0]), (before[1], after[1]))).astype(np.float32) / np.float32(255)


def _in_256ths(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.asarray(np.round(256 * values), np.uint16)
