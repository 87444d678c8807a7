"""Formats, frames and films as the ledger has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from photodiary.diary.canvas import Canvas, Framed, Matrix
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import Stage
from photodiary.ledger import faced, takes
from photodiary.ledger.photos import COULD_SHOW, FILM_ORDER, PhotoRow, move
from photodiary.ledger.store import Ledger


@dataclass(frozen=True)
class CanvasRow:
    """The format in force.  Not frozen: chosen from the first few photos, chosen again once there are enough."""

    id: int
    canvas: Canvas
    frozen: bool
    source: str
    words: str


@dataclass(frozen=True)
class ReelRow:
    path: str
    frames: int
    seconds: float
    fingerprint: str
    bytes: int
    rendered_at: float
    sha256: str | None = None  # of the file; None for a film that was made before this was noted


def all_canvases(ledger: Ledger) -> list[CanvasRow]:
    """Every format there has been, the one in force last."""
    with ledger.read() as db:
        rows = db.execute("SELECT * FROM canvases ORDER BY id").fetchall()
    return [
        CanvasRow(
            row["id"],
            Canvas(row["width"], row["height"], Point(row["left_x"], row["left_y"]), Point(row["right_x"], row["right_y"])),
            bool(row["frozen"]), row["source"], row["words"],
        )
        for row in rows
    ]  # fmt: skip


def current_canvas(ledger: Ledger) -> CanvasRow | None:
    """The format in force; None before the first was chosen."""
    canvases = all_canvases(ledger)
    return canvases[-1] if canvases else None


def adopt_canvas(ledger: Ledger, canvas: Canvas, *, frozen: bool, source: str, words: str, now: float) -> int:
    """Make a format the one in force and send every frame made for another one back to be aligned; old frames stay until then.

    Returns how many frames are to be made again.  A format equal to the one in force is only marked frozen.
    """
    with ledger.write() as db:
        last = db.execute("SELECT * FROM canvases ORDER BY id DESC LIMIT 1").fetchone()
        values = (canvas.width, canvas.height, *canvas.left, *canvas.right)
        if last is not None and values == tuple(last[key] for key in ("width", "height", "left_x", "left_y", "right_x", "right_y")):
            db.execute("UPDATE canvases SET frozen = ?, source = ?, words = ? WHERE id = ?", (int(frozen), source, words, last["id"]))
            return 0
        db.execute(
            "INSERT INTO canvases (width, height, left_x, left_y, right_x, right_y, frozen, source, words, made_at) VALUES (?,?,?,?,?,?,?,?,?,?)",
            (*values, int(frozen), source, words, now),
        )
        return db.execute("UPDATE photos SET stage = 'located', tries = 0, next_try = 0 WHERE frame IS NOT NULL AND stage IN ('aligned', 'doubtful')").rowcount


def framings(ledger: Ledger, most: int) -> list[Framed]:
    """Upright size and current eyes of up to `most` located photos that are not in doubt, by digest, so that the choice does not depend on order."""
    with ledger.read() as db:
        rows = db.execute(
            f"SELECT photos.width, photos.height, s.left_x, s.left_y, s.right_x, s.right_y, {faced.COLUMNS}"
            f" FROM photos JOIN sightings s ON s.id = sighting_id {faced.joined(db)}"
            " WHERE s.left_x IS NOT NULL AND stage IN ('located', 'aligned', 'doubtful') ORDER BY doubtful, sha256 LIMIT ?",
            (most,),
        ).fetchall()
    return [Framed(row[0], row[1], faced.facing(row).ordered(EyePair(Point(row[2], row[3]), Point(row[4], row[5])))) for row in rows]


def publish_frame(ledger: Ledger, photo: PhotoRow, frame: str, size: int, matrix: Matrix, canvas_id: int, clock: Callable[[], float]) -> None:
    """The frame's file is in place: commit it and move the photo on.

    clock: seconds since the epoch, read inside the transaction, so that a film planned before it is older than the frame.
    """
    stage = Stage.DOUBTFUL if photo.doubtful else Stage.ALIGNED
    with ledger.write() as db:
        move(db, photo, stage, frame=frame, frame_bytes=size, matrix=json.dumps(matrix), canvas_id=canvas_id, framed_at=clock())


def frame_lost(ledger: Ledger, frame: str) -> None:
    """A frame's file is missing or damaged: it leaves the film and is made again."""
    with ledger.write() as db:
        db.execute(
            "UPDATE photos SET stage = iif(stage = 'received', stage, 'located'), tries = 0, next_try = 0,"
            f" frame = NULL, frame_bytes = NULL, matrix = NULL, canvas_id = NULL WHERE frame = ? AND {COULD_SHOW}",
            (frame,),
        )


