"""A person's decisions: anyone appends them as facts, with a wish; the holder of `daemon.lock` acts on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from photodiary.diary.calendar import Taken
from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import brought, facings, forgetting, labels, retracting, verdicts, wishes
from photodiary.ledger.photos import PhotoRow, find_within, move
from photodiary.ledger.store import Connection, Ledger

KIND = labels.KIND


def decide(ledger: Ledger, chosen: Sequence[PhotoRow], kind: str, value: datetime | None, now: float) -> int:
    """Append a verdict for each photo and the wish to act on them, in one transaction.  Returns the wish's number.

    kind: one of `verdicts`; value: the wall clock of a redating; now: seconds since the epoch.
    """
    text = None if value is None else value.isoformat()
    with ledger.write() as db:
        for photo in chosen:
            if find_within(db, photo.sha256) is not None:  # not forgotten since it was looked up
                verdicts.append(db, photo.id, kind, text, now)
        return wishes.make_within(db, KIND, {"kind": kind, "value": text, "sha256": [photo.sha256 for photo in chosen]}, now)


def heed(ledger: Ledger, zone: tzinfo, now: float) -> bool:
    """Act on the oldest open decision: one transaction, so that a crash leaves it undone or done.  Returns whether there was one.

    zone: where the diary lives; it gives a redated photo its UTC moment, which breaks ties.
    """
    wish = wishes.oldest_open(ledger, KIND)
    if wish is None:
        return False
    with ledger.write() as db:
        for sha256 in wish.details["sha256"]:
            photo = find_within(db, Digest(sha256))
            if photo is None or forgetting.within(db, photo.sha256):
                continue
            if wish.details["kind"] == verdicts.PICKED:
                continue  # which photo shows is asked anew whenever the film's order is read
            if wish.details["kind"] in verdicts.OUT:
                _exclude(db, photo)
            elif wish.details["kind"] == verdicts.RESTORED:
                if verdicts.in_force(db, photo.id).excluded is False:  # not taken back since
                    _restore(db, photo)
            elif wish.details["kind"] == verdicts.RETRACTED:
                retracting.heed(db, photo)
            elif wish.details["kind"] == labels.LABELLED:
                labels.heed(db, photo)
            elif wish.details["kind"] == facings.TURNED:
                facings.heed(db, photo)
            elif wish.details["kind"] in (verdicts.DELETED, verdicts.RETURNED):
                _follow_inbox(db, photo)
            elif wish.details["kind"] == brought.TOLD:
                brought.heed(db, photo, wish.details["taken"], zone)
            else:
                _redate(db, photo, datetime.fromisoformat(wish.details["value"]), zone)
        wishes.fulfil_within(db, wish.id, {"photos": len(wish.details["sha256"])}, now)
    return True


def _exclude(db: Connection, photo: PhotoRow) -> None:
    """Out of the film, unless that was taken back since.  What could not be read stays so, and is left out should it be read one day."""
    decided = verdicts.in_force(db, photo.id)
    if not decided.excluded:
        return
    if photo.stage is Stage.EXCLUDED:
        db.execute("UPDATE photos SET reason = ?, doubtful = 0 WHERE id = ?", (decided.reason, photo.id))
    elif photo.stage is not Stage.QUARANTINED:
        move(db, photo, Stage.EXCLUDED, reason=decided.reason, doubtful=0)


def _follow_inbox(db: Connection, photo: PhotoRow) -> None:
    """Out when its files were deleted, back when they returned: as things stand now, and never against a person's word."""
    decided = verdicts.in_force(db, photo.id)
    if photo.stage is Stage.EXCLUDED and photo.reason == "deleted" and not decided.deleted:
        _restore(db, photo)
    elif photo.stage not in (Stage.EXCLUDED, Stage.QUARANTINED) and decided.deleted and decided.excluded is None:
        move(db, photo, Stage.EXCLUDED, reason="deleted")


def _restore(db: Connection, photo: PhotoRow) -> None:
    """Into the film with the eyes it had.  That it is somebody else is answered by this; that its eyes are in doubt is not."""
    out = photo.stage is Stage.EXCLUDED or (photo.stage is Stage.DOUBTFUL and (photo.frame is None or photo.reason == "not_this_person"))
    if not out:
        return
    if photo.taken is None:
        move(db, photo, Stage.UNDATED, reason="undated", doubtful=0)
    elif photo.sighting is None or photo.sighting.eyes is None:
        move(db, photo, Stage.RECEIVED, reason=None, doubtful=0)
    else:
        doubtful = photo.doubtful and photo.sighting.reason != "not_this_person"
        move(db, photo, Stage.LOCATED, doubtful=int(doubtful), reason=(photo.sighting.reason or "unsure") if doubtful else None)


def _redate(db: Connection, photo: PhotoRow, wall: datetime, zone: tzinfo) -> None:
    """As a person says, whatever anybody else does."""
    utc = Taken(wall, None, "person").utc(zone).timestamp()
    db.execute("UPDATE photos SET taken_wall = ?, taken_offset_s = NULL, taken_utc = ?, taken_from = 'person' WHERE id = ?", (wall.isoformat(), utc, photo.id))
    brought.moved(db, photo)
