"""Brings photos of a source into a diary, some at a time, and goes on where it was interrupted.

What is no file that the daemon can read (an archive's entry, a download) is written into a room of the archive's `work/` first, never more than a few
batches of it; each batch is a wish, which the daemon carries out, or the engine in this process.  What became of an item is noted with the photo
itself (`ledger/brought.py`), so that nothing is brought twice, whoever is interrupted when.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photodiary.archive.reserve import DiskConfig, short_of
from photodiary.archive.store import Archive, trouble
from photodiary.diary.photo import Digest
from photodiary.errors import Busy, PhotodiaryError, StorageTrouble
from photodiary.ledger import brought, wishes
from photodiary.ledger.store import Ledger
from photodiary.moving.source import NotBrought, Offer, Source, Survey
from photodiary.run.progress import POLL_S, Progress, through

BATCH, BATCH_BYTES = 64, 256 << 20
AHEAD = 2  # batches that wait or are worked on
PATIENCE_S = 20.0  # for what is being taken in when a person has had enough
COUNTS = ("new", "known", "undated", "quarantined", "forgotten", "failed")


@dataclass
class Outcome:
    """What became of everything so far; `as_wish` is what the outcome of a single wish would be."""

    counts: Counter[str] = field(default_factory=Counter)
    digests: list[str] = field(default_factory=list)
    unreadable: list[dict[str, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    total: int = 0

    def begin(self, survey: Survey, known: dict[str, tuple[str, Digest]]) -> int:
        """Count what a source has, and what of it was brought before.  Returns how many photos were not."""
        self.total += len(survey.photos)
        self.skipped.update(survey.skipped)
        self.unreadable += [{"file": file, "why": why} for file, why in survey.broken]
        before = [known[item][1] for item, stamp, _ in survey.photos if known.get(item, ("",))[0] == stamp]
        self.counts["known"] += len(before)
        self.digests += before
        return len(survey.photos) - len(before)

    def add(self, said: dict[str, Any]) -> None:
        self.counts.update({key: said[key] for key in COUNTS})
        self.digests += said["sha256"]
        self.unreadable += said["unreadable"]

    def failed(self, name: str, why: str) -> None:
        self.counts["failed"] += 1
        self.unreadable.append({"file": name, "why": why})

    @property
    def done(self) -> int:
        return sum(self.counts[key] for key in COUNTS)

    def as_wish(self) -> dict[str, Any]:
        return {**{key: self.counts[key] for key in COUNTS}, "total": self.total, "sha256": self.digests, "unreadable": self.unreadable}


@dataclass
class _Batch:
    items: list[dict[str, Any]] = field(default_factory=list)
    spooled: list[Path] = field(default_factory=list)
    bytes: int = 0
    wish: int = 0


class _Spool:
    """A file in the room that gets one photo's bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise trouble(path, error) from error

    def write(self, piece: bytes) -> None:
        left = memoryview(piece)
        try:
            while left:  # a disk that is nearly full takes what it can, and says nothing yet
                left = left[self._file.write(left) :]
        except OSError as error:
            raise trouble(self.path, error) from error

    def begin_again(self) -> None:
        self._file.seek(0)
        self._file.truncate()

    def close(self) -> int:
        """Returns how many bytes there are."""
        size = self._file.tell()
        self._file.close()
        return size


