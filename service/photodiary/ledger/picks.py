"""Of which days, weeks or months one photo shows, and which: a person's choice first, else the best by its looks.

What is in force is noted in the diary when a program opens it to work on it, so that whoever only reads agrees with the film.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Final

from photodiary.diary.calendar import diary_day
from photodiary.diary.hours import DAY_STARTS
from photodiary.ledger import looks, wishes
from photodiary.ledger.store import Connection, Ledger
from photodiary.ledger.verdicts import PICKED, standing

ALL: Final = "all"
NOTE: Final = "pick"

DAY: Final = f"date({{0}}.taken_wall, '-{DAY_STARTS.hour} hours')"
"""The day of a row of a table of photos: four hours back, a day of the diary is a day of the calendar."""

_PERIODS: Final = {  # a week begins on Monday
    "day": DAY,
    "week": f"date({{0}}.taken_wall, '-{DAY_STARTS.hour} hours', 'weekday 0', '-6 days')",
    "month": f"substr(date({{0}}.taken_wall, '-{DAY_STARTS.hour} hours'), 1, 7)",
}
_CHOSEN: Final = f"SELECT v.photo_id, max(v.id) AS chosen FROM verdicts v WHERE v.kind = '{PICKED}' AND {standing('v', 'verdict')} GROUP BY v.photo_id"


def adopt(ledger: Ledger, pick: str) -> None:
    """From now on one photo of each "day", "week" or "month" shows, or "all".  Raises StorageTrouble."""
    wishes.note(ledger, **{NOTE: pick})


def in_force(db: Connection) -> str:
    """What was adopted; all, where nothing was, or where no program since has opened the diary for writing."""
    if not looks.known(db):
        return ALL
    row = db.execute("SELECT value FROM notes WHERE key = ?", (NOTE,)).fetchone()
    pick = None if row is None else json.loads(row[0])
    return pick if pick in _PERIODS else ALL


def bounds(pick: str, wall: datetime) -> tuple[str, str]:
    """From when (included) until when the period lasts that a moment is in, wall clocks as in `photos.taken_wall`."""
    day = diary_day(wall, DAY_STARTS)
    if pick == "week":
        day -= timedelta(day.weekday())
        after = day + timedelta(7)
    elif pick == "month":
        day = day.replace(day=1)
        after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    else:
        after = day + timedelta(1)
    return _starts(day), _starts(after)


def _starts(day: date) -> str:
    return datetime.combine(day, DAY_STARTS).isoformat()


def period(pick: str, photos: str) -> str:
    """An expression: the day, week or month of a row of a table of photos."""
    return _PERIODS[pick].format(photos)


def ranked(pick: str, candidates: str) -> str:
    """A query: id, sha256, doubtful, chosen (not NULL: a person chose it) and place of photos, the one in place 1 of a period being the one that shows.

    candidates: a condition on rows `t` of `photos`.  Photos about which a person is asked come after those that are sure; of those that look equally good,
    it is always the same one.
    """
    return f"""SELECT t.id, t.sha256, t.doubtful, c.chosen, row_number() OVER (PARTITION BY {period(pick, "t")}
        ORDER BY c.chosen DESC, t.doubtful, l.score DESC, t.sha256) AS place FROM photos t
        LEFT JOIN looks l INDEXED BY looks_score ON l.photo_id = t.id LEFT JOIN ({_CHOSEN}) c ON c.photo_id = t.id
        WHERE t.taken_wall IS NOT NULL AND {candidates}"""


def best(pick: str, candidates: str) -> str:
    """A query: the ids of the photos that show, one of each period."""
    return f"SELECT id FROM ({ranked(pick, candidates)}) WHERE place = 1"
