"""Verbs that need steps: they run them when nobody else does, and otherwise wish for them and watch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from photodiary.diary.photo import Stage
from photodiary.errors import BadUsage, Busy, Transient
from photodiary.inbox.importing import candidates
from photodiary.inbox.settle import InboxConfig
from photodiary.ledger import queue, wishes
from photodiary.ledger.store import Ledger
from photodiary.locate.views import Locator
from photodiary.run.engine import Engine
from photodiary.run.house import be_private
from photodiary.run.lock import holder, nudge
from photodiary.run.progress import GONE_S as GONE_S
from photodiary.run.progress import POLL_S as POLL_S
from photodiary.run.progress import Progress as Progress
from photodiary.run.progress import through as through
from photodiary.settings import Settings

PATIENCE_S = 30.0  # with unbroken trouble in a loop
ANSWER_WITHIN_S = 150.0  # a daemon that has not begun with a wish by then will not


def with_engine(
    settings: Settings, locator: Callable[[Settings], Locator], wish: Callable[[Engine], None], *, scan: bool,
    feed: Callable[[Engine, Callable[[], None]], None] | None = None,
) -> None:  # fmt: skip
    """Run everything that waits through, the film included, in this process.  Raises Busy when a daemon is at work.

    feed: hands more to the running engine, and calls what it is given now and then, which raises when the engine cannot go on.
    """
    be_private()
    engine = Engine(settings, locator, hurry=True)
    progress = Progress()
    try:
        wish(engine)
        if not scan:
            engine.skip_inbox()
        engine.start()
        engine.nudge(scan=scan)
        if feed is not None:
            feed(engine, _Watched(engine).check)
        _until_quiet(engine, progress)
        made = [(house.ledger, wishes.make(house.ledger, "render", {}, time.time())) for house in engine.houses]
        engine.nudge()
        _until_quiet(engine, progress)
        progress.done()
        for ledger, number in made:
            _or_raise(wishes.get(ledger, number).outcome or {})
    finally:
        engine.close()


class _Watched:
    """An engine that somebody waits for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._since = dict[str, float]()

    def check(self) -> None:
        """Raises Transient when a loop has stopped, or has had unbroken trouble for long."""
        for loop in self._engine.loops:
            if loop.gave_up or not loop.alive:
                raise Transient(f"the {loop.name} loop has stopped, see the messages above; nothing is lost, call again")
            if loop.trouble is None:
                self._since.pop(loop.name, None)
            elif time.monotonic() - self._since.setdefault(loop.name, time.monotonic()) > PATIENCE_S:
                raise Transient(f"{loop.trouble}; nothing is lost, call again")


def _until_quiet(engine: Engine, progress: Progress) -> None:
    calm, watched = 0, _Watched(engine)
    while calm < 2:  # twice in a row: between two looks nothing may have begun
        time.sleep(POLL_S)
        calm = calm + 1 if engine.quiet() else 0
        watched.check()
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
            if not queue.flowing(ledger, Stage.RECEIVED, time.time()) and not queue.flowing(ledger, Stage.LOCATED, time.time()):
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
    for one in found:
        with suppress(OSError):  # gone meanwhile
            sizes += os.stat(one.path).st_size
    return {"files": len(found), "bytes": sizes}
