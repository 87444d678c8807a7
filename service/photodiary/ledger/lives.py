"""A photo's life as the ledger knows it; everything here only reads."""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.diary.eyes import EyePair
from photodiary.ledger import facings, photos, placed, verdicts
from photodiary.ledger.facings import Faced
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.retracting import MACHINE
from photodiary.ledger.store import Ledger
from photodiary.ledger.verdicts import Verdict


@dataclass(frozen=True)
class Life:
    """names: the first one first; seen_at: when the current eyes were said, seconds since the epoch; said: how many statements there are.

    compared: whether the face's likeness is known at all; log_odds: that it is the diary's person, None when there was nobody to compare with.
    since: which model has said something else than the current eyes later, and what (None: no face); None when none has.
    """

    photo: PhotoRow
    names: list[bytes]
    seen_at: float | None
    said: int
    compared: bool
    log_odds: float | None
    decisions: list[Verdict]
    faced: list[Faced]
    since: tuple[str, EyePair | None] | None = None


def of(ledger: Ledger, photo: PhotoRow) -> Life:
    """Everything known about a photo."""
    names = photos.names_of(ledger, photo)
    with ledger.read() as db:
        said = int(db.execute("SELECT count(*) FROM sightings WHERE photo_id = ?", (photo.id,)).fetchone()[0])
        seen = db.execute("SELECT made_at FROM sightings WHERE id IS ?", (photo.sighting_id,)).fetchone()
        likeness = None
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'likenesses'").fetchone() is not None:  # a reader may meet an older diary
            likeness = db.execute("SELECT log_odds FROM likenesses WHERE photo_id = ? ORDER BY sighting_id DESC LIMIT 1", (photo.id,)).fetchone()
        last = db.execute(f"SELECT * FROM sightings WHERE photo_id = ? AND {MACHINE} ORDER BY id DESC LIMIT 1", (photo.id,)).fetchone()
        decided, faced = verdicts.history(db, photo.id), facings.history(db, photo.id)
    other = last is not None and photo.sighting_id != last["id"] and photo.sighting is not None and not photo.sighting.human
    since = (last["by"], None if last["left_x"] is None else placed.eyes_in(last)) if other else None
    return Life(photo, names, None if seen is None else seen[0], said, likeness is not None, None if likeness is None else likeness[0], decided, faced, since)
