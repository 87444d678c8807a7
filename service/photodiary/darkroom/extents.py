"""How long a file says it is: where its picture ends, and whether all that it declares is there.  Standard library only, never decodes.

Sources: ITU T.81 annex B (JPEG), CIPA DC-007 (multi-picture format), Google's Motion Photo 1.0 and Ultra HDR 1.1, RFC 9649 (WebP).
Every loop moves forward by at least a byte of the file and ends after so many parts, so that hostile lengths cost neither time nor memory:
`whole` runs in the daemon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from photodiary.darkroom import boxes
from photodiary.darkroom.limits import sniff
from photodiary.errors import Held, Unreadable

MORE_BEHIND = (b"MPF\0", b"MotionPhoto", b"MicroVideo", b"hdrgm", b"GContainer")  # a JPEG whose head names one of these is longer than its picture
UNWRITTEN = 4096  # zeros in a picture's bytes: place reserved for what did not come yet; a flat picture in VP8 has a thousand of them in a row
MOST_MARKERS = 20_000  # of a JPEG that are looked at; phones write some dozens, and a few hundred where depth or film lies in XMP
MOST_SCANS = 100  # of a JPEG; encoders write about ten, and each more makes the decoder walk through the whole picture again
MOST_CHUNKS = {"png": 200_000, "webp": 10_000}  # many a PNG has one for every 8 kB

_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_ITEM = re.compile(rb"<\w+:Item\b")
_NUMBER = {name: re.compile(name + rb"""\s*(?:=\s*["']|>)\s*(\d{1,12})""") for name in (b"Item:Length", b"Item:Padding", b"MicroVideoOffset")}


def whole(data: bytes) -> bool:
    """Whether the bytes end exactly where the file says that it ends, gain map, motion photo and trailing boxes included.

    False when a byte is missing or too many, and when it cannot be told.
    """
    kind = sniff(data)
    if kind == "jpeg":
        return _jpeg_length(data) == len(data)
    if kind == "png":
        return data.endswith(b"IEND\xaeB`\x82")
    if kind == "webp":
        return 8 + int.from_bytes(data[4:8], "little") == len(data)
    if kind in ("heic", "avif"):
        return boxes.whole(data)
    return False


def check_parts(data: bytes, kind: str) -> None:
    """Raises Unreadable when a JPEG or PNG has more parts than any photo: a decoder would note or walk through them all."""
    if kind == "jpeg":
        markers = [marker for marker, _, _ in segments(data)]
        if len(markers) == MOST_MARKERS or markers.count(0xDA) > MOST_SCANS:
            raise Unreadable("damaged", "the picture data is damaged (it has too many parts)")
    elif kind == "png":
        at = 8
        for _ in range(MOST_CHUNKS["png"]):
            if at >= len(data):
                return
            at += 12 + int.from_bytes(data[at : at + 4], "big")
        raise Unreadable("damaged", "the picture data is damaged (it has too many parts)")


# -- JPEG ------------------------------------------------------------------------------------------------------------------------


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start of its content, end) up to the end of the picture; a scan's content reaches to the next marker.

    Stops early when cut, and when there are too many.
    """
    at = 2
    for _ in range(MOST_MARKERS):
        found = _MARKER.search(data, at)
        if found is None:
            return
        marker, start = data[found.start() + 1], found.end()
        if marker == 0xD9:
            yield marker, start, start
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # stands alone
            yield marker, start, start
            at = start
            continue
        end = start + int.from_bytes(data[start : start + 2], "big")
        if end < start + 2 or end > len(data):
            return
        if marker == 0xDA:
            after = _AFTER_SCAN.search(data, end)
            if after is None:
                return
            end = after.start()
        yield marker, start + 2, end
        at = end


def jpeg_image_end(data: bytes) -> int | None:
    """Where the main picture of a JPEG ends; None when its end mark is missing."""
    return next((end for marker, _, end in segments(data) if marker == 0xD9), None)


def _jpeg_length(data: bytes) -> int | None:
    """What the file declares as its length, pictures and film behind the main one included; None when cut or unclear."""
    lengths, more, tables, image_end = [], False, [], None
    for marker, start, end in segments(data):
        if marker == 0xD9:
            image_end = end
        elif marker in (0xE1, 0xE2):
            tables.append((start, end))
            more = more or any(name in data[start:end] for name in MORE_BEHIND)
    if image_end is None or not more:
        return image_end
    for start, end in tables:
        content = data[start:end]
        if content.startswith(b"MPF\0"):
            lengths.append(_mpf_end(data, start + 4, end))
        elif any(name in content for name in (b"MotionPhoto", b"MicroVideo", b"GContainer", b":Item ")):
            lengths.append(_xmp_end(content, image_end))
    known = [length for length in lengths if length is not None]
    return max(known) if known and len(known) == len(lengths) and max(known) >= image_end else None


def _mpf_end(data: bytes, start: int, end: int) -> int | None:
    """Where the last picture of a multi-picture index ends.  `start`: of its TIFF header, which its offsets count from."""
    little = data[start : start + 2] == b"II"

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "little" if little else "big")

    directory = start + number(start + 4, 4)
    furthest = None
    for entry in range(min(number(directory, 2), 64) if directory + 2 <= end else 0):
        at = directory + 2 + 12 * entry
        if number(at, 2) != 0xB002:
            continue
        table, pictures = start + number(at + 8, 4), number(at + 4, 4) // 16
        for picture in range(table, min(table + 16 * pictures, end - 15), 16):
            offset = number(picture + 8, 4)
            furthest = max(furthest or 0, (start + offset if offset else 0) + number(picture + 4, 4))
    return furthest


def _xmp_end(xmp: bytes, image_end: int) -> int | None:
    """Where the last item of a container directory ends, the items following the picture one after the other; else where a MicroVideo does."""
    items = _ITEM.split(xmp)[1:]
    end = image_end
    for number, item in enumerate(items):
        length, padding = (_NUMBER[name].search(item) for name in (b"Item:Length", b"Item:Padding"))
        if number and length is None:
            return None
        end += (int(length[1]) if number and length else 0) + (int(padding[1]) if padding else 0)
    if len(items) > 1:
        return end
    film = _NUMBER[b"MicroVideoOffset"].search(xmp)
    return image_end + int(film[1]) if film else None


# -- WebP ------------------------------------------------------------------------------------------------------------------------


def check_webp(data: bytes) -> bytes:
    """The RIFF file without what follows it, its chunks complete.  Raises Held when bytes are missing, Unreadable when lengths contradict."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise Held("the photo is cut short")
    if end < 30:
        raise Unreadable("not_a_photo", "it is too small for a photo")
    at, pictures, chunks = 12, 0, 0
    while at + 8 <= end:
        chunks += 1
        kind, start = data[at : at + 4], at + 8
        at = start + int.from_bytes(data[at + 4 : start], "little")
        if kind == bytes(4) or (kind in (b"VP8 ", b"VP8L", b"ANMF") and bytes(UNWRITTEN) in data[start:at]):
            raise Held("the photo is cut short")
        if at > end or chunks > MOST_CHUNKS["webp"]:
            raise Unreadable("damaged", f"the picture data is damaged ({'a part is longer than the file' if at > end else 'it has too many parts'})")
        pictures += kind in (b"VP8 ", b"VP8L", b"ANMF")
        at += at % 2
    if not pictures:
        raise Unreadable("damaged", "the picture data is damaged (there is no picture in it)")
    return data[:end]


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height that a WebP file declares, read without making room for them; (0, 0) when damaged.  `data`: 30 bytes or more."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return 0, 0
