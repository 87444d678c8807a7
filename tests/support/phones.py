"""Photo files as phones write them: HEIC in Display P3, Ultra HDR and motion-photo JPEGs, dates and turns in EXIF."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
# Display P3's primaries adapted to D50, a column each for red, green and blue (Apple's profile), and sRGB's beside them
P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def profile(primaries: NDArray[np.float64] = P3, name: bytes = b"Display P3") -> bytes:
    """An ICC profile of three primaries and sRGB's curve (ICC.1:2001, parametric curve of v4), as phones put it into their photos."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(number(value) for value in values)

    curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + b"".join(map(number, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(80)
    tags = [(b"desc", text), (b"wtpt", xyz(0.9642, 1, 0.8249))]
    for kind, column in zip((b"r", b"g", b"b"), primaries.T, strict=True):
        tags += [(kind + b"XYZ", xyz(*column)), (kind + b"TRC", curve)]
    table, body = struct.pack(">I", len(tags)), b""
    for kind, content in tags:
        table += kind + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = b"none" + struct.pack(">I", 0x02400000) + b"mntrRGB XYZ " + struct.pack(">6H", 2024, 5, 15, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    return struct.pack(">I", 132 + len(table) - 4 + len(body)) + head + bytes(124 - len(head)) + table + body


def p3_to_srgb(colours: NDArray[Any]) -> NDArray[np.float64]:
    """Levels 0..255 (..., 3) of Display P3 as levels of sRGB, by the definition of both."""
    light = np.asarray(colours, np.float64) / 255
    light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ (np.linalg.inv(SRGB) @ P3).T, 0, 1)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def exif(taken: str | None = "2024:05:15 14:39:00", orientation: int | None = None, make: str | None = None) -> Image.Exif:
    made = Image.Exif()
    if orientation is not None:
        made[0x0112] = orientation
    if make is not None:
        made[0x010F] = make
    if taken is not None:
        made.get_ifd(0x8769)[0x9003] = taken
    return made


def heic(stored: Pixels, *, taken: str | None = "2024:05:15 14:39:00", orientation: int | None = None, icc: bytes | None = None, **options: Any) -> bytes:
    """As an iPhone writes it: the sensor's rows, how to turn them, and the colours they are in."""
    picture = pillow_heif.from_pillow(Image.fromarray(stored))
    if icc is not None:
        picture.info["icc_profile"] = icc
    out = io.BytesIO()
    picture.save(out, exif=exif(taken, orientation, "Apple").tobytes(), **{"quality": 90, **options})
    return out.getvalue()


def encoded(kind: str, stored: Pixels, *, taken: str | None = "2024:05:15 14:39:00", orientation: int | None = None, **options: Any) -> bytes:
    """jpeg, png, webp, avif or heic with a date."""
    if kind == "heic":
        return heic(stored, taken=taken, orientation=orientation, **options)
    out = io.BytesIO()
    Image.fromarray(stored).save(out, kind, exif=exif(taken, orientation).tobytes(), **({} if kind == "png" else {"quality": 90}), **options)
    return out.getvalue()


def _before_scan(data: bytes, marker: int, content: bytes) -> bytes:
    segment = bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content
    return data[:2] + segment + data[2:]


def _xmp(data: bytes, inside: str) -> bytes:
    return _before_scan(data, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + inside.encode())


def ultra_hdr(main: bytes, gain_map: bytes, film: bytes = b"") -> bytes:
    """A JPEG with a gain map behind it, and a film behind that, as Android 14 declares them: in XMP, and the pictures in a multi-picture index."""
    items = f'<Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{len(gain_map)}"/>'
    if film:
        items += f'<rdf:li><Container:Item Item:Mime="video/mp4" Item:Semantic="MotionPhoto" Item:Length="{len(film)}" Item:Padding="0"/></rdf:li>'
    data = _xmp(main, f'<x hdrgm:Version="1.0" GCamera:MotionPhoto="1"><Container:Directory><Container:Item Item:Semantic="Primary"/>{items}</x>')
    whole = len(data) + 90  # with the index
    entries = struct.pack(">IIIHH", 0x030000, whole, 0, 0, 0) + struct.pack(">IIIHH", 0, len(gain_map), whole - 10, 0, 0)
    index = b"MM\0*" + struct.pack(">IH", 8, 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
    index += struct.pack(">HHII", 0xB002, 7, 32, 50) + struct.pack(">I", 0) + entries
    data = _before_scan(data, 0xE2, b"MPF\0" + index)
    assert len(data) == whole
    return data + gain_map + film


def motion_photo(main: bytes, film: bytes) -> bytes:
    """A JPEG with a film behind it, as Pixels declare it since 2020."""
    items = f'<GContainer:Item GItem:x="" Item:Mime="video/mp4" Item:Semantic="MotionPhoto" Item:Length="{len(film)}"/>'
    return _xmp(main, f'<x GCamera:MotionPhoto="1"><GContainer:Item Item:Mime="image/jpeg" Item:Semantic="Primary" Item:Padding="0"/>{items}</x>') + film


def micro_video(main: bytes, film: bytes) -> bytes:
    """The older way: how far from the file's end the film begins."""
    return _xmp(main, f'<x GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(film)}"/>') + film
