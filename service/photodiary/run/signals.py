"""What the service was asked for by signals: heard from its first moment on, acted on when it can."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType


class Signals:
    """SIGTERM and SIGINT ask to stop, a second one leaves at once; SIGHUP asks to read the configuration again; SIGUSR1 is a nudge."""

    def __init__(self) -> None:
        self._woken: SimpleQueue[None] = SimpleQueue()  # a handler may interrupt another one: an Event's lock would wait for itself for ever
        self.stop = False
        self.reload = False
        self.nudged = False

    def listen(self) -> None:
        """Hear them from now on; only the main thread may call this."""
        for number, handler in (
            (signal.SIGTERM, self._on_stop),
            (signal.SIGINT, self._on_stop),
            (signal.SIGHUP, self._on_hup),
            (signal.SIGUSR1, self._on_nudge),
        ):
            signal.signal(number, handler)

    def wait(self, seconds: float) -> None:
        """Until the next signal, or one that came since the last call; so many seconds at most."""
        with suppress(Empty):
            self._woken.get(timeout=seconds)
            while True:
                self._woken.get_nowait()

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        if self.stop:
            os._exit(1)  # asked twice: leave at once, the ledger forgives it
        self.stop = True
        self._woken.put(None)

    def _on_hup(self, number: int, frame: FrameType | None) -> None:
        self.reload = True
        self._woken.put(None)

    def _on_nudge(self, number: int, frame: FrameType | None) -> None:
        self.nudged = True
        self._woken.put(None)


def journal() -> bool:
    """Whether stderr goes to systemd's journal, which adds the time itself."""
    return "JOURNAL_STREAM" in os.environ and not sys.stderr.isatty()
