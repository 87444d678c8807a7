"""What the program that started us (systemd) is told: that we have begun, how it goes, that every thread lives.  sd_notify(3) in a few lines.

Where nobody listens nothing is said.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, MutableMapping, Sequence
from typing import Final

import structlog

from photodiary.run.pulse import Watched, where

log = structlog.get_logger()

SEND_S: Final = 2.0
"""How long a listener that does not read may hold us up."""

LOOKS: Final = 3
"""At the threads in one interval of the watchdog: sd_watchdog_enabled(3) asks for at least two."""

INTERVALS: Final = 2.5
"""Of the watchdog, for which a thread may be late: ten minutes with the 4 that our units say."""


class Supervisor:
    """Speaks to $NOTIFY_SOCKET.  No method raises; a sentence that could not be said is said again with the next one like it.

    interval_s: how often it wants to hear that we live, in seconds; None where it does not ask.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Takes what it needs out of the environment: no process that we start may speak for us, or take the watchdog for its own."""
        address, usec, pid = (environment.pop(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"))
        self._address = f"\0{address[1:]}" if address.startswith("@") else address if address.startswith("/") else ""
        asked = bool(self._address) and usec.isdecimal() and int(usec) > 0 and pid in ("", str(os.getpid()))
        self.interval_s = int(usec) / 1e6 if asked else None
        self._is_ready = self._stops = False
        self._words = ""

    @property
    def listens(self) -> bool:
        """Whether there is anybody to speak to."""
        return bool(self._address)

    def ready(self) -> None:
        """All that can be done at start is done; also what ends `reloading`."""
        self._is_ready = self._is_ready or self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read again, until `ready`."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
        self._is_ready = False

    def stopping(self) -> None:
        self._stops = self._stops or self._send("STOPPING=1")

    def status(self, words: str) -> None:
        """One line of how it goes; said when it is another one than before."""
        line = " ".join(words.split())
        if line != self._words and self._send(f"STATUS={line}"):
            self._words = line

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> bool:
        """Whether it was taken."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.settimeout(SEND_S)
                line.sendto(message.encode("utf-8", "replace"), self._address)
        except (OSError, ValueError):  # nobody there, nobody who reads, or no address at all
            return False
        return True


class Feeding:
    """A thread that feeds the supervisor's watchdog while everybody who is watched keeps their promise, and says who does not."""

    def __init__(self, supervisor: Supervisor, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds, standing still while the machine sleeps."""
        self._watched: Sequence[Watched] = ()
        self._supervisor, self._clock = supervisor, clock
        self._every_s = (supervisor.interval_s or 0.0) / LOOKS
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._looked_at = clock()
        self._stuck: dict[str, Watched] = {}

    def patience_s(self, usual: float, longest_piece: float, expected: float) -> float:
        """How late a thread may be: `usual` where no watchdog waits, else some of its intervals; more where a piece of work may take longer than expected."""
        interval = self._supervisor.interval_s
        return (usual if interval is None else INTERVALS * interval) + 2 * max(0.0, longest_piece - expected)

    def watch(self, watched: Sequence[Watched], patience_s: float) -> None:
        """From now on these, each of whom may be late for so long."""
        for one in watched:
            one.patience_s = patience_s
        self._watched = watched

    def start(self) -> None:
        """Begin, once, where the supervisor asks for it."""
        if self._supervisor.interval_s is not None and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="feeding", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._over.set()

    def _run(self) -> None:
        self._looked_at = self._clock()
        self._supervisor.alive()
        while not self._over.wait(self._every_s):
            self.look()

    def look(self) -> None:
        """Feed unless somebody is late.  After a time in which this whole process was stopped, everybody first gets a turn to show life."""
        before, self._looked_at = self._looked_at, self._clock()
        if self._looked_at - before <= 2 * self._every_s:
            self._tell({one.called: one for one in self._watched if one.late})
        if not self._stuck:
            self._supervisor.alive()

    def _tell(self, late: dict[str, Watched]) -> None:
        for called in late.keys() - self._stuck.keys():
            place = where(late[called].thread)
            log.error(
                f"{called} does not move any more{f', it is in {place}' if place else ''}; the watchdog is not fed, so that photodiary is started again",
                code="watchdog.stalled", thread=called, at=place,
            )  # fmt: skip
        for called in self._stuck.keys() - late.keys():
            log.info(f"{called} moves again", code="watchdog.recovered", thread=called)
        self._stuck = late
