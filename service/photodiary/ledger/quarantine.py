"""Photos that could not be read: which they are, and trying them again after a fix."""

from __future__ import annotations

from collections.abc import Sequence

from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import photos, verdicts, wishes
from photodiary.ledger.photos import PhotoRow, find_within, move
from photodiary.ledger.store import Ledger

KIND = "retry"


def listing(ledger: Ledger) -> list[tuple[PhotoRow, list[bytes]]]:
    """All quarantined photos with their names."""
    return [(photo, names) for photo, names in photos.everything(ledger) if photo.stage is Stage.QUARANTINED]


def wish(ledger: Ledger, digests: Sequence[Digest], now: float) -> int:
    """Wish for these to be tried again.  Returns the wish's number."""
    return wishes.make(ledger, KIND, {"sha256": list(digests)}, now)


def release(ledger: Ledger, now: float) -> list[bytes] | None:
    """Act on the oldest open wish to try again, in one transaction.  Returns paths below the inbox to read anew; None when there was no wish.

    What is in the archive goes its way again, unless a person left it out; of what is not, the file in the inbox is no longer known.
    """
    wish_ = wishes.oldest_open(ledger, KIND)
    if wish_ is None:
        return None
    paths: list[bytes] = []
    with ledger.write() as db:
        for sha256 in wish_.details["sha256"]:
            photo = find_within(db, Digest(sha256))
            if photo is None or photo.stage is not Stage.QUARANTINED:
                continue
            db.execute("UPDATE photos SET deaths = 0 WHERE id = ?", (photo.id,))
            if photo.original is None:
                paths += [bytes(row[0]) for row in db.execute("DELETE FROM files WHERE photo_id = ? RETURNING path", (photo.id,)).fetchall()]
            elif (decided := verdicts.in_force(db, photo.id)).excluded:
                move(db, photo, Stage.EXCLUDED, reason=decided.reason)
            elif photo.taken is None:
                move(db, photo, Stage.UNDATED, reason="undated")
            else:
                move(db, photo, Stage.RECEIVED, reason=None)
        wishes.fulfil_within(db, wish_.id, {"files": len(paths)}, now)
    return paths
