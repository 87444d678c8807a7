"""Opening one diary: its lock, its database, and tidying up what an interrupted run left."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import structlog

from photodiary.archive.reserve import Reserve
from photodiary.archive.store import Archive
from photodiary.errors import PhotodiaryError, StorageTrouble
from photodiary.ledger import picks, queue, reels, wishes
from photodiary.ledger.store import Ledger
from photodiary.run.lock import DaemonLock
from photodiary.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True)
class Opened:
    name: str
    lock: DaemonLock
    archive: Archive
    reserve: Reserve
    ledger: Ledger


def open_diary(settings: Settings, name: str, locks: list[DaemonLock], ledgers: list[Ledger]) -> Opened:
    """Take its lock, make room when its disk is full, open its database, sweep up.  What is open is in the lists whatever happens.

    Raises Busy, LedgerTrouble, StorageTrouble.
    """
    archive = Archive(settings.diary[name].archive)
    archive.prepare()
    lock = DaemonLock(archive.root)
    locks.append(lock)
    reserve = Reserve(archive.root, settings.disk)
    reserve.make_do()
    ledger = Ledger(archive.root)
    ledgers.append(ledger)
    removed = archive.sweep(reels.frame_paths(ledger))
    if removed:
        log.info(f"tidied up after an interrupted run: {len(removed)} unfinished files removed", code="janitor.swept", diary=name, removed=len(removed))
    with suppress(StorageTrouble):  # on a full disk they are tried again when their time has come
        queue.forgive_first_tries(ledger)
        picks.adopt(ledger, settings.film.pick)
        wishes.note(ledger, timezone=str(settings.zone(name)))  # for whoever takes the diary over without its configuration
    return Opened(name, lock, archive, reserve, ledger)


def can_open(settings: Settings, name: str) -> bool:
    """Whether the database of a diary that could not be opened can be by now.  Called while its lock is held, or could not be had either."""
    archive = Archive(settings.diary[name].archive)
    try:
        archive.prepare()
        Ledger(archive.root).close()
    except PhotodiaryError:
        return False
    return True
