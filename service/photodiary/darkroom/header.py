"""What a photo says of itself, read without decoding it: format, size, which way up, when, in which colours."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field

from PIL import AvifImagePlugin, ExifTags, Image, JpegImagePlugin, UnidentifiedImageError, features

from photodiary.darkroom import boxes, extents, heif
from photodiary.darkroom.colour import DISPLAY_P3
from photodiary.darkroom.limits import NOT_A_PHOTO, sniff
from photodiary.diary.calendar import ExifDates
from photodiary.errors import Held, Unreadable

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # workers share the cores among them


@dataclass(frozen=True)
class Header:
    """Format, stored size, EXIF orientation 1..8 (1 where the decoder turns by itself), dates, ICC profile (empty: sRGB)."""

    format: str
    width: int
    height: int
    orientation: int
    dates: ExifDates
    profile: bytes = field(default=b"", repr=False)

    @property
    def upright(self) -> tuple[int, int]:
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def by_libheif(kind: str) -> bool:
    """Whether pillow-heif reads this format: HEIC, and AVIF where Pillow was built without it."""
    return kind == "heic" or (kind == "avif" and not features.check("avif"))


def read_header(data: bytes, max_megapixels: float) -> Header:
    """Sizes, orientation, dates and colours without decoding.  Raises Unreadable or Held."""
    kind = sniff(data)
    if kind is None:
        raise Unreadable("not_a_photo", NOT_A_PHOTO)
    extents.check_parts(data, kind)
    wide = b""
    if kind == "webp":  # its decoder makes room for the picture as soon as it is opened
        data = photo_only(data, kind)
        _check_size(extents.webp_size(data), max_megapixels)
    if kind in ("heic", "avif"):
        layout = boxes.check(data)
        _check_size(layout.size, max_megapixels, least=0)
        data = photo_only(data, kind)
        wide = DISPLAY_P3 if layout.primaries == 12 else b""
    if by_libheif(kind):
        picture = heif.opened(data)
        width, height = picture.size
        _check_size((width, height), max_megapixels)
        exif = Image.Exif()
        dates = ExifDates()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exif.load(picture.info.get("exif") or b"")
                dates = _dates(exif)
        except Exception:  # noqa: BLE001, S110 - EXIF is decoration
            pass
        return Header(kind, width, height, 1, dates, picture.info.get("icc_profile") or wide)
    try:
        image = opened(data, kind)
    except Image.DecompressionBombError as error:
        raise Unreadable("too_large", f"it has more than {max_megapixels:g} megapixels") from error
    width, height = image.size
    _check_size(image.size, max_megapixels)
    orientation, dates = 1, ExifDates()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif = image.getexif()
            orientation = exif.get(ExifTags.Base.Orientation, 1)
            dates = _dates(exif)
    except Exception:  # noqa: BLE001, S110 - EXIF is decoration: whatever is wrong with it, the photo still counts
        pass
    profile = None if image.mode == "CMYK" else image.info.get("icc_profile")
    return Header(kind, width, height, orientation if orientation in range(1, 9) else 1, dates, profile if isinstance(profile, bytes) else wide)


def photo_only(data: bytes, kind: str) -> bytes:
    """The bytes without what hangs behind the photo, which some decoders stumble over.  Raises Held, Unreadable."""
    if kind == "webp":
        return extents.check_webp(data)
    return data[: boxes.check(data).usable] if kind in ("heic", "avif") else data


def opened(data: bytes, kind: str) -> Image.Image:
    """A Pillow image that is not decoded yet.  Raises Held, Unreadable, DecompressionBombError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind == "jpeg":  # not by Image.open: it would hand what names further pictures (MPF) to another reader
                return JpegImagePlugin.JpegImageFile(io.BytesIO(data))
            try:
                return Image.open(io.BytesIO(data), formats=[kind.upper()])
            except Exception:
                if kind != "avif":
                    raise
            # libavif refuses a photo over its EXIF, Pillow over what it makes of it: EXIF is decoration
            return Image.open(io.BytesIO(data.replace(b"Exif", b"skip", 1)), formats=["AVIF"])
    except Image.DecompressionBombError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, RuntimeError) as error:
        if kind in ("webp", "avif"):  # all that was declared is there: it is not cut short
            raise Unreadable("damaged", f"its header cannot be read: {error}") from error
        if isinstance(error, UnidentifiedImageError | SyntaxError) or "truncated" in str(error).lower():
            raise Held("the file ends inside its header") from error
        raise Unreadable("damaged", f"its header cannot be read: {error}") from error


def _check_size(size: tuple[int, int], max_megapixels: float, least: int = 16) -> None:
    width, height = size
    if width * height > max_megapixels * 1e6:
        raise Unreadable("too_large", f"{width} x {height} pixels are more than {max_megapixels:g} megapixels")
    if min(width, height) < least:
        raise Unreadable("not_a_photo", f"{width} x {height} pixels are too few for a photo")


def _dates(exif: Image.Exif) -> ExifDates:
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    return ExifDates(
        original=_text(inner.get(ExifTags.Base.DateTimeOriginal)),
        offset_original=_text(inner.get(ExifTags.Base.OffsetTimeOriginal)),
        subsec_original=_text(inner.get(ExifTags.Base.SubsecTimeOriginal)),
        digitized=_text(inner.get(ExifTags.Base.DateTimeDigitized)),
        offset_digitized=_text(inner.get(ExifTags.Base.OffsetTimeDigitized)),
        make=_text(exif.get(ExifTags.Base.Make)),
    )


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value[:64] if isinstance(value, str) else None
