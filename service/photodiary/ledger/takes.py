"""Takes in the ledger: which photos are of one moment, and which of them shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from photodiary.diary.photo import Digest
from photodiary.diary.takes import CAMERA, Look, one_moment, superseded
from photodiary.ledger import picks, verdicts
from photodiary.ledger.store import Connection, Ledger, Row

SINCE = 4  # the version of the database that brought them


def could_show(photos: str = "photos") -> str:
    """A condition: a row of `photos` has what it takes to be in the film.  A stale frame stays until the new one is there."""
    return f"{photos}.frame IS NOT NULL AND {photos}.stage IN ('aligned', 'doubtful', 'located', 'received')"


# The last word of a person about a picture counts for all photos that differ from it in metadata only.
_LEFT_OUT = f"""coalesce((SELECT v.kind FROM verdicts v JOIN photos x ON x.id = v.photo_id WHERE x.take = t.take AND x.picture = t.picture
    AND v.kind IN {verdicts.IN_OR_OUT} AND {verdicts.standing("v", "verdict")} ORDER BY v.id DESC LIMIT 1), '') IN {tuple(verdicts.OUT)}"""
# The one that a person chose; more pixels, then more bytes: a messenger's copy has fewer of either.  Of equal pictures the one that a person said
# something about, then the newest.  Of all moments at once, so that a query over all photos finds them a single time.
_CHOSEN = f"(SELECT max(v.id) FROM verdicts v WHERE v.photo_id = t.id AND v.kind = '{verdicts.PICKED}' AND {verdicts.standing('v', 'verdict')})"
_FIRSTS = f"""SELECT id FROM (SELECT t.id, row_number() OVER (PARTITION BY t.take
    ORDER BY {_CHOSEN} DESC, t.superseded, t.width * t.height DESC,
    (SELECT max(x.bytes) FROM photos x WHERE x.take = t.take AND x.picture IS t.picture) DESC, t.picture,
    t.taken_from IS 'person' DESC, EXISTS (SELECT 1 FROM sightings s WHERE s.id = t.sighting_id AND s.by IN ('placed', 'confirmed')) DESC, t.id DESC) AS place
    FROM photos t{{0}} WHERE t.take IS NOT NULL AND {could_show("t")} AND NOT {_LEFT_OUT}{{1}}) WHERE place = 1"""

_ALL_FIRSTS = _FIRSTS.format("", "")


def shows(db: Connection, near: datetime | None = None, pick: str | None = None) -> str:
    """A condition: a row of `photos` is in the film.  Of the takes of one moment that could show, one does; of them the best of each period.

    near: the rows that are asked about were taken at this wall clock: much quicker in a large diary.  pick: another one than is in force.
    """
    if not _known(db):
        return f"({could_show()})"
    if near is None and pick is None and db.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'shown'").fetchone():
        return "(photos.id IN temp.shown)"
    pick = picks.in_force(db) if pick is None else pick
    if pick == picks.ALL:
        return f"({could_show()} AND (photos.take IS NULL OR photos.id IN ({_firsts(pick, near)})))"
    return f"(photos.id IN ({picks.best(pick, _candidates(pick, near))}))"


@contextmanager
def found_once(ledger: Ledger) -> Iterator[None]:
    """Meanwhile which photos show is not found anew for each question; nobody else asks or writes through this ledger."""
    with ledger.read() as db:
        condition = shows(db)
        db.execute("CREATE TEMP TABLE shown (id INTEGER PRIMARY KEY)")
        try:
            db.execute(f"INSERT INTO temp.shown SELECT id FROM photos WHERE {condition}")
            yield
        finally:
            db.execute("DROP TABLE temp.shown")


def ranking(db: Connection, near: datetime) -> str:
    """A query: the photos among which one is chosen to stand for the period of a wall clock, as `picks.ranked` says, the best first."""
    pick = picks.in_force(db)
    return f"SELECT * FROM ({picks.ranked(pick, _candidates(pick, near))}) ORDER BY place"


def periods_before(db: Connection, near: datetime) -> str | None:
    """A query: how many photos show before the period of a wall clock, one of each; None where all photos show."""
    pick = picks.in_force(db)
    if pick == picks.ALL:
        return None
    return f"SELECT count(DISTINCT {picks.period(pick, 't')}) FROM photos t WHERE t.taken_wall < '{picks.bounds(pick, near)[0]}' AND {_candidates(pick, None)}"


def _candidates(pick: str, near: datetime | None) -> str:
    """A condition on rows `t` of `photos`: they may stand for their period."""
    within = "" if near is None else f" AND t.id IN ({_of_period(pick, near, 'id')})"
    return f"{could_show('t')} AND (t.take IS NULL OR t.id IN ({_firsts(pick, near)})){within}"


def _firsts(pick: str, near: datetime | None) -> str:
    """A query: the photos that stand for their moments."""
    return _ALL_FIRSTS if near is None else _FIRSTS.format(" INDEXED BY photos_take", f" AND t.take IN ({_of_period(pick, near, 'take')})")


def _of_period(pick: str, near: datetime, column: str) -> str:
    start, end = picks.bounds(pick, near)
    return f"SELECT n.{column} FROM photos n INDEXED BY photos_order WHERE n.taken_wall >= '{start}' AND n.taken_wall < '{end}'"


def overshadowed(db: Connection) -> str:
    """A condition: another photo of the same moment as a row of `photos` is in the film, or of the same day where one photo stands for it."""
    if not _known(db):
        return "0"
    firsts = _ALL_FIRSTS
    moment = f"photos.take IS NOT NULL AND photos.id NOT IN ({firsts}) AND photos.take IN (SELECT f.take FROM photos f WHERE f.id IN ({firsts}))"
    return f"({moment})" if picks.in_force(db) == picks.ALL else f"(({moment}) OR ({could_show()} AND NOT {shows(db)}))"


@dataclass(frozen=True)
class Moment:
    """The other takes of a photo's moment, the oldest first, and which of all shows; None where none does."""

    others: list[Digest]
    shown: Digest | None