class Moving:
    """One import.  Used by one thread; `close` it."""

    def __init__(
        self, archive: Archive, ledger: Ledger, disk: DiskConfig, *, poke: Callable[[], object], check: Callable[[], None], sees_files: bool, full: bool
    ) -> None:  # fmt: skip
        """poke: wakes whoever acts on wishes; check: raises when nobody does any more; sees_files: they can open what this process can.

        full: bring also what was brought before.
        """
        self.outcome = Outcome()
        self._archive, self._ledger, self._disk = archive, ledger, disk
        self._poke, self._check, self._sees_files, self._full = poke, check, sees_files, full
        self._sent: deque[_Batch] = deque()
        self._batch = _Batch()
        self._stack = ExitStack()
        self._room: Path | None = None
        self._spooled = 0
        self._progress, self._begun, self._before = Progress(), time.monotonic(), 0
        self._source, self._shown = "", float("-inf")

    def close(self) -> None:
        self._stack.close()
        if self._room is not None:
            self._sweep()

    def _sweep(self) -> None:
        """Remove what interrupted imports left, unless somebody may still read it."""
        if not wishes.is_open(self._ledger, "import", after=0):
            self._archive.sweep_rooms()

    def bring(self, source: Source, survey: Survey) -> None:
        """Everything that the source offers and the diary does not have of it.  Raises StorageTrouble, Busy, what the source raises, and
        KeyboardInterrupt, when what can be kept is, and it is said how to go on."""
        known = {} if self._full else brought.known(self._ledger, source.name)
        fresh = self.outcome.begin(survey, known)
        self._before += len(survey.photos) - fresh
        self._source = source.name
        try:
            if fresh:
                missing = {item for item, stamp, _ in survey.photos if known.get(item, ("",))[0] != stamp}
                for offer in source.offers():
                    if known.get(offer.item, ("",))[0] != offer.stamp:
                        missing.discard(offer.item)
                        self._add(offer)
                for item in sorted(missing):  # a disk that was pulled out, an archive that was moved: nobody may believe that all is here
                    self.outcome.failed(item, "it was there before and is not any more; call this again when it is back")
            self._send(more=False)
            self._settle(0)
        except (KeyboardInterrupt, PhotodiaryError) as error:
            if not isinstance(error, Busy):  # nobody would take in what is here
                self._leave()
            self._progress.done()
            what, done, total = "interrupted" if isinstance(error, KeyboardInterrupt) else "stopped", self.outcome.done, self.outcome.total
            print(f"{what}: {done:,} of {total:,} photos are done with; the same command goes on where it stopped", file=sys.stderr)
            raise
        finally:
            self._progress.done()

    def _add(self, offer: Offer) -> None:
        if len(self._batch.items) >= BATCH or self._batch.bytes >= BATCH_BYTES:
            self._send(more=True)
            self._settle(AHEAD - 1)
        path = offer.path
        if path is None or not self._sees_files:
            try:
                path = self._spool(offer)
            except NotBrought as error:
                self.outcome.failed(offer.name, str(error))
                return
        told = {"taken": None, "offset_s": None, "taken_from": None} if offer.told is None else brought.as_said(offer.told)
        self._batch.items.append({"path": str(path), "name": offer.name, "item": offer.item, "stamp": offer.stamp, **told})
        self._show()

    def _spool(self, offer: Offer) -> Path:
        if self._room is None:
            self._sweep()
            self._room = self._stack.enter_context(self._archive.room())
            self._give(self._room)
        if short_of(self._archive.root, self._disk, offer.size):
            self._settle(0)
            if (lacking := short_of(self._archive.root, self._disk, offer.size)) is not None:
                raise StorageTrouble(f"{lacking}; call this again then")
        target = _Spool(self._room / f"{self._spooled:07d}")
        self._give(target.path)
        self._spooled += 1
        try:
            if offer.fetch is not None:
                offer.fetch(target)
            else:
                _copy(offer, target)
        except BaseException:
            target.close()
            target.path.unlink(missing_ok=True)
            raise
        self._batch.bytes += target.close()
        self._batch.spooled.append(target.path)
        return target.path

    def _give(self, path: Path) -> None:
        """Called by root, as with sudo, what lies here is for whoever the diary belongs to."""
        owner = self._archive.root.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.chown(path, owner.st_uid, owner.st_gid)

    def _send(self, *, more: bool) -> None:
        if self._batch.items or (self._sent and not more):  # an empty one says to the one before that nothing follows any more
            details = {"items": self._batch.items, "source": self._source, "more": more, "full": self._full}
            self._batch.wish = wishes.make(self._ledger, "import", details, time.time())
            self._sent.append(self._batch)
            self._poke()
        self._batch = _Batch()

    def _settle(self, most: int) -> None:
        """Wait until no more than so many batches are left."""
        while len(self._sent) > most:
            wish = wishes.get(self._ledger, self._sent[0].wish)
            if wish.outcome is None:
                self._check()
                self._show(wish.progress)
                time.sleep(POLL_S)
                continue
            batch = self._sent.popleft()
            self.outcome.add(wish.outcome)
            for path in batch.spooled:
                path.unlink(missing_ok=True)

    def _leave(self) -> None:
        """A person has had enough: what is there to be taken in is, when it goes quickly."""
        end = time.monotonic() + PATIENCE_S
        with suppress(KeyboardInterrupt, StorageTrouble):
            self._send(more=False)
            while self._sent and time.monotonic() < end:
                self._settle(len(self._sent) - 1 if wishes.get(self._ledger, self._sent[0].wish).outcome is not None else len(self._sent))
                time.sleep(POLL_S)

    def _show(self, now: dict[str, Any] | None = None) -> None:
        """How far it is: what is through to its frame, or out of the film, counts, for that takes longest."""
        if time.monotonic() - self._shown < POLL_S:
            return
        self._shown = time.monotonic()
        brought_in = self.outcome.done + (0 if now is None else int(now.get("done", 0)))
        ready = max(0, brought_in - through(self._ledger)[0])
        fresh, seconds = ready - self._before, time.monotonic() - self._begun
        if self._sent and (lacking := short_of(self._archive.root, self._disk)) is not None:  # also before anybody has begun
            self._progress.show(f"waiting: {lacking}")
            return
        words = f"{brought_in:,} of {self.outcome.total:,} photos brought, {ready:,} through"
        if fresh > 0 and seconds > 2:
            rate = fresh / seconds
            words += f", {rate:.1f} a second, {duration((self.outcome.total - ready) / rate)} left"
        self._progress.show(words)


def _copy(offer: Offer, target: _Spool) -> None:
    """A file that whoever takes it in may not see, such as one in a home that the service is kept from."""
    assert offer.path is not None
    try:
        descriptor = os.open(offer.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            left = offer.size  # no more than was seen, whatever becomes of it
            while left > 0 and (piece := file.read(min(1 << 20, left))):
                target.write(piece)
                left -= len(piece)
            if left or file.read(1):
                raise NotBrought("it is still being written; the same command brings it later")
    except OSError as error:
        raise NotBrought(f"it cannot be read: {error.strerror}") from error


def duration(seconds: float) -> str:
    """A time to wait, as people say it."""
    if seconds < 45:
        return "less than a minute"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    hours = round(seconds / 3600)
    return f"about {hours} hours" if hours < 48 else f"about {round(hours / 24)} days"
