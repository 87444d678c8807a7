"""Files that are gone from the inbox, since when, and the photos that are left out of the film for it.  Facts only: nothing is deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from photodiary.ledger import verdicts, wishes
from photodiary.ledger.deciding import KIND
from photodiary.ledger.store import Connection, Ledger

LOST = 0.0  # gone together with all others: that says nothing about a person's wish, and is no beginning of a week


@dataclass(frozen=True)
class Due:
    """A photo all of whose files are gone: its paths below the inbox, and since when the last of them is (seconds since the epoch)."""

    photo_id: int
    sha256: str
    since: float
    paths: tuple[bytes, ...]


def gone_files(ledger: Ledger) -> dict[bytes, float]:
    """Files that are not in the inbox, and since when; LOST where that is not to count."""
    with ledger.read() as db:
        return {row[0]: row[1] for row in db.execute("SELECT path, gone_since FROM files WHERE gone_since IS NOT NULL")}


def mark(ledger: Ledger, changes: dict[bytes, float | None]) -> None:
    """Since when files are gone; None: there again."""
    with ledger.write() as db:
        db.executemany("UPDATE files SET gone_since = ? WHERE path = ?", [(since, path) for path, since in changes.items()])


def extend(ledger: Ledger, seconds: float) -> None:
    """Do not count so many seconds of the time for which files have been gone."""
    with ledger.write() as db:
        db.execute("UPDATE files SET gone_since = gone_since + ? WHERE gone_since > 0", (seconds,))


def due(ledger: Ledger, before: float) -> list[Due]:
    """Photos that may be in the film, all of whose files have been gone since `before`, unless a person or this program decided about it."""
    with ledger.read() as db:
        rows = db.execute(
            "SELECT photos.id, sha256, max(gone_since) AS since FROM files JOIN photos ON photos.id = photo_id"
            " WHERE stage NOT IN ('excluded', 'quarantined') GROUP BY photos.id"
            " HAVING count(*) = count(gone_since) AND max(gone_since) > 0 AND max(gone_since) <= ?",
            (before,),
        ).fetchall()
        answer = []
        for row in rows:
            decided = verdicts.in_force(db, row["id"])
            if decided.excluded is None and not decided.deleted:
                paths = tuple(bytes(found[0]) for found in db.execute("SELECT path FROM files WHERE photo_id = ?", (row["id"],)))
                answer.append(Due(row["id"], row["sha256"], row["since"], paths))
    return answer


def leave_out(ledger: Ledger, photos: Sequence[Due], now: float) -> None:
    """Note that these were deleted from the inbox, and the wish to leave them out, in one transaction."""
    with ledger.write() as db:
        there = [photo for photo in photos if db.execute("SELECT 1 FROM photos WHERE id = ? AND sha256 = ?", (photo.photo_id, photo.sha256)).fetchone()]
        for photo in there:
            verdicts.append(db, photo.photo_id, verdicts.DELETED, datetime.fromtimestamp(photo.since, UTC).isoformat(), now)
        _wish(db, verdicts.DELETED, [photo.sha256 for photo in there], now)


def bring_back(ledger: Ledger, now: float, *, all_of_them: bool) -> int:
    """Wish back what was left out for being deleted and is in the inbox again, or all of it.  Returns how many photos."""
    with ledger.read() as db:
        rows = db.execute(
            "SELECT DISTINCT photos.id, sha256, EXISTS (SELECT 1 FROM files WHERE photo_id = photos.id AND gone_since IS NULL) AS here"
            " FROM verdicts JOIN photos ON photos.id = photo_id WHERE kind = ?",
            (verdicts.DELETED,),
        ).fetchall()
        back = [row for row in rows if (row["here"] or all_of_them) and verdicts.in_force(db, row["id"]).deleted]
    if back:
        with ledger.write() as db:
            for row in back:
                verdicts.append(db, row["id"], verdicts.RETURNED, None if row["here"] else "keep", now)
            _wish(db, verdicts.RETURNED, [row["sha256"] for row in back], now)
    return len(back)


def _wish(db: Connection, kind: str, digests: Iterable[str], now: float) -> None:
    wishes.make_within(db, KIND, {"kind": kind, "value": None, "sha256": list(digests)}, now)
