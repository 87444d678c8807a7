"""What steers the alignment."""

from __future__ import annotations

import re
from dataclasses import dataclass

from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import Point

_FIXED = re.compile(r"^(\d{2,4})x(\d{2,4})(?: eyes (\d{1,2}(?:\.\d+)?)% apart at (\d{1,2}(?:\.\d+)?)%)?\Z")


@dataclass(frozen=True)
class AlignConfig:
    """canvas: "auto" chooses the picture format from the first photos and keeps it.

    Or "1080x1350", or "1080x1350 eyes 38% apart at 43%": width x height in pixels, the eyes' distance in % of the width and
    their height from the top in % of the height.
    """

    canvas: str = "auto"

    def __post_init__(self) -> None:
        self.fixed()

    def fixed(self) -> Canvas | None:
        """The format that is written in the configuration; None when it is to be chosen.  Raises ValueError."""
        if self.canvas == "auto":
            return None
        match = _FIXED.match(self.canvas)
        if match is None:
            raise ValueError('canvas must be "auto", "1080x1350" or "1080x1350 eyes 38% apart at 43%"')
        width, height = int(match[1]), int(match[2])
        apart = float(match[3] or 30 * min(1.25, height / width)) / 100 * width
        level = float(match[4] or 43) / 100 * height - 0.5
        middle = (width - 1) / 2
        return Canvas(width, height, Point(round(middle - apart / 2, 2), round(level, 2)), Point(round(middle + apart / 2, 2), round(level, 2)))
