"""What a diary database knows of the configuration it was made with, and letting go of the inbox it was fed from: for whoever takes the diary over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from photodiary.ledger import verdicts, wishes
from photodiary.ledger.store import Ledger

MOST_CLOCKS = 2000


@dataclass(frozen=True)
class Facts:
    """zone: the name of the time zone it was last kept in, None where no program noted that; clocks: wall clocks of photos whose place is not known, with
    the offset from UTC that was assumed for each.

    canvas: what the configuration said of the picture format; excluding: photos deleted from the inbox were to leave the film; originals, frames: what
    should lie in the archive, the originals with their bytes.
    """

    zone: str | None
    clocks: tuple[tuple[datetime, timedelta], ...]
    canvas: str
    excluding: bool
    originals: tuple[tuple[str, int], ...]
    frames: tuple[str, ...]


def facts(ledger: Ledger) -> Facts:
    """Of a database that may be of an older program.  Raises LedgerTrouble for a damaged one."""
    zone = wishes.notes(ledger).get("timezone")
    with ledger.read() as db:
        rows = db.execute(
            "SELECT taken_wall, taken_utc FROM photos WHERE taken_wall IS NOT NULL AND taken_utc IS NOT NULL AND taken_offset_s IS NULL"
            " ORDER BY sha256 LIMIT ?",
            (MOST_CLOCKS,),
        ).fetchall()
        canvas = db.execute("SELECT source FROM canvases ORDER BY id DESC LIMIT 1").fetchone()
        excluding = db.execute("SELECT 1 FROM verdicts WHERE kind = ? LIMIT 1", (verdicts.DELETED,)).fetchone() is not None
        if not excluding and any(row["name"] == "gone_since" for row in db.execute("PRAGMA table_info(files)")):
            excluding = db.execute("SELECT 1 FROM files WHERE gone_since IS NOT NULL LIMIT 1").fetchone() is not None
        originals = tuple((row[0], row[1]) for row in db.execute("SELECT original, bytes FROM photos WHERE original IS NOT NULL ORDER BY original"))
        frames = tuple(row[0] for row in db.execute("SELECT frame FROM photos WHERE frame IS NOT NULL ORDER BY frame"))
    epoch, clocks = datetime(1970, 1, 1), []
    for row in rows:
        wall = datetime.fromisoformat(row["taken_wall"])
        clocks.append((wall, timedelta(seconds=round((wall - epoch).total_seconds() - row["taken_utc"]))))
    return Facts(zone if isinstance(zone, str) else None, tuple(clocks), "auto" if canvas is None else str(canvas[0]), excluding, originals, frames)


def leave_inbox(ledger: Ledger) -> None:
    """Know nothing any more of the files of the inbox so far, so that another one is no inbox from which they were deleted.  The photos stay."""
    with ledger.write() as db:
        db.execute("DELETE FROM files")
        db.execute("DELETE FROM arrivals")
