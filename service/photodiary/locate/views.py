"""The contract between whoever has a photo and whoever finds the eyes in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.canvas import Matrix
from photodiary.diary.eyes import Sighting
from photodiary.diary.photo import Digest
from photodiary.errors import PhotodiaryError
from photodiary.eyenet.likeness import Gallery

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


class View(Protocol):
    """A photo that can be looked at: upright size in pixels, RGB looks: whole (h, w, 3), crops (n, h, w, 3)."""

    @property
    def size(self) -> tuple[int, int]: ...
    def thumbnail(self, side: int) -> Pixels: ...
    def crops(self, matrices: Sequence[Matrix], size: tuple[int, int]) -> Pixels: ...


@dataclass(frozen=True)
class Located:
    """A sighting, what the face looks like (to be kept beside it; None when unknown), and the log odds that it is the diary's person (None
    when there was no gallery to compare with)."""

    sighting: Sighting
    embedding: bytes | None = None
    log_odds: float | None = None


class Locator(Protocol):
    """Finds the eyes of the diary's person.  `name` goes into the sightings it makes; looks of one `kin` can be compared, whichever model saw them.

    `locate` always answers: eyes in upright pixels of the photo with an expected error in % of IOD, or no eyes with a reason.  With a
    gallery, a face that is like it wins over others, and one that is unlike it is said to be somebody else's.
    `locate_all` does so for up to `together` photos at once, with the same answers; a photo whose view raises gets its error.
    `device` and `together` may change while it works; `trouble` then says why, in words for `status`.
    """

    @property
    def name(self) -> str: ...
    @property
    def kin(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def together(self) -> int: ...
    @property
    def trouble(self) -> str | None: ...
    def locate_all(self, views: Sequence[View], galleries: Sequence[Gallery | None]) -> list[Located | PhotodiaryError]: ...
    def locate(self, view: View, gallery: Gallery | None = None) -> Located: ...


@dataclass(frozen=True)
class DarkroomView:
    """A photo in the darkroom.  Its methods raise what the darkroom raises."""

    darkroom: Darkroom
    digest: Digest
    load: Callable[[], bytes]
    size: tuple[int, int]

    def thumbnail(self, side: int) -> Pixels:
        return self.darkroom.thumbnail(self.digest, self.load, side)

    def crops(self, matrices: Sequence[Matrix], size: tuple[int, int]) -> Pixels:
        return self.darkroom.crops(self.digest, self.load, matrices, size)
