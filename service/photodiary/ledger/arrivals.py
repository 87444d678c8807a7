"""What the inbox looked like: files whose content is known, and files that are waiting for more bytes."""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.diary.photo import Digest
from photodiary.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a changed file from an unchanged one without reading it."""

    size: int
    mtime_ns: int
    inode: int

    def __post_init__(self) -> None:
        """SQLite's integers are signed; some file systems have inodes and times beyond them, which are folded, always the same way."""
        for key in ("mtime_ns", "inode"):
            value = getattr(self, key)
            if not -(1 << 63) <= value < 1 << 63:
                object.__setattr__(self, key, value & ((1 << 63) - 1))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A held file: why, since when (seconds since the epoch), how often tried, when next, how many readers died over it."""

    stamp: Stamp
    reason: str
    since: float
    tries: int
    next_try: float
    deaths: int = 0


def known_files(ledger: Ledger) -> dict[bytes, Stamp]:
    with ledger.read() as db:
        return {row[0]: Stamp(row[1], row[2], row[3]) for row in db.execute("SELECT path, size, mtime_ns, inode FROM files")}


def held_files(ledger: Ledger) -> dict[bytes, Waiting]:
    with ledger.read() as db:
        rows = db.execute("SELECT path, size, mtime_ns, inode, reason, since, tries, next_try, deaths FROM arrivals").fetchall()
    return {row[0]: Waiting(Stamp(row[1], row[2], row[3]), *row[4:]) for row in rows}


def remember(ledger: Ledger, path: bytes, stamp: Stamp, sha256: Digest) -> None:
    """The file's content is known; it need not be read again while its stamp stays."""
    with ledger.write() as db:
        db.execute(
            "INSERT INTO files (path, size, mtime_ns, inode, photo_id) SELECT ?, ?, ?, ?, id FROM photos WHERE sha256 = ?"
            " ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode, photo_id = excluded.photo_id,"
            " gone_since = NULL",
            (path, stamp.size, stamp.mtime_ns, stamp.inode, sha256),
        )
        db.execute("DELETE FROM arrivals WHERE path = ?", (path,))


def hold(ledger: Ledger, path: bytes, waiting: Waiting) -> None:
    stamp = waiting.stamp
    with ledger.write() as db:
        db.execute(
            "INSERT OR REPLACE INTO arrivals (path, size, mtime_ns, inode, reason, since, tries, next_try, deaths) VALUES (?,?,?,?,?,?,?,?,?)",
            (path, stamp.size, stamp.mtime_ns, stamp.inode, waiting.reason, waiting.since, waiting.tries, waiting.next_try, waiting.deaths),
        )


def release(ledger: Ledger, paths: list[bytes]) -> None:
    """Held files that are gone from the inbox, or no longer waited for."""
    with ledger.write() as db:
        db.executemany("DELETE FROM arrivals WHERE path = ?", [(path,) for path in paths])