def of(ledger: Ledger, sha256: Digest) -> Moment:
    """Of a photo that the ledger has."""
    with ledger.read() as db:
        if not _known(db):
            return Moment([], None)
        first = db.execute(f"SELECT sha256 FROM photos WHERE take = (SELECT take FROM photos WHERE sha256 = ?) AND id IN ({_ALL_FIRSTS})", (sha256,)).fetchone()
        rows = db.execute("SELECT o.sha256 FROM photos p JOIN photos o ON o.take = p.take AND o.id <> p.id WHERE p.sha256 = ? ORDER BY o.id", (sha256,))
        return Moment([Digest(row[0]) for row in rows], None if first is None else Digest(first[0]))


def _known(db: Connection) -> bool:
    """A reader may meet a diary that no program since has opened for writing."""
    return int(db.execute("PRAGMA user_version").fetchone()[0]) >= SINCE


def note(db: Connection, photo_id: int, picture: str | None, signature: bytes | None) -> None:
    """Keep what a new photo looks like, and join it with the other takes of its moment."""
    db.execute("UPDATE photos SET picture = ?, signature = ? WHERE id = ?", (picture, signature, photo_id))
    _join(db, photo_id)


def moved(db: Connection, photo_id: int) -> None:
    """Its date is another: find out again which photos are of its moment, and of the moment it left."""
    take = db.execute("SELECT take FROM photos WHERE id = ?", (photo_id,)).fetchone()[0]
    if take is None:
        _join(db, photo_id)
    else:
        regroup(db, take)


def regroup(db: Connection, take: int) -> None:
    """Find out again which of these photos belong together: one has gone, or moved, and it may have been what joined the others."""
    members = [row[0] for row in db.execute("SELECT id FROM photos WHERE take = ? ORDER BY id", (take,)).fetchall()]
    db.execute("UPDATE photos SET take = NULL, superseded = 0 WHERE take = ?", (take,))
    for member in members:
        _join(db, member)


def _join(db: Connection, photo_id: int) -> None:
    row = db.execute(f"SELECT {_LOOK} FROM photos WHERE id = ?", (photo_id,)).fetchone()
    mine, mates, numbers = _look(db, row, named=True), [photo_id], {row["take"]}
    second = "none" if mine.wall is None else mine.wall.isoformat(timespec="seconds")
    values = {"me": photo_id, "picture": mine.picture, "day": second[:10], "second": second, "camera": mine.source in CAMERA}
    for row in db.execute(f"SELECT {_LOOK} FROM photos WHERE id <> :me AND {_CANDIDATES}", values).fetchall():
        other = _look(db, row, named=row["taken_wall"] is not None and row["taken_wall"][:19] == second)
        if one_moment(mine, other):
            mates.append(row["id"])
            numbers.add(row["take"])
    if len(mates) == 1:
        return
    known = sorted(number for number in numbers if number is not None)
    number = known[0] if known else db.execute("SELECT coalesce(max(take), 0) + 1 FROM photos").fetchone()[0]
    db.executemany("UPDATE photos SET take = ? WHERE take = ?", [(number, joined) for joined in known[1:]])
    db.executemany("UPDATE photos SET take = ? WHERE id = ?", [(number, mate) for mate in mates])
    rows = db.execute(f"SELECT {_LOOK} FROM photos WHERE take = ?", (number,)).fetchall()
    older = superseded({row["id"]: _look(db, row, named=True) for row in rows})
    db.executemany("UPDATE photos SET superseded = ? WHERE id = ?", [(row["id"] in older, row["id"]) for row in rows])


_LOOK = "id, take, picture, signature, taken_wall, taken_from"
# Whatever `one_moment` could join, and of a day with very many photos not much more.
_CANDIDATES = """(picture = :picture OR (taken_wall >= :day || 'T' AND taken_wall < :day || 'U'
    AND (substr(taken_wall, 1, 19) = :second OR NOT :camera OR taken_from NOT IN ('exif', 'digitized'))))"""


def _look(db: Connection, row: Row, *, named: bool) -> Look:
    wall = None if row["taken_wall"] is None else datetime.fromisoformat(row["taken_wall"])
    names = db.execute("SELECT name FROM names WHERE photo_id = ?", (row["id"],)).fetchall() if named else []
    return Look(row["picture"], row["signature"], wall, row["taken_from"], frozenset(os.path.basename(bytes(name[0])) for name in names))
