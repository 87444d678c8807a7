"""How old somebody is, as people say it: in the words that a stamp is written with."""

from __future__ import annotations

import calendar
from datetime import date
from typing import Final

FEW_DAYS: Final = 14
"""Days of age from which weeks are counted ..."""
FEW_MONTHS: Final = 3
"""... and months from which months are ..."""
FEW_YEARS: Final = 3
"""... and years from which months are no longer told."""

Age = tuple[tuple[int, str], ...]
"""Numbers and their units, "year", "month", "week" or "day", the largest first."""


def age(born: date, day: date) -> Age:
    """How old who was born on `born` is on `day`: ((12, "day"),), ((7, "week"),), ((5, "month"),), ((1, "year"), (4, "month")), ((37, "year"),).

    Empty before birth.  Who was born on the 31st is a month older on the last day of a shorter one, and on 29 February a year older on the 28th.
    """
    days = (day - born).days
    if days < 0:
        return ()
    months = _months(born, day)
    if months < FEW_MONTHS:
        return ((days, "day"),) if days < FEW_DAYS else ((days // 7, "week"),)
    years, rest = divmod(months, 12)
    told = ((years, "year"),) if years else ()
    return (*told, (rest, "month")) if rest and years < FEW_YEARS else told


def _months(born: date, day: date) -> int:
    """Whole months from one day to a later one."""
    turns = min(born.day, calendar.monthrange(day.year, day.month)[1])
    return 12 * (day.year - born.year) + day.month - born.month - (day.day < turns)
