"""Bytes to an upright RGB picture, strictly: a photo that is cut short or damaged is refused, never shown half."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from photodiary.darkroom.limits import sniff
from photodiary.diary.calendar import ExifDates
from photodiary.errors import Held, Unreadable

Pixels = NDArray[np.uint8]
SHARP_ENOUGH = 3000  # of the longer side: larger photos are decoded at a half or a quarter while no more is asked for
# Turns by EXIF orientation: (quarter turns counter-clockwise, then mirrored left to right)
UPRIGHT = {1: (0, False), 2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


@dataclass(frozen=True)
class Header:
    """What a photo says of itself: format, stored size, EXIF orientation 1..8, dates."""

    format: str
    width: int
    height: int
    orientation: int
    dates: ExifDates

    @property
    def upright(self) -> tuple[int, int]:
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


@dataclass(frozen=True)
class Photo:
    """Upright pixels (h, w, 3) RGB at 1/reduction of the original's size, and the header."""

    header: Header
    pixels: Pixels
    reduction: int


def read_header(data: bytes, max_megapixels: float) -> Header:
    """Sizes, orientation and dates without decoding.  Raises Unreadable or Held."""
    kind = sniff(data)
    if kind is None:
        raise Unreadable("not_a_photo", "its content is neither JPEG nor PNG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=[kind.upper()])
    except UnidentifiedImageError as error:
        raise Held("the file ends inside its header") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unreadable("damaged", f"its header cannot be read: {error}") from error
    width, height = image.size
    if width * height > max_megapixels * 1e6:
        raise Unreadable("too_large", f"{width} x {height} pixels are more than {max_megapixels:g} megapixels")
    if min(width, height) < 16:
        raise Unreadable("not_a_photo", f"{width} x {height} pixels are too few for a photo")
    orientation, dates = 1, ExifDates()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif = image.getexif()
            orientation = exif.get(ExifTags.Base.Orientation, 1)
            inner = exif.get_ifd(ExifTags.IFD.Exif)
        dates = ExifDates(
            original=_text(inner.get(ExifTags.Base.DateTimeOriginal)),
            offset_original=_text(inner.get(ExifTags.Base.OffsetTimeOriginal)),
            subsec_original=_text(inner.get(ExifTags.Base.SubsecTimeOriginal)),
            digitized=_text(inner.get(ExifTags.Base.DateTimeDigitized)),
            offset_digitized=_text(inner.get(ExifTags.Base.OffsetTimeDigitized)),
            make=_text(exif.get(ExifTags.Base.Make)),
        )
    except Exception:  # noqa: BLE001 - EXIF is decoration: whatever is wrong with it, the photo still counts
        return Header(kind, width, height, orientation if orientation in UPRIGHT else 1, ExifDates())
    return Header(kind, width, height, orientation if orientation in UPRIGHT else 1, dates)


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value[:64] if isinstance(value, str) else None


def decode(data: bytes, max_megapixels: float, *, full: bool = False) -> Photo:
    """Strictly decoded and upright.  Raises Held when bytes are missing, Unreadable when it is damaged or too large."""
    header = read_header(data, max_megapixels)
    reduction = 1
    if header.format == "jpeg":
        if not full:
            reduction = next((r for r in (4, 2) if max(header.width, header.height) >= r * SHARP_ENOUGH), 1)
        pixels = _jpeg(data, reduction)
    else:
        pixels = _pillow(data, header.format)
    turns, mirrored = UPRIGHT[header.orientation]
    if turns:
        pixels = np.rot90(pixels, turns)
    if mirrored:
        pixels = pixels[:, ::-1]
    return Photo(header, np.ascontiguousarray(pixels), reduction)


def _jpeg(data: bytes, reduction: int) -> Pixels:
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", min_factor=reduction, strict=True), np.uint8)
    except ValueError as error:
        said = str(error).lower()
    if "premature end" in said or "no eoi" in said:
        raise Held("the photo is cut short")
    if "extraneous" in said:  # some phones leave padding between segments: harmless
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", min_factor=reduction, strict=False), np.uint8)
    if "colorspace" in said or "cmyk" in said or "unsupported" in said:
        return _pillow(data, "jpeg")[:: 1 if reduction == 1 else reduction, :: 1 if reduction == 1 else reduction]
    raise Unreadable("damaged", f"the picture data is damaged ({said[:80]})")


def _pillow(data: bytes, kind: str) -> Pixels:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Image.Image = Image.open(io.BytesIO(data), formats=[kind.upper()])
            image.load()
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        said = str(error).lower()
        if "truncated" in said or "unexpected end" in said:
            raise Held("the photo is cut short") from error
        raise Unreadable("damaged", f"the picture data is damaged ({said[:80]})") from error
    if image.mode.startswith("I") or image.mode == "F":
        deep = np.asarray(image, np.float32)
        grey = np.clip(deep / 257 if deep.max() > 255 else deep, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"), np.uint8)
