"""What was brought from elsewhere already, so that nobody reads or downloads it again, and what was said there about when it was taken.

A source is a folder, an export or a server; an item is what that calls a photo; a stamp tells a changed item from an unchanged one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from photodiary.diary.calendar import Taken, outranks
from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import forgetting, labels, takes, wishes
from photodiary.ledger.photos import PhotoRow, find_within, move
from photodiary.ledger.store import Connection, Ledger

TOLD = "told"  # a wish to decide: another date counts for a photo that is known already


@dataclass(frozen=True)
class Item:
    """One photo of a source, as it was when it was brought."""

    source: str
    item: str
    stamp: str


def called(path: bytes) -> str:
    """A folder as a source, or a file as an item: text, also where the path is none."""
    return path.decode("utf-8", "backslashreplace")


def known(ledger: Ledger, source: str) -> dict[str, tuple[str, Digest]]:
    """Stamp and photo of every item of a source that was brought; empty in a diary that no program since has opened for writing."""
    with ledger.read() as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'brought'").fetchone() is None:
            return {}
        return {row[0]: (row[1], Digest(row[2])) for row in db.execute("SELECT item, stamp, sha256 FROM brought WHERE source = ?", (source,))}


def remember(ledger: Ledger, digest: Digest, item: Item | None, told: Taken | None, now: float) -> None:
    """Note where a photo of the diary came from, and wish for the date that was told there where it goes before the one the photo has.

    One transaction: whoever finds the item brought need not look at its date again.  Nothing is noted of a photo that is forgotten, or unknown.
    """
    with ledger.write() as db:
        photo = find_within(db, digest)
        if photo is None or forgetting.within(db, digest):
            return
        if item is not None:
            db.execute("INSERT OR REPLACE INTO brought (source, item, stamp, sha256) VALUES (?, ?, ?, ?)", (item.source, item.item, item.stamp, digest))
        if told is not None and outranks(told, photo.taken) and photo.original is not None:
            wishes.make_within(db, labels.KIND, {"kind": TOLD, "sha256": [digest], "taken": as_said(told)}, now)


def heed(db: Connection, photo: PhotoRow, said: dict[str, Any], zone: tzinfo) -> None:
    """Date a known photo as it was told elsewhere, unless a better source, above all a person, has spoken since."""
    told = as_told(said)
    if told is None or not outranks(told, photo.taken):
        return
    offset = None if told.offset is None else round(told.offset.total_seconds())
    db.execute(
        "UPDATE photos SET taken_wall = ?, taken_offset_s = ?, taken_utc = ?, taken_from = ? WHERE id = ?",
        (told.wall.isoformat(), offset, told.utc(zone).timestamp(), told.source, photo.id),
    )
    moved(db, photo)


def moved(db: Connection, photo: PhotoRow) -> None:
    """A photo (as it was before) has another date now: to another place of the film, or for the first time into it.

    A frame is made anew where there was one, for it is named by its date.
    """
    takes.moved(db, photo.id)
    if photo.stage is Stage.UNDATED:
        move(db, photo, Stage.RECEIVED, reason=None)
    elif photo.frame is not None and photo.stage in (Stage.ALIGNED, Stage.DOUBTFUL):
        move(db, photo, Stage.LOCATED)


def as_said(told: Taken) -> dict[str, Any]:
    """A date as a wish carries it: {"taken": ISO wall clock, "offset_s": seconds or None, "taken_from": who says so}."""
    return {
        "taken": told.wall.isoformat(),
        "offset_s": None if told.offset is None else round(told.offset.total_seconds()),
        "taken_from": told.source,
    }


def as_told(said: dict[str, Any]) -> Taken | None:
    """The date in a wish, None where there is none.  Raises ValueError where it is no date."""
    taken, offset, source = said.get("taken"), said.get("offset_s"), said.get("taken_from")
    if taken is None or source is None:
        return None
    if not isinstance(taken, str) or not isinstance(source, str) or not (offset is None or isinstance(offset, int)):
        raise ValueError("the date is of a wrong kind")
    wall = datetime.fromisoformat(taken)
    if wall.tzinfo is not None:
        raise ValueError("a wall clock has no offset in itself")
    return Taken(wall, None if offset is None else timedelta(seconds=offset), source)
