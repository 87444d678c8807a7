"""Photos for the locator, and a locator that says what it was told to say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from photodiary.darkroom import warp
from photodiary.darkroom.inmemory import PixelView
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.errors import PhotodiaryError
from photodiary.eyenet.likeness import Gallery
from photodiary.locate.views import Located, View

Pixels = NDArray[np.uint8]

# skimage.data.astronaut(), 512 x 512: Eileen Collins, NASA, public domain.  Pupils measured by hand at sixteen times the size.
ASTRONAUT_EYES = EyePair(Point(203.1, 100.4), Point(246.2, 102.4))


@dataclass(frozen=True)
class Astronaut:
    """A public portrait with known pupils, turned, scaled and mirrored on request."""

    pixels: Pixels
    eyes: EyePair = ASTRONAUT_EYES

    def view(self, pixels: Pixels) -> PixelView:
        return PixelView(pixels)

    def turned(self, degrees: float, scale: float = 1.0) -> tuple[PixelView, EyePair]:
        """The portrait turned about its face and scaled, with its pupils."""
        c, s = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
        side = round(512 * scale)
        middle, target = self.eyes.middle, (0.44 * side, 0.38 * side)
        matrix = np.array([[c, -s, target[0] - c * middle.x + s * middle.y], [s, c, target[1] - s * middle.x - c * middle.y]])
        moved = EyePair(*(Point(*(matrix @ [p.x, p.y, 1])) for p in self.eyes))
        return PixelView(warp.warp(self.pixels, matrix, (side, side))[0]), moved


@pytest.fixture(scope="session")
def astronaut() -> Astronaut:
    from skimage import data

    return Astronaut(data.astronaut())


@dataclass
class ToldLocator:
    """Looks at every photo as the real one does, then gives the next of the answers it was told."""

    answers: list[Sighting | Located | Exception]
    look: Callable[[View], object] = lambda view: view.thumbnail(32)
    name: str = "told-1"
    kin: str = "told-1"
    sha256: str = "0" * 64
    device: str = "cpu"
    together: int = 1
    seen: list[tuple[int, int]] = field(default_factory=list)
    galleries: list[Gallery | None] = field(default_factory=list)
    companies: list[int] = field(default_factory=list)

    def locate_all(self, views: Sequence[View], galleries: Sequence[Gallery | None]) -> list[Located | PhotodiaryError]:
        self.companies.append(len(views))
        said: list[Located | PhotodiaryError] = []
        for view, gallery in zip(views, galleries, strict=True):
            try:
                said.append(self.locate(view, gallery))
            except PhotodiaryError as error:
                said.append(error)
        return said

    def locate(self, view: View, gallery: Gallery | None = None) -> Located:
        self.look(view)
        self.seen.append(view.size)
        self.galleries.append(gallery)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Located(answer) if isinstance(answer, Sighting) else answer


@pytest.fixture
def told() -> type[ToldLocator]:
    return ToldLocator
