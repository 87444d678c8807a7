"""Which photo a person means: the start of its SHA-256, or a file name it came under."""

from __future__ import annotations

import os
import re
from datetime import date

from photodiary.diary.calendar import diary_day
from photodiary.diary.hours import DAY_STARTS
from photodiary.diary.photo import shown_name
from photodiary.errors import BadUsage
from photodiary.ledger import forgetting, photos
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger

_DIGITS = re.compile(r"[0-9a-f]{4,64}")
MOST_SHOWN = 5


def find(ledger: Ledger, text: str) -> PhotoRow:
    """The photo that `text` means.  Raises BadUsage when it means none or several.

    text: at least four digits that its SHA-256 starts with, or a name: as the file was called, with or without the folders below the
    inbox, also as it is shown where it holds characters that cannot be.
    """
    digits = text.lower()
    raw = text.encode("utf-8", "surrogateescape")
    found: dict[str, tuple[PhotoRow, list[bytes]]] = {}
    for photo, names in photos.everything(ledger):
        by_digits = _DIGITS.fullmatch(digits) is not None and photo.sha256.startswith(digits)
        if by_digits or any(_called(name, text, raw) for name in names):
            found[photo.sha256] = photo, names
    if len(found) == 1:
        return next(iter(found.values()))[0]
    if found:
        several = [f"{sha256[:12]} ({_told(photo, names)})" for sha256, (photo, names) in found.items()]
        more = f" and {len(several) - MOST_SHOWN} more" if len(several) > MOST_SHOWN else ""
        raise BadUsage(f"{_safe(text)} may mean several photos: {', '.join(several[:MOST_SHOWN])}{more}; give more digits of the one")
    if _DIGITS.fullmatch(digits) is not None and forgetting.starting_with(ledger, digits):
        raise BadUsage(f"{_safe(text)} was forgotten, there is nothing left of it")
    raise BadUsage(f"there is no photo {_safe(text)}; give at least four digits of its SHA-256, or a file name it came under (`photodiary photos list`)")


def of_day(ledger: Ledger, day: date) -> list[PhotoRow]:
    """All photos of a day of the diary, in the film's order."""
    return of_days(ledger, day, day)


def of_days(ledger: Ledger, first: date, last: date) -> list[PhotoRow]:
    """All photos of the diary's days from `first` to `last`, both included, in the film's order."""
    return [photo for photo, _ in photos.everything(ledger) if photo.taken is not None and first <= diary_day(photo.taken.wall, DAY_STARTS) <= last]


def _called(name: bytes, text: str, raw: bytes) -> bool:
    if not text:
        return False
    base = os.path.basename(name)
    return raw in (name, base) or text in (shown_name(name), shown_name(base))


def _told(photo: PhotoRow, names: list[bytes]) -> str:
    when = "undated" if photo.taken is None else f"{photo.taken.wall:%Y-%m-%d %H:%M}"
    return f"{when}, {shown_name(names[0])}" if names else when


def _safe(text: str) -> str:
    return shown_name(text.encode("utf-8", "surrogateescape"))
