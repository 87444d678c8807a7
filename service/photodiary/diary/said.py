"""What a person types or points at, checked before it is believed."""

from __future__ import annotations

from datetime import datetime, timedelta

from photodiary.diary.eyes import EyePair
from photodiary.errors import BadUsage

EARLIEST = datetime(1826, 1, 1)  # nothing was photographed before
OUTSIDE = 0.5  # of the distance between the eyes: so far from the photo's edge an eye may lie
SMALLEST = 0.01  # of the photo's longer side: eyes nearer together than this are no eyes


def wall_clock(text: str, now: datetime) -> datetime:
    """`2024-05-15 08:30`, also with seconds, or the day alone, which stands for its noon.  Raises BadUsage."""
    try:
        wall = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadUsage(f'"{text}" is no date; write one like "2024-05-15 08:30"') from error
    if wall.tzinfo is not None:
        raise BadUsage(f'"{text}" has a time zone; write what the clock showed where the photo was taken, like "2024-05-15 08:30"')
    if not EARLIEST <= wall <= now + timedelta(days=2):
        raise BadUsage(f'"{text}" is {"long ago" if wall < EARLIEST else "in the future"}; write when the photo was taken, like "2024-05-15 08:30"')
    return wall.replace(hour=12) if len(text.strip()) == 10 else wall.replace(microsecond=0)


def impossible(eyes: EyePair, size: tuple[int | None, int | None]) -> str | None:
    """Why eyes cannot be those of a photo of `size` (w, h; None: it could not be read); None when they can."""
    width, height = size
    if width is None or height is None:
        return "could not be read as a photo"
    if not eyes.iod >= SMALLEST * max(width, height):  # also when it is no number
        return "its eyes lie on almost the same point"
    reach = OUTSIDE * eyes.iod
    for eye, point in zip(("left", "right"), eyes, strict=True):
        if not (-reach <= point.x < width + reach and -reach <= point.y < height + reach):
            return f"its {eye} eye ({point.x:g}, {point.y:g}) lies outside the photo ({width} x {height})"
    return None
