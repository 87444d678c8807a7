"""Where everything about a diary lies below its archive folder.  Names come from date and hash, never from the input's name."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date, datetime

from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import EyePair
from photodiary.diary.facing import Facing
from photodiary.diary.photo import Digest
from photodiary.diary.reel import MAIN_FILM

ORIGINALS = "originals"
FRAMES = "frames"
FILMS = "films"
LATEST = MAIN_FILM
SHARED = "films/share.mp4"  # a small copy of a film, made when a person asks
SEGMENTS = "segments"  # of films, can be made again
WORK = "work"  # temporary, can be made again
DROP = "drop"  # photos that came in through the page, until they are among the originals
UNSAID = Facing()
DIGITS = 16  # of a photo's SHA-256 in the name of every file that is of it
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "heic": "heic"}
_ORIGINAL = re.compile(
    rf"{ORIGINALS}/(?:undated/undated|[0-9]{{4}}/[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}_[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}})"
    rf"_(?P<digits>[0-9a-f]{{{DIGITS}}})\.(?:{'|'.join(EXTENSIONS.values())})"
)


def original(digest: Digest, wall: datetime | None, format: str) -> str:
    """originals/2024/2024-05-15_14-39-00_0123456789abcdef.jpg"""
    return f"{ORIGINALS}/{_dated(wall)}_{digest[:DIGITS]}.{EXTENSIONS[format]}"


def digits_of(original: str) -> str | None:
    """The digits of the photo's SHA-256 in the path of an original; None where it is not a path that `original` makes."""
    found = _ORIGINAL.fullmatch(original)
    return None if found is None else found["digits"]


def frame(digest: Digest, wall: datetime | None, eyes: EyePair, canvas: Canvas, facing: Facing = UNSAID) -> str:
    """frames/2024/2024-05-15_14-39-00_0123456789abcdef_01234567.jpg: photo, and below it eyes, canvas and facing, decide the name.

    Where a facing changes nothing it leaves the name as it is.
    """
    decides = [facing.ordered(eyes), [canvas.width, canvas.height, canvas.left, canvas.right]]
    shown = json.dumps([*decides, "mirrored"] if facing.mirrored else decides)
    return f"{FRAMES}/{_dated(wall)}_{digest[:DIGITS]}_{hashlib.sha256(shown.encode()).hexdigest()[:8]}.jpg"


def segment(fingerprint: str) -> str:
    """segments/0123….segment"""
    return f"{SEGMENTS}/{fingerprint}.segment"


def old_film(day: date) -> str:
    """films/2024-05-15.mp4: the last film of that day, replaced since."""
    return f"{FILMS}/{day.isoformat()}.mp4"


def _dated(wall: datetime | None) -> str:
    return "undated/undated" if wall is None else f"{wall:%Y}/{wall:%Y-%m-%d_%H-%M-%S}"
