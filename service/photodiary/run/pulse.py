"""Whether a thread is alive: what it promises, and when it is late."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Final, Protocol

USUAL_S: Final = 600.0
"""How late a thread may be.  One piece of work takes seconds, a film says how far it is; what takes longest without a word is the end of a film of gigabytes
(written, moved, read back and hashed: six times its size) or writing the database of a hundred thousand photos anew, on a slow disk."""


class Watched(Protocol):
    """A thread, or several that belong together, which may get stuck.  patience_s: how late it may be; set by whoever watches."""

    patience_s: float

    @property
    def called(self) -> str:
        """Its name in a sentence."""
        ...

    @property
    def late(self) -> bool:
        """Whether it has broken its promise; the clock is the monotonic one, which stands still while the machine sleeps."""
        ...

    @property
    def thread(self) -> int | None:
        """Which thread it is, None where that is not known."""
        ...


class Pulse:
    """The promise of one thread to show life again."""

    def __init__(self, called: str) -> None:
        self.called = called
        self.patience_s = USUAL_S
        self.thread: int | None = None
        self._beat_at = self._again_at = time.monotonic()

    def beat(self, ahead_s: float = 0.0) -> None:
        """Called by the thread itself: it lives, and will say so again in so many seconds, or a little later."""
        self.thread = threading.get_ident()
        self._beat_at = time.monotonic()
        self._again_at = self._beat_at + ahead_s

    @property
    def still_s(self) -> float:
        """Seconds since the last beat."""
        return time.monotonic() - self._beat_at

    @property
    def late(self) -> bool:
        return time.monotonic() - self._again_at > self.patience_s


def where(thread: int | None) -> str:
    """Which line of the program a thread is in; empty when it is not known."""
    frame = None if thread is None else sys._current_frames().get(thread)
    return "" if frame is None else f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno} ({frame.f_code.co_name})"
