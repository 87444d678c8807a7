"""Whether a configuration has changed: the page and the messages show a diary that was added without being started again."""

from __future__ import annotations

from pathlib import Path


class Noticing:
    """Asked now and then; a configuration is replaced by a rename, or written over by an editor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()

    def changed(self) -> bool:
        """Whether it is another one than when this was last asked.  One that is away for a moment is not."""
        before, now = self._seen, self._stamp()
        self._seen = now or before
        return now is not None and now != before

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns
