"""Everything that a worker will ever load from disk, loaded before the first photo: from then on it may open no file."""

from __future__ import annotations

import base64
import contextlib
import io
from typing import Any

from PIL import Image, TiffImagePlugin, features

from photodiary.darkroom import decode, haar, marks, tone
from photodiary.darkroom.colour import DISPLAY_P3, to_srgb

__all__ = ["TiffImagePlugin", "warm_up"]  # the plugin is what Pillow reads EXIF with, and loads when the first comes

# 16 x 16 pixels each: encoders of these two are not everywhere
AVIF = """AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAA
EAAQAAAAEAAAETAAAAIwAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAQcGl4aQAAAAADCAgI
AAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAK21kYXQSAAoJGAz/2iAhoNCAMhQex4eFWd///+LAAAB1fVm9ncyQ0A=="""
HEIC = """AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAA
AAACUAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEAB
DAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQ
AAAAAAAABAAAAAQAAAAChjbGFwAAAAEAAAAAEAAAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAALW1kYXQAAAAhKAGv
BBITDOD46cJoP60P4pI28n7QqyvjSZ93sRiSqf+g"""


def warm_up() -> None:
    """Read a tiny photo of every format, a date, a profile and a cut one, and look for eyes: whatever these load is there afterwards.

    A format whose library is missing here stays one that cannot be read.
    """
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:15 14:39:00"
    grey = Image.new("RGB", (16, 16), (90, 120, 60))
    made = [_encoded(grey, "JPEG", exif=exif), _encoded(grey, "PNG", exif=exif), _encoded(grey.convert("CMYK"), "JPEG")]
    made += [_encoded(grey.convert("P"), "PNG", transparency=0), _encoded(grey, "JPEG", progressive=True), b"II*\0"]
    if features.check("webp"):
        made.append(_encoded(grey, "WEBP", exif=exif))
    for data in (*made, made[0][:-40], base64.b64decode(AVIF), base64.b64decode(HEIC)):
        with contextlib.suppress(Exception):
            decode.decode(data, 1.0)
    pixels = decode.decode(made[0], 1.0).pixels
    to_srgb(pixels, DISPLAY_P3)
    haar.load()
    haar.eyes(pixels)
    marks.marks(pixels, (4.0, 6.0), (11.0, 6.0))
    tone.tone(pixels, (4.0, 6.0), (11.0, 6.0))


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
