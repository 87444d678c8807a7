"""Somebody at $NOTIFY_SOCKET: hears what a service tells the program that started it."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

_numbers = itertools.count()


@dataclass(frozen=True)
class Heard:
    """at: seconds of the monotonic clock.  fields: as they were sent.  witness: what was true when it came."""

    at: float
    fields: dict[str, str]
    witness: bool


class Listener:
    """A context manager.  witness: asked whenever something is heard."""

    def __init__(self, witness: Callable[[], bool] = lambda: False) -> None:
        self.address = f"@photodiary-test-{os.getpid()}-{next(_numbers)}"  # begins as an abstract one is written
        self.heard: list[Heard] = []
        self._witness = witness
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._end.bind("\0" + self.address[1:])
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self) -> None:
        while message := self._end.recv(65_536):
            fields = dict(line.split("=", 1) for line in message.decode().split("\n"))
            self.heard.append(Heard(time.monotonic(), fields, self._witness()))

    def told(self, field: str) -> list[str]:
        return [heard.fields[field] for heard in list(self.heard) if field in heard.fields]

    def until(self, true: Callable[[], bool], what: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not heard within {seconds:g} s: {what}; {[heard.fields for heard in self.heard][-12:]}"
            time.sleep(0.02)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(b"", "\0" + self.address[1:])
        self._thread.join(10)
        self._end.close()
