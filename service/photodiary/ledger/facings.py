"""What people said about which way round photos are.  Anyone appends it as facts; the holder of `daemon.lock` has frames made so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from photodiary.diary.facing import Facing
from photodiary.diary.photo import Stage
from photodiary.ledger import faced, labels, wishes
from photodiary.ledger.photos import PhotoRow, find_within, move
from photodiary.ledger.store import Connection, Ledger

TURNED = "turned"
BY = "person"


@dataclass(frozen=True)
class Faced:
    """One statement.  made_at in seconds since the epoch."""

    facing: Facing
    by: str
    made_at: float


def say(ledger: Ledger, photos: Sequence[PhotoRow], mirrored: bool, turned: int | None, by: str, now: float) -> int:
    """Append which way round photos are, and the wish to make their frames so, in one transaction.  Returns the wish's number.

    turned: 0, 90, 180 or 270 degrees clockwise until the head stands upright, None for "the eyes say which way is up"; by: who says it,
    `BY` for a person; now: seconds since the epoch.  Raises ValueError for another turn.
    """
    return _say(ledger, photos, lambda before: Facing(mirrored, turned), by, now)


def mirror(ledger: Ledger, photos: Sequence[PhotoRow], mirrored: bool, by: str, now: float) -> int:
    """`say` that photos are mirrored, or not; how each is turned stays."""
    return _say(ledger, photos, lambda before: replace(before, mirrored=mirrored), by, now)


def turn(ledger: Ledger, photos: Sequence[PhotoRow], turned: int | None, by: str, now: float) -> int:
    """`say` how photos have to be turned; which of them are mirrored stays."""
    return _say(ledger, photos, lambda before: replace(before, turned=turned), by, now)


def _say(ledger: Ledger, photos: Sequence[PhotoRow], becomes: Callable[[Facing], Facing], by: str, now: float) -> int:
    becomes(Facing())  # what cannot be is refused before anything is written
    said = []
    with ledger.write() as db:
        for photo in photos:
            if find_within(db, photo.sha256) is None:  # forgotten since it was looked up
                continue
            before = in_force(db, photo.id)
            facing = becomes(before)
            if facing != before:
                values = photo.id, int(facing.mirrored), facing.turned, by, now
                db.execute("INSERT INTO facings (photo_id, mirrored, turned, by, made_at) VALUES (?, ?, ?, ?, ?)", values)
                said.append(photo.sha256)
        return wishes.make_within(db, labels.KIND, {"kind": TURNED, "value": None, "sha256": said}, now)


def in_force(db: Connection, photo_id: int) -> Facing:
    """What was said last; Facing() where nobody said anything."""
    said = history(db, photo_id)
    return said[-1].facing if said else Facing()


def history(db: Connection, photo_id: int) -> list[Faced]:
    """Everything that was said about which way round a photo is, the oldest first."""
    if not faced.known(db):
        return []
    rows = db.execute("SELECT * FROM facings WHERE photo_id = ? ORDER BY id", (photo_id,)).fetchall()
    return [Faced(faced.facing(row), row["by"], row["made_at"]) for row in rows]


def take_back_within(db: Connection, at: float, now: float) -> list[int]:
    """Say again what was in force before the moment `at` of the photos about which nothing was said since.  Returns their rows' numbers."""
    turned: list[int] = []
    if not faced.known(db):
        return turned
    for row in db.execute("SELECT DISTINCT photo_id FROM facings WHERE made_at = ?", (at,)).fetchall():
        said = history(db, row["photo_id"])
        if said[-1].made_at == at:
            before = next((one.facing for one in reversed(said) if one.made_at != at), Facing())
            values = row["photo_id"], int(before.mirrored), before.turned, said[-1].by, now
            db.execute("INSERT INTO facings (photo_id, mirrored, turned, by, made_at) VALUES (?, ?, ?, ?, ?)", values)
            turned.append(row["photo_id"])
    return turned


def heed(db: Connection, photo: PhotoRow) -> None:
    """Have a photo's frame made as was said last, and the photo looked at again where a model saw another way up, or was in doubt.

    What has no frame is made so when it gets one.
    """
    again = _look_again(db, photo)
    if photo.stage is Stage.EXCLUDED:
        if again and photo.reason == "no_face":
            move(db, photo, Stage.RECEIVED, reason=None, doubtful=0)
    elif photo.stage in (Stage.LOCATED, Stage.ALIGNED, Stage.DOUBTFUL):
        if again:
            move(db, photo, Stage.RECEIVED)
        elif photo.frame is not None and photo.stage is not Stage.LOCATED:
            move(db, photo, Stage.LOCATED)


def _look_again(db: Connection, photo: PhotoRow) -> bool:
    """Whether the eyes may be found better now that it is known, or no longer said, which way is up.  What a person said about eyes stays."""
    if photo.original is None or (photo.sighting is not None and photo.sighting.human):
        return False
    if all(said.facing.turned is None for said in history(db, photo.id)):
        return False
    seen = None if photo.sighting is None else photo.sighting.eyes
    return photo.facing.turned is None or seen is None or photo.doubtful or photo.facing.ordered(seen) != seen
