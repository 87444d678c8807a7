"""What may be worth a message; everything here only reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from photodiary.diary.calendar import diary_day
from photodiary.diary.hours import DAY_STARTS
from photodiary.ledger.store import Ledger


@dataclass(frozen=True)
class Asked:
    """A photo that a person is asked about.  reason: a code of diary.eyes.REASONS; day: of the diary, None while undated."""

    sha256: str
    reason: str | None
    day: date | None


@dataclass(frozen=True)
class Latest:
    """newest: the newest day of a photo in which a face is, or may be; faceless: newer days of photos without one; unplaced_at: when the newest photo
    whose day is not known came in, in seconds since the epoch."""

    newest: date | None = None
    faceless: frozenset[date] = frozenset()
    unplaced_at: float | None = None


def asked(ledger: Ledger) -> list[Asked]:
    """All photos that a person is asked about, the newest first."""
    with ledger.read() as db:
        rows = db.execute(
            "SELECT sha256, reason, taken_wall FROM photos WHERE stage = 'doubtful' ORDER BY taken_wall IS NULL, taken_wall DESC, sha256"
        ).fetchall()
    return [Asked(row["sha256"], row["reason"], _day(row["taken_wall"])) for row in rows]


def latest(ledger: Ledger) -> Latest:
    """The newest photos, as far as it is known of which day they are."""
    with ledger.read() as db:
        newest = db.execute(
            "SELECT max(taken_wall) FROM photos WHERE NOT (stage = 'excluded' AND coalesce(reason, '') = 'no_face') AND stage <> 'quarantined'"
        ).fetchone()[0]
        faceless = db.execute(
            "SELECT DISTINCT taken_wall FROM photos WHERE stage = 'excluded' AND reason = 'no_face' AND taken_wall > ?", (newest or "",)
        ).fetchall()
        unplaced = db.execute("SELECT max(received_at) FROM photos WHERE taken_wall IS NULL OR stage = 'quarantined'").fetchone()[0]
    return Latest(_day(newest), frozenset(day for row in faceless if (day := _day(row[0])) is not None), unplaced)


def _day(wall: str | None) -> date | None:
    return None if wall is None else diary_day(datetime.fromisoformat(wall), DAY_STARTS)
