"""When to learn: by the clock, by enough new labels, or because a person asked.  The daemon starts `photodiary retrain` as a child and never trains itself."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from photodiary.diary.eyes import EyePair
from photodiary.diary.hours import next_time
from photodiary.errors import LedgerTrouble, PhotodiaryError, StorageTrouble
from photodiary.eyenet import learnt
from photodiary.ledger import labels
from photodiary.ledger.store import FILE, Ledger
from photodiary.run.lock import nudge
from photodiary.settings import Settings

log = structlog.get_logger()

WANTED = "wanted"
AGAIN_S = 3600.0  # after one that failed
ENDED_S = 20.0  # for a child to stop when it is asked to
COUNT_EVERY_S = 300.0  # labels


def wish_now(settings: Settings) -> None:
    """Ask for it: the daemon, or a timer, begins soon.  Raises StorageTrouble."""
    folder = Path(settings.state) / "retrain"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / WANTED).touch(mode=0o600)
    except OSError as error:
        raise StorageTrouble(f"{folder}: cannot be written: {error.strerror}") from error
    for diary in settings.diary.values():
        nudge(diary.archive)


def wanted(settings: Settings) -> bool:
    """Whether a person asked for it, as far as the folder may be looked into."""
    return os.path.exists(Path(settings.state) / "retrain" / WANTED)  # Path.exists raises where a folder is closed to us


def fingerprints(settings: Settings) -> list[str]:
    """One short word for each placed label in force, of all diaries; it is another one when the label is."""
    words = []
    for diary in settings.diary.values():
        for sha256, eyes in placed_labels(diary.archive):
            numbers = " ".join(f"{value:.2f}" for point in eyes for value in point)
            words.append(hashlib.sha256(f"{sha256} {numbers}".encode()).hexdigest()[:12])
    return sorted(words)


def placed_labels(archive: Path) -> Iterator[tuple[str, EyePair]]:
    """SHA-256 and eyes of every placed label in force of a diary, whether or not a model can learn from it; none where there is no diary yet."""
    if not os.path.exists(archive / FILE):
        return
    try:
        ledger = Ledger(archive, writable=False)
    except LedgerTrouble:
        return
    try:
        for photo, label in labels.in_force(ledger):
            if label.by == "placed" and label.eyes is not None:
                yield photo.sha256, label.eyes
    finally:
        ledger.close()


def new_labels(settings: Settings) -> int:
    """How many placed labels the newest outcome does not know."""
    return len(set(fingerprints(settings)) - set(newest_outcome(settings).get("labels") or []))


def newest_outcome(settings: Settings) -> dict[str, Any]:
    """What `outcome.json` says of the newest finished run; empty where there was none."""
    try:
        content = json.loads((Path(settings.state) / "retrain" / learnt.OUTCOME).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


class Learning:
    """The daemon's side.  `check` is called now and then by one thread; `stop` ends a child that is at work.  settings: may be replaced by newer ones."""

    def __init__(self, config: Path, settings: Settings, start: Callable[[list[str]], subprocess.Popen[bytes]] | None = None) -> None:
        self._config, self.settings = config, settings
        self._start = start or _child
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0
        self._counted = time.time()
        finished = newest_outcome(settings).get("finished_at")  # a machine that is off at that time of day makes up for it
        self._due = self._next(finished if isinstance(finished, int | float) and finished < self._counted else self._counted)

    def _next(self, now: float) -> float:
        self._planned = self.settings.retrain.at, self.settings.timezone
        return next_time(self.settings.retrain.at, ZoneInfo(self.settings.timezone), now)

    @property
    def at_work(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def check(self, now: float) -> None:
        """Start a child when it is time, and tell what became of one that has ended.  now: seconds since the epoch."""
        if self._child is not None:
            if self._child.poll() is None:
                return
            self._ended(self._child.returncode, now)
            self._child = None
        if self.settings.locate.model or now < self._not_before:
            return
        if wanted(self.settings) or self._time_has_come(now):
            log.info("learning from corrections begins, in a process of its own", code="retrain.started")
            try:
                self._child = self._start([sys.executable, "-m", "photodiary", "retrain", "--json", "--config", str(self._config)])
            except OSError as error:  # no room for another process now
                self._not_before = now + AGAIN_S
                log.warning(f"learning from corrections could not begin ({error}); again in an hour", code="retrain.failed")

    def _time_has_come(self, now: float) -> bool:
        if self.settings.retrain.by != "daemon":
            return False
        if self._planned != (self.settings.retrain.at, self.settings.timezone):  # the configuration was read again
            self._due = self._next(now)
        by_clock = now >= self._due
        if by_clock:
            self._due = self._next(now)
        elif 0 <= now - self._counted < COUNT_EVERY_S:
            return False
        self._counted = now
        try:
            new = new_labels(self.settings)
        except PhotodiaryError as error:
            log.warning(f"labels could not be counted: {error}", code="retrain.trouble")
            return False
        return new >= (1 if by_clock else self.settings.retrain.after_labels)

    def _ended(self, status: int, now: float) -> None:
        outcome = newest_outcome(self.settings)
        if status == 0:
            log.info(
                f"learning from corrections has ended: {outcome.get('reason', 'nothing is known of it')}", code="retrain.ended", model=outcome.get("model")
            )
        else:
            self._not_before = now + AGAIN_S
            again = datetime.fromtimestamp(self._not_before, UTC)
            log.warning(f"learning from corrections ended with status {status}; the model stays, again after {again:%H:%M} UTC", code="retrain.failed")

    def stop(self) -> None:
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(ENDED_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def _child(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
