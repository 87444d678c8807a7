"""A picture in memory that can be looked at like a photo in the darkroom: for judging training, and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photodiary.darkroom import warp
from photodiary.diary.canvas import Matrix

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class PixelView:
    """Upright RGB pixels (h, w, 3), shown whole or in crops exactly as a darkroom worker shows a photo (but for its halving)."""

    pixels: Pixels

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]

    def thumbnail(self, side: int) -> Pixels:
        matrix, size = warp.thumbnail_matrix(self.size, side)
        return warp.warp(self.pixels, matrix, size)[0]

    def crops(self, matrices: Sequence[Matrix], size: tuple[int, int]) -> Pixels:
        return np.stack([warp.warp(self.pixels, np.array(matrix), size)[0] for matrix in matrices])
