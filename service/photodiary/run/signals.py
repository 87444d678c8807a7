"""What the service was asked for by signals: heard from its first moment on, acted on when it can."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType


class Signals:
    """SIGTERM and SIGINT ask to stop, a second one leaves at once; SIGHUP asks to read the configuration again; SIGUSR1 is a nudge."""

    def __init__(self) -> None:
        self.wake = threading.Event()
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

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        if self.stop:
            os._exit(1)  # asked twice: leave at once, the ledger forgives it
        self.stop = True
        self.wake.set()

    def _on_hup(self, number: int, frame: FrameType | None) -> None:
        self.reload = True
        self.wake.set()

    def _on_nudge(self, number: int, frame: FrameType | None) -> None:
        self.nudged = True
        self.wake.set()


def journal() -> bool:
    """Whether stderr goes to systemd's journal, which adds the time itself."""
    return "JOURNAL_STREAM" in os.environ and not sys.stderr.isatty()
