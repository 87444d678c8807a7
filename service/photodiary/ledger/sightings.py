"""Appending what was said about a photo's eyes."""

from __future__ import annotations

from itertools import pairwise

from photodiary.diary.eyes import Sighting
from photodiary.ledger.store import Connection, Ledger

FEWEST_GAPS, LONGEST_GAP_S = 50, 10.0  # looks that follow one another at work; a longer gap is a pause

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


def pace(ledger: Ledger) -> float | None:
    """Photos a second that models looked at, of the newest thousand looks without the pauses between; None where too little is known."""
    with ledger.read() as db:
        times = [row[0] for row in db.execute("SELECT made_at FROM sightings WHERE by NOT IN ('placed', 'confirmed') ORDER BY id DESC LIMIT 1001")]
    gaps = [gap for newer, older in pairwise(times) if 0 <= (gap := newer - older) <= LONGEST_GAP_S]
    return len(gaps) / sum(gaps) if len(gaps) >= FEWEST_GAPS and sum(gaps) > 0 else None
