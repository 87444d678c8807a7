"""Which photos are takes of one moment: another encoding, a messenger's copy, a burst, a newer version, or the same picture with other metadata.

A false join hides a photo from the film, a miss only shows a moment twice: so every rule needs a reason besides the likeness of two pictures.

Measured on the 50 photos of a real diary (one person, one phone): recompressed as JPEG, WebP or HEIC at qualities 50 to 80 and shrunk to
800 pixels, signatures were at most 0.8 levels (root mean square) and 3 levels (the worst cell) apart; the same photo moved by half a percent
of its width, as no hand avoids in a second try, at least 3.8 and 17.  Parts of the contrast: moved by 1 %, or turned by 1 degree and 2 %
larger, at most 0.27; photos of different days at least 0.74.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, time

SIDE = 24  # a signature has SIDE x SIDE grey levels of the upright photo, row by row
COPY_APART, COPY_WORST = 1.5, 6  # levels: more lies between no two encodings of a photo
BURST_APART = 0.3  # of the contrast
LEAST_CONTRAST = 8.0  # levels (standard deviation): a picture with less, a wall or a pocket, looks like any other
Signature = bytes
CAMERA = ("exif", "digitized")
NOON = time(12)


@dataclass(frozen=True)
class Look:
    """What one photo is compared by.  picture: a digest of its pixels; signature: None when unknown; wall, source: when it was taken, who says so."""

    picture: str | None
    signature: bytes | None
    wall: datetime | None
    source: str | None
    names: frozenset[bytes] = frozenset()  # base names, as the file system has them


def to_the_second(look: Look) -> bool:
    """Whether the camera or the file's name says when it was taken.  A name that knows only the day stands for noon; a person's word is a round one."""
    return look.wall is not None and (look.source in CAMERA or (look.source == "name" and look.wall.time() != NOON))


def is_version(a: Look, b: Look) -> bool:
    """Whether two photos are versions of one: the same name and the same second."""
    return _same_second(a, b) and not a.names.isdisjoint(b.names)


def one_moment(a: Look, b: Look) -> bool:
    """Whether two photos are takes of one moment; symmetric, so that the order of arrival plays no part."""
    if a.picture is not None and a.picture == b.picture:
        return True
    if is_version(a, b):
        return True
    if a.wall is None or b.wall is None or a.signature is None or b.signature is None or a.wall.date() != b.wall.date():
        return False
    if _same_second(a, b):
        return is_burst(a.signature, b.signature)
    by_camera = a.source in CAMERA and b.source in CAMERA
    return not by_camera and is_copy(a.signature, b.signature)


def superseded(takes: dict[int, Look]) -> set[int]:
    """Those of a moment's takes that give way to a newer version: the older ones, and whatever else there is of what was changed.

    takes: by numbers that rise as photos come.
    """
    pairs = [(a, b) for a in takes for b in takes if a < b and is_version(takes[a], takes[b])]
    newest = {newer for _, newer in pairs} - {older for older, _ in pairs}
    shown = {takes[number].picture for number in newest} - {None}
    return {number for number in takes if newest and number not in newest and takes[number].picture not in shown}


def _same_second(a: Look, b: Look) -> bool:
    if a.wall is None or b.wall is None or not (to_the_second(a) and to_the_second(b)):
        return False
    return a.wall.replace(microsecond=0) == b.wall.replace(microsecond=0)


def is_copy(a: bytes, b: bytes) -> bool:
    """Whether two signatures can be of one photo, encoded twice."""
    return _worst(a, b, COPY_WORST) and _apart(a, b) <= COPY_APART and min(contrast(a), contrast(b)) >= LEAST_CONTRAST


def is_burst(a: bytes, b: bytes) -> bool:
    """Whether two signatures can be of one second: the same view, a little moved."""
    least = min(contrast(a), contrast(b))
    return least >= LEAST_CONTRAST and len(a) == len(b) and _apart(a, b) <= BURST_APART * least


def contrast(signature: bytes) -> float:
    """Standard deviation, in levels."""
    mean = sum(signature) / max(1, len(signature))
    return math.sqrt(sum((level - mean) ** 2 for level in signature) / max(1, len(signature)))


def _worst(a: bytes, b: bytes, limit: int) -> bool:
    return len(a) == len(b) and all(abs(x - y) <= limit for x, y in zip(a, b, strict=True))


def _apart(a: bytes, b: bytes) -> float:
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / max(1, len(a)))
