"""Pictures whose content is known exactly, and the bytes that hold them."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Studio:
    """Makes pictures and photo files."""

    def smooth(self, width: int, height: int) -> Pixels:
        """A picture without fine detail whose every pixel follows from `colours`."""
        y, x = np.mgrid[:height, :width].astype(np.float64)
        return np.round(self.colours(x, y)).astype(np.uint8)

    def colours(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """RGB (..., 3) of the smooth picture at any place; waves of 50 pixels and more."""
        return np.stack([128 + 90 * np.sin(x / 9 + y / 23), 128 + 90 * np.cos(y / 8 - x / 31), 128 + 90 * np.sin((x + y) / 14)], axis=-1)

    def dot(self, width: int, height: int, at: tuple[float, float], sigma: float = 3.0) -> Pixels:
        """A soft white dot on dark grey."""
        y, x = np.mgrid[:height, :width].astype(np.float64)
        light = 20 + 220 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * sigma**2))
        return np.repeat(np.round(light).astype(np.uint8)[..., None], 3, axis=2)

    def centre(self, picture: Pixels) -> tuple[float, float]:
        """Where the dot of such a picture is: the centroid of its light."""
        light = np.clip(picture.astype(np.float64).mean(2) - 24, 0, None)
        y, x = np.mgrid[: light.shape[0], : light.shape[1]]
        return float((light * x).sum() / light.sum()), float((light * y).sum() / light.sum())

    def asymmetric(self) -> Pixels:
        """88 x 56: red, green, blue and yellow corners (clockwise from the top left), grey between, a white dot at (61, 20)."""
        picture = np.full((56, 88, 3), 90, np.uint8)
        for (y, x), colour in {(0, 0): (220, 30, 30), (0, 72): (30, 200, 30), (40, 72): (30, 30, 220), (40, 0): (220, 220, 30)}.items():
            picture[y : y + 16, x : x + 16] = colour
        picture[18:23, 59:64] = 255
        return picture

    def jpeg(self, picture: Pixels, orientation: int | None = None, **keywords: Any) -> bytes:
        image = Image.fromarray(picture)
        if orientation is not None:
            exif = Image.Exif()
            exif[0x0112] = orientation
            keywords["exif"] = exif
        return self.encoded(image, "JPEG", **{"quality": 95, "subsampling": 0, **keywords})

    def encoded(self, image: Image.Image, kind: str, **keywords: Any) -> bytes:
        out = io.BytesIO()
        image.save(out, kind, **keywords)
        return out.getvalue()

    def bomb(self, width: int = 30_000, height: int = 30_000) -> bytes:
        """A PNG of a few kilobytes whose header promises width x height pixels."""

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")


@pytest.fixture(scope="session")
def studio() -> Studio:
    return Studio()
