"""Looking at a photo a second time, slightly cropped: how far the eyes lie beside where they were says how steady a film can be at best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photodiary.diary.canvas import Matrix
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.facing import after
from photodiary.diary.quality import Measured, Shift
from photodiary.eyenet.likeness import Gallery
from photodiary.locate.views import Locator, View

if TYPE_CHECKING:
    from photodiary.locate.views import Pixels

CUT = (0.04, 0.02, 0.01, 0.03)  # left, top, right, bottom: shares of the photo's sides
OTHER_FACE = 20.0  # % of IOD: so far away it is another one


@dataclass(frozen=True)
class CroppedView:
    """A photo without a little of its edges.  Its methods raise what those of `view` raise."""

    view: View

    @property
    def corner(self) -> tuple[int, int]:
        """Its first pixel in the whole photo."""
        width, height = self.view.size
        return round(CUT[0] * width), round(CUT[1] * height)

    @property
    def size(self) -> tuple[int, int]:
        (width, height), (x, y) = self.view.size, self.corner
        return width - x - round(CUT[2] * width), height - y - round(CUT[3] * height)

    def thumbnail(self, side: int) -> Pixels:
        shrink = min(1.0, side / max(self.size))
        width, height = (max(1, round(length * shrink)) for length in self.size)
        fx, fy = width / self.size[0], height / self.size[1]
        small: Pixels = self.crops([((fx, 0.0, 0.5 * fx - 0.5), (0.0, fy, 0.5 * fy - 0.5))], (width, height))[0]
        return small

    def crops(self, matrices: Sequence[Matrix], size: tuple[int, int]) -> Pixels:
        x, y = self.corner
        return self.view.crops([after(matrix, ((1.0, 0.0, -float(x)), (0.0, 1.0, -float(y)))) for matrix in matrices], size)


def look_again(locator: Locator, view: View, gallery: Gallery | None, first: EyePair) -> Measured:
    """Where the eyes are seen in `CroppedView`, beside where they were seen `first`, in pixels of the photo; along the line of the eyes and across it.

    Nothing moved is said where no eyes are seen, or another face's.  Raises what the view raises.
    """
    cropped = CroppedView(view)
    eyes = locator.locate(cropped, gallery).sighting.eyes
    if eyes is None:
        return Measured(None, 0.0)
    x, y = cropped.corner
    second = EyePair(*(Point(eye.x + x, eye.y + y) for eye in eyes))
    if second.distance(first) > OTHER_FACE / 100 * first.iod:
        return Measured(None, 0.0)
    left, right = (_along(first, p, q) for p, q in zip(first, second, strict=True))
    return Measured((left, right), 1.0)


def _along(eyes: EyePair, start: Point, end: Point) -> Shift:
    """From one point to another in % of IOD, as it looks in the frame."""
    moved = 100 * (complex(*end) - complex(*start)) / (complex(*eyes.right) - complex(*eyes.left))
    return round(moved.real, 3) + 0.0, round(moved.imag, 3) + 0.0
