"""What frames look like, measured once for each: light and colours for evening out, marks and a score for picking."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import Point
from photodiary.diary.photo import Digest
from photodiary.diary.picking import Looks, Marks, Score, score
from photodiary.ledger.store import Connection, Ledger

SINCE: Final = 7  # the version of the database that brought them

JOINED: Final = "LEFT JOIN looks ON looks.photo_id = photos.id AND looks.frame = photos.frame"
"""Joins to rows of `photos` what their frames look like; nothing where another frame was measured."""


def known(db: Connection) -> bool:
    """A reader may meet a diary that no program since has opened for writing."""
    return int(db.execute("PRAGMA user_version").fetchone()[0]) >= SINCE


def keep(db: Connection, photo_id: int, frame: str, looks: Looks, expected_error: float | None) -> None:
    """What a frame looks like, in the place of what an earlier one did.  expected_error: of the eyes that placed it, in % of IOD."""
    values = json.dumps(looks.tone), json.dumps(asdict(looks.marks)), looks.eyes, score(looks.marks, expected_error).value
    db.execute("INSERT OR REPLACE INTO looks (photo_id, frame, tone, marks, eyes, score) VALUES (?, ?, ?, ?, ?, ?)", (photo_id, frame, *values))


@dataclass(frozen=True)
class Unmeasured:
    """A frame that was made before frames were measured.  number: of the photo's row; expected_error: of its eyes, in % of IOD."""

    number: int
    sha256: Digest
    frame: str
    canvas: Canvas
    expected_error: float | None


# A frame without a score is not measured; an index alone answers that.
_LACKING: Final = """photos.frame IS NOT NULL AND photos.stage IN ('aligned', 'doubtful')
    AND (SELECT l.score FROM looks l INDEXED BY looks_score WHERE l.photo_id = photos.id) IS NULL"""


def lacking(ledger: Ledger, most: int, after: int = 0) -> list[Unmeasured]:
    """Up to `most` frames in the film, or kept aside, that nobody has measured, of photos whose number is over `after`, in that order."""
    with ledger.read() as db:
        rows = db.execute(
            "SELECT photos.id, photos.sha256, photos.frame, s.expected_error, c.* FROM photos JOIN canvases c ON c.id = photos.canvas_id"
            f" LEFT JOIN sightings s ON s.id = photos.sighting_id WHERE photos.id > ? AND {_LACKING} ORDER BY photos.id LIMIT ?",
            (after, most),
        ).fetchall()
    return [
        Unmeasured(
            row[0], Digest(row[1]), row[2],
            Canvas(row["width"], row["height"], Point(row["left_x"], row["left_y"]), Point(row["right_x"], row["right_y"])), row[3],
        )
        for row in rows
    ]  # fmt: skip


def waiting(ledger: Ledger) -> int:
    """How many frames nobody has measured."""
    return ledger.remembered("unmeasured", lambda: _waiting(ledger))


def _waiting(ledger: Ledger) -> int:
    with ledger.read() as db:
        return int(db.execute(f"SELECT count(*) FROM photos WHERE {_LACKING}").fetchone()[0]) if known(db) else 0


def keep_all(ledger: Ledger, measured: Sequence[tuple[Unmeasured, Looks]]) -> None:
    """What these frames look like, in one transaction; nothing of a photo that was forgotten, or has another frame, since."""
    with ledger.write() as db:
        for one, found in measured:
            if db.execute("SELECT 1 FROM photos WHERE id = ? AND sha256 = ? AND frame = ?", (one.number, one.sha256, one.frame)).fetchone() is not None:
                keep(db, one.number, one.frame, found, one.expected_error)


def scores(db: Connection, photo_ids: Sequence[int]) -> dict[int, Score]:
    """With what they are made of; without those photos whose frames were not measured."""
    if not known(db):
        return {}
    marks = ",".join("?" * len(photo_ids))
    rows = db.execute(
        f"SELECT photos.id, looks.marks, s.expected_error FROM photos {JOINED} LEFT JOIN sightings s ON s.id = photos.sighting_id"
        f" WHERE photos.id IN ({marks}) AND looks.score IS NOT NULL",
        photo_ids,
    ).fetchall()
    return {row[0]: score(Marks(**json.loads(row[1])), row[2]) for row in rows}
