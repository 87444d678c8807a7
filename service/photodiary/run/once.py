"""Verbs that need steps: they run them when nobody else does, and otherwise wish for them and watch."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from photodiary.diary.photo import Stage
from photodiary.errors import BadUsage, Busy, Transient
from photodiary.inbox.importing import candidates
from photodiary.inbox.settle import InboxConfig
from photodiary.ledger import photos, wishes
from photodiary.ledger.store import Ledger
from photodiary.locate.views import Locator
from photodiary.run.engine import Engine
from photodiary.run.house import be_private
from photodiary.run.lock import holder, nudge
from photodiary.settings import Settings

POLL_S = 0.2
PATIENCE_S = 30.0  # with unbroken trouble in a loop
GONE_S = 10.0  # without a holder of the lock: longer than reading the configuration again takes
ANSWER_WITHIN_S = 150.0  # a daemon that has not begun with a wish by then will not


class Progress:
    """One line that is rewritten on a terminal, and printed now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._told = ""
        self._at = 0.0

    def show(self, text: str) -> None:
        now = time.monotonic()
        if text == self._told or now - self._at < (0.1 if self._terminal else 5.0):
            return
        self._told, self._at = text, now
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{text}")
        else:
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def done(self) -> None:
        if self._terminal and self._told:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def through(ledger: Ledger) -> tuple[int, int]:
    """How many photos still wait for their eyes or their frame, and how many do not."""
    waiting = photos.waiting(ledger, Stage.RECEIVED) + photos.waiting(ledger, Stage.LOCATED)
    return waiting, photos.total(ledger) - waiting


def with_engine(settings: Settings, locator: Callable[[Settings], Locator], wish: Callable[[Engine], None], *, scan: bool) -> None:
    """Run everything that waits through, the film included, in this process.  Raises Busy when a daemon is at work."""
    be_private()
    engine = Engine(settings, locator, hurry=True)
    progress = Progress()
    try:
        wish(engine)
        if not scan:
            engine.skip_inbox()
        engine.start()
        engine.nudge(scan=scan)
        _until_quiet(engine, progress)
        made = [(house.ledger, wishes.make(house.ledger, "render", {}, time.time())) for house in engine.houses]
        engine.nudge()
        _until_quiet(engine, progress)
        progress.done()
        for ledger, number in made:
            _or_raise(wishes.get(ledger, number).outcome or {})
    finally:
        engine.close()


def _until_quiet(engine: Engine, progress: Progress) -> None:
    calm, since = 0, dict[str, float]()
    while calm < 2:  # twice in a row: between two looks nothing may have begun
        time.sleep(POLL_S)
        calm = calm + 1 if engine.quiet() else 0
        for loop in engine.loops:
            if loop.gave_up or not loop.alive:
                raise Transient(f"the {loop.name} loop has stopped, see the messages above; nothing is lost, call again")
            if loop.trouble is None:
                since.pop(loop.name, None)
            elif time.monotonic() - since.setdefault(loop.name, time.monotonic()) > PATIENCE_S:
                raise Transient(f"{loop.trouble}; nothing is lost, call again")
        for house in engine.houses:
            waiting, done = through(house.ledger)
            if waiting:
                progress.show(f"{house.name}: {done:,} photos done, {waiting:,} to go")


def beside_daemon(archive: Path, kind: str, details: dict[str, Any], show: Callable[[dict[str, Any]], str]) -> dict[str, Any]:
    """Write a wish, wake the daemon, show its progress until it is fulfilled.  Returns the outcome.  Raises Busy when nobody acts on it."""
    ledger = Ledger(archive)
    progress = Progress()
    try:
        number = wishes.make(ledger, kind, details, time.time())
        nudge(archive)
        asked = seen = time.monotonic()
        while True:
            wish = wishes.get(ledger, number)
            if wish.outcome is not None:
                progress.done()
                return _or_raise(wish.outcome)
            if wish.progress is not None:
                progress.show(show(wish.progress))
            elif time.monotonic() - asked > ANSWER_WITHIN_S:
                raise Busy("the running photodiary has not begun with this yet; it will when it can, nothing more is to be done")
            seen = time.monotonic() if holder(archive) is not None else seen
            if time.monotonic() - seen > GONE_S:
                raise Busy("the running photodiary has stopped meanwhile; the wish is kept for its next start")
            time.sleep(POLL_S)
    finally:
        ledger.close()


def _or_raise(outcome: dict[str, Any]) -> dict[str, Any]:
    if "error" in outcome:
        raise Transient(outcome["error"])
    return outcome


def wait_until_through(archive: Path) -> None:
    """Until the running daemon has carried every photo to its frame or out of the film."""
    ledger = Ledger(archive, writable=False)
    progress = Progress()
    try:
        while holder(archive) is not None:
            waiting, done = through(ledger)
            if not photos.flowing(ledger, Stage.RECEIVED, time.time()) and not photos.flowing(ledger, Stage.LOCATED, time.time()):
                break
            progress.show(f"{done:,} photos done, {waiting:,} to go")
            time.sleep(POLL_S)
        progress.done()
    finally:
        ledger.close()


def forecast(paths: list[str], config: InboxConfig) -> dict[str, int]:
    """What an import would look at: files and bytes."""
    try:
        found = candidates(paths, config.ignore)
    except OSError as error:
        raise BadUsage(f"{error.filename}: cannot be read: {error.strerror}") from error
    sizes = 0
    for path, _ in found:
        with suppress(OSError):  # gone meanwhile
            sizes += os.stat(path).st_size
    return {"files": len(found), "bytes": sizes}
