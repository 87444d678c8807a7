"""What frames look like, measured once for each: light and colours for evening out, marks and a score for picking."""

from __future__ import annotations

from typing import Final

from photodiary.ledger.store import Connection

SINCE: Final = 7  # the version of the database that brought them

JOINED: Final = "LEFT JOIN looks ON looks.photo_id = photos.id AND looks.frame = photos.frame"
"""Joins to rows of `photos` what their frames look like; nothing where another frame was measured."""


def known(db: Connection) -> bool:
    """A reader may meet a diary that no program since has opened for writing."""
    return int(db.execute("PRAGMA user_version").fetchone()[0]) >= SINCE
