"""Appending what was said about a photo's eyes."""

from __future__ import annotations

from photodiary.diary.eyes import Sighting
from photodiary.ledger.store import Connection

Look = tuple[bytes, float | None]  # what the chosen face looks like, and the log odds that it is the diary's person (None: nobody to compare with)


def add(db: Connection, photo_id: int, sighting: Sighting, likeness: Look | None, kin: str | None, now: float) -> int:
    """Append a sighting, with the look that was seen.  Returns its number.  now: seconds since the epoch.

    kin: the model whose language the look speaks; None when it is that of the sighting itself.
    """
    eyes = (None,) * 4 if sighting.eyes is None else (*sighting.eyes.left, *sighting.eyes.right)
    made = db.execute(
        "INSERT INTO sightings (photo_id, by, left_x, left_y, right_x, right_y, expected_error, reason, faces, made_at) VALUES (?,?,?,?,?,?,?,?,?,?)",
        (photo_id, sighting.by, *eyes, sighting.expected_error, sighting.reason, sighting.faces, now),
    )
    assert made.lastrowid is not None
    if likeness is not None:
        db.execute("INSERT INTO likenesses VALUES (?, ?, ?, ?, ?)", (made.lastrowid, photo_id, kin or sighting.by, *likeness))
    return made.lastrowid
