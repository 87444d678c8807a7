"""Synthetic labelled faces: two coloured dots on a calm ground."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from photodiary.retrain.dataset import Face


@dataclass(frozen=True)
class Dots:
    """Faces whose left eye is a red dot and whose right eye is a blue one, soft, on grey."""

    def picture(self, width: int, height: int, eyes: NDArray[np.float64], radius: float) -> NDArray[np.uint8]:
        y, x = np.mgrid[:height, :width].astype(np.float64)
        out = np.full((height, width, 3), 110.0)
        for (ex, ey), channel in zip(eyes, (0, 2), strict=True):
            bump = np.exp(-((x - ex) ** 2 + (y - ey) ** 2) / (2 * radius**2))
            out += bump[..., None] * (np.eye(3)[channel] * 255 - 110)
        return np.round(out).astype(np.uint8)

    def face(self, number: int = 0, *, width: int = 331, height: int = 397, iod: float = 72.0, radius: float = 9.0, source: str = "given") -> Face:
        rng = np.random.default_rng(number)
        middle, tilt = np.array([width / 2, 0.45 * height]) + rng.normal(0, 6, 2), rng.normal(0, 0.15)
        half = np.array([np.cos(tilt), np.sin(tilt)]) * iod / 2
        eyes = np.array([middle - half, middle + half])
        out = io.BytesIO()
        Image.fromarray(self.picture(width, height, eyes, radius)).save(out, "PNG")
        return Face(out.getvalue(), eyes, source, f"person-{number}", f"{number}.png")

    def centre(self, canvas: NDArray[np.uint8], channel: int, near: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
        """Centroid of one dot's colour within `reach` of a place."""
        light = np.clip(canvas[..., channel].astype(float) - canvas[..., 1].astype(float) - 12, 0, None)
        y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]]
        light = light * (np.hypot(x - near[0], y - near[1]) < reach)
        return np.array([(light * x).sum(), (light * y).sum()]) / light.sum() if light.sum() > 50 else np.array([np.nan, np.nan])


@pytest.fixture(scope="session")
def dots() -> Dots:
    return Dots()


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Two threads beside another busy process wait at every barrier."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
