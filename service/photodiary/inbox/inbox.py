"""One watched folder: what is in it, what is still arriving, what is taken in next."""

from __future__ import annotations

import math
import os
import stat
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from photodiary.diary.photo import retry_wait, shown_name
from photodiary.errors import Held, NoReader, PhotodiaryError, WorkerLost
from photodiary.inbox import files
from photodiary.inbox.absence import Absence
from photodiary.inbox.arriving import Arriving
from photodiary.inbox.intake import Intake, Taken
from photodiary.inbox.settle import InboxConfig, Pending, ignored_file, ignored_folder, observe, settled
from photodiary.ledger import arrivals, wishes
from photodiary.ledger.arrivals import Stamp, Waiting

log = structlog.get_logger()

A_DAY = 86_400.0
SOON_S = 2.0
SOON_INSTALLED_S = 600.0  # who was told to install something expects it to work soon after


@dataclass(frozen=True)
class Nudge:
    """The watcher saw something at a path below the inbox; renamed: it got there whole, by a rename."""

    path: bytes
    renamed: bool


class Inbox:
    """Owned by one thread; only `notice` may be called from another."""

    def __init__(self, root: Path, config: InboxConfig, intake: Intake, *, excluding: bool = False) -> None:
        """excluding: a photo that is deleted from the inbox is left out of the film after a week."""
        self.root = root
        self.config = config
        self.intake = intake
        self.ledger = intake.ledger
        self.absence = Absence(self.ledger, root, excluding=excluding, diary=intake.diary)
        self.problem: str | None = None
        self.scan_wanted = False
        self._known = arrivals.known_files(self.ledger)
        self._held = arrivals.held_files(self.ledger)
        self._pending = Arriving()
        self._nudges: list[Nudge] = []
        self._lock = threading.Lock()
        self._ignored: dict[bytes, str] = {}
        self._forgotten: set[bytes] = set()
        self._busy_at = float("-inf")
        self.scanned_at = float("-inf")
        self._first_scan = float("inf")
        self._overseen = False  # whether the last look found the inbox in order: then what is new since arrives now

    def scan_due(self, clock: float) -> bool:
        """Whether it is time to look at everything again: regularly, and soon after something that only a scan can count."""
        return self.wait_for_scan(clock) <= 0

    def wait_for_scan(self, clock: float) -> float:
        """Seconds until the next scan."""
        every = min(SOON_S, self.config.scan_every) if self.scan_wanted else self.config.scan_every
        return max(0.0, self.scanned_at + every - clock)

    def notice(self, nudge: Nudge) -> None:
        """Called by the watcher's thread."""
        with self._lock:
            self._nudges.append(nudge)

    def skip(self, clock: float) -> None:
        """Count as looked at without looking."""
        self.scanned_at, self._first_scan = float("inf"), clock

    def scan(self, now: float, clock: float) -> None:
        """Look at everything.  This is the truth: what is new or changed becomes pending.  `clock` is monotonic."""
        try:
            listing = files.walk(self.root, self.config.ignore, self._known)
            problem = None
            if not listing.files and self._known and not any(self.root.iterdir()):
                problem = f"the inbox {self.root} is empty though it held photos; is it mounted?"
        except OSError as error:
            problem = f"the inbox {self.root} cannot be read: {error.strerror}"
            listing = files.Listing()
        self._say(problem)
        pending = {}
        for path, stamp in listing.files.items():
            if (known := self._known.get(path)) is not stamp and known != stamp:  # mostly it is the same, and there may be many
                pending[path] = observe(self._pending.get(path), stamp, clock, backlog=not self._overseen)
        gone = [path for path in self._held if path not in listing.files] if problem is None else []
        if gone:
            arrivals.release(self.ledger, gone)
            for path in gone:
                del self._held[path]
        self._pending.only(pending)
        self._overseen = problem is None
        self.absence.look(self._known, listing.files, healthy=problem is None, now=now)
        for path in listing.ignored.keys() - self._ignored.keys():
            log.info(f"{shown_name(path)} is ignored: it is {listing.ignored[path]}, no regular file", code="file.ignored", diary=self.intake.diary)
        self._ignored = listing.ignored
        self._forgotten &= listing.files.keys()
        self.scan_wanted = False
        self._first_scan = min(self._first_scan, clock)
        self.scanned_at = clock
        self.report(now)
        wishes.note(self.ledger, last_scan=round(now))

    def _say(self, problem: str | None) -> None:
        if problem != self.problem:
            if problem is not None:
                log.warning(f"{problem}; nothing is taken for deleted, photodiary goes on looking", code="inbox.degraded", diary=self.intake.diary)
            else:
                log.info(f"the inbox {self.root} is there again", code="inbox.recovered", diary=self.intake.diary)
        self.problem = problem

    def report(self, now: float) -> None:
        """Note for `status` what the last scan saw and what is still arriving."""
        if not math.isfinite(self.scanned_at):  # not looked yet, or an import that does not look
            return
        wishes.note(
            self.ledger,
            held=len({*self._pending, *self._held}),
            ignored=len(self._ignored),
            forgotten=len(self._forgotten),
            inbox_problem=self.problem,
        )

    def _listen(self, clock: float) -> None:
        with self._lock:
            nudges, self._nudges = self._nudges, []
        for nudge in nudges:
            parts = nudge.path.split(b"/")
            if ignored_file(parts[-1], self.config.ignore) or any(ignored_folder(p, self.config.ignore) for p in parts[:-1]):
                continue
            stamp = self._stamp(nudge.path)
            self.scan_wanted = self.scan_wanted or stamp is None  # gone, or no regular file: only a scan counts those
            if stamp is not None and self._known.get(nudge.path) != stamp:
                self._pending.put(nudge.path, observe(self._pending.get(nudge.path), stamp, clock, early=True, renamed=nudge.renamed))

    def _stamp(self, path: bytes) -> Stamp | None:
        try:
            status = os.stat(os.path.join(os.fsencode(self.root), path), follow_symlinks=False)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)

    def step(self, now: float, clock: float, *, hurried: bool = False) -> bool:
        """Take in one file whose time has come, one that arrives now first.  hurried: only such a one.  Returns whether one was worked on."""
        self._listen(clock)
        path = self._pending.next(lambda path, pending: self._is_due(path, pending, now, clock), hurried=hurried)
        pending = None if path is None else self._pending.get(path)
        if path is None or pending is None:
            return False
        stamp = self._stamp(path)
        if stamp is None:
            self._pending.drop(path)
            self.scan_wanted = True
        elif stamp != pending.stamp:
            self._pending.put(path, observe(pending, stamp, clock))
        else:
            self._take(path, pending, now, clock)
        self._busy_at = clock
        return True

    def _is_due(self, path: bytes, pending: Pending, now: float, clock: float) -> bool:
        return (pending.early or self._calm(pending, clock)) and not self._is_waiting(path, pending, now)

    def _calm(self, pending: Pending, clock: float) -> bool:
        return settled(pending, clock, self.config.wait_until_unchanged)

    def _is_waiting(self, path: bytes, pending: Pending, now: float) -> bool:
        held = self._held.get(path)
        return held is not None and held.stamp == pending.stamp and now < held.next_try

    def _take(self, path: bytes, pending: Pending, now: float, clock: float) -> None:
        full, calm = os.path.join(os.fsencode(self.root), path), self._calm(pending, clock)
        try:
            taken = self.intake.take(full, path, now=now, live=True, trusting=calm, whole=calm or pending.renamed, backlog=pending.backlog)
        except (Held, WorkerLost) as error:
            if calm or isinstance(error, WorkerLost):
                self._hold(path, pending.stamp, error, now=now)
            else:
                stamp = self._stamp(path)
                self._pending.put(path, replace(pending, early=False) if stamp in (None, pending.stamp) else observe(pending, stamp, clock))
            return
        except PhotodiaryError:
            raise  # the disk or the ledger: not this file's fault
        except Exception:
            log.exception(f"unexpected error over {shown_name(path)}; the others go on", code="photo.surprise", diary=self.intake.diary)
            self._hold(path, pending.stamp, Held("an unexpected error, see the log"), now=now)
            return
        self._know(path, taken)

    def _know(self, path: bytes, taken: Taken) -> None:
        self.intake.remember(path, taken)
        self._known[path] = taken.stamp
        if taken.outcome == "forgotten":
            self._forgotten.add(path)
            log.info("a photo that you had forgotten lies in the inbox; it is ignored", code="photo.forgotten", diary=self.intake.diary, sha256=taken.sha256)
        self._held.pop(path, None)
        self._pending.drop(path)

    def read_anew(self, paths: list[bytes]) -> None:
        """Count these files as unknown: the next scan takes them in as if they had just come."""
        for path in paths:
            self._known.pop(path, None)
            self._held.pop(path, None)

    def _hold(self, path: bytes, stamp: Stamp, error: Held | WorkerLost, *, now: float) -> None:
        """Wait for more bytes, longer each time; after a day, or when it killed two workers, it is quarantined.

        A photo whose reader is missing here waits until it is installed: nothing is wrong with the photo.
        """
        why, died, patient = str(error), isinstance(error, WorkerLost), isinstance(error, NoReader)
        before = self._held.get(path)
        if before is not None and before.stamp != stamp:
            before = None
        since, tries, deaths = (now, 0, 0) if before is None else (before.since, before.tries, before.deaths)
        deaths += died  # not just holds: only deaths make a photo dangerous
        too_large = "MB are more than" in why
        if (now - since >= A_DAY and not patient) or (died and deaths > 1) or too_large:
            found = files.digest(os.path.join(os.fsencode(self.root), path))
            if found is not None:
                digest, stamp = found
                code = "crashed_reader" if died else "too_large" if too_large else "empty" if stamp.size == 0 else "truncated"
                self.intake.quarantine(digest, stamp.size, path, code, why, now)
                self._know(path, Taken("quarantined", digest, stamp, why))
                return
        if before is None:
            log.warning(f"{shown_name(path)} waits{'' if patient else ' for more'}: {why}; it is tried again later", code="photo.held", diary=self.intake.diary)
        wait = min(retry_wait(tries + 1), SOON_INSTALLED_S) if patient else retry_wait(tries + 1)
        waiting = Waiting(stamp, why, since, tries + 1, now + wait, deaths)
        arrivals.hold(self.ledger, path, waiting)
        self._held[path] = waiting

    def wait_s(self, now: float, clock: float) -> float:
        """How long nothing can be due, in seconds."""
        wait = self.wait_for_scan(clock)
        for path, pending in self._pending.items():
            if self._is_waiting(path, pending, now):
                wait = min(wait, self._held[path].next_try - now)
            elif pending.early:
                return 0.0
            else:
                wait = min(wait, max(0.0, pending.since + self.config.wait_until_unchanged - clock))
        return wait

    def quiet_s(self, now: float, clock: float) -> float:
        """For how long nothing has been arriving; files that wait for more bytes do not count.  0 before the first scan."""
        if self.scanned_at == float("-inf"):
            return 0.0
        with self._lock:
            if self._nudges:
                return 0.0
        if len(self._pending) > len(self._held):  # then one is not held: tens of thousands need not be looked at for each frame
            return 0.0
        if any(not self._is_waiting(path, pending, now) for path, pending in self._pending.items()):
            return 0.0
        return max(1e-3, clock - max(self._busy_at, self._first_scan))

    def all_known(self, now: float, clock: float) -> bool:
        """Whether what lies in the inbox has been looked at, and all of it that can be is taken in."""
        return self.problem is None and math.isfinite(self.scanned_at) and self.quiet_s(now, clock) > 0
