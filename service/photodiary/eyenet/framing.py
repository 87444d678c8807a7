"""How a photo is shown to the network: first whole and small, then an upright crop around the eyes."""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import EyePair, Point


@dataclass(frozen=True)
class FramingConfig:
    """Pixels of the looks.  whole: longer side of the first look; crop: side of the square crop; iod: eyes' distance in it."""

    whole: int = 288
    crop: int = 192
    iod: float = 60.0
    eye_level: float = 0.46


def padded(side: int) -> int:
    """The next multiple of 32, which the network needs."""
    return (side + 31) // 32 * 32


def crop_canvas(framing: FramingConfig) -> Canvas:
    """The second look as a canvas: eyes level, `iod` apart, at `eye_level` of the height."""
    middle, level = (framing.crop - 1) / 2, framing.eye_level * framing.crop
    return Canvas(framing.crop, framing.crop, Point(middle - framing.iod / 2, level), Point(middle + framing.iod / 2, level))


def from_thumbnail(eyes: EyePair, size: tuple[int, int], photo: tuple[int, int]) -> EyePair:
    """Pixels of a thumbnail of `size` (w, h) to pixels of the photo of size `photo` (w, h)."""
    fx, fy = photo[0] / size[0], photo[1] / size[1]
    return EyePair(*(Point((p.x + 0.5) * fx - 0.5, (p.y + 0.5) * fy - 0.5) for p in eyes))


def mirrored(eyes: EyePair, width: int) -> EyePair:
    """The same eyes in the mirrored picture of `width` pixels; left and right change places."""
    return EyePair(Point(width - 1 - eyes.right.x, eyes.right.y), Point(width - 1 - eyes.left.x, eyes.left.y))
