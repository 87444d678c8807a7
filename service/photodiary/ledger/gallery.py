"""What the diary's person looks like: the trusted frames, and the photos that were judged without them.

Models of one kin speak of faces in the same language: a personal model does as its base, so that a promotion does not lose what is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.diary.photo import Stage
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger

# Trusted: sure of its eyes and of whose they are, or told by a person, whose eyes lie where the model's face is (0.3 IOD, both eyes together).
_IS_TRUSTED = """ON l.photo_id = photos.id JOIN sightings AS s ON s.id = photos.sighting_id JOIN sightings AS m ON m.id = l.sighting_id
WHERE l.model = ? AND photos.stage IN ('located', 'aligned') AND photos.doubtful = 0 AND photos.taken_wall IS NOT NULL
AND l.sighting_id = (SELECT max(sighting_id) FROM likenesses WHERE photo_id = l.photo_id AND model = l.model)
AND abs(s.left_x - m.left_x) + abs(s.left_y - m.left_y) + abs(s.right_x - m.right_x) + abs(s.right_y - m.right_y)
    < 0.3 * (abs(m.right_x - m.left_x) + abs(m.right_y - m.left_y))"""
_TRUSTED = f"FROM likenesses AS l JOIN photos {_IS_TRUSTED}"
_IN_TIME = f"FROM photos INDEXED BY photos_order CROSS JOIN likenesses AS l {_IS_TRUSTED}"  # from a moment on, until there are enough
# A frame may have been placed before there was anybody to compare with, and its photo been looked at since without that changing the frame.
_UNCOMPARED = """FROM likenesses AS l JOIN photos ON photos.sighting_id = l.sighting_id
WHERE l.model = ? AND l.log_odds IS NULL AND photos.stage IN ('located', 'aligned', 'doubtful')
AND NOT EXISTS (SELECT 1 FROM sightings n WHERE n.photo_id = l.photo_id AND n.id > l.sighting_id AND n.by NOT IN ('placed', 'confirmed')
    AND NOT EXISTS (SELECT 1 FROM likenesses c WHERE c.sighting_id = n.id AND c.log_odds IS NULL))"""


@dataclass(frozen=True)
class Look:
    """What the chosen face of a photo looks like, in the language of models of a kin."""

    kin: str
    vector: bytes


def look_of(ledger: Ledger, photo: PhotoRow) -> Look | None:
    """What a model saw of a photo's face last; None where none was compared."""
    with ledger.read() as db:
        row = db.execute("SELECT model, vector FROM likenesses WHERE photo_id = ? ORDER BY sighting_id DESC LIMIT 1", (photo.id,)).fetchone()
    return None if row is None else Look(row["model"], bytes(row["vector"]))


def trusted(ledger: Ledger, kin: str) -> int:
    """How many trusted frames models of a kin have."""
    return ledger.remembered(("trusted", kin), lambda: _trusted(ledger, kin))


def _trusted(ledger: Ledger, kin: str) -> int:
    with ledger.read() as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'likenesses'").fetchone() is None:
            return 0  # a reader met a diary that no program since has opened for writing
        return int(db.execute(f"SELECT count(*) {_TRUSTED}", (kin,)).fetchone()[0])


def near(ledger: Ledger, kin: str, photo: PhotoRow, most: int) -> list[bytes]:
    """The looks of the trusted frames nearest in time to a photo, without itself; an undated photo's neighbours are the newest."""
    when = "9999-12-31T00:00:00" if photo.taken is None else photo.taken.wall.isoformat()
    found: list[tuple[float, int, bytes]] = []
    with ledger.read() as db:
        for side, order in (("<=", "DESC"), (">", "ASC")):
            found += db.execute(
                f"SELECT abs(julianday(photos.taken_wall) - julianday(?)), photos.id, l.vector {_IN_TIME} AND photos.id != ? AND photos.taken_wall {side} ?"
                f" ORDER BY photos.taken_wall {order}, photos.id LIMIT ?",
                (when, kin, photo.id, when, most),
            ).fetchall()
    return [bytes(vector) for _, _, vector in sorted(found, key=lambda row: tuple(row)[:2])[:most]]


def look_again(ledger: Ledger, kin: str) -> bool:
    """Send one photo that was judged before there were enough trusted frames to be looked at once more.  Returns whether there was one.

    One at a time: while it is looked at it is no trusted frame itself, and the others must be enough.
    """
    with ledger.write() as db:
        changed = db.execute(
            f"UPDATE photos SET stage = ?, tries = 0, next_try = 0 WHERE id = (SELECT min(photos.id) {_UNCOMPARED})",
            (Stage.RECEIVED, kin),
        ).rowcount
    return bool(changed)


def waiting(ledger: Ledger, kin: str) -> bool:
    """Whether a photo was judged before there were enough trusted frames."""
    return ledger.remembered(("uncompared", kin), lambda: _waiting(ledger, kin))


def _waiting(ledger: Ledger, kin: str) -> bool:
    with ledger.read() as db:
        row = db.execute(f"SELECT 1 {_UNCOMPARED} LIMIT 1", (kin,)).fetchone()
    return row is not None
