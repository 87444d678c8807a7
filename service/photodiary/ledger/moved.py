"""A photo that is another diary's: what was said about it here is said there too, then it is left out here.  Anyone may wish for it.

What goes along: the names it came under, the date it has here (a person's or the camera's), eyes that a person placed or confirmed, and which way
round a person said it is.  What a model said stays: the other diary looks for itself.  Its original stays here, for nothing is ever lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from photodiary.diary.calendar import Taken
from photodiary.diary.eyes import Sighting
from photodiary.diary.facing import Facing
from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import facings, forgetting, labels, placed, verdicts, wishes
from photodiary.ledger.photos import PhotoRow, add_name, find_within
from photodiary.ledger.store import Connection, Ledger
from photodiary.ledger.wishes import Wish

KIND = "move"
SOMEBODY_ELSE = (verdicts.OUT[verdicts.MOVED], verdicts.OUT[verdicts.NOT_ME], "not_this_person")


@dataclass(frozen=True)
class Said:
    """What is known of a photo beside its bytes.  names: the first one first; label: by a person, None without; redated: a person's wall clock."""

    names: list[bytes]
    taken: Taken | None
    redated: datetime | None
    label: Sighting | None
    facing: Facing


def wish(ledger: Ledger, chosen: Sequence[PhotoRow], to: str, now: float) -> int:
    """Wish for photos to be moved into the diary `to`.  Returns the wish's number.  now: seconds since the epoch."""
    return wishes.make(ledger, KIND, {"to": to, "sha256": [photo.sha256 for photo in chosen]}, now)


def refusal(photo: PhotoRow, to: str, there: Ledger | None) -> str | None:
    """Why a photo cannot be moved, in words that follow what it is called; None when it can.  there: the other diary's database, if there is one."""
    if photo.original is None or photo.stage is Stage.QUARANTINED:
        return "could not be read: there is nothing to move; `photodiary quarantine retry` tries again"
    if there is not None and forgetting.is_forgotten(there, photo.sha256):
        return f"was forgotten in {to} by a person's wish, and stays so; nothing was moved, it can be left out here"
    return None


def said_of(ledger: Ledger, photo: PhotoRow) -> Said:
    """What goes along with a photo."""
    with ledger.read() as db:
        names = [bytes(row[0]) for row in db.execute("SELECT name FROM names WHERE photo_id = ? ORDER BY first_seen, name", (photo.id,))]
        redated = verdicts.in_force(db, photo.id).redated
        taken = photo.taken if redated is None else Taken(redated, None, "person")  # whether that was acted on already or not
        return Said(names, taken, redated, placed.newest(db, photo.id), facings.in_force(db, photo.id))


def settle_in(there: Ledger, digest: Digest, said: Said, now: float, *, new: bool) -> None:
    """Have a photo of the other diary stand there as a person said.  Repeatable.

    new: it was not there before: all that was said goes along.  Otherwise what is known there stays; only where it is left out, or asked about, as
    somebody else is that answered.
    """
    with there.write() as db:
        photo = find_within(db, digest)
        if photo is None or forgetting.within(db, digest):
            return
        for name in said.names:
            add_name(db, digest, name, now)
        decided = verdicts.in_force(db, photo.id)
        out = decided.reason if decided.out else photo.reason if photo.stage is Stage.EXCLUDED or photo.doubtful else None
        if (new and decided.excluded is None) or out in SOMEBODY_ELSE:
            _decide(db, photo, verdicts.RESTORED, None, now)
        if new:
            _say(db, photo, said, decided.redated, now)


def _say(db: Connection, photo: PhotoRow, said: Said, redated: datetime | None, now: float) -> None:
    if said.redated is not None and said.redated != redated:
        _decide(db, photo, verdicts.REDATED, said.redated.isoformat(), now)
    label, before = said.label, placed.newest(db, photo.id)
    if label is not None and label.eyes is not None and before is None:
        db.execute(
            "INSERT INTO sightings (photo_id, by, left_x, left_y, right_x, right_y, faces, made_at) VALUES (?,?,?,?,?,?,1,?)",
            (photo.id, label.by, *label.eyes.left, *label.eyes.right, now),
        )
        wishes.make_within(db, labels.KIND, {"kind": labels.LABELLED, "value": None, "sha256": [photo.sha256]}, now)
    if said.facing != facings.in_force(db, photo.id) == Facing():
        values = photo.id, int(said.facing.mirrored), said.facing.turned, facings.BY, now
        db.execute("INSERT INTO facings (photo_id, mirrored, turned, by, made_at) VALUES (?, ?, ?, ?, ?)", values)
        wishes.make_within(db, labels.KIND, {"kind": facings.TURNED, "value": None, "sha256": [photo.sha256]}, now)


def _decide(db: Connection, photo: PhotoRow, kind: str, value: str | None, now: float) -> None:
    verdicts.append(db, photo.id, kind, value, now)
    wishes.make_within(db, labels.KIND, {"kind": kind, "value": value, "sha256": [photo.sha256]}, now)


def done(ledger: Ledger, wished: Wish, moved: Sequence[str], failed: Sequence[dict[str, str]], now: float) -> None:
    """The photos are there: leave them out here, each with a verdict that says where it went, and fulfil the wish, in one transaction."""
    to = wished.details["to"]
    with ledger.write() as db:
        gone = [photo for sha256 in moved if (photo := find_within(db, Digest(sha256))) is not None]
        for photo in gone:
            verdicts.append(db, photo.id, verdicts.MOVED, to, now)
        acts = wishes.make_within(db, labels.KIND, {"kind": verdicts.MOVED, "value": to, "sha256": [photo.sha256 for photo in gone]}, now)
        outcome: dict[str, Any] = {"to": to, "moved": len(gone), "failed": list(failed), "acts": acts}
        wishes.fulfil_within(db, wished.id, outcome, now)
