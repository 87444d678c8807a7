"""Photos that another model judged than the one in force.  The sightings say which: nothing else remembers it.

First all of them are looked at, which only adds sightings; then, all at once, each photo comes to stand as the model in force says, so that frames
are made again together and the film follows once.  What the model in force said earlier, before another took its place for a while, counts as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.diary.eyes import DoubtConfig, EyePair, Point, Sighting, triage
from photodiary.diary.photo import Stage, is_legal, retry_wait
from photodiary.errors import IllegalMove
from photodiary.ledger import faced, placed, sightings, verdicts
from photodiary.ledger.photos import PhotoRow, find_within, those_within
from photodiary.ledger.store import Connection, Ledger

# % of IOD: eyes that are nearer to a frame's stay as they are in it.  A pixel of the film where the eyes are 324 px apart; six times what another
# precision of the same model makes out (0.05 % at most), and less than what two base models differ by (0.34 % in the median, 0.49 % at most).
MOVED = 0.3
TOGETHER = 100  # photos that are settled in one transaction, which so lasts milliseconds

_BY_A_MODEL = "EXISTS (SELECT 1 FROM sightings c WHERE c.id = photos.sighting_id AND c.by NOT IN ('placed', 'confirmed'))"
# What a person left out, or is being forgotten, stays as it is; a photo in which no face was found gets a new chance.
_OPEN = f"photos.original IS NOT NULL AND (photos.stage <> 'excluded' OR photos.reason = 'no_face') AND {_BY_A_MODEL}"


def _said(db: Connection) -> str:
    """What a model (?) said of a photo, the way up that a person has told since."""
    since = "(SELECT max(f.made_at) FROM facings f WHERE f.photo_id = photos.id AND f.turned IS NOT NULL)" if faced.known(db) else "NULL"
    return f"FROM sightings s WHERE s.photo_id = photos.id AND s.by = ? AND s.made_at >= coalesce({since}, 0)"


def _unjudged(db: Connection) -> str:
    return f"photos.stage IN ('aligned', 'doubtful', 'excluded') AND {_OPEN} AND NOT EXISTS (SELECT 1 {_said(db)})"


def unjudged(ledger: Ledger, model: str) -> int:
    """How many photos only other models have judged; in a large diary as of a moment ago."""
    return ledger.remembered(("unjudged", model), lambda: _count(ledger, model), rest=20.0)


def _count(ledger: Ledger, model: str) -> int:
    with ledger.read() as db:
        return int(db.execute(f"SELECT count(*) FROM photos WHERE {_unjudged(db)}", (model,)).fetchone()[0])


def due(ledger: Ledger, model: str, now: float) -> bool:
    """Whether one of them can be looked at now."""
    if not unjudged(ledger, model):
        return False
    with ledger.read() as db:
        return db.execute(f"SELECT 1 FROM photos WHERE next_try <= ? AND {_unjudged(db)} LIMIT 1", (now, model)).fetchone() is not None


def claim(ledger: Ledger, model: str, now: float, most: int) -> list[PhotoRow]:
    """Up to `most` of them whose time has come; their next try is pushed forward before they are tried.  One that failed before comes alone."""
    if not due(ledger, model, now):
        return []
    with ledger.write() as db:
        rows = db.execute(f"SELECT id, tries FROM photos WHERE next_try <= ? AND {_unjudged(db)} ORDER BY id LIMIT ?", (now, model, most)).fetchall()
        failed = [row for row in rows if row["tries"]]
        if failed:
            rows = failed[:1] if rows[0]["tries"] else [row for row in rows if not row["tries"]]
        for row in rows:
            db.execute("UPDATE photos SET tries = tries + 1, next_try = ? WHERE id = ?", (now + retry_wait(row["tries"] + 1), row["id"]))
        return those_within(db, f"photos.id IN ({','.join('?' * len(rows))})", [row["id"] for row in rows])


def add(ledger: Ledger, photo: PhotoRow, sighting: Sighting, likeness: sightings.Look | None, kin: str, now: float) -> None:
    """Append what the model in force says of a photo.  The photo stands as before until `settle`.  Raises IllegalMove when it was forgotten."""
    with ledger.write() as db:
        if find_within(db, photo.sha256) is None:
            raise IllegalMove(f"photo {photo.sha256[:12]}: was forgotten meanwhile")
        sightings.add(db, photo.id, sighting, likeness, kin, now)
        db.execute("UPDATE photos SET tries = 0, next_try = 0 WHERE id = ? AND stage = ? AND tries = ?", (photo.id, photo.stage, photo.tries))


@dataclass(frozen=True)
class Settled:
    """last: the number of the last photo that was looked through, None when there was none left; changed: how many stand otherwise than before.

    again: how many of them get a new frame, asked: about how many a person is asked; found: how many had no face before.
    """

    last: int | None
    changed: int = 0
    again: int = 0
    asked: int = 0
    found: int = 0


def settle(ledger: Ledger, model: str, doubt: DoubtConfig, after: int) -> Settled:
    """Have the next photos after number `after` stand as the model in force says, in one transaction.

    A frame is made again when the eyes have moved by more than MOVED, or when a person is asked about it otherwise than before; else it stays,
    with what placed it.  Nothing leaves the film: where the model sees no face, or somebody else's, the frame stays and a person is asked.
    """
    changed = again = asked = found = 0
    with ledger.write() as db:
        newest = f"(SELECT max(s.id) {_said(db)})"
        numbers = dict(db.execute(
            f"SELECT photos.id, {newest} AS said FROM photos WHERE photos.id > ? AND photos.stage IN ('located', 'aligned', 'doubtful', 'excluded')"
            f" AND {_OPEN} AND said <> photos.sighting_id ORDER BY photos.id LIMIT ?",
            (model, after, TOGETHER),
        ).fetchall())  # fmt: skip
        if not numbers:
            return Settled(None)
        for photo in those_within(db, f"photos.id IN ({','.join('?' * len(numbers))})", list(numbers)):
            if placed.newest_id(db, photo.id) is None:
                stage = _settle(db, photo, numbers[photo.id], doubt)
                changed += stage is not None
                again += stage is Stage.LOCATED
                asked += stage is Stage.DOUBTFUL
                found += stage is not None and photo.stage is Stage.EXCLUDED and stage is not Stage.EXCLUDED
    return Settled(max(numbers), changed, again, asked, found)


def _settle(db: Connection, photo: PhotoRow, number: int, doubt: DoubtConfig) -> Stage | None:
    """Returns where the photo stands now when that changed."""
    sighting = _read(db, number)
    decision = triage(sighting, doubt)
    stage, doubtful, reason = decision.stage, decision.doubtful, decision.reason
    restored = verdicts.in_force(db, photo.id).excluded is False
    if photo.frame is not None:
        if stage is not Stage.LOCATED:
            if restored and reason == "not_this_person":  # a person has answered that
                return None
            return _stand(db, photo, Stage.DOUBTFUL, photo.sighting_id, True, reason)
        same = photo.sighting is not None and photo.sighting.eyes is not None and not moved(photo.sighting.eyes, sighting.eyes)
        if same and (doubtful, reason) == (photo.doubtful, photo.reason):
            return None
    elif restored and stage is not Stage.LOCATED:
        if sighting.eyes is None:
            return None
        stage, doubtful = Stage.LOCATED, reason != "not_this_person"
        reason = reason if doubtful else None
    return _stand(db, photo, stage, number, doubtful, reason)


def moved(before: EyePair, now: EyePair | None) -> bool:
    """Whether eyes lie so far from where a frame has them that it is made again."""
    return now is None or before.distance(now) > MOVED / 100 * before.iod


def _stand(db: Connection, photo: PhotoRow, stage: Stage, number: int | None, doubtful: bool, reason: str | None) -> Stage | None:
    """A move that may also end where it began."""
    if (stage, number, doubtful, reason) == (photo.stage, photo.sighting_id, photo.doubtful, photo.reason):
        return None
    if stage is not photo.stage and not is_legal(photo.stage, stage):
        raise IllegalMove(f"photo {photo.sha256[:12]}: cannot go from {photo.stage} to {stage}")
    db.execute(
        "UPDATE photos SET stage = ?, tries = 0, next_try = 0, sighting_id = ?, doubtful = ?, reason = ? WHERE id = ?",
        (stage, number, int(doubtful), reason, photo.id),
    )
    return stage


def _read(db: Connection, number: int) -> Sighting:
    row = db.execute("SELECT * FROM sightings WHERE id = ?", (number,)).fetchone()
    eyes = None if row["left_x"] is None else EyePair(Point(row["left_x"], row["left_y"]), Point(row["right_x"], row["right_y"]))
    return Sighting(row["by"], eyes, row["expected_error"], row["reason"], row["faces"])
