"""A backlog from anywhere: like the inbox, but once, and without waiting for anything to settle."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any

from photodiary.errors import Held, WorkerLost
from photodiary.inbox import files
from photodiary.inbox.intake import Intake
from photodiary.inbox.settle import ignored_file
from photodiary.ledger import wishes

REPORT_EVERY_S = 0.5


def candidates(paths: list[str], globs: tuple[str, ...] = ()) -> list[tuple[bytes, bytes]]:
    """(path, name) of every file that may be a photo: files as given, folders with all below them; the name is what the user knows it by."""
    found: list[tuple[bytes, bytes]] = []
    for text in paths:
        path = os.fsencode(os.path.abspath(text))
        if os.path.isdir(path):
            found += [(os.path.join(path, name), name) for name in sorted(files.walk(os.fsdecode(path), globs).files)]
        elif not ignored_file(os.path.basename(path), globs):
            found.append((path, os.path.basename(path)))
    return found


@dataclass
class _Job:
    wish: int
    waiting: list[tuple[bytes, bytes]]
    total: int
    counts: dict[str, int] = field(default_factory=lambda: {"new": 0, "known": 0, "undated": 0, "quarantined": 0, "forgotten": 0, "failed": 0})
    digests: list[str] = field(default_factory=list)
    unreadable: list[dict[str, str]] = field(default_factory=list)
    reported_at: float = 0.0

    def progress(self) -> dict[str, Any]:
        return {"done": self.total - len(self.waiting), "total": self.total}


class Importing:
    """Carries out wishes to import, one file a step, so that live photos come between.  Begun again after a crash, it repeats harmlessly."""

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
        if not job.waiting:
            wishes.fulfil(self.ledger, job.wish, {**job.counts, "total": job.total, "unreadable": job.unreadable, "sha256": job.digests}, now)
            self._job = None
            return True
        path, name = job.waiting[-1]  # taken off only when something became of it: trouble with the disk tries it again
        try:
            taken = self.intake.take(path, name, now=now, live=False, trusting=True)
        except (Held, WorkerLost) as error:
            job.counts["failed"] += 1
            job.unreadable.append({"file": os.fsdecode(path), "why": str(error)})
        else:
            job.counts[taken.outcome] += 1
            if taken.outcome != "forgotten":
                job.digests.append(taken.sha256)
            if taken.outcome == "quarantined":
                job.unreadable.append({"file": os.fsdecode(path), "why": taken.why or "could not be read"})
        job.waiting.pop()
        clock = time.monotonic()
        if clock - job.reported_at > REPORT_EVERY_S:
            job.reported_at = clock
            wishes.report(self.ledger, job.wish, job.progress())
        return True

    def _next(self, now: float) -> _Job | None:
        wish = wishes.oldest_open(self.ledger, "import")
        if wish is None:
            return None
        found: list[tuple[bytes, bytes]] = []
        refused: list[dict[str, str]] = []
        for path in wish.details["paths"]:
            try:
                found += candidates([str(path)], self.globs)
            except OSError as error:
                refused.append({"file": str(path), "why": f"the folder cannot be read: {error.strerror}"})
        self._job = _Job(wish.id, found[::-1], len(found), unreadable=refused)
        wishes.report(self.ledger, wish.id, self._job.progress())
        return self._job
