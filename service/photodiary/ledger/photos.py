"""Photos: rows, names and legal moves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from photodiary.diary.calendar import Taken
from photodiary.diary.canvas import Matrix
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.facing import Facing
from photodiary.diary.photo import Digest, Stage, is_legal
from photodiary.diary.takes import Signature
from photodiary.errors import IllegalMove
from photodiary.ledger import faced, forgetting, placed, sightings, takes, verdicts
from photodiary.ledger.store import Connection, Ledger, Row

COULD_SHOW = takes.could_show()
FILM_ORDER = "taken_wall, taken_utc, sha256"


@dataclass(frozen=True)
class PhotoRow:
    """A photo as the ledger has it.  `taken` is None while undated; `sighting` is the current one.

    in_film: it shows; other_take: it could, but another photo of the same moment does, or a person left that picture out.  backlog: it did not arrive
    one by one as it was taken, and waits until those that do are through (see queue.py).
    """

    id: int
    sha256: Digest
    bytes: int
    format: str | None
    width: int | None
    height: int | None
    taken: Taken | None
    received_at: float
    original: str | None
    stage: Stage
    doubtful: bool
    reason: str | None
    sighting: Sighting | None
    sighting_id: int | None
    frame: str | None
    matrix: Matrix | None
    canvas_id: int | None
    tries: int
    deaths: int
    in_film: bool
    other_take: bool
    facing: Facing
    backlog: bool = False


@dataclass(frozen=True)
class NewPhoto:
    """What intake knows of a photo: everything that goes into a new row."""

    sha256: Digest
    bytes: int
    format: str | None
    width: int | None
    height: int | None
    taken: Taken | None
    taken_utc: float | None
    original: str | None
    stage: Stage
    reason: str | None = None
    picture: str | None = None  # a digest of its pixels, and the photo very small: see diary/takes.py
    signature: Signature | None = None
    backlog: bool = False  # see PhotoRow


def _select(db: Connection, near: datetime | None = None) -> str:
    return f"""SELECT photos.*, s.by, s.left_x, s.left_y, s.right_x, s.right_y, s.expected_error, s.reason AS s_reason, s.faces,
        {takes.shows(db, near)} AS in_film, {COULD_SHOW} AS could_show, {faced.COLUMNS} FROM photos
        LEFT JOIN sightings s ON s.id = photos.sighting_id {faced.joined(db)}"""


def _row(row: Row) -> PhotoRow:
    taken = None
    if row["taken_wall"] is not None:
        offset = None if row["taken_offset_s"] is None else timedelta(seconds=row["taken_offset_s"])
        taken = Taken(datetime.fromisoformat(row["taken_wall"]), offset, row["taken_from"])
    sighting = None
    if row["sighting_id"] is not None:
        eyes = None
        if row["left_x"] is not None:
            eyes = EyePair(Point(row["left_x"], row["left_y"]), Point(row["right_x"], row["right_y"]))
        sighting = Sighting(row["by"], eyes, row["expected_error"], row["s_reason"], row["faces"])
    return PhotoRow(
        id=row["id"], sha256=Digest(row["sha256"]), bytes=row["bytes"], format=row["format"], width=row["width"], height=row["height"],
        taken=taken, received_at=row["received_at"], original=row["original"], stage=Stage(row["stage"]), doubtful=bool(row["doubtful"]),
        reason=row["reason"], sighting=sighting, sighting_id=row["sighting_id"], frame=row["frame"],
        matrix=None if row["matrix"] is None else _matrix(row["matrix"]), canvas_id=row["canvas_id"], tries=row["tries"], deaths=row["deaths"],
        in_film=bool(row["in_film"]), other_take=bool(row["could_show"] and not row["in_film"]),
        facing=faced.facing(row), backlog=bool(row["backlog"]) if "backlog" in row.keys() else False,  # noqa: SIM118 - `in` asks a row for its values
    )  # fmt: skip


def _matrix(text: str) -> Matrix:
    (a, b, c), (d, e, f) = json.loads(text)
    return (a, b, c), (d, e, f)


def insert_or_name(ledger: Ledger, photo: NewPhoto, name: bytes, now: float) -> bool:
    """Add a photo, or only a further name of a known one.  Returns whether the photo was new, or could be read for the first time.

    A forgotten photo stays forgotten: nothing is added, not even the name.
    """
    taken = photo.taken
    with ledger.write() as db:
        if forgetting.within(db, photo.sha256):
            return False
        added = db.execute(
            "INSERT OR IGNORE INTO photos (sha256, bytes, format, width, height, taken_wall, taken_offset_s, taken_utc, taken_from,"
            " received_at, original, stage, reason, backlog) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                photo.sha256, photo.bytes, photo.format, photo.width, photo.height,
                None if taken is None else taken.wall.isoformat(),
                None if taken is None or taken.offset is None else round(taken.offset.total_seconds()),
                photo.taken_utc, None if taken is None else taken.source, now, photo.original, photo.stage, photo.reason,
                int(photo.backlog),
            ),
        ).rowcount  # fmt: skip
        add_name(db, photo.sha256, name, now)
        known = find_within(db, photo.sha256)
        if known is not None and added:
            takes.note(db, known.id, photo.picture, photo.signature)
        elif known is not None and known.stage is Stage.QUARANTINED and known.original is None:
            return _read_at_last(db, known, photo)
    return bool(added)


def _read_at_last(db: Connection, known: PhotoRow, photo: NewPhoto) -> bool:
    """What could not be read was read again.  What a person decided meanwhile counts: a date, and being left out."""
    if photo.original is None:
        db.execute("UPDATE photos SET reason = ? WHERE id = ?", (photo.reason, known.id))
        return False
    stage, reason = photo.stage, photo.reason
    db.execute(
        "UPDATE photos SET format = ?, width = ?, height = ?, original = ? WHERE id = ?", (photo.format, photo.width, photo.height, photo.original, known.id)
    )
    if known.taken is not None:  # set by a person: nothing else dates what could not be read
        stage, reason = Stage.RECEIVED, None
    elif photo.taken is not None:
        offset = None if photo.taken.offset is None else round(photo.taken.offset.total_seconds())
        values = (photo.taken.wall.isoformat(), offset, photo.taken_utc, photo.taken.source, known.id)
        db.execute("UPDATE photos SET taken_wall = ?, taken_offset_s = ?, taken_utc = ?, taken_from = ? WHERE id = ?", values)
    decided = verdicts.in_force(db, known.id)
    if decided.excluded:
        stage, reason = Stage.EXCLUDED, decided.reason
    move(db, known, stage, reason=reason)
    takes.note(db, known.id, photo.picture, photo.signature)
    return True


def add_name(db: Connection, sha256: Digest, name: bytes, now: float) -> None:
    """Note that a known photo also came under `name`."""
    db.execute("INSERT OR IGNORE INTO names SELECT id, ?, ? FROM photos WHERE sha256 = ?", (name, now, sha256))


def find(ledger: Ledger, sha256: Digest) -> PhotoRow | None:
    with ledger.read() as db:
        return find_within(db, sha256)


def find_within(db: Connection, sha256: Digest) -> PhotoRow | None:
    """`find` inside a transaction."""
    row = db.execute("SELECT taken_wall FROM photos WHERE sha256 = ?", (sha256,)).fetchone()
    if row is None:
        return None
    near = None if row["taken_wall"] is None else datetime.fromisoformat(row["taken_wall"])
    return _row(db.execute(f"{_select(db, near)} WHERE sha256 = ?", (sha256,)).fetchone())


def those_within(db: Connection, condition: str, values: Sequence[str | float]) -> list[PhotoRow]:
    """The photos for which a condition on rows of `photos` holds, the oldest first."""
    return [_row(row) for row in db.execute(f"{_select(db)} WHERE {condition} ORDER BY photos.id", values).fetchall()]


def names_of(ledger: Ledger, photo: PhotoRow) -> list[bytes]:
    """All names a photo came under, the first one first."""
    with ledger.read() as db:
        return [row[0] for row in db.execute("SELECT name FROM names WHERE photo_id = ? ORDER BY first_seen, name", (photo.id,))]


def everything(ledger: Ledger) -> Iterator[tuple[PhotoRow, list[bytes]]]:
    """All photos with their names, in the film's order (undated ones last)."""
    names: dict[int, list[bytes]] = {}
    with ledger.read() as db:
        for photo_id, name in db.execute("SELECT photo_id, name FROM names ORDER BY first_seen, name"):
            names.setdefault(photo_id, []).append(name)
        rows = db.execute(f"{_select(db)} ORDER BY taken_wall IS NULL, {FILM_ORDER}").fetchall()
    for row in rows:
        yield _row(row), names.get(row["id"], [])


