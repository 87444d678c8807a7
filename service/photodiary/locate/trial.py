"""Whether a locator answers: one look at a picture made for it, all the way from the network's input to a sighting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from photodiary.locate.views import Located, Locator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from photodiary.diary.canvas import Matrix

    Pixels = NDArray[np.uint8]

SIDE = 480  # pixels, square


@dataclass(frozen=True)
class MadeView:
    """A photo from dark to light, in which there is nobody."""

    size: tuple[int, int] = (SIDE, SIDE)

    def thumbnail(self, side: int) -> Pixels:
        return _grey(min(side, SIDE), min(side, SIDE))

    def crops(self, matrices: Sequence[Matrix], size: tuple[int, int]) -> Pixels:
        return np.repeat(_grey(size[0], size[1])[None], len(matrices), axis=0)


def _grey(width: int, height: int) -> Pixels:
    """RGB (h, w, 3)."""
    return np.repeat(np.tile(np.linspace(40, 215, width), (height, 1))[..., None], 3, axis=2).astype(np.uint8)


def answers(locator: Locator) -> Located:
    """What the locator says of the made picture: whatever it is, it predicts.  Raises what the locator raises, DeviceLost where its card is gone."""
    return locator.locate(MadeView())
