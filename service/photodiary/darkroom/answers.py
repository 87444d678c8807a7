"""What a worker may answer.  Whatever else comes, of whatever type, length or size, is Nonsense: a hostile photo may be behind it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from photodiary.darkroom import extents
from photodiary.darkroom.limits import SNIFFED, sniff
from photodiary.darkroom.line import Nonsense
from photodiary.diary.calendar import ExifDates
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.picking import EYES, Looks, Marks
from photodiary.diary.quality import Measured
from photodiary.diary.takes import SIDE
from photodiary.errors import Held, NoReader, Unreadable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

LEAST, FARTHEST = 16, 1e6  # pixels
LONGEST_TEXT, LONGEST_SENTENCE = 64, 300
SHA256 = re.compile(r"[0-9a-f]{64}")
MOST_TONES, STRONGEST = 32, 100.0  # numbers of a frame's light and colours, and how large one may be
CODES = ("not_a_photo", "too_large", "damaged")  # why a worker calls a photo unreadable
# What `warp.encode` writes: JFIF, tables, one baseline picture with its tables, one scan, the end.
FRAME = re.compile(rb"\xe0\xdb{1,3}\xc0\xc4{1,4}\xda\xd9")


@dataclass(frozen=True)
class Inspection:
    """What a readable photo says of itself; width and height are upright pixels, picture and signature as in diary/takes.py."""

    format: str
    width: int
    height: int
    dates: ExifDates
    picture: str
    signature: bytes


def refusal(reply: dict[str, Any]) -> Held | Unreadable | None:
    """Why the photo was not read; None when it was."""
    if "held" in reply:
        return (NoReader if reply.get("no_reader") is True else Held)(_text(reply["held"], LONGEST_SENTENCE))
    if "unreadable" in reply:
        if reply["unreadable"] not in CODES:
            raise Nonsense("an unknown reason")
        return Unreadable(str(reply["unreadable"]), _text(reply.get("sentence"), LONGEST_SENTENCE))
    return None


def inspection(reply: dict[str, Any], payload: bytes, data: bytes, max_megapixels: float) -> Inspection:
    """Of the photo `data`."""
    width, height = _whole(reply.get("width"), FARTHEST), _whole(reply.get("height"), FARTHEST)
    if min(width, height) < LEAST or width * height > max_megapixels * 1e6:
        raise Nonsense(f"{width} x {height} pixels")
    kind = sniff(data[:SNIFFED])
    if kind is None or reply.get("format") != kind:
        raise Nonsense("a format that the photo does not have")
    dates = reply.get("dates")
    if not isinstance(dates, dict) or not dates.keys() <= {field.name for field in fields(ExifDates)}:
        raise Nonsense("no dates")
    picture = reply.get("picture")
    if not isinstance(picture, str) or not SHA256.fullmatch(picture) or len(payload) != SIDE * SIDE:
        raise Nonsense("no digest or signature of the picture")
    known = ExifDates(**{key: None if value is None else _text(value, LONGEST_TEXT) for key, value in dates.items()})
    return Inspection(kind, width, height, known, picture, payload)


def pixels(reply: dict[str, Any], payload: bytes, most: tuple[int, int, int], *, exactly: bool) -> Pixels:
    """RGB pictures (n, h, w, 3), as many and as large as `most` (n, h, w) says, or unless `exactly` smaller."""
    import numpy as np

    shape = reply.get("shape")
    if not isinstance(shape, list) or len(shape) != 4:
        raise Nonsense("no shape")
    wanted = *most, 3
    told = tuple(_whole(side, FARTHEST) for side in shape)
    fits = told == wanted if exactly else told[::3] == wanted[::3] and all(1 <= side <= limit for side, limit in zip(told, wanted, strict=True))
    if not fits or len(payload) != math.prod(told):
        raise Nonsense(f"pictures of the shape {told}")
    return np.frombuffer(payload, np.uint8).reshape(told)


def frame(payload: bytes, size: tuple[int, int]) -> bytes:
    """A JPEG of `size` (w, h) with the parts that ours has and no other: what reads it later shall meet nothing unusual."""
    parts = list(extents.segments(payload)) if payload.startswith(b"\xff\xd8") else []
    if not FRAME.fullmatch(bytes(marker for marker, _, _ in parts)) or parts[-1][2] != len(payload):
        raise Nonsense("no frame")
    start = next(start for marker, start, _ in parts if marker == 0xC0)
    if payload[start : start + 6] != b"\x08" + size[1].to_bytes(2, "big") + size[0].to_bytes(2, "big") + b"\x03":
        raise Nonsense("a frame of another size")
    return payload


def looks(reply: dict[str, Any], payload: bytes) -> Looks:
    """What a frame looks like.  payload: the small pictures of both eyes."""
    tone, marks = reply.get("tone"), reply.get("marks")
    if not isinstance(tone, list) or len(tone) > MOST_TONES or not all(abs(_number(value)) <= STRONGEST for value in tone):
        raise Nonsense("no tone")
    if not isinstance(marks, dict) or marks.keys() != {field.name for field in fields(Marks)}:
        raise Nonsense("no marks")
    if not all(0 <= _number(value) <= 1 for value in marks.values()) or len(payload) != EYES:
        raise Nonsense("marks out of their range, or no pictures of the eyes")
    return Looks(tuple(map(float, tone)), Marks(**{name: float(value) for name, value in marks.items()}), payload)


def eyes(reply: dict[str, Any]) -> EyePair | None:
    """Where the baseline sees eyes, None where it sees none."""
    found = reply.get("eyes")
    if found is None:
        return None
    if not isinstance(found, list) or [len(eye) if isinstance(eye, list) else 0 for eye in found] != [2, 2]:
        raise Nonsense("no eyes")
    left, right = (Point(*map(_number, eye)) for eye in found)
    return EyePair(left, right)


def motion(reply: dict[str, Any]) -> Measured:
    """How the eyes move from one frame to the next."""
    likeness, moved = _number(reply.get("likeness")), reply.get("moved")
    if not -1.01 <= likeness <= 1.01:
        raise Nonsense("no likeness")
    if moved is None:
        return Measured(None, likeness)
    if not isinstance(moved, list) or [len(eye) if isinstance(eye, list) else 0 for eye in moved] != [2, 2]:
        raise Nonsense("no movement")
    left, right = ((_number(x), _number(y)) for x, y in moved)
    if max(map(abs, (*left, *right))) > 100:
        raise Nonsense("eyes that move by more than their distance")
    return Measured((left, right), likeness)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= FARTHEST:
        raise Nonsense("no number")
    return float(value)


def _whole(value: object, most: float) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Nonsense("no whole number")
    return value


def _text(value: object, longest: int) -> str:
    """For people, logs and the date rules: short, and nothing in it that moves a cursor."""
    if not isinstance(value, str):
        raise Nonsense("no text")
    return "".join(c if c.isprintable() else "?" for c in value[:longest])
