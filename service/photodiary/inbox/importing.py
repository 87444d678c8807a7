"""A backlog from anywhere: like the inbox, but once, and without waiting for anything to settle.

A wish to import says {"paths": [...]}, files and folders to read, or {"items": [...], "source": ...}, photos one by one, each with the name it is
known by where it comes from, and with what is said there about when it was taken.  "full": read also what was brought before.  "more": another
wish follows soon, so that the picture format is not chosen between the two.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from photodiary.diary import calendar
from photodiary.diary.photo import Digest, Stage, shown_name
from photodiary.errors import Held, PhotodiaryError, WorkerLost
from photodiary.inbox import files
from photodiary.inbox.intake import Intake
from photodiary.inbox.settle import ignored_file
from photodiary.ledger import brought, photos, wishes
from photodiary.ledger.arrivals import Stamp
from photodiary.ledger.photos import PhotoRow

log = structlog.get_logger()

REPORT_EVERY_S = 0.5
MORE_WITHIN_S = 60.0  # whoever said that more comes, and does not bring it by then, is gone


@dataclass(frozen=True)
class Candidate:
    """A file that may be a photo: where it lies, what the user knows it by, which item of a source it is, and what is told there of its date."""

    path: bytes
    name: bytes
    item: brought.Item | None = None
    told: calendar.Taken | None = None
    wrong: str | None = None  # why it cannot be taken in as it was described


def candidates(paths: list[str], globs: tuple[str, ...] = ()) -> list[Candidate]:
    """Every file that may be a photo: files as given, folders with all below them.  Raises OSError when one that was given cannot be read."""
    found: list[Candidate] = []
    for text in paths:
        path = os.path.abspath(text)
        if os.path.isdir(path):
            listing = files.walk(path, globs).files
            found += [_of_folder(os.fsencode(path), name, listing[name]) for name in sorted(listing)]
        elif not ignored_file(os.path.basename(os.fsencode(path)), globs):
            status = os.stat(path)
            stamp = Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
            found.append(_of_folder(os.path.dirname(os.fsencode(path)), os.path.basename(os.fsencode(path)), stamp))
    return found


def _of_folder(folder: bytes, name: bytes, stamp: Stamp) -> Candidate:
    return Candidate(os.path.join(folder, name), name, brought.Item(brought.called(folder), brought.called(name), f"{stamp.size}:{stamp.mtime_ns}"))


def _described(details: dict[str, Any]) -> list[Candidate]:
    """The photos of a wish that names them one by one."""
    found = []
    for said in details["items"]:
        path, name = os.fsencode(said["path"]), os.fsencode(said["name"])
        item = None if said.get("item") is None else brought.Item(str(details.get("source", "")), str(said["item"]), str(said.get("stamp") or ""))
        try:
            found.append(Candidate(path, name, item, brought.as_told(said)))
        except ValueError as error:
            found.append(Candidate(path, name, item, wrong=str(error)))
    return found


@dataclass
class _Job:
    wish: wishes.Wish
    waiting: list[Candidate]
    total: int
    brought: dict[str, dict[str, tuple[str, Digest]]] = field(default_factory=dict)  # by source: what need not be read again
    counts: dict[str, int] = field(default_factory=lambda: {"new": 0, "known": 0, "undated": 0, "quarantined": 0, "forgotten": 0, "failed": 0})
    digests: list[str] = field(default_factory=list)
    unreadable: list[dict[str, str]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    reported_at: float = 0.0
    idle_since: float | None = None

    def progress(self) -> dict[str, Any]:
        return {"done": self.total - len(self.waiting), "total": self.total}

    def count(self, outcome: str, digest: Digest) -> None:
        self.counts[outcome] += 1
        if outcome != "forgotten":
            self.digests.append(digest)
            self.seen.add(digest)


def _outcome(job: _Job, photo: PhotoRow) -> str:
    """What a photo counts as that is in the diary: new when this very wish has brought it, before a restart."""
    if photo.received_at < job.wish.made_at or photo.sha256 in job.seen or photo.stage is Stage.QUARANTINED:
        return "known"
    return "undated" if photo.stage is Stage.UNDATED else "new"


class Importing:
    """Carries out wishes to import, one file a step, so that live photos come between.

    Begun again after a crash it goes on: what it had brought is not read again, and counts as what it was.
    """

    def __init__(self, intake: Intake, globs: tuple[str, ...]) -> None:
        self.intake = intake
        self.ledger = intake.ledger
        self.globs = globs
        self._job: _Job | None = None

    def step(self, now: float) -> bool:
        """Take in one file of the oldest open import.  Returns whether there was one."""
        job = self._job or self._next(now)
        if job is None:
            return False
        clock = time.monotonic()
        if not job.waiting:
            if self._more_follows(job, clock):
                return False
            wishes.fulfil(self.ledger, job.wish.id, {**job.counts, "total": job.total, "unreadable": job.unreadable, "sha256": job.digests}, now)
            self._job = None
            return True
        self._bring(job, job.waiting[-1], now)  # taken off only when something became of it: trouble with the disk tries it again
        job.waiting.pop()
        if clock - job.reported_at > REPORT_EVERY_S or not job.waiting:
            job.reported_at = clock
            wishes.report(self.ledger, job.wish.id, job.progress())
        return True

    def _bring(self, job: _Job, found: Candidate, now: float) -> None:
        if found.item is not None and (before := self._before(job, found.item)) is not None and (photo := photos.find(self.ledger, before)) is not None:
            job.count(_outcome(job, photo), before)
            return
        told = calendar.believed(found.told, now=datetime.fromtimestamp(now, UTC), zone=self.intake.zone)
        try:
            if found.wrong is not None:
                raise Held(found.wrong)
            taken = self.intake.take(found.path, found.name, now=now, live=False, trusting=True, told=told, backlog=True)
            if taken.outcome not in ("quarantined", "forgotten"):  # who imports what could not be read once more wants it tried again
                brought.remember(self.ledger, taken.sha256, found.item, told, now)
        except (Held, WorkerLost) as error:
            self._failed(job, found, str(error))
            return
        except PhotodiaryError:
            raise  # the disk or the ledger: not this file's fault
        except Exception:
            log.exception(f"unexpected error over {shown_name(found.name)}; the others go on", code="photo.surprise", diary=self.intake.diary)
            self._failed(job, found, "an unexpected error, see the log")
            return
        photo = photos.find(self.ledger, taken.sha256) if taken.outcome == "known" else None
        job.count(taken.outcome if photo is None else _outcome(job, photo), taken.sha256)
        if taken.outcome == "quarantined":
            job.unreadable.append({"file": self._shown(job, found), "why": taken.why or "could not be read"})

    def _failed(self, job: _Job, found: Candidate, why: str) -> None:
        job.counts["failed"] += 1
        job.unreadable.append({"file": self._shown(job, found), "why": why})

    @staticmethod
    def _shown(job: _Job, found: Candidate) -> str:
        return os.fsdecode(found.path if "paths" in job.wish.details else found.name)

    def _before(self, job: _Job, item: brought.Item) -> Digest | None:
        if job.wish.details.get("full"):
            return None
        if item.source not in job.brought:
            job.brought[item.source] = brought.known(self.ledger, item.source)
        stamp, digest = job.brought[item.source].get(item.item, ("", None))
        return digest if stamp == item.stamp else None

    def _more_follows(self, job: _Job, clock: float) -> bool:
        """Whether another import is on its way, so that this one is kept open until it is there."""
        if not job.wish.details.get("more"):
            return False
        job.idle_since = job.idle_since or clock
        return clock - job.idle_since < MORE_WITHIN_S and not wishes.is_open(self.ledger, "import", after=job.wish.id)

    def _next(self, now: float) -> _Job | None:
        wish = wishes.oldest_open(self.ledger, "import")
        if wish is None:
            return None
        found: list[Candidate] = []
        refused: list[dict[str, str]] = []
        if "items" in wish.details:
            found = _described(wish.details)
        for path in wish.details.get("paths", ()):
            try:
                found += candidates([str(path)], self.globs)
            except OSError as error:
                refused.append({"file": str(path), "why": f"{'the folder' if os.path.isdir(path) else 'it'} cannot be read: {error.strerror}"})
        self._job = _Job(wish, found[::-1], len(found), unreadable=refused)
        wishes.report(self.ledger, wish.id, self._job.progress())
        return self._job
