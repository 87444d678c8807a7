"""What people said about a photo's eyes, and whether it needs a second word."""

from __future__ import annotations

from photodiary.diary.eyes import EyePair, Point, Sighting, differs_grossly
from photodiary.ledger import verdicts
from photodiary.ledger.store import Connection, Row

PLACED = f"by IN ('placed', 'confirmed') AND left_x IS NOT NULL AND {verdicts.standing('sightings', 'sighting')}"


def newest(db: Connection, photo_id: int) -> Sighting | None:
    """The newest human sighting of a photo that was not taken back, the one that counts; None without any."""
    row = _newest_row(db, photo_id)
    return None if row is None else Sighting(row["by"], eyes_in(row))


def newest_id(db: Connection, photo_id: int) -> int | None:
    row = _newest_row(db, photo_id)
    return None if row is None else int(row["id"])


def _newest_row(db: Connection, photo_id: int) -> Row | None:
    row: Row | None = db.execute(f"SELECT * FROM sightings WHERE photo_id = ? AND {PLACED} ORDER BY id DESC LIMIT 1", (photo_id,)).fetchone()
    return row


def eyes_in(row: Row) -> EyePair:
    return EyePair(Point(row["left_x"], row["left_y"]), Point(row["right_x"], row["right_y"]))


def questioned(db: Connection, photo_id: int) -> bool:
    """Whether a photo's newest label was placed once and lies grossly elsewhere than a model that is sure says: a slip, perhaps.

    Who says the same twice, or confirms it, is not asked again.
    """
    label = _newest_row(db, photo_id)
    if label is None or label["by"] != "placed":
        return False
    row = db.execute("SELECT * FROM sightings WHERE photo_id = ? AND by NOT IN ('placed', 'confirmed') ORDER BY id DESC LIMIT 1", (photo_id,)).fetchone()
    if row is None or row["left_x"] is None:
        return False
    model = Sighting(row["by"], eyes_in(row), row["expected_error"], row["reason"], row["faces"])
    if not differs_grossly(eyes_in(label), model):
        return False
    said = db.execute(f"SELECT * FROM sightings WHERE photo_id = ? AND {PLACED} AND id != ?", (photo_id, label["id"])).fetchall()
    return not any(eyes_in(other).distance(eyes_in(label)) < 0.05 * eyes_in(label).iod for other in said)
