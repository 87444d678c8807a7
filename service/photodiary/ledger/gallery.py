"""What the diary's person looks like: the trusted frames of a model, and the photos that were judged without them."""

from __future__ import annotations

from photodiary.diary.photo import Stage
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger

# Trusted: sure of its eyes and of whose they are, or told by a person, whose eyes lie where the model's face is (0.3 IOD, both eyes together).
_TRUSTED = """FROM likenesses AS l JOIN photos ON photos.id = l.photo_id JOIN sightings AS s ON s.id = photos.sighting_id
JOIN sightings AS m ON m.id = l.sighting_id
WHERE l.model = ? AND photos.stage IN ('located', 'aligned') AND photos.doubtful = 0 AND photos.taken_wall IS NOT NULL
AND l.sighting_id = (SELECT max(sighting_id) FROM likenesses WHERE photo_id = l.photo_id AND model = l.model)
AND abs(s.left_x - m.left_x) + abs(s.left_y - m.left_y) + abs(s.right_x - m.right_x) + abs(s.right_y - m.right_y)
    < 0.3 * (abs(m.right_x - m.left_x) + abs(m.right_y - m.left_y))"""


def trusted(ledger: Ledger, model: str) -> int:
    """How many trusted frames a model has."""
    with ledger.read() as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'likenesses'").fetchone() is None:
            return 0  # a reader met a diary that no program since has opened for writing
        return int(db.execute(f"SELECT count(*) {_TRUSTED}", (model,)).fetchone()[0])


def near(ledger: Ledger, model: str, photo: PhotoRow, most: int) -> list[bytes]:
    """The looks of the trusted frames nearest in time to a photo, without itself; an undated photo's neighbours are the newest."""
    when = None if photo.taken is None else photo.taken.wall.isoformat()
    with ledger.read() as db:
        rows = db.execute(
            f"SELECT l.vector {_TRUSTED} AND photos.id != ? ORDER BY abs(julianday(photos.taken_wall) - coalesce(julianday(?), 1e9)), photos.id LIMIT ?",
            (model, photo.id, when, most),
        ).fetchall()
    return [bytes(row[0]) for row in rows]


def look_again(ledger: Ledger, model: str) -> bool:
    """Send one photo that a model judged before there were enough trusted frames to be looked at once more.  Returns whether there was one.

    One at a time: while it is looked at it is no trusted frame itself, and the others must be enough.
    """
    with ledger.write() as db:
        changed = db.execute(
            "UPDATE photos SET stage = ?, tries = 0, next_try = 0 WHERE id = (SELECT min(photos.id) FROM likenesses"
            " JOIN photos ON photos.sighting_id = likenesses.sighting_id"
            " WHERE model = ? AND log_odds IS NULL AND stage IN ('located', 'aligned', 'doubtful'))",
            (Stage.RECEIVED, model),
        ).rowcount
    return bool(changed)


def waiting(ledger: Ledger, model: str) -> bool:
    """Whether a photo was judged before there were enough trusted frames."""
    with ledger.read() as db:
        row = db.execute(
            "SELECT 1 FROM likenesses JOIN photos ON photos.sighting_id = likenesses.sighting_id"
            " WHERE model = ? AND log_odds IS NULL AND stage IN ('located', 'aligned', 'doubtful') LIMIT 1",
            (model,),
        ).fetchone()
    return row is not None
