"""One diary with everything that works on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from photodiary.align.aligning import Aligning
from photodiary.archive.reserve import Reserve
from photodiary.archive.store import Archive
from photodiary.inbox.drop import Drop
from photodiary.inbox.importing import Importing
from photodiary.inbox.inbox import Inbox
from photodiary.inbox.strays import Strays
from photodiary.ledger.store import Ledger
from photodiary.locate.locating import Locating
from photodiary.render.rendering import Rendering
from photodiary.run.lock import DaemonLock


@dataclass(frozen=True)
class House:
    """One diary with everything that works on it."""

    name: str
    zone: ZoneInfo
    lock: DaemonLock
    ledger: Ledger
    archive: Archive
    reserve: Reserve
    inbox: Inbox
    drop: Drop
    importing: Importing
    strays: Strays
    locating: Locating
    aligning: Aligning
    rendering: Rendering


def be_private() -> None:
    """Files that this process makes are for its user only."""
    os.umask(0o077)
