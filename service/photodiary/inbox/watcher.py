"""Nudges from the file system.  Whatever it misses, the scan finds; the only owner of watchdog."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import structlog
from watchdog.events import EVENT_TYPE_CLOSED, EVENT_TYPE_CREATED, EVENT_TYPE_MOVED, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from photodiary.inbox.inbox import Nudge

log = structlog.get_logger()

NUDGING = frozenset({EVENT_TYPE_CREATED, EVENT_TYPE_MOVED, EVENT_TYPE_CLOSED})  # opened and closed-no-write come from our own reading


class _Handler(FileSystemEventHandler):
    def __init__(self, root: bytes, told: Callable[[Nudge], None]) -> None:
        self._root = root
        self._told = told

    def on_any_event(self, event: FileSystemEvent) -> None:
        try:
            if event.event_type not in NUDGING or (event.is_directory and event.event_type == EVENT_TYPE_CLOSED):
                return  # a folder that came or moved brings files of which nothing may be told: it asks for a scan
            moved = event.event_type == EVENT_TYPE_MOVED
            path = os.path.relpath(os.fsencode(event.dest_path if moved else event.src_path), self._root)
            if not path.startswith(b".."):
                self._told(Nudge(path, renamed=moved))
        except Exception as error:  # noqa: BLE001 - a handler that raises would kill the observer's thread for good
            log.warning(f"an event of the inbox was not understood ({error}); the next scan looks at everything", code="watcher.event")


class Watcher:
    """Watches one inbox; `check` brings it back after any of the ways in which it can go deaf."""

    def __init__(self, root: Path, told: Callable[[Nudge], None]) -> None:
        self._root = root
        self._told = told
        self._observer: BaseObserver | None = None
        self._armed_for: tuple[int, int] | None = None
        self._trouble: str | None = None

    def check(self) -> bool:
        """Called at each scan: watch the folder that is there now.  Returns whether events can be expected."""
        try:
            status = os.stat(self._root)
        except OSError:
            self.stop()
            return False
        here = status.st_dev, status.st_ino
        if self._observer is not None and here == self._armed_for and self._observer.is_alive() and all(e.is_alive() for e in self._observer.emitters):
            return True
        self.stop()
        try:
            if not os.access(self._root, os.R_OK | os.X_OK):  # watchdog would count it as watched, and hear nothing for good
                raise PermissionError(errno.EACCES, "Permission denied")
            observer = Observer()  # refuses where no more of them are allowed
            target = os.path.realpath(self._root)  # a linked inbox yields no events unless followed
            observer.schedule(_Handler(os.fsencode(target), self._told), target, recursive=True)
            observer.start()
        except OSError as error:
            if str(error) != self._trouble:  # once, not at each scan
                log.warning(
                    f"the inbox {self._root} cannot be watched ({error}); new photos are found by the scan, a little later", code="watcher.deaf"
                )  # fmt: skip
            self._trouble = str(error)
            return False
        self._observer, self._armed_for, self._trouble = observer, here, None
        return True

    def stop(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join(5)
