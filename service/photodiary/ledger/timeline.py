"""All photos of a diary in the order of time, light enough for ten thousand of them; everything here only reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import takes
from photodiary.ledger.photos import COULD_SHOW
from photodiary.ledger.reviewing import ASKED
from photodiary.ledger.store import Ledger, Row

UNDATED = "undated"
KINDS = {
    "film": "in the film",
    "check": "to check",
    "out": "left out",
    "unread": "could not be read",
    UNDATED: "without a date",
    "takes": "other takes",
    "coming": "on their way",
}


@dataclass(frozen=True)
class Tile:
    """One photo: when it was taken (wall clock), what it is (some of KINDS), the code of the reason, what its picture depends on."""

    sha256: Digest
    wall: datetime | None
    kinds: frozenset[str]
    reason: str | None
    version: str

    @property
    def month(self) -> str:
        """2024-05, or UNDATED."""
        return UNDATED if self.wall is None else f"{self.wall:%Y-%m}"


def tiles(ledger: Ledger) -> list[Tile]:
    """All photos, the newest first, undated ones before them."""
    with ledger.read() as db:
        rows = db.execute(
            f"SELECT sha256, taken_wall, stage, reason, frame, sighting_id, {takes.shows(db)} AS shows, {COULD_SHOW} AS could,"
            f" {ASKED} AND NOT {takes.overshadowed(db)} AS asked FROM photos ORDER BY taken_wall IS NOT NULL, taken_wall DESC, taken_utc DESC, sha256 DESC"
        ).fetchall()
    return [_tile(row) for row in rows]


def _tile(row: Row) -> Tile:
    wall = None if row["taken_wall"] is None else datetime.fromisoformat(row["taken_wall"])
    stage = Stage(row["stage"])
    found = {
        "film": bool(row["shows"]),
        "check": bool(row["asked"]),
        "out": stage is Stage.EXCLUDED,
        "unread": stage is Stage.QUARANTINED,
        UNDATED: wall is None and stage is not Stage.EXCLUDED,
        "takes": bool(row["could"]) and not row["shows"],
        "coming": stage in (Stage.RECEIVED, Stage.LOCATED) and not row["could"],
    }
    version = (row["frame"] or "photo").rpartition("_")[2].removesuffix(".jpg")
    return Tile(Digest(row["sha256"]), wall, frozenset(kind for kind, is_so in found.items() if is_so), row["reason"], version)


def counted(all_of_them: Iterable[Tile]) -> dict[str, int]:
    """How many photos there are of each of KINDS."""
    numbers = Counter(kind for tile in all_of_them for kind in tile.kinds)
    return {kind: numbers[kind] for kind in KINDS}


def months(chosen: Iterable[Tile]) -> dict[str, list[Tile]]:
    """The photos by month, in their order."""
    found: dict[str, list[Tile]] = {}
    for tile in chosen:
        found.setdefault(tile.month, []).append(tile)
    return found


def page(by_month: dict[str, list[Tile]], start: str | None, enough: int) -> tuple[Sequence[str], str | None]:
    """The months to show together, from `start` (None or one that is not there: the first) until `enough` photos, and the month that comes next."""
    names = list(by_month)
    first = names.index(start) if start in by_month else 0
    last, number = first, 0
    while last < len(names) and number < enough:
        number += len(by_month[names[last]])
        last += 1
    return names[first:last], names[last] if last < len(names) else None