def waiting(ledger: Ledger, stage: Stage) -> int:
    with ledger.read() as db:
        return int(db.execute("SELECT count(*) FROM photos WHERE stage = ?", (stage,)).fetchone()[0])


def total(ledger: Ledger) -> int:
    with ledger.read() as db:
        return int(db.execute("SELECT count(*) FROM photos").fetchone()[0])


def move(db: Connection, photo: PhotoRow, new: Stage, **columns: str | float | None) -> None:
    """Compare-and-set from the stage and the eyes that `photo` was read with (and its digest: ids of forgotten photos are given out again).

    Raises IllegalMove when it is not allowed or somebody else moved it.
    """
    if not is_legal(photo.stage, new):
        raise IllegalMove(f"photo {photo.sha256[:12]}: cannot go from {photo.stage} to {new}")
    assignments = "".join(f", {column} = ?" for column in columns)
    changed = db.execute(
        f"UPDATE photos SET stage = ?, tries = 0, next_try = 0{assignments} WHERE id = ? AND stage = ? AND sighting_id IS ? AND sha256 = ?",
        (new, *columns.values(), photo.id, photo.stage, photo.sighting_id, photo.sha256),
    ).rowcount
    if changed != 1:
        raise IllegalMove(f"photo {photo.sha256[:12]}: was moved from {photo.stage} by somebody else")


