"""The line to a worker: pieces of bytes with their length before them, as `multiprocessing.connection` frames them at the other end.

Written for a worker that a hostile photo took over: nothing is waited for past a deadline, not even the rest of a piece, and no more is
accepted than was agreed on.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any, NoReturn

LENGTH = struct.Struct("!i")
MOST_HEAD = 65_536  # bytes of a JSON head


class Nonsense(Exception):
    """What came is no answer to what was asked."""


class Line:
    """One end of a socket pair.  Deadlines are on the monotonic clock; every method raises OSError, TimeoutError when too late, or EOFError."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, data: bytes, deadline: float) -> None:
        self._hurry(deadline)
        self._end.sendall(LENGTH.pack(len(data)))
        self._hurry(deadline)
        self._end.sendall(data)

    def receive(self, most: int, deadline: float) -> bytes:
        """The next piece of at most so many bytes.  Raises Nonsense when it says that it is longer."""
        (length,) = LENGTH.unpack(self._exactly(LENGTH.size, deadline))
        if not 0 <= length <= most:
            raise Nonsense(f"{length} bytes, where {most} were agreed on")
        return bytes(self._exactly(length, deadline))

    def receive_head(self, deadline: float) -> dict[str, Any]:
        """The next piece as a JSON object.  Raises Nonsense."""
        try:
            head = json.loads(self.receive(MOST_HEAD, deadline), parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise Nonsense("no JSON") from error
        if not isinstance(head, dict):
            raise Nonsense("no JSON object")
        return head

    def close(self) -> None:
        self._end.close()

    def _hurry(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._end.settimeout(left)

    def _exactly(self, length: int, deadline: float) -> bytearray:
        """Room is made as it is filled: a length alone costs nothing."""
        got = bytearray()
        while len(got) < length:
            self._hurry(deadline)
            piece = self._end.recv(min(length - len(got), 1 << 20))
            if not piece:
                raise EOFError
            got += piece
        return got


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
