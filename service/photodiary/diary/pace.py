"""How long each photo is shown.  Only the film's clock knows the pace: changing it encodes nothing anew."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Final

AUTO: Final = (4, 6, 8, 10, 12, 15, 20, 24, 30)
"""Photos a second that "auto" chooses from."""

MINUTE: Final = 60
MOST: Final = 60
"""Photos a second that screens and players can follow."""

CLEARLY: Final = 3
"""Seconds by which another pace must come nearer a minute before "auto" leaves the one it has: a few photos more or less change nothing."""

TICKS: Final = 1000
"""Units of the film's clock in the time of one photo: whole numbers at any speed."""

DAY_SECONDS: Final = Fraction(1, 8)
"""How long a day lasts in a film that is true to time ..."""
SHORTEST: Final = Fraction(1, 30)
LONGEST: Final = Fraction(1)
"""... and how short and how long a photo is shown there at least and at most."""

CLOCK: Final = 90_000
"""Units in a second of the clock of a film that is true to time, as video's clocks have."""

SECOND: Final = timedelta(seconds=1)
TARGET = re.compile(r"([1-9][0-9]{0,4}) ?s")
FIXED = re.compile(r"[1-9][0-9]?")


@dataclass(frozen=True)
class Pace:
    """timescale: units of the clock in a second; ticks: for how many of them each photo is shown; per_second: photos a second, None when true to time."""

    timescale: int
    ticks: tuple[int, ...]
    per_second: Fraction | None


def is_pace(text: str) -> bool:
    """Whether `pace_of` understands it."""
    return text in ("auto", "time") or bool(TARGET.fullmatch(text)) or bool(FIXED.fullmatch(text) and int(text) <= MOST)


def pace_of(text: str, walls: Sequence[datetime], before: Fraction | None = None) -> Pace:
    """The pace of a film of photos taken at these wall clock times, in the film's order.

    text: "auto", photos a second, "60 s" for the whole film (longer where more than `MOST` photos a second would have to pass), or "time".  before: what
    "auto" chose the last time, photos a second.
    """
    count = len(walls)
    if text == "time":
        return _true_to_time(walls)
    target = TARGET.fullmatch(text)
    if target and 0 < count <= MOST * int(target[1]):
        seconds = int(target[1])
        return Pace(count * TICKS, (seconds * TICKS,) * count, Fraction(count, seconds))
    rate = MOST if target else auto(count, before) if text == "auto" else int(text)
    return Pace(rate * TICKS, (TICKS,) * count, Fraction(rate))


def auto(count: int, before: Fraction | None = None) -> int:
    """Of the paces in `AUTO` the one at which so many photos last nearest a minute; the quicker of two that are as near."""
    best = min(reversed(AUTO), key=lambda rate: _off(count, rate))
    if before in AUTO and _off(count, int(before)) - _off(count, best) <= CLEARLY:
        return int(before)
    return best


def _off(count: int, rate: int) -> Fraction:
    return abs(Fraction(count, rate) - MINUTE)


def _true_to_time(walls: Sequence[datetime]) -> Pace:
    """A photo is shown for as long as it took until the next one, within limits, so that a gap of years does not stop the film."""
    shown = [min(LONGEST, max(SHORTEST, DAY_SECONDS * Fraction((after - wall) // SECOND, 86_400))) for wall, after in pairwise(walls)]
    typical = sorted(shown)[len(shown) // 2] if shown else Fraction(1, 12)
    return Pace(CLOCK, tuple(math.floor(CLOCK * seconds) for seconds in [*shown, typical] if walls), None)
