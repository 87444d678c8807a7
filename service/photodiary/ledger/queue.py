"""The ledger is the queue: which photo of a stage is next, and which only wait.

A photo that arrives now goes before a backlog at every stage.  Between the two comes what is in the film already and gets another frame: a film waits
for such frames, and would otherwise wait for a backlog of hours.  Of a backlog the newest gets its frame first, and those that waited for the picture
format when there is time, at its end at the latest.
"""

from __future__ import annotations

from photodiary.diary.photo import Digest, Stage, retry_wait
from photodiary.ledger.photos import PhotoRow, find_within
from photodiary.ledger.schema import RANK
from photodiary.ledger.store import Ledger

_DUE = f"SELECT sha256, {RANK} AS rank FROM photos WHERE stage = ? AND +next_try <= ? ORDER BY rank, id LIMIT 1"  # +: by the index of the order

_NEWEST = f"SELECT sha256, {RANK} AS rank FROM photos WHERE stage = ? AND {RANK} = ? AND +next_try <= ? ORDER BY id DESC LIMIT 1"
BACKLOG = 2  # its rank


def claim(ledger: Ledger, stage: Stage, now: float, *, hurried: bool = False, fresh: bool = False) -> PhotoRow | None:
    """The oldest photo of a stage whose time has come, one that arrives now first; its next try is pushed forward before it is tried.

    A photo that breaks whoever works on it thus waits longer each time instead of becoming a crash loop.  hurried: only one that arrives now;
    fresh: of a backlog the newest one, which readers may still have decoded.
    """
    with ledger.read() as db:
        row = db.execute(_DUE, (stage, now)).fetchone()
        if row is None or (hurried and row["rank"]):
            return None
    with ledger.write() as db:
        row = db.execute(_DUE, (stage, now)).fetchone()
        if fresh and row is not None and row["rank"] == BACKLOG:
            row = db.execute(_NEWEST, (stage, BACKLOG, now)).fetchone()
        photo = None if row is None or (hurried and row["rank"]) else find_within(db, Digest(row["sha256"]))
        if photo is None:
            return None
        db.execute("UPDATE photos SET tries = tries + 1, next_try = ? WHERE id = ?", (now + retry_wait(photo.tries + 1), photo.id))
    return photo


def arriving(ledger: Ledger, stage: Stage, now: float) -> bool:
    """Whether the next photo of a stage is one that arrives now: not of a backlog, and not in the film yet."""
    with ledger.read() as db:
        row = db.execute(_DUE, (stage, now)).fetchone()
    return row is not None and row["rank"] == 0


def flowing(ledger: Ledger, stage: Stage, now: float, tries: int = 1) -> bool:
    """Whether a photo of a stage may be worked on now, or has been tried no more than `tries` times, the one that goes on included."""
    with ledger.read() as db:
        return db.execute("SELECT 1 FROM photos WHERE stage = ? AND (tries <= ? OR next_try <= ?) LIMIT 1", (stage, tries, now)).fetchone() is not None


def decoded(ledger: Ledger, stage: Stage, now: float, most: int) -> tuple[int, int]:
    """How many photos of a stage may be worked on now or are being worked on for the first time, `most` at most, and how many bytes they are when decoded.

    Those that get another frame do not count.
    """
    one = "SELECT 3 * width * height AS bytes FROM photos WHERE stage = ? AND frame IS NULL AND (tries <= 1 OR next_try <= ?) LIMIT ?"
    with ledger.read() as db:
        number, size = db.execute(f"SELECT count(*), coalesce(sum(bytes), 0) FROM ({one})", (stage, now, most)).fetchone()
    return int(number), int(size)


def next_due(ledger: Ledger, stage: Stage) -> float | None:
    """When the next photo of a stage may be tried, in seconds since the epoch; None when there is none."""
    with ledger.read() as db:
        value = db.execute("SELECT min(next_try) FROM photos WHERE stage = ?", (stage,)).fetchone()[0]
    return None if value is None else float(value)


def forgive_first_tries(ledger: Ledger) -> None:
    """At start: what was interrupted once is tried at once; what failed more often keeps its wait."""
    with ledger.write() as db:
        db.execute("UPDATE photos SET next_try = 0 WHERE tries = 1 AND next_try > 0")
