"""Taking back what a person said: facts stay as they were, a later one says that they no longer count."""

from __future__ import annotations

from photodiary.diary.photo import Digest, Stage
from photodiary.errors import BadUsage
from photodiary.ledger import facings, labels, placed, verdicts, wishes
from photodiary.ledger.photos import PhotoRow, move
from photodiary.ledger.store import Connection, Ledger

MACHINE = "by NOT IN ('placed', 'confirmed')"


def take_back(ledger: Ledger, at: float, now: float) -> tuple[int, list[Digest]]:
    """Take back everything that was said at the moment `at` about eyes, being in or out of the film or the one of its day, and which way round photos are.

    One act of a person has one moment, also when it is about many photos.  at, now: seconds since the epoch.  Returns the number of the wish
    to act on it, and which photos it is about.  Raises BadUsage when nothing that still counts was said then.
    """
    in_or_out = f"kind IN {(*verdicts.IN_OR_OUT, verdicts.PICKED)} AND {verdicts.standing('verdicts', 'verdict')}"
    with ledger.write() as db:
        said = [
            (row["photo_id"], f"{what}:{row['id']}")
            for what, query in (
                ("sighting", f"SELECT photo_id, id FROM sightings WHERE made_at = ? AND {placed.PLACED} ORDER BY id"),
                ("verdict", f"SELECT photo_id, id FROM verdicts WHERE made_at = ? AND {in_or_out} ORDER BY id"),
            )
            for row in db.execute(query, (at,)).fetchall()
        ]
        for photo_id, what in said:
            verdicts.append(db, photo_id, verdicts.RETRACTED, what, now)
        turned = facings.take_back_within(db, at, now)
        numbers = dict.fromkeys([photo_id for photo_id, _ in said] + turned)
        if not numbers:
            raise BadUsage("there is nothing to take back: it was taken back already, or the photo was deleted")
        digests = [Digest(db.execute("SELECT sha256 FROM photos WHERE id = ?", (number,)).fetchone()[0]) for number in numbers]
        if turned:
            turned_digests = [digest for number, digest in zip(numbers, digests, strict=True) if number in turned]
            wishes.make_within(db, labels.KIND, {"kind": facings.TURNED, "value": None, "sha256": turned_digests}, now)
        return wishes.make_within(db, labels.KIND, {"kind": verdicts.RETRACTED, "value": None, "sha256": digests}, now), digests


def heed(db: Connection, photo: PhotoRow) -> None:
    """Have a photo stand as what still counts says: a person's word, else a label, else what a model sees when it looks once more."""
    if photo.stage is Stage.QUARANTINED:
        return
    decided, label = verdicts.in_force(db, photo.id), placed.newest_id(db, photo.id)
    counts = label if label is not None else _by_a_model(db, photo.id)
    asked = photo.sighting_id is not None and photo.sighting is not None and photo.sighting.human and photo.sighting_id != counts
    if decided.out:
        if photo.stage is Stage.EXCLUDED:
            db.execute("UPDATE photos SET reason = ?, doubtful = 0, sighting_id = ? WHERE id = ?", (decided.reason, counts, photo.id))
        else:
            move(db, photo, Stage.EXCLUDED, reason=decided.reason, doubtful=0, sighting_id=counts)
    elif label is not None:
        if photo.stage is Stage.EXCLUDED or photo.sighting_id != label:
            labels.heed(db, photo)
    elif photo.stage is Stage.EXCLUDED and photo.taken is None:
        move(db, photo, Stage.UNDATED, reason="undated", doubtful=0, sighting_id=counts)
    elif photo.stage in (Stage.RECEIVED, Stage.UNDATED):
        db.execute("UPDATE photos SET sighting_id = ? WHERE id = ?", (counts, photo.id))
    elif photo.stage is Stage.EXCLUDED or asked:
        move(db, photo, Stage.RECEIVED, reason=None, doubtful=0, sighting_id=counts)


def _by_a_model(db: Connection, photo_id: int) -> int | None:
    row = db.execute(f"SELECT max(id) FROM sightings WHERE photo_id = ? AND {MACHINE}", (photo_id,)).fetchone()
    return None if row[0] is None else int(row[0])
