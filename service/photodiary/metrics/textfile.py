"""The file that node_exporter's textfile collector reads: whole at any moment, readable for its user, free of anything private."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from photodiary.errors import StorageTrouble

READABLE = 0o644  # node_exporter is another user
ANEW_S = 60.0  # also while nothing happens, so that the file's age says whether the service lives


class Textfile:
    """One file, written beside and renamed.  Nothing is asked of the disk for it: what is lost with the power is written again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.{os.getpid()}")  # node_exporter reads what ends in .prom only
        self._said: bytes | None = None
        self._at = 0.0

    def write(self, text: bytes, essence: bytes, clock: float) -> bool:
        """Write `text` where its `essence` is another than last time, or a minute has gone by.  Returns whether it was written.  Raises StorageTrouble.

        clock: monotonic, in seconds.
        """
        if essence == self._said and clock - self._at < ANEW_S:
            return False
        try:
            self._beside.unlink(missing_ok=True)
            descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, READABLE)
            try:
                os.fchmod(descriptor, READABLE)  # whatever the umask says
                view = memoryview(text)
                while view:
                    view = view[os.write(descriptor, view) :]
            finally:
                os.close(descriptor)
            os.replace(self._beside, self._path)
        except OSError as error:
            self._said = None
            with suppress(OSError):
                self._beside.unlink(missing_ok=True)
            raise StorageTrouble(
                f"{self._path}: the metrics cannot be written: {error.strerror}; let this service write in {self._path.parent}, or change metrics.textfile"
            ) from error
        self._said, self._at = essence, clock
        return True

    def remove(self) -> None:
        """The service ends: what it said is no longer true."""
        if self._at:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
