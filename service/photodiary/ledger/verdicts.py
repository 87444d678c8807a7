"""What a person decided about a photo, other than its eyes, or did to its file in the inbox: append-only, undone by a later verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from photodiary.ledger.store import Connection

EXCLUDED, RESTORED, REDATED = "excluded", "restored", "redated"
NOT_ME, NO_FACE = "not_me", "no_face"  # left out too, and why: nobody need be asked again
DELETED, RETURNED = "deleted", "returned"  # from and to the inbox; a person's word about the photo itself goes before them
MOVED = "moved"  # to another diary: value names it
PICKED = "picked"  # shows rather than the others of its day, or whatever period one photo stands for
RETRACTED = "retracted"  # what was said about the photo is taken back: value names it

IN_OR_OUT = (EXCLUDED, RESTORED, NOT_ME, NO_FACE, MOVED)
OUT = {EXCLUDED: "excluded", NOT_ME: "not_me", NO_FACE: "faceless", MOVED: "moved"}  # and the reason that a photo then stands with


def standing(table: str, what: str) -> str:
    """A condition: a row of `table` (sightings, verdicts or an alias), which is a `what` ("sighting", "verdict"), was not taken back."""
    return (
        f"NOT EXISTS (SELECT 1 FROM verdicts taken WHERE taken.photo_id = {table}.photo_id"
        f" AND taken.kind = '{RETRACTED}' AND taken.value = '{what}:' || {table}.id)"
    )


@dataclass(frozen=True)
class Verdict:
    """One decision.  made_at in seconds since the epoch; standing: it was not taken back.

    value: the wall clock of a redating, ISO without offset; since when a deleted photo's files were gone, ISO in UTC; "keep" for one that
    returned because deleted photos are kept now; the diary that a photo was moved to; "sighting:N" or "verdict:N", what was taken back.
    """

    kind: str
    value: str | None
    made_at: float
    standing: bool = True


@dataclass(frozen=True)
class InForce:
    """What counts now.  excluded: None when a person never said so or otherwise; redated: the wall clock that a person set.

    deleted: its files were gone from the inbox for a week, and did not return since.  reason: that a photo which is left out stands with.
    """

    excluded: bool | None
    redated: datetime | None
    deleted: bool = False
    reason: str = OUT[EXCLUDED]

    @property
    def out(self) -> bool:
        """Whether the photo is to be left out."""
        return bool(self.excluded) or (self.excluded is None and self.deleted)

    @property
    def faceless(self) -> bool:
        """Whether a person said that there is somebody else on the photo, or nobody."""
        return bool(self.excluded) and self.reason != OUT[EXCLUDED]


def history(db: Connection, photo_id: int) -> list[Verdict]:
    """Every decision about a photo, the oldest first."""
    rows = db.execute(f"SELECT kind, value, made_at, {standing('verdicts', 'verdict')} FROM verdicts WHERE photo_id = ? ORDER BY id", (photo_id,)).fetchall()
    return [Verdict(row[0], row[1], row[2], bool(row[3])) for row in rows]


def in_force(db: Connection, photo_id: int) -> InForce:
    """The newest decision of each sort that was not taken back."""
    said: str | None = None
    redated, deleted = None, False
    for verdict in history(db, photo_id):
        if not verdict.standing:
            continue
        if verdict.kind in IN_OR_OUT:
            said = verdict.kind
        elif verdict.kind in (DELETED, RETURNED):
            deleted = verdict.kind == DELETED
        elif verdict.kind == REDATED and verdict.value is not None:
            redated = datetime.fromisoformat(verdict.value)
    excluded = None if said is None else said in OUT
    return InForce(excluded, redated, deleted, OUT[said] if said in OUT else "deleted" if deleted and excluded is None else OUT[EXCLUDED])


def append(db: Connection, photo_id: int, kind: str, value: str | None, now: float) -> None:
    db.execute("INSERT INTO verdicts (photo_id, kind, value, made_at) VALUES (?, ?, ?, ?)", (photo_id, kind, value, now))
