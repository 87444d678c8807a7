"""What happens between two frames that follow one another in a film, each pair measured once; and the report on a film that is made of it.

A frame with itself as its neighbour stands for its photo looked at twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from photodiary.diary.canvas import Canvas
from photodiary.diary.photo import Digest
from photodiary.diary.quality import Measured, Quality
from photodiary.diary.reel import MAIN_FILM
from photodiary.diary.tone import Tone
from photodiary.ledger import looks, reels, takes
from photodiary.ledger.store import Ledger

Pair = tuple[str, str]
"""Paths of two frames, the first one first."""

SHORT = 16  # digits of a photo's SHA-256 in the path of its frame
DIGITS_IN = re.compile(rf"_([0-9a-f]{{{SHORT}}})[_.]")


def known(ledger: Ledger) -> dict[Pair, Measured]:
    """Every pair that was measured."""
    with ledger.read() as db:
        rows = db.execute("SELECT before, after, measured FROM transitions").fetchall()
    return {(row[0], row[1]): Measured.of(row[2]) for row in rows}


def keep(ledger: Ledger, found: Mapping[Pair, Measured]) -> None:
    """What was measured; nothing of a photo looked at twice that was forgotten, or has another frame, since."""
    with ledger.write() as db:
        gone = [pair for pair in found if pair[0] == pair[1] and db.execute("SELECT 1 FROM photos WHERE frame = ?", pair[:1]).fetchone() is None]
        found = {pair: made for pair, made in found.items() if pair not in gone}
        db.executemany("INSERT OR REPLACE INTO transitions (before, after, measured) VALUES (?, ?, ?)", [(*pair, made.text()) for pair, made in found.items()])


def prune(ledger: Ledger, wanted: Iterable[Pair]) -> int:
    """Forget all pairs but these; a photo that was looked at twice stays while one of them has its frame.  Returns how many were forgotten."""
    wanted = set(wanted)
    frames = {frame for pair in wanted for frame in pair}
    with ledger.read() as db:
        there = [(row[0], row[1]) for row in db.execute("SELECT before, after FROM transitions")]
    gone = [pair for pair in there if not (pair[0] in frames if pair[0] == pair[1] else pair in wanted)]
    if gone:
        with ledger.write() as db:
            db.executemany("DELETE FROM transitions WHERE before = ? AND after = ?", gone)
    return len(gone)


# -- frames that were looked at twice -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Twice:
    """Of a photo that could be looked at a second time.  frame: its path below the archive."""

    sha256: Digest
    frame: str


def floors(ledger: Ledger) -> dict[str, Measured]:
    """By frame: how far its eyes lay beside where they were when its photo was looked at again."""
    return ledger.remembered("floors", lambda: _floors(ledger))


def _floors(ledger: Ledger) -> dict[str, Measured]:
    with ledger.read() as db:
        return {row[0]: Measured.of(row[1]) for row in db.execute("SELECT before, measured FROM transitions WHERE before = after")}


def sample(ledger: Ledger, model: str, most: int) -> list[Twice]:
    """Up to `most` photos of the film whose eyes are where `model` saw them; by digest, so always the same ones; without those looked at again already."""
    with ledger.read() as db:
        rows = db.execute(
            "SELECT sha256, frame, EXISTS (SELECT 1 FROM transitions t WHERE t.before = x.frame AND t.after = x.frame) FROM (SELECT photos.sha256, photos.frame"
            f" FROM photos JOIN sightings s ON s.id = photos.sighting_id WHERE s.by = ? AND {takes.shows(db)} ORDER BY photos.sha256 LIMIT ?) x",
            (model, most),
        ).fetchall()
    return [Twice(Digest(row[0]), row[1]) for row in rows if not row[2]]


# -- films ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What is known of a frame.  canvas: which it was made for; tone: as in diary/tone.py, None while that is not measured."""

    canvas: Canvas
    tone: Tone | None


def seen(ledger: Ledger) -> dict[str, Seen]:
    """By path, every frame that a photo has now."""
    canvases = {row.id: row.canvas for row in reels.all_canvases(ledger)}
    with ledger.read() as db:
        rows = db.execute(f"SELECT photos.frame, canvas_id, looks.tone FROM photos {looks.JOINED} WHERE photos.frame IS NOT NULL").fetchall()
    return {row[0]: Seen(canvases[row[1]], None if row[2] is None else tuple(json.loads(row[2]))) for row in rows if row[1] in canvases}


def publish(ledger: Ledger, path: str, fingerprint: str, quality: Quality) -> None:
    """The report on the newest film of a path, as long as that is still the one with this fingerprint."""
    with ledger.write() as db:
        db.execute(
            "UPDATE reels SET quality = ? WHERE id = (SELECT max(id) FROM reels WHERE path = ?) AND fingerprint = ?", (quality.text(), path, fingerprint)
        )


def lacking(ledger: Ledger) -> bool:
    """Whether the newest film of a path has no report, although it is known what it shows."""
    with ledger.read() as db:
        newest = "SELECT max(id) FROM reels GROUP BY path"
        return db.execute(f"SELECT 1 FROM reels WHERE id IN ({newest}) AND shows IS NOT NULL AND quality IS NULL LIMIT 1").fetchone() is not None


def newest(ledger: Ledger, path: str = MAIN_FILM) -> Quality | None:
    """The report on the newest film of a path; None while it is not made."""
    with ledger.read() as db:
        row = db.execute("SELECT * FROM reels WHERE path = ? ORDER BY id DESC LIMIT 1", (path,)).fetchone()
    if row is None or "quality" not in row.keys() or row["quality"] is None:  # noqa: SIM118 - a reader may meet an older diary
        return None
    return Quality.of(row["quality"])


@dataclass(frozen=True)
class Shown:
    """A photo that a film shows and that is still there.  wall: wall clock where it was taken; frame: the path that it has now."""

    sha256: Digest
    wall: datetime | None
    frame: str | None


def shown_at(ledger: Ledger, places: Iterable[int], path: str = MAIN_FILM) -> dict[int, Shown]:
    """The photos at these places (the first is 0) of the newest film of a path; those that are gone are left out."""
    frames = reels.shown_by_newest(ledger, path)
    answer = {}
    with ledger.read() as db:
        for place in set(places):
            digits = DIGITS_IN.search(frames[place]) if place < len(frames) else None
            if digits is None:
                continue
            row = db.execute("SELECT sha256, taken_wall, frame FROM photos WHERE sha256 BETWEEN ? AND ?", (digits[1], digits[1] + "g")).fetchone()
            if row is not None:
                answer[place] = Shown(Digest(row[0]), None if row[1] is None else datetime.fromisoformat(row[1]), row[2])
    return answer