def quarantine(ledger: Ledger, photo: PhotoRow, reason: str) -> None:
    with ledger.write() as db:
        move(db, photo, Stage.QUARANTINED, reason=reason)


def count_death(ledger: Ledger, photo: PhotoRow) -> int:
    """A darkroom worker died over this photo; returns how often that has happened."""
    with ledger.write() as db:
        row = db.execute("UPDATE photos SET deaths = deaths + 1 WHERE sha256 = ? RETURNING deaths", (photo.sha256,)).fetchone()
    if row is None:
        raise IllegalMove(f"photo {photo.sha256[:12]}: was forgotten meanwhile")
    return int(row[0])


def append_sighting(
    ledger: Ledger, photo: PhotoRow, sighting: Sighting, stage: Stage, *, doubtful: bool, reason: str | None, now: float,
    likeness: sightings.Look | None = None, kin: str | None = None,
) -> Stage:  # fmt: skip
    """Append what was said about the eyes and move the photo on, in one transaction.  Returns the stage: a person's decision goes before `stage`.

    likeness: what the face looks like in the language of `kin`, and the log odds that it is the diary's person.
    """
    with ledger.write() as db:
        if find_within(db, photo.sha256) is None:
            raise IllegalMove(f"photo {photo.sha256[:12]}: was forgotten meanwhile")
        counts: int | None = sightings.add(db, photo.id, sighting, likeness, kin, now)
        label = placed.newest_id(db, photo.id)
        if label is not None:  # a person's eyes count, whatever a model says
            doubtful = placed.questioned(db, photo.id)
            stage, reason, counts = Stage.LOCATED, "label_differs" if doubtful else None, label
        elif stage in (Stage.EXCLUDED, Stage.DOUBTFUL) and verdicts.in_force(db, photo.id).excluded is False:
            # A person put it into the film: it stays there, whatever a model says later, with the eyes it had where the model sees none.
            if sighting.eyes is not None:
                stage, doubtful = Stage.LOCATED, reason != "not_this_person"
                reason = reason if doubtful else None
            elif photo.sighting is not None and photo.sighting.eyes is not None:
                stage, doubtful, reason, counts = Stage.LOCATED, True, "unsure", photo.sighting_id
        elif stage in (Stage.EXCLUDED, Stage.DOUBTFUL) and photo.frame is not None and photo.sighting is not None and photo.sighting.eyes is not None:
            stage, doubtful, counts = Stage.DOUBTFUL, True, photo.sighting_id  # what is in the film stays there as it is, and a person is asked
        move(db, photo, stage, sighting_id=counts, doubtful=int(doubtful), reason=reason)
    return stage
