"""Formats, frames and films as the ledger has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from photodiary.diary.canvas import Canvas, Framed, Matrix
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import Digest, Stage
from photodiary.diary.picking import Looks
from photodiary.diary.reel import MAIN_FILM
from photodiary.ledger import faced, looks, takes
from photodiary.ledger.photos import COULD_SHOW, FILM_ORDER, PhotoRow, move
from photodiary.ledger.store import Connection, Ledger, Row


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
    pace: float | None = None  # photos a second; None for no even one, or not noted


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


def publish_frame(
    ledger: Ledger, photo: PhotoRow, frame: str, size: int, matrix: Matrix, canvas_id: int, clock: Callable[[], float], measured: Looks | None = None
) -> None:
    """The frame's file is in place: commit it, with what it looks like, and move the photo on.

    clock: seconds since the epoch, read inside the transaction, so that a film planned before it is older than the frame.
    """
    stage = Stage.DOUBTFUL if photo.doubtful else Stage.ALIGNED
    with ledger.write() as db:
        move(db, photo, stage, frame=frame, frame_bytes=size, matrix=json.dumps(matrix), canvas_id=canvas_id, framed_at=clock())
        if measured is not None:
            looks.keep(db, photo.id, frame, measured, None if photo.sighting is None else photo.sighting.expected_error)


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


@dataclass(frozen=True, slots=True)
class FilmPhoto:
    """One photo of the film.  wall: wall clock where it was taken; tone: what its frame looks like (diary/tone.py), None while that is not measured.

    matrix: upright original to frame, pixel centres at integers in both; width, height: of the upright original, pixels.
    """

    sha256: Digest
    frame: str
    wall: datetime
    tone: tuple[float, ...] | None
    matrix: Matrix | None
    width: int | None
    height: int | None


def film_photos(ledger: Ledger, canvas_id: int, pick: str | None = None) -> list[FilmPhoto]:
    """The photos that are in the film, in wall-clock order.  Frames of another format wait for their new version.

    pick: of which periods one photo shows, for a film that has another one than the diary.
    """
    with ledger.read() as db:
        tone, joined = ("looks.tone", looks.JOINED) if looks.known(db) else ("NULL", "")
        rows = db.execute(
            f"SELECT sha256, photos.frame, taken_wall, {tone}, matrix, width, height FROM photos {joined}"
            f" WHERE {takes.shows(db, pick=pick if looks.known(db) else None)} AND canvas_id = ? AND taken_wall IS NOT NULL ORDER BY {FILM_ORDER}",
            (canvas_id,),
        ).fetchall()
    tones, matrices = _parsed([row[3] for row in rows]), _parsed([row[4] for row in rows])
    return [
        FilmPhoto(Digest(row[0]), row[1], datetime.fromisoformat(row[2]), tone and tuple(tone), matrix and (tuple(matrix[0]), tuple(matrix[1])), row[5], row[6])
        for row, tone, matrix in zip(rows, tones, matrices, strict=True)
    ]


def _parsed(texts: list[str | None]) -> list[Any]:
    """Many small JSON texts at once; None stays None."""
    return list(json.loads(f"[{','.join('null' if text is None else text for text in texts)}]"))


def film_position(ledger: Ledger, photo: PhotoRow) -> int | None:
    """Which frame of the film a photo is, counted from 1; None for one that does not show."""
    with ledger.read() as db:
        wall = None if photo.taken is None else photo.taken.wall
        if db.execute(f"SELECT 1 FROM photos WHERE id = ? AND {takes.shows(db, wall)}", (photo.id,)).fetchone() is None:
            return None
        counted = None if wall is None else takes.periods_before(db, wall)
        if counted is not None:
            return int(db.execute(counted).fetchone()[0]) + 1
        row = db.execute(
            f"SELECT count(*) FROM photos JOIN photos me ON me.id = ? WHERE {takes.shows(db)}"
            " AND (photos.taken_wall, photos.taken_utc, photos.sha256) <= (me.taken_wall, me.taken_utc, me.sha256)",
            (photo.id,),
        ).fetchone()
    return int(row[0])


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


def film_news(ledger: Ledger, *, rest: float = 0.0) -> FilmNews:
    return ledger.remembered("film_news", lambda: _film_news(ledger), rest=rest)


def _film_news(ledger: Ledger) -> FilmNews:
    with ledger.read() as db:
        since = db.execute("SELECT max(rendered_at) FROM reels WHERE path = ?", (MAIN_FILM,)).fetchone()[0] or 0.0
        row = db.execute(
            "SELECT count(*), sum(framed_at > ?), min(CASE WHEN framed_at > ? THEN framed_at END), max(CASE WHEN framed_at > ? THEN framed_at END),"
            " sum(tries <= 3 AND (stage = 'located' OR canvas_id <> (SELECT max(id) FROM canvases)))"
            f" FROM photos WHERE {takes.shows(db)}",
            (since, since, since),
        ).fetchone()
    return FilmNews(row[0], row[1] or 0, row[2], row[3], row[4] or 0)


def film_state(ledger: Ledger) -> tuple[float, ...]:
    """Numbers that change with whatever a film is planned from; far cheaper than planning it.  A further film may show what the main one keeps aside."""
    return ledger.remembered("film_state", lambda: _film_state(ledger))


def _film_state(ledger: Ledger) -> tuple[float, ...]:
    with ledger.read() as db:
        shown = db.execute(f"SELECT count(*), total(framed_at), total(photos.id) FROM photos WHERE {takes.shows(db)}").fetchone()
        framed = db.execute(f"SELECT count(*), total(framed_at) FROM photos WHERE {COULD_SHOW}").fetchone()
        others = db.execute(
            "SELECT (SELECT max(id) FROM verdicts), (SELECT max(id) FROM canvases), (SELECT max(id) FROM reels), (SELECT max(rendered_at) FROM reels)"
        ).fetchone()
        measured = db.execute("SELECT count(*) FROM looks").fetchone() if looks.known(db) else (0,)
    return *shown, *framed, *(number or 0 for number in others), *measured


def publish_reel(ledger: Ledger, reel: ReelRow, shows: Sequence[str] = (), segments: Sequence[str] = (), starts: Sequence[float] = ()) -> None:
    """shows: the frames of the film in its order; segments: fingerprints; starts: when each photo is first seen, seconds, where they are not shown equally
    long.  Only those of the newest film of a path are kept, so that none is known of a photo that is forgotten."""
    with ledger.write() as db:
        _forget_order(db, reel.path)
        db.execute(
            "INSERT INTO reels (path, frames, seconds, fingerprint, bytes, rendered_at, sha256, shows, segments, starts, pace) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                reel.path, reel.frames, reel.seconds, reel.fingerprint, reel.bytes, reel.rendered_at, reel.sha256,
                json.dumps(list(shows)) if shows else None, json.dumps(list(segments)) if segments else None,
                json.dumps(list(starts)) if starts else None, reel.pace,
            ),
        )  # fmt: skip


def still_shows(ledger: Ledger, path: str, now: float) -> None:
    """The newest film of a path would not be another one by now."""
    with ledger.write() as db:
        db.execute("UPDATE reels SET rendered_at = ? WHERE id = (SELECT max(id) FROM reels WHERE path = ?)", (now, path))


def film_gone(ledger: Ledger, path: str) -> None:
    """A film that no configuration asks for any more was removed."""
    with ledger.write() as db:
        _forget_order(db, path)
        db.execute("DELETE FROM reels WHERE path = ?", (path,))


def _forget_order(db: Connection, path: str) -> None:
    db.execute("UPDATE reels SET shows = NULL, segments = NULL, starts = NULL WHERE path = ?", (path,))


def shown_by_newest(ledger: Ledger, path: str = MAIN_FILM) -> list[str]:
    """The frames of the newest film of a path, in its order, as their paths were when it was made; empty where that was not noted."""
    return [str(frame) for frame in _listed(ledger, path, "shows")]


def starts_of_newest(ledger: Ledger, path: str = MAIN_FILM) -> list[float]:
    """When each photo of the newest film of a path is first seen, in seconds; empty where all are shown equally long."""
    return [float(start) for start in _listed(ledger, path, "starts")]


def segments_of_newest(ledger: Ledger, path: str = MAIN_FILM) -> list[str]:
    """Fingerprints of the segments of the newest film of a path; empty where that was not noted."""
    return [str(fingerprint) for fingerprint in _listed(ledger, path, "segments")]


def _listed(ledger: Ledger, path: str, column: str) -> list[Any]:
    with ledger.read() as db:
        row = db.execute("SELECT * FROM reels WHERE path = ? ORDER BY id DESC LIMIT 1", (path,)).fetchone()
    if row is None or column not in row.keys() or row[column] is None:  # noqa: SIM118 - a reader may meet an older diary
        return []
    return list(json.loads(row[column]))


def newest_reels(ledger: Ledger) -> dict[str, ReelRow]:
    """The newest film of each path."""
    return dict(ledger.remembered("newest_reels", lambda: _newest_reels(ledger)))


def _newest_reels(ledger: Ledger) -> dict[str, ReelRow]:
    with ledger.read() as db:
        rows = db.execute("SELECT * FROM reels WHERE id IN (SELECT max(id) FROM reels GROUP BY path)").fetchall()
    return {row["path"]: _reel(row) for row in rows}


def newest_reel(ledger: Ledger, path: str = MAIN_FILM) -> ReelRow | None:
    return newest_reels(ledger).get(path)


def _reel(row: Row) -> ReelRow:
    columns = row.keys()  # a reader may meet a diary that no program since has opened for writing
    newer = [row[column] if column in columns else None for column in ("sha256", "pace")]
    return ReelRow(row["path"], row["frames"], row["seconds"], row["fingerprint"], row["bytes"], row["rendered_at"], newer[0], newer[1])
