"""What a person decided about a photo, other than its eyes, or did to its file in the inbox: append-only, undone by a later verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from photodiary.ledger.store import Connection

EXCLUDED, RESTORED, REDATED = "excluded", "restored", "redated"
DELETED, RETURNED = "deleted", "returned"  # from and to the inbox; a person's word about the photo itself goes before them


@dataclass(frozen=True)
class Verdict:
    """One decision.  made_at in seconds since the epoch.

    value: the wall clock of a redating, ISO without offset; since when a deleted photo's files were gone, ISO in UTC; "keep" for one that
    returned because deleted photos are kept now.
    """

    kind: str
    value: str | None
    made_at: float


@dataclass(frozen=True)
class InForce:
    """What counts now.  excluded: None when a person never said so or otherwise; redated: the wall clock that a person set.

    deleted: its files were gone from the inbox for a week, and did not return since.
    """

    excluded: bool | None
    redated: datetime | None
    deleted: bool = False


def history(db: Connection, photo_id: int) -> list[Verdict]:
    """Every decision about a photo, the oldest first."""
    rows = db.execute("SELECT kind, value, made_at FROM verdicts WHERE photo_id = ? ORDER BY id", (photo_id,)).fetchall()
    return [Verdict(row["kind"], row["value"], row["made_at"]) for row in rows]


def in_force(db: Connection, photo_id: int) -> InForce:
    """The newest decision of each sort."""
    excluded, redated, deleted = None, None, False
    for verdict in history(db, photo_id):
        if verdict.kind in (EXCLUDED, RESTORED):
            excluded = verdict.kind == EXCLUDED
        elif verdict.kind in (DELETED, RETURNED):
            deleted = verdict.kind == DELETED
        elif verdict.kind == REDATED and verdict.value is not None:
            redated = datetime.fromisoformat(verdict.value)
    return InForce(excluded, redated, deleted)


def append(db: Connection, photo_id: int, kind: str, value: str | None, now: float) -> None:
    db.execute("INSERT INTO verdicts (photo_id, kind, value, made_at) VALUES (?, ?, ?, ?)", (photo_id, kind, value, now))
