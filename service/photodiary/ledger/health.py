"""Whether the diary database itself is sound, what of it was to be forgotten, and sending back what was lost outside it."""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.diary.photo import Digest
from photodiary.ledger import photos, reels
from photodiary.ledger.store import Ledger

MOST_TOLD = 5  # of SQLite's own sentences


@dataclass(frozen=True)
class Forgotten:
    """How far forgetting a photo has come.  row: whether the database still knows more of it than its SHA-256."""

    erased: bool
    done: bool
    row: bool


def problems(ledger: Ledger) -> list[str]:
    """What SQLite finds wrong, in its words; empty when the database is sound.  Raises LedgerTrouble when it cannot even be read so far."""
    with ledger.read() as db:
        told = [str(row[0]) for row in db.execute(f"PRAGMA integrity_check({MOST_TOLD})")]
        if told != ["ok"]:
            return told
        return [f"a row of {row[0]} refers to a row of {row[2]} that is not there" for row in db.execute("PRAGMA foreign_key_check").fetchmany(MOST_TOLD)]


def forgotten(ledger: Ledger) -> dict[Digest, Forgotten]:
    """Every photo that was or is to be forgotten."""
    with ledger.read() as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'forgotten'").fetchone() is None:
            return {}  # a reader met a diary that no program since has opened for writing
        rows = db.execute("SELECT f.*, p.id AS row_id FROM forgotten f LEFT JOIN photos p USING (sha256)").fetchall()
    return {Digest(row["sha256"]): Forgotten(row["erased_at"] is not None, row["done_at"] is not None, row["row_id"] is not None) for row in rows}


def originals(ledger: Ledger) -> set[str]:
    """Every original that a row names, as a path below the archive."""
    with ledger.read() as db:
        return {row[0] for row in db.execute("SELECT original FROM photos WHERE original IS NOT NULL")}


def send_back(ledger: Ledger, frame: str) -> None:
    """A frame is missing or damaged: one that is in the film is made again; one that is not, once its photo is put back."""
    reels.frame_lost(ledger, frame)
    with ledger.write() as db:
        db.execute(
            f"UPDATE photos SET frame = NULL, frame_bytes = NULL, matrix = NULL, canvas_id = NULL WHERE frame = ? AND NOT ({photos.COULD_SHOW})", (frame,)
        )
