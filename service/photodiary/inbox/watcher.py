"""Nudges from the file system.  Whatever it misses, the scan finds; the only owner of watchdog."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog
from watchdog.events import EVENT_TYPE_CLOSED, EVENT_TYPE_CREATED, EVENT_TYPE_MOVED, FileOpenedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import InotifyFD
from watchdog.observers.inotify_move_event_grouper import GroupedInotifyEvent, PathedInotifyEvent

from photodiary.inbox.inbox import Nudge

log = structlog.get_logger()

NUDGING = frozenset({EVENT_TYPE_CREATED, EVENT_TYPE_MOVED, EVENT_TYPE_CLOSED})  # opened and closed-no-write come from our own reading
STOP_S = 5.0  # for threads to end; those that do not are left behind


class _Handler(FileSystemEventHandler):
    def __init__(self, root: bytes, told: Callable[[Nudge], None], heard: Callable[[], None]) -> None:
        self._root = root
        self._told = told
        self._heard = heard

    def on_any_event(self, event: FileSystemEvent) -> None:
        try:
            self._heard()
            if event.event_type not in NUDGING or (event.is_directory and event.event_type == EVENT_TYPE_CLOSED):
                return  # a folder that came or moved brings files of which nothing may be told: it asks for a scan
            moved = event.event_type == EVENT_TYPE_MOVED
            path = os.path.relpath(os.fsencode(event.dest_path if moved else event.src_path), self._root)
            if not path.startswith(b".."):
                self._told(Nudge(path, renamed=moved))
        except Exception as error:  # noqa: BLE001 - a handler that raises would kill the observer's thread for good
            log.warning(f"an event of the inbox was not understood ({error}); the next scan looks at everything", code="watcher.event")


class _Emitter(InotifyEmitter):
    """watchdog's own keeps to itself that a folder was opened; this one hands on that the root was, which is how the way from the kernel is tried."""

    def build_and_queue_event(self, event: GroupedInotifyEvent, *, full_events: bool = False) -> None:
        super().build_and_queue_event(event, full_events=full_events)
        if isinstance(event, PathedInotifyEvent) and event.ev.is_directory and event.ev.is_open and event.path == os.fsencode(self.watch.path):
            self.queue_event(FileOpenedEvent(self.watch.path))


class _Observer(BaseObserver):
    """watchdog's own, with our emitter.  Three threads: one reads from the kernel, one understands, one tells.  Raises OSError where no more are allowed."""

    def __init__(self) -> None:
        self._reader = InotifyFD()
        self._reader.start()
        super().__init__(_Emitter, inotify_fd=self._reader)

    @property
    def whole(self) -> bool:
        """Whether all of its threads are there."""
        return self._reader.is_alive() and self.is_alive() and all(e.is_alive() for e in self.emitters)

    def on_thread_stop(self) -> None:
        super().on_thread_stop()
        self._reader.stop()


class Watcher:
    """Watches one inbox; `check` brings it back after any of the ways in which it can go deaf.

    called: its name in a sentence.  patience_s: how long an answer may take that it owes.  removed: whether the folder was, as `check` found it; that can be
    seen only where it is shown to us as a mount of its own, which goes on showing the folder that is no more.
    """

    def __init__(self, root: Path, told: Callable[[Nudge], None], patience_s: float = 600.0) -> None:
        self.called = f"the watcher of {root}"
        self.patience_s = patience_s
        self.removed = self._counted = False
        self.thread: int | None = None  # there are three
        self.root = root
        self._told = told
        self._observer: _Observer | None = None
        self._armed_for: tuple[int, int] | None = None
        self._trouble: str | None = None
        self._asked_at: float | None = None
        self._answers = False

    def check(self) -> bool:
        """Called at each scan: watch the folder that is there now.  Returns whether events can be expected."""
        try:
            status = os.stat(self.root)
        except OSError:
            self.stop()
            return False
        self._counted = self._counted or status.st_nlink > 0  # not every file system counts a folder's names
        self.removed = self._counted and status.st_nlink == 0
        here = status.st_dev, status.st_ino
        if self._observer is not None and here == self._armed_for and self._observer.whole:
            return True
        self.stop()
        observer = None
        try:
            if not os.access(self.root, os.R_OK | os.X_OK):  # watchdog would count it as watched, and hear nothing for good
                raise PermissionError(errno.EACCES, "Permission denied")
            observer = _Observer()  # refuses where no more of them are allowed
            target = os.path.realpath(self.root)  # a linked inbox yields no events unless followed
            observer.schedule(_Handler(os.fsencode(target), self._told, self._heard), target, recursive=True)
            observer.start()
        except OSError as error:
            if observer is not None:
                _end(observer)
            if str(error) != self._trouble:  # once, not at each scan
                log.warning(
                    f"the inbox {self.root} cannot be watched ({error}); new photos are found by the scan, a little later", code="watcher.deaf"
                )  # fmt: skip
            self._trouble = str(error)
            return False
        self._observer, self._armed_for, self._trouble = observer, here, None
        return True

    def ask(self) -> None:
        """Have it show that it hears: the folder is opened, of which it must be told.  Nothing is written."""
        if self._observer is None:
            return
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        with suppress(OSError):  # a folder that is gone is the next check's business
            os.close(os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    @property
    def late(self) -> bool:
        """Whether it owes an answer though its threads are there, and has answered before: where a folder never tells, only the scan is slower."""
        asked = self._asked_at
        return self._answers and asked is not None and time.monotonic() - asked > self.patience_s and self._observer is not None and self._observer.whole

    def _heard(self) -> None:
        """Called by its own thread."""
        self._answers, self._asked_at = True, None

    def stop(self) -> None:
        observer, self._observer = self._observer, None
        self._asked_at, self._answers = None, False
        if observer is not None:
            _end(observer)


def _end(observer: _Observer) -> None:
    """Stop its threads.  One that is stuck would hold up whoever stops it: that is left to a thread of its own."""
    ending = threading.Thread(target=observer.stop, name="ending", daemon=True)
    ending.start()
    ending.join(STOP_S)
    if observer.ident is not None:
        observer.join(STOP_S)
