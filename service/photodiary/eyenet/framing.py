"""How a photo is shown to the network: whole and small, then an upright crop around the eyes, then several looks around where they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import EyePair, Point


@dataclass(frozen=True)
class Look:
    """One crop around eyes that are known roughly.  iod: pixels between them in the crop; right, down: the shift of the eyes from their
    usual place, in pixels; turn: degrees, clockwise; mirrored: left and right changed for the network."""

    iod: float
    right: float = 0.0
    down: float = 0.0
    turn: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True)
class FramingConfig:
    """Pixels of the looks.  whole: longer side of the first look; crop: side of the square crops; approach: the one crop that finds out where
    the eyes are nearly; looks: those whose median is the answer; more: further ones for photos whose looks disagree."""

    whole: int = 256
    far: int = 576
    crop: int = 128
    eye_level: float = 0.46
    approach: Look = Look(46.0)
    looks: tuple[Look, ...] = (
        Look(54.0),
        Look(62.0, mirrored=True),
        Look(70.0, right=1.7, down=-2.6, turn=-2.0),
        Look(62.0, right=-2.6, down=1.9, turn=2.0),
        Look(56.0, right=2.9, down=2.3, mirrored=True),
    )
    more: tuple[Look, ...] = (
        Look(50.0, right=-1.2, down=-1.8, mirrored=True),
        Look(66.0, right=-3.1, down=2.7, turn=3.0),
        Look(58.0, right=3.4, down=-3.3, turn=-3.0, mirrored=True),
        Look(72.0, right=0.6, down=0.8),
    )


def padded(side: int) -> int:
    """The next multiple of 32, which the network needs."""
    return (side + 31) // 32 * 32


def look_canvas(framing: FramingConfig, look: Look) -> Canvas:
    """A look as a canvas: where the eyes are expected to lie in the crop, before it is mirrored."""
    middle = Point((framing.crop - 1) / 2 + look.right, framing.eye_level * framing.crop + look.down)
    half_x, half_y = (look.iod / 2 * f(math.radians(look.turn)) for f in (math.cos, math.sin))
    return Canvas(framing.crop, framing.crop, Point(middle.x - half_x, middle.y - half_y), Point(middle.x + half_x, middle.y + half_y))


def from_thumbnail(eyes: EyePair, size: tuple[int, int], photo: tuple[int, int]) -> EyePair:
    """Pixels of a thumbnail of `size` (w, h) to pixels of the photo of size `photo` (w, h)."""
    fx, fy = photo[0] / size[0], photo[1] / size[1]
    return EyePair(*(Point((p.x + 0.5) * fx - 0.5, (p.y + 0.5) * fy - 0.5) for p in eyes))


def mirrored(eyes: EyePair, width: int) -> EyePair:
    """The same eyes in the mirrored picture of `width` pixels; left and right change places."""
    return EyePair(Point(width - 1 - eyes.right.x, eyes.right.y), Point(width - 1 - eyes.left.x, eyes.left.y))


def turned_back(eyes: EyePair, quarters: int, size: tuple[int, int]) -> EyePair:
    """Eyes seen in a picture turned counter-clockwise by `quarters` (numpy.rot90), in pixels of the unturned one of `size` (w, h)."""
    width, height = size
    for _ in range(quarters % 4):  # each turn back: what was at the right is at the bottom again
        width, height = height, width
    for _ in range(quarters % 4):
        eyes = EyePair(*(Point(height - 1 - p.y, p.x) for p in eyes))
        width, height = height, width
    return eyes
