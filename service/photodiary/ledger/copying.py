"""Copies of the diary database: taken beside whoever writes, cleaned of what was forgotten, and put in the place of an empty one."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from photodiary.diary.photo import Digest
from photodiary.errors import StorageTrouble
from photodiary.ledger import forgetting
from photodiary.ledger.store import FILE, LOCK, Ledger


@dataclass(frozen=True)
class Kept:
    """An original that a row names: where below the archive, and how many bytes."""

    sha256: Digest
    path: str
    bytes: int


def take(ledger: Ledger, folder: Path) -> None:
    """Write what the database holds at this instant into a new one in `folder`.  Raises StorageTrouble."""
    try:
        (folder / FILE).unlink(missing_ok=True)
        with ledger.read() as db, closing(sqlite3.connect(folder / FILE)) as copy:
            db.backup(copy)
    except OSError as error:
        raise StorageTrouble(f"{folder}: cannot be written: {error.strerror}") from error


def strike_forgotten(copy: Ledger, also: Iterable[Digest], now: float) -> None:
    """Nothing of a photo that was to be forgotten, here or by `also`, stays in a copy but its SHA-256.  There are no files to erase beside it."""
    with copy.write() as db:
        db.executemany("INSERT OR IGNORE INTO forgotten (sha256, made_at) VALUES (?, ?)", [(digest, now) for digest in also])
        db.execute("UPDATE forgotten SET erased_at = ? WHERE erased_at IS NULL", (now,))
    digests = forgetting.to_wipe(copy)
    if digests:
        forgetting.wipe(copy, digests, now)


def one_file(copy: Ledger) -> None:
    """From now on the copy is its one file, and whoever looks into it leaves nothing beside it; opened for writing it keeps a log again."""
    with copy.read() as db:
        db.execute("PRAGMA journal_mode=DELETE")


def drop_log(folder: Path) -> None:
    """What readers left beside the database in `folder`, which is about to be replaced.  Raises StorageTrouble."""
    try:
        for rest in ("-wal", "-shm"):
            (folder / f"{FILE}{rest}").unlink(missing_ok=True)
    except OSError as error:
        raise StorageTrouble(f"{folder}: cannot be written: {error.strerror}") from error


def without_frames(copy: Ledger) -> None:
    """Only originals are beside this database: every frame is to be made again, and the film."""
    with copy.write() as db:
        db.execute(
            "UPDATE photos SET stage = iif(stage IN ('aligned', 'doubtful'), 'located', stage), tries = 0, next_try = 0,"
            " frame = NULL, frame_bytes = NULL, matrix = NULL, canvas_id = NULL, framed_at = NULL WHERE frame IS NOT NULL"
        )
        db.execute("DELETE FROM reels")


def originals(ledger: Ledger) -> list[Kept]:
    """Every original that a row names."""
    with ledger.read() as db:
        return [Kept(Digest(row[0]), row[1], row[2]) for row in db.execute("SELECT sha256, original, bytes FROM photos WHERE original IS NOT NULL ORDER BY id")]


def said(ledger: Ledger) -> dict[str, int]:
    """How much there is that nothing else could bring back: photos, corrections and decisions."""
    with ledger.read() as db:
        row = db.execute(
            "SELECT (SELECT count(*) FROM photos), (SELECT count(*) FROM sightings WHERE by IN ('placed', 'confirmed')),"
            " (SELECT count(*) FROM verdicts) + (SELECT count(*) FROM facings)"
        ).fetchone()
    return {"photos": row[0], "corrections": row[1], "decisions": row[2]}


def replace(new: Path, folder: Path) -> None:
    """Put a closed database in the place of the one in `folder`, whose last connection is closed too.  Durable when this returns.  Raises StorageTrouble."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with new.open("rb") as written:
                os.fsync(written.fileno())
            drop_log(folder)
            new.rename(folder / FILE)
            for place in (folder, new.parent):
                descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
                os.fsync(descriptor)
                os.close(descriptor)
        finally:
            os.close(lock)
    except OSError as error:
        raise StorageTrouble(f"{folder / FILE}: cannot be written: {error.strerror}") from error
