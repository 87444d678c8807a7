"""Which way round a photo is, as people said: reading it beside the photo."""

from __future__ import annotations

from photodiary.diary.facing import Facing
from photodiary.ledger.store import Connection, Row

SINCE = 5  # the version of the database that brought it
COLUMNS = "facing.mirrored, facing.turned"


def joined(db: Connection) -> str:
    """A join that gives rows of `photos` the COLUMNS of what was said last; NULL in both where nobody said anything."""
    if not known(db):
        return "LEFT JOIN (SELECT NULL AS mirrored, NULL AS turned) facing"
    return "LEFT JOIN facings facing ON facing.id = (SELECT max(said.id) FROM facings said WHERE said.photo_id = photos.id)"


def known(db: Connection) -> bool:
    """A reader may meet a diary that no program since has opened for writing."""
    return int(db.execute("PRAGMA user_version").fetchone()[0]) >= SINCE


def facing(row: Row) -> Facing:
    """Of a row with the COLUMNS."""
    return Facing(bool(row["mirrored"]), row["turned"])
