"""What came in through the page: taken in like the inbox, but whole as soon as it is there, and removed once its copy is in the archive."""

from __future__ import annotations

import os
from dataclasses import dataclass

import structlog

from photodiary.archive import drop
from photodiary.archive.drop import Dropped
from photodiary.archive.store import Archive
from photodiary.diary.photo import Digest, retry_wait, shown_name
from photodiary.errors import Held, NoReader, PhotodiaryError, WorkerLost
from photodiary.inbox import files
from photodiary.inbox.intake import Intake
from photodiary.ledger import forgetting, photos

log = structlog.get_logger()

A_DAY = 86_400.0
DEADLY = 2  # readers that may die over one file


@dataclass
class _Waiting:
    since: float
    tries: int = 0
    deaths: int = 0
    next_try: float = 0.0


class Drop:
    """One diary's drop folder.  Owned by the intake's thread.

    A file goes only after its photo is among the originals and its row is in the ledger, or was forgotten by a person's wish: until then a crash
    finds it here again.  What could not be read stays, as it does in an inbox, until it is tried again.
    """

    def __init__(self, archive: Archive, intake: Intake) -> None:
        self._archive = archive
        self._intake = intake
        self._waiting: dict[bytes, _Waiting] = {}
        self._unread: dict[bytes, Digest] = {}

    def step(self, now: float) -> bool:
        """Take in one file whose time has come.  Returns whether there was one.  Raises StorageTrouble.  now: seconds since the epoch."""
        lying = list(drop.lying(self._archive))
        there = {dropped.path for dropped in lying}
        self._waiting = {path: waiting for path, waiting in self._waiting.items() if path in there}
        self._unread = {path: digest for path, digest in self._unread.items() if path in there}
        for dropped in lying:
            waiting = self._waiting.get(dropped.path)
            if dropped.path in self._unread or (waiting is not None and waiting.next_try > now):
                continue
            self._take(dropped, now)
            return True
        return False

    def read_anew(self) -> None:
        """Try again what could not be read."""
        self._waiting.clear()
        self._unread.clear()

    def wait_s(self, now: float) -> float:
        """How long nothing can be due, in seconds."""
        return max(0.0, min((waiting.next_try - now for waiting in self._waiting.values()), default=float("inf")))

    def quiet(self, now: float) -> bool:
        """Whether nothing lies here that will soon be taken in."""
        for dropped in drop.lying(self._archive):
            waiting = self._waiting.get(dropped.path)
            if dropped.path not in self._unread and (waiting is None or waiting.next_try <= now):
                return False
        return True

    def _take(self, dropped: Dropped, now: float) -> None:
        try:
            taken = self._intake.take(dropped.path, dropped.name, now=now, live=True, trusting=True)
        except (Held, WorkerLost) as error:
            self._hold(dropped, error, now)
            return
        except PhotodiaryError:
            raise  # the disk or the ledger: not this file's fault
        except Exception:
            log.exception(f"unexpected error over {shown_name(dropped.name)}; the others go on", code="photo.surprise", diary=self._intake.diary)
            self._hold(dropped, Held("an unexpected error, see the log"), now)
            return
        self._waiting.pop(dropped.path, None)
        if taken.outcome == "quarantined":
            self._unread[dropped.path] = taken.sha256
            return
        if taken.outcome == "forgotten":
            log.info("a photo that you had forgotten was sent again; it is removed", code="photo.forgotten", diary=self._intake.diary, sha256=taken.sha256)
        elif not self._kept(taken.sha256):
            self._hold(dropped, Held("its copy is not in the archive; `photodiary doctor` says more"), now)
            return
        drop.taken_in(self._archive, dropped)

    def _kept(self, digest: Digest) -> bool:
        """Whether the archive holds the photo, whatever was just said about it: nothing else lets a file go."""
        photo = photos.find(self._intake.ledger, digest)
        if photo is None:
            return forgetting.is_forgotten(self._intake.ledger, digest)
        return photo.original is not None and os.path.exists(self._archive.root / photo.original)

    def _hold(self, dropped: Dropped, error: Held | WorkerLost, now: float) -> None:
        """Nothing more of it will come, but a reader may, and readers die of other things too; after a day, or two deaths, it is quarantined."""
        waiting = self._waiting.setdefault(dropped.path, _Waiting(now))
        waiting.tries += 1
        waiting.deaths += isinstance(error, WorkerLost)
        waiting.next_try = now + retry_wait(waiting.tries)
        if waiting.tries == 1:
            log.warning(f"{shown_name(dropped.name)} waits: {error}; it is tried again later", code="photo.held", diary=self._intake.diary)
        if not (waiting.deaths >= DEADLY or (now - waiting.since >= A_DAY and not isinstance(error, NoReader))):
            return
        found = files.digest(dropped.path)
        if found is not None:
            digest, stamp = found
            code = "crashed_reader" if waiting.deaths >= DEADLY else "empty" if stamp.size == 0 else "truncated"
            self._intake.quarantine(digest, stamp.size, dropped.name, code, str(error), now)
            self._unread[dropped.path] = digest
            del self._waiting[dropped.path]
