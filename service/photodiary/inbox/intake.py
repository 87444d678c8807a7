"""The step that takes a photo in: read once, hash, decode strictly, copy into the archive, then the ledger row."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import structlog

from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import NOT_A_PHOTO, SNIFFED, DarkroomConfig, sniff
from photodiary.diary import calendar
from photodiary.diary.photo import Digest, Stage, digest_of, shown_name
from photodiary.errors import Held, Unreadable
from photodiary.inbox import files
from photodiary.inbox.settle import whole_by_itself
from photodiary.ledger import arrivals, forgetting, photos
from photodiary.ledger.arrivals import Stamp
from photodiary.ledger.store import Ledger

log = structlog.get_logger()


@dataclass(frozen=True)
class Taken:
    """What became of one file: `outcome` is new, known, undated, quarantined or forgotten (by a person's wish, and so ignored)."""

    outcome: str
    sha256: Digest
    stamp: Stamp
    why: str | None = None


def _enough(size: int) -> None:
    pass


@dataclass(frozen=True)
class Intake:
    """Takes files into one diary."""

    diary: str
    ledger: Ledger
    archive: Archive
    darkroom: Darkroom
    limits: DarkroomConfig
    zone: tzinfo
    spent: dict[Digest, float]  # seconds of work so far by photo, for the log line
    room_for: Callable[[int], None] = _enough  # so many bytes; raises StorageTrouble when the disk has no room for them

    def take(
        self, path: bytes, name: bytes, *, now: float, live: bool, trusting: bool, whole: bool = True, told: calendar.Taken | None = None,
        backlog: bool = False,
    ) -> Taken:  # fmt: skip
        """Take in the file at `path`, which the user knows as `name`.

        live: it arrived now, so its file time may date it.  trusting: it has settled, so what is no photo is quarantined;
        otherwise anything but a good photo is Held.  whole: when false, it must also show by itself that nothing is missing.
        told: when it was taken, as said where it comes from.  backlog: photos that arrive now go before it.

        Repeatable: copying in again ends with the same archive and rows.  Raises Held, WorkerLost, StorageTrouble.
        """
        started = time.monotonic()
        try:
            data, stamp, mtime = files.read(path, self.limits.max_megabytes)
        except Unreadable as error:
            raise Held(str(error)) from error  # without reading it there is no hash to keep it by
        digest = digest_of(data)
        known = photos.find(self.ledger, digest)
        if known is None and forgetting.is_forgotten(self.ledger, digest):  # asked second: whoever is forgotten meanwhile is seen by one of both
            return Taken("forgotten", digest, stamp)
        if known is not None and (known.stage is not Stage.QUARANTINED or known.original is not None):  # what could not be read is tried again
            with self.ledger.write() as db:
                photos.add_name(db, digest, name, now)
            return Taken("known", digest, stamp)
        if not whole and not whole_by_itself(data):
            raise Held("more of it may be on its way")
        self.room_for(len(data))
        try:
            if sniff(data[:SNIFFED]) is None:
                raise Unreadable("not_a_photo", NOT_A_PHOTO)
            seen = self.darkroom.inspect(digest, data)
        except Unreadable as error:
            if not trusting:
                raise Held(str(error)) from error
            self.quarantine(digest, len(data), name, error.code, str(error), now)
            return Taken("quarantined", digest, stamp, str(error))
        moment = datetime.fromtimestamp(now, UTC)
        taken = calendar.when_taken(
            seen.dates, os.path.basename(name).decode("utf-8", "replace"), now=moment, zone=self.zone,
            mtime=mtime, arrived_live_at=now if live else None, told=told,
        )  # fmt: skip
        if live and not trusting and (taken is None or taken.source == "mtime"):
            raise Held("nothing dates it but its file's time, which may still be set")
        original = layout.original(digest, None if taken is None else taken.wall, seen.format)
        self.archive.publish(original, data)
        stage = Stage.UNDATED if taken is None else Stage.RECEIVED
        row = photos.NewPhoto(
            digest, len(data), seen.format, seen.width, seen.height, taken,
            None if taken is None else taken.utc(self.zone).timestamp(), original, stage, "undated" if taken is None else None,
            seen.picture, seen.signature, backlog,
        )  # fmt: skip
        photos.insert_or_name(self.ledger, row, name, now)
        if taken is None:
            log.warning(
                f"{shown_name(name)} has no date, neither in the photo nor in its name; it is kept and waits for one",
                code="photo.undated", diary=self.diary, sha256=digest,
            )  # fmt: skip
            return Taken("undated", digest, stamp)
        self.spent[digest] = time.monotonic() - started
        return Taken("new", digest, stamp)

    def quarantine(self, digest: Digest, size: int, name: bytes, code: str, why: str, now: float) -> None:
        """Note a file that could not be read as a row; the file itself stays where it is.  Nothing is noted of a forgotten one."""
        if forgetting.is_forgotten(self.ledger, digest):
            return
        row = photos.NewPhoto(digest, size, None, None, None, None, None, None, Stage.QUARANTINED, code)
        photos.insert_or_name(self.ledger, row, name, now)
        log.warning(
            f"{shown_name(name)} could not be read: {why}; the file is untouched",
            code="photo.quarantined",
            diary=self.diary,
            sha256=digest,
            reason=code,
        )

    def remember(self, path: bytes, taken: Taken) -> None:
        arrivals.remember(self.ledger, path, taken.stamp, taken.sha256)
