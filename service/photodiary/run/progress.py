"""How far something is, for whoever waits for it."""

from __future__ import annotations

import sys
import time

from photodiary.diary.photo import Stage
from photodiary.ledger import photos
from photodiary.ledger.store import Ledger

POLL_S = 0.2
GONE_S = 10.0  # without a holder of the lock: longer than reading the configuration again takes


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
