"""What each day holds, for a calendar; everything here only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from photodiary.diary.calendar import diary_day
from photodiary.diary.hours import DAY_STARTS
from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import takes
from photodiary.ledger.photos import COULD_SHOW, FILM_ORDER
from photodiary.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class DayPhoto:
    """One photo of a day.  to_check: a person is asked, whether it shows or not; other_take: another photo of the same moment, or day, shows instead."""

    sha256: Digest
    wall: datetime
    stage: Stage
    in_film: bool
    other_take: bool
    frame: str | None
    reason: str | None
    sighting_id: int | None

    @property
    def to_check(self) -> bool:
        return self.stage is Stage.DOUBTFUL and not self.other_take

    @property
    def day(self) -> date:
        return diary_day(self.wall, DAY_STARTS)


def between(ledger: Ledger, first: date, last: date) -> dict[date, list[DayPhoto]]:
    """The photos of the days from `first` to `last`, by day, each day's in the film's order; days without any are left out."""
    start, end = (datetime.combine(day, DAY_STARTS).isoformat() for day in (first, last + timedelta(days=1)))
    answer: dict[date, list[DayPhoto]] = {}
    with ledger.read() as db:
        rows = db.execute(
            f"SELECT sha256, taken_wall, stage, frame, reason, sighting_id, {takes.shows(db)} AS shown, {COULD_SHOW} AS could FROM photos"
            f" WHERE taken_wall >= ? AND taken_wall < ? ORDER BY {FILM_ORDER}",
            (start, end),
        ).fetchall()
    for row in rows:
        shown = bool(row["shown"])
        photo = DayPhoto(
            Digest(row["sha256"]), datetime.fromisoformat(row["taken_wall"]), Stage(row["stage"]), shown, bool(row["could"]) and not shown,
            row["frame"], row["reason"], row["sighting_id"],
        )  # fmt: skip
        answer.setdefault(photo.day, []).append(photo)
    return answer


@dataclass(frozen=True)
class Span:
    """The first and the newest day that have a photo, and by year how many days the film shows."""

    first: date
    last: date
    shown: dict[int, int]


def span(ledger: Ledger) -> Span | None:
    """None while no photo has a date."""
    with ledger.read() as db:
        first, last = db.execute("SELECT min(taken_wall), max(taken_wall) FROM photos").fetchone()
        if first is None:
            return None
        # Four hours back, a day of the diary is a day of the calendar.
        moved = f"date(taken_wall, '-{DAY_STARTS.hour} hours')"
        rows = db.execute(
            f"SELECT substr(day, 1, 4), count(*) FROM (SELECT DISTINCT {moved} AS day FROM photos WHERE {takes.shows(db)} AND taken_wall IS NOT NULL)"
            " GROUP BY 1"
        ).fetchall()
    start, end = (diary_day(datetime.fromisoformat(text), DAY_STARTS) for text in (first, last))
    return Span(start, end, {int(row[0]): row[1] for row in rows})


def newest_frames(ledger: Ledger, most: int) -> list[DayPhoto]:
    """The last photos of the film, the newest first."""
    with ledger.read() as db:
        rows = db.execute(
            f"SELECT sha256, taken_wall, stage, frame, reason, sighting_id FROM photos WHERE {takes.shows(db)} AND taken_wall IS NOT NULL"
            " ORDER BY taken_wall DESC, taken_utc DESC, sha256 DESC LIMIT ?",
            (most,),
        ).fetchall()
    return [
        DayPhoto(
            Digest(row["sha256"]), datetime.fromisoformat(row["taken_wall"]), Stage(row["stage"]), True, False, row["frame"], row["reason"], row["sighting_id"]
        )
        for row in rows
    ]  # fmt: skip


def dates_of(ledger: Ledger, starts: Sequence[str]) -> dict[str, tuple[Digest, datetime | None]]:
    """The photos whose SHA-256 begins so (as the names of their files do), with their wall clock; those that are gone are left out."""
    with ledger.read() as db:
        rows = db.execute("SELECT sha256, taken_wall FROM photos").fetchall()
    wanted = set(starts)
    length = len(starts[0]) if starts else 0
    return {
        row["sha256"][:length]: (Digest(row["sha256"]), None if row["taken_wall"] is None else datetime.fromisoformat(row["taken_wall"]))
        for row in rows
        if row["sha256"][:length] in wanted
    }