def frame_paths(ledger: Ledger) -> set[str]:
    """Every frame that a row names."""
    with ledger.read() as db:
        return {row[0] for row in db.execute("SELECT frame FROM photos WHERE frame IS NOT NULL")}


def film_frames(ledger: Ledger, canvas_id: int) -> list[str]:
    """Paths of the frames that are in the film, in wall-clock order.  Frames of another format wait for their new version."""
    with ledger.read() as db:
        rows = db.execute(f"SELECT frame FROM photos WHERE {takes.shows(db)} AND canvas_id = ? AND taken_wall IS NOT NULL ORDER BY {FILM_ORDER}", (canvas_id,))
        return [row[0] for row in rows]


def film_position(ledger: Ledger, photo: PhotoRow) -> int | None:
    """Which frame of the film a photo is, counted from 1; None for one that does not show."""
    with ledger.read() as db:
        row = db.execute(
            f"SELECT count(*), max(photos.id = me.id) FROM photos JOIN photos me ON me.id = ? WHERE {takes.shows(db)}"
            " AND (photos.taken_wall, photos.taken_utc, photos.sha256) <= (me.taken_wall, me.taken_utc, me.sha256)",
            (photo.id,),
        ).fetchone()
    return int(row[0]) if row[1] else None


@dataclass(frozen=True)
class FilmNews:
    """What decides whether a film is due: frames, when the first and the last one came that no film shows yet.

    remaking: frames that are about to be made again, for another picture format (a film without them would be shorter) or other eyes or date.
    """

    frames: int
    new: int
    oldest_new: float | None
    newest_new: float | None
    remaking: int = 0


def film_news(ledger: Ledger) -> FilmNews:
    with ledger.read() as db:
        since = db.execute("SELECT max(rendered_at) FROM reels").fetchone()[0] or 0.0
        row = db.execute(
            f"SELECT count(*), sum(framed_at > ?), min(CASE WHEN framed_at > ? THEN framed_at END), max(CASE WHEN framed_at > ? THEN framed_at END)"
            f" FROM photos WHERE {takes.shows(db)}",
            (since, since, since),
        ).fetchone()
        remaking = db.execute(
            f"SELECT count(*) FROM photos WHERE {takes.shows(db)} AND tries <= 3 AND (stage = 'located' OR canvas_id <> (SELECT max(id) FROM canvases))"
        ).fetchone()[0]
    return FilmNews(row[0], row[1] or 0, row[2], row[3], remaking)


def publish_reel(ledger: Ledger, reel: ReelRow, shows: Sequence[str] = ()) -> None:
    """shows: the frames of the film in its order; only the newest film's are kept, so that none is known of a photo that is forgotten."""
    with ledger.write() as db:
        db.execute("UPDATE reels SET shows = NULL WHERE shows IS NOT NULL")
        db.execute(
            "INSERT INTO reels (path, frames, seconds, fingerprint, bytes, rendered_at, sha256, shows) VALUES (?,?,?,?,?,?,?,?)",
            (reel.path, reel.frames, reel.seconds, reel.fingerprint, reel.bytes, reel.rendered_at, reel.sha256, json.dumps(list(shows)) if shows else None),
        )


def shown_by_newest(ledger: Ledger) -> list[str]:
    """The frames of the newest film, in its order, as their paths were when it was made; empty where that was not noted."""
    with ledger.read() as db:
        row = db.execute("SELECT * FROM reels ORDER BY id DESC LIMIT 1").fetchone()
    if row is None or "shows" not in row.keys() or row["shows"] is None:  # noqa: SIM118 - a reader may meet an older diary
        return []
    return [str(path) for path in json.loads(row["shows"])]


def newest_reel(ledger: Ledger) -> ReelRow | None:
    with ledger.read() as db:
        row = db.execute("SELECT * FROM reels ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return None
    digest = row["sha256"] if "sha256" in row.keys() else None  # noqa: SIM118 - a reader may meet a diary that no program since has opened for writing
    return ReelRow(row["path"], row["frames"], row["seconds"], row["fingerprint"], row["bytes"], row["rendered_at"], digest)
