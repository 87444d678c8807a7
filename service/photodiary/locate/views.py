"""The contract between whoever has a photo and whoever finds the eyes in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.canvas import Matrix
from photodiary.diary.eyes import Sighting
from photodiary.diary.photo import Digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


class View(Protocol):
    """A photo that can be looked at: upright size in pixels, RGB looks of shape (h, w, 3)."""

    @property
    def size(self) -> tuple[int, int]: ...
    def thumbnail(self, side: int) -> Pixels: ...
    def crop(self, matrix: Matrix, size: tuple[int, int]) -> Pixels: ...


class Locator(Protocol):
    """Finds the eyes of the diary's person.  `name` goes into the sightings it makes.

    `locate` always answers: eyes in upright pixels of the photo with an expected error in % of IOD, or no eyes with a reason.
    """

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def device(self) -> str: ...
    def locate(self, view: View) -> Sighting: ...


@dataclass(frozen=True)
class DarkroomView:
    """A photo in the darkroom.  Its methods raise what the darkroom raises."""

    darkroom: Darkroom
    digest: Digest
    load: Callable[[], bytes]
    size: tuple[int, int]

    def thumbnail(self, side: int) -> Pixels:
        return self.darkroom.thumbnail(self.digest, self.load, side)

    def crop(self, matrix: Matrix, size: tuple[int, int]) -> Pixels:
        return self.darkroom.crop(self.digest, self.load, matrix, size)
