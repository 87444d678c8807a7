"""Photos whose eyes are two coloured dots, and a locator that finds them: the readable stand-in for faces and the network."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.errors import BadModel, PhotodiaryError
from photodiary.eyenet import registry
from photodiary.eyenet.likeness import Gallery
from photodiary.locate.views import Located, View

LEFT, RIGHT = (255, 0, 0), (0, 0, 255)


def picture(eyes: EyePair | None, size: tuple[int, int] = (400, 300), seed: int = 0) -> np.ndarray:
    """An RGB picture (h, w, 3) of soft grey structure; `eyes` are drawn as a red and a blue dot, None draws none."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    grey = 110 + 40 * np.sin(x / 37 + seed) * np.cos(y / 29 + seed / 3)
    out = np.repeat(grey[..., None], 3, axis=2)
    if eyes is not None:
        radius = eyes.iod / 8
        for eye, colour in zip(eyes, (LEFT, RIGHT), strict=True):
            inside = np.clip(radius + 0.5 - np.hypot(x - eye.x, y - eye.y), 0, 1)[..., None]
            out = out * (1 - inside) + np.array(colour, np.float32) * inside
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, taken: str | None = "2024:05:15 14:39:00", quality: int = 92) -> bytes:
    """Encoded as a phone would, with DateTimeOriginal when `taken` is given."""
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    if taken is not None:
        exif.get_ifd(0x8769)[0x9003] = taken
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, exif=exif, subsampling=0)
    return out.getvalue()


def eyes_of(number: int, size: tuple[int, int] = (400, 300)) -> EyePair:
    """Where photo `number` has its eyes: another place, tilt and distance each time."""
    iod = 60 + 8 * math.sin(number)
    tilt = 0.25 * math.sin(1.7 * number)
    middle = complex(size[0] / 2 + 20 * math.cos(2.1 * number), size[1] * 0.46 + 12 * math.sin(0.9 * number))
    half = iod / 2 * complex(math.cos(tilt), math.sin(tilt))
    return EyePair(Point((middle - half).real, (middle - half).imag), Point((middle + half).real, (middle + half).imag))


def photo(number: int, *, face: bool = True) -> bytes:
    """Photo `number` of a diary: one a day from 1 March 2024 on."""
    day = np.datetime64("2024-03-01T08:30:00") + np.timedelta64(number, "D")
    taken = str(day).replace("-", ":").replace("T", " ")
    return jpeg(picture(eyes_of(number) if face else None, seed=number), taken)


def find_dots(pixels: np.ndarray) -> EyePair | None:
    """Centres of gravity of red and of blue in an RGB picture; None when one is missing."""
    found = []
    light = pixels.astype(np.float32)
    for channel, other in ((0, 2), (2, 0)):
        strength = np.clip(light[..., channel] - np.maximum(light[..., other], light[..., 1]) - 60, 0, None)
        if strength.sum() < 200:
            return None
        y, x = np.mgrid[: strength.shape[0], : strength.shape[1]]
        found.append(Point(float((x * strength).sum() / strength.sum()), float((y * strength).sum() / strength.sum())))
    return EyePair(*found)


class DotLocator:
    """Finds the dots in a thumbnail; a photo without them has no face.  As a model of the registry it sees them `shift` pixels further right."""

    device, together, trouble = "cpu", 1, None

    def __init__(self, name: str = "dots-1", sha256: str = "0" * 64, shift: float = 0.0) -> None:
        self.name, self.sha256, self.kin, self.shift = name, sha256, "dots-1", shift

    @classmethod
    def in_force(cls, state: str) -> DotLocator:
        """As the registry below a state folder says; the card holds the shift, and `broken` where loading is to fail.  Raises BadModel."""
        models = registry.Registry(state)
        entry = models.standing().entry
        if entry.path == registry.SHIPPED:
            return cls(sha256=str(entry.sha256))
        card = models.card(entry.name)
        if card.get("broken"):
            raise BadModel(f"{entry.path}: made to fail")
        return cls(entry.name, str(entry.sha256), float(card.get("shift", 0.0)))

    def locate_all(self, views: Sequence[View], galleries: Sequence[Gallery | None]) -> list[Located | PhotodiaryError]:
        said: list[Located | PhotodiaryError] = []
        for view in views:
            try:
                said.append(self.locate(view))
            except PhotodiaryError as error:
                said.append(error)
        return said

    def locate(self, view: View, gallery: Gallery | None = None) -> Located:
        small = view.thumbnail(400)
        eyes = find_dots(small)
        if eyes is None:
            return Located(Sighting(self.name, None, None, "no_face", 0))
        fx, fy = view.size[0] / small.shape[1], view.size[1] / small.shape[0]
        left, right = (Point(round((p.x + 0.5) * fx - 0.5 + self.shift, 2), round((p.y + 0.5) * fy - 0.5, 2)) for p in eyes)
        return Located(Sighting(self.name, EyePair(left, right), 1.0))


def drop(inbox: Path, name: str | bytes, data: bytes) -> Path:
    """Put a file into an inbox by rename, as Syncthing does."""
    beside = inbox.parent / f"incoming-{len(data)}"
    beside.write_bytes(data)
    target = inbox / (name if isinstance(name, str) else name.decode("utf-8", "surrogateescape"))
    beside.rename(target)
    return target
