"""Photos of one face for looking at pages: the demo's mornings (scikit-image's astronaut, public domain), and some that nobody can be sure about."""

from __future__ import annotations

import io
import math
import sys
from dataclasses import dataclass
from datetime import date

import cv2
import numpy as np
from PIL import Image, ImageOps

from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import Digest, digest_of
from tests.support.daemon import ROOT
from tests.support.dots import jpeg


@dataclass(frozen=True)
class Portrait:
    """A file as a phone writes it, its upright pixels (h, w, 3), and where the eyes truly are in them (None: nobody, or two)."""

    name: str
    data: bytes
    pixels: np.ndarray
    eyes: EyePair | None
    day: date

    @property
    def sha256(self) -> Digest:
        return digest_of(self.data)


def upright(data: bytes) -> np.ndarray:
    """The pixels (h, w, 3) of a file as they are to be seen."""
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def portraits() -> dict[str, Portrait]:
    """One a day from 1 April 2025 on: seven plain ones, then those that the shipped model asks about, then a plain one again.

    dark, shaded: sunglasses; blurred; two: twice the same face; nobody.
    """
    if str(ROOT / "deploy") not in sys.path:
        sys.path.append(str(ROOT / "deploy"))
    from selfies import month  # type: ignore[import-not-found]

    names = ["plain0", "plain1", "plain2", "plain3", "plain4", "plain5", "plain6", "dark", "shaded", "blurred", "two", "nobody", "plain7"]
    made = {}
    for number, (name, selfie) in enumerate(zip(names, month(len(names)), strict=True)):
        pixels = upright(selfie.data)
        eyes: EyePair | None = EyePair(*(Point(*map(float, eye)) for eye in selfie.eyes))
        day, data = date(2025, 4, 1 + number), selfie.data
        assert eyes is not None
        if not name.startswith("plain"):
            if name in ("dark", "shaded"):
                pixels = with_sunglasses(pixels, eyes)
            elif name == "blurred":
                pixels = cv2.GaussianBlur(pixels, (0, 0), 0.13 * eyes.iod)
            elif name == "two":
                half = cv2.resize(pixels[200:1300], None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
                pixels, eyes = np.hstack([half, half]), None
            else:
                pixels, eyes = pixels[: pixels.shape[0] // 8], None
            data = jpeg(np.ascontiguousarray(pixels), f"{day:%Y:%m:%d} 08:30:00", quality=90)
        made[name] = Portrait(f"{name}.jpg", data, pixels, eyes, day)
    return made


def with_sunglasses(pixels: np.ndarray, eyes: EyePair) -> np.ndarray:
    out, black = pixels.copy(), (16, 15, 19)
    turn = math.degrees(eyes.tilt)
    for eye in eyes:
        cv2.ellipse(out, (round(eye.x), round(eye.y)), (round(0.42 * eyes.iod), round(0.3 * eyes.iod)), turn, 0, 360, black, -1, cv2.LINE_AA)
    left, right = ((round(eye.x), round(eye.y)) for eye in eyes)
    cv2.line(out, left, right, black, round(0.08 * eyes.iod), cv2.LINE_AA)
    return out
