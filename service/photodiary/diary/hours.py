"""Times of day that a person writes, in the time zone of a diary; told everything."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from photodiary.diary.calendar import diary_day

DAY_STARTS = time(4)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def is_clock(text: str) -> bool:
    """Whether a text is a time of day like "04:30"."""
    return _CLOCK.fullmatch(text) is not None


def next_time(at: str, zone: tzinfo, after: float) -> float:
    """The next time that a wall clock in `zone` shows `at`, in seconds since the epoch, later than `after`.

    Where the clock skips that time, the first moment after the gap counts; where it shows it twice, the first.
    """
    wanted = _clock(at)
    day = datetime.fromtimestamp(after, zone).date() - timedelta(days=1)
    while True:
        moment = datetime.combine(day, wanted, zone).astimezone(UTC).timestamp()
        if moment > after:
            return moment
        day += timedelta(days=1)


def between(start: str, end: str, zone: tzinfo, now: float) -> bool:
    """Whether a wall clock in `zone` shows a time from `start` on and before `end`, over midnight where `end` is the earlier one."""
    first, last, clock = _clock(start), _clock(end), datetime.fromtimestamp(now, zone).time()
    return first <= clock < last if first <= last else clock >= first or clock < last


def day_of(now: float, zone: tzinfo) -> date:
    """The day of the diary that it is at `now` (seconds since the epoch) in `zone`."""
    return diary_day(datetime.fromtimestamp(now, zone).replace(tzinfo=None), DAY_STARTS)


def beginning_of(day: date, zone: tzinfo) -> float:
    """The first moment, in seconds since the epoch, at which it is that day of the diary in `zone`."""
    return datetime.combine(day, DAY_STARTS, zone).astimezone(UTC).timestamp()


def _clock(text: str) -> time:
    return time(int(text[:2]), int(text[3:]))
