"""Looking at a photo the way up that a person said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from photodiary.diary.canvas import Matrix, apply
from photodiary.diary.eyes import EyePair, Sighting
from photodiary.diary.facing import Facing, after, turned_size, turning
from photodiary.locate.views import View

if TYPE_CHECKING:
    from photodiary.locate.views import Pixels


@dataclass(frozen=True)
class TurnedView:
    """A photo as it stands upright once it is turned clockwise by `turned` degrees.  Its methods raise what those of `view` raise."""

    view: View
    turned: int

    @property
    def size(self) -> tuple[int, int]:
        return turned_size(self.turned, self.view.size)

    def thumbnail(self, side: int) -> Pixels:
        import numpy as np

        return np.ascontiguousarray(np.rot90(self.view.thumbnail(side), -self.turned // 90))

    def crops(self, matrices: Sequence[Matrix], size: tuple[int, int]) -> Pixels:
        turn = turning(self.turned, self.view.size)
        return self.view.crops([after(matrix, turn) for matrix in matrices], size)


def as_told(view: View, facing: Facing) -> View:
    """A photo the way up that a person said, or as it is where nobody did."""
    return view if not facing.turned else TurnedView(view, facing.turned)


def back_from(sighting: Sighting, facing: Facing, size: tuple[int, int]) -> Sighting:
    """What was seen in `as_told`'s view, in pixels of the upright original of `size` (w, h); the eyes in the order that the person's word gives them."""
    if sighting.eyes is None or facing.turned is None:
        return sighting
    undo = turning((360 - facing.turned) % 360, turned_size(facing.turned, size))
    left, right = (apply(undo, eye) for eye in sighting.eyes)
    return replace(sighting, eyes=facing.ordered(EyePair(left, right)))
