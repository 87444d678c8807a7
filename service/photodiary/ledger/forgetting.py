"""Forgetting a photo: what the ledger holds of it goes, so that no byte of it is left; only its SHA-256 stays.

It happens in steps that may each be repeated: wished for (anyone), out of the film and its files gone (`take_out`, `erased`),
then, once no film shows it any more, its rows and what is left of them in the database file (`wipe`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from photodiary.diary.photo import Digest, shown_name
from photodiary.ledger import takes, wishes
from photodiary.ledger.store import Connection, Ledger

KIND = "forget"


def wish(ledger: Ledger, digests: Sequence[Digest], now: float) -> int:
    """Note for good that these photos are to be forgotten, and wish for it, in one transaction.  Returns the wish's number."""
    with ledger.write() as db:
        db.executemany("INSERT OR IGNORE INTO forgotten (sha256, made_at) VALUES (?, ?)", [(digest, now) for digest in digests])
        return wishes.make_within(db, KIND, {"sha256": list(digests)}, now)


def within(db: Connection, digest: str) -> bool:
    """Whether a photo is, or is being, forgotten: it is not taken in again."""
    return db.execute("SELECT 1 FROM forgotten WHERE sha256 = ?", (digest,)).fetchone() is not None


def is_forgotten(ledger: Ledger, digest: Digest) -> bool:
    with ledger.read() as db:
        return within(db, digest)


def starting_with(ledger: Ledger, digits: str) -> int:
    """How many forgotten photos' digests start so."""
    with ledger.read() as db:
        return 0 if not _known(db) else int(db.execute("SELECT count(*) FROM forgotten WHERE substr(sha256, 1, ?) = ?", (len(digits), digits)).fetchone()[0])


def under_way(ledger: Ledger) -> bool:
    """Whether a photo is to be forgotten that a film may still show."""
    with ledger.read() as db:
        return _known(db) and db.execute("SELECT 1 FROM forgotten WHERE done_at IS NULL LIMIT 1").fetchone() is not None


def _known(db: Connection) -> bool:
    """A reader may meet a diary that no program since has opened for writing."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'forgotten'").fetchone() is not None


def to_erase(ledger: Ledger) -> Digest | None:
    """A photo whose files are to go next."""
    with ledger.read() as db:
        row = db.execute("SELECT sha256 FROM forgotten WHERE erased_at IS NULL LIMIT 1").fetchone()
    return None if row is None else Digest(row[0])


def take_out(ledger: Ledger, digest: Digest) -> None:
    """Out of the film and out of every queue, from whatever stage: who works on it now finds it moved."""
    with ledger.write() as db:
        db.execute(
            "UPDATE photos SET stage = 'excluded', reason = 'forgotten', doubtful = 0, frame = NULL, frame_bytes = NULL, matrix = NULL, canvas_id = NULL"
            " WHERE sha256 = ?",
            (digest,),
        )


def erased(ledger: Ledger, digest: Digest, now: float) -> None:
    """Its files are gone."""
    with ledger.write() as db:
        db.execute("UPDATE forgotten SET erased_at = ? WHERE sha256 = ?", (now, digest))


def to_wipe(ledger: Ledger) -> list[Digest]:
    """Photos whose files are gone: a film made after this was asked does not show them."""
    with ledger.read() as db:
        return [Digest(row[0]) for row in db.execute("SELECT sha256 FROM forgotten WHERE erased_at IS NOT NULL AND done_at IS NULL")]


def no_film(ledger: Ledger) -> None:
    """There is no film any more."""
    with ledger.write() as db:
        db.execute("DELETE FROM reels")


def wipe(ledger: Ledger, digests: Sequence[Digest], now: float) -> None:
    """Delete their rows and every mention of their names, write the database file anew, then call them done.  Raises StorageTrouble."""
    with ledger.write() as db:
        for digest in digests:
            _wipe_one(db, digest)
    ledger.shred()
    with ledger.write() as db:
        db.executemany("UPDATE forgotten SET done_at = ? WHERE sha256 = ?", [(now, digest) for digest in digests])
        for row in db.execute("SELECT id, details FROM wishes WHERE kind = ? AND done_at IS NULL", (KIND,)).fetchall():
            wanted = json.loads(row["details"])["sha256"]
            marks = ",".join("?" * len(wanted))
            if db.execute(f"SELECT count(*) FROM forgotten WHERE done_at IS NULL AND sha256 IN ({marks})", wanted).fetchone()[0] == 0:
                wishes.fulfil_within(db, row["id"], {"photos": len(wanted)}, now)


def _wipe_one(db: Connection, digest: Digest) -> None:
    row = db.execute("SELECT * FROM photos WHERE sha256 = ?", (digest,)).fetchone()
    if row is None:
        return
    photo_id = row["id"]
    names = [bytes(found[0]) for found in db.execute("SELECT name FROM names WHERE photo_id = ?", (photo_id,))]
    names += [bytes(found[0]) for found in db.execute("SELECT path FROM files WHERE photo_id = ?", (photo_id,))]
    db.execute("UPDATE photos SET sighting_id = NULL WHERE id = ?", (photo_id,))
    for table in ("looks", "likenesses", "sightings", "facings", "verdicts", "names", "files"):
        db.execute(f"DELETE FROM {table} WHERE photo_id = ?", (photo_id,))
    db.execute("DELETE FROM brought WHERE sha256 = ?", (digest,))
    db.execute("DELETE FROM transitions WHERE instr(before, :frames) OR instr(after, :frames)", {"frames": f"_{digest[:16]}_"})
    db.execute("DELETE FROM photos WHERE id = ?", (photo_id,))
    if row["take"] is not None:
        takes.regroup(db, row["take"])
    db.executemany("DELETE FROM arrivals WHERE path = ?", [(name,) for name in names])
    _wipe_mentions(db, digest, names)


def _wipe_mentions(db: Connection, digest: Digest, names: list[bytes]) -> None:
    """Fulfilled wishes and notes: paths that were imported, files that could not be read, sentences about trouble."""
    bases = {os.path.basename(name) for name in names}
    for row in db.execute("SELECT id, outcome FROM wishes WHERE done_at IS NOT NULL").fetchall():
        outcome: dict[str, Any] = json.loads(row["outcome"] or "{}")
        kept = [entry for entry in outcome.get("unreadable", []) if os.path.basename(os.fsencode(entry["file"])) not in bases]
        if "unreadable" in outcome:
            outcome["unreadable"] = kept
        db.execute("UPDATE wishes SET details = '{}', progress = NULL, outcome = ? WHERE id = ?", (json.dumps(outcome), row["id"]))
    tell_tales = [digest[:12], *(shown_name(base) for base in bases)]
    for key, value in db.execute("SELECT key, value FROM notes").fetchall():
        if key == wishes.TALLY or any(json.dumps(tale)[1:-1] in value for tale in tell_tales):
            db.execute("DELETE FROM notes WHERE key = ?", (key,))
