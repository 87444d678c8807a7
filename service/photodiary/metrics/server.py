"""A small server for a few fixed addresses: one thread, connections bounded in number, time and size, nobody waits for anybody.

HTTP/1.1 with one request a connection (RFC 9112).  The same thread does what is to be done every now and then.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from photodiary.metrics.requests import END, HEAD_BYTES, Refused, asked

MOST = 16  # connections; a further one takes the place of the oldest
WAITING = 128  # not accepted yet
WITHIN_S = 5.0  # for all of a connection
TURN_S = 30.0  # without anything to do
BREATH_S = 0.2
HEADERS: Final = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n"


@dataclass(frozen=True)
class Answer:
    status: HTTPStatus
    kind: str
    body: bytes

    def sent(self, *, whole: bool) -> bytes:
        allow = "Allow: GET, HEAD\r\n" if self.status is HTTPStatus.METHOD_NOT_ALLOWED else ""
        head = f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\nContent-Type: {self.kind}\r\nContent-Length: {len(self.body)}\r\n{allow}{HEADERS}\r\n"
        return head.encode("latin-1") + (self.body if whole else b"")


def plain(status: HTTPStatus) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{status.phrase}\n".encode())


@dataclass
class _Visit:
    """One connection.  left: what is still to be sent, None until the head is there."""

    sock: socket.socket
    until: float
    head: bytes = b""
    left: memoryview | None = None
    emptying: bool = field(default=False)  # all is sent: what still comes is read, so that the answer is not lost over it


class Server:
    """listeners: sockets that listen, closed with the server; answers: by path, called on the server's thread; chores: called each turn, says in
    how many seconds it wants to be called again.  Neither may raise.
    """

    def __init__(self, listeners: Sequence[socket.socket], answers: Mapping[str, Callable[[], Answer]], chores: Callable[[], float]) -> None:
        self._listeners, self._answers, self._chores = listeners, answers, chores
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe: without listeners there is no socket
        self._visits: dict[int, _Visit] = {}
        self._stopping = False
        self._turned_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def still_s(self) -> float:
        """For how many seconds it has not begun a turn; endless once its thread has died."""
        return time.monotonic() - self._turned_at if self._thread.is_alive() else float("inf")

    def close(self, timeout: float = 5.0) -> bool:
        """End the thread and close all sockets.  Returns whether it ended in time; one that hangs is left behind, and listens no more."""
        self._stopping = True
        with suppress(OSError):
            os.write(self._wake_in, b"x")
        if self._thread.ident is not None:
            self._thread.join(timeout)
        for listener in self._listeners:
            listener.close()
        if self._thread.is_alive():
            return False
        for visit in list(self._visits.values()):
            self._end(visit)
        self._selector.close()
        os.close(self._wake_in)
        os.close(self._wake_out)
        return True

    def _run(self) -> None:
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        for listener in self._listeners:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ)
        while not self._stopping:
            self._turned_at = time.monotonic()
            wait = min(TURN_S, self._chores())
            now = time.monotonic()
            wait = min([wait, *(visit.until - now for visit in self._visits.values())])
            for key, _ in self._selector.select(max(0.0, wait)):
                if self._stopping:
                    return
                if key.fd == self._wake_out:
                    continue
                if key.data is None:
                    self._accept(key.fileobj)  # type: ignore[arg-type]
                elif key.fd in self._visits:
                    self._go_on(key.data)
            now = time.monotonic()
            for visit in [visit for visit in self._visits.values() if visit.until <= now]:
                self._end(visit)

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionError):  # who called has gone already
            return
        except OSError:  # there are no descriptors left: they would be asked for again at once
            time.sleep(BREATH_S)
            return
        sock.setblocking(False)
        while len(self._visits) >= MOST:
            self._end(min(self._visits.values(), key=lambda visit: visit.until))
        visit = self._visits[sock.fileno()] = _Visit(sock, time.monotonic() + WITHIN_S)
        self._selector.register(sock, selectors.EVENT_READ, visit)

    def _go_on(self, visit: _Visit) -> None:
        try:
            if visit.left is not None and not visit.emptying:
                self._send(visit)
                return
            data = visit.sock.recv(4096)
            if not data:
                self._end(visit)
            elif visit.left is None:
                visit.head += data
                self._hear(visit)
        except BlockingIOError:
            return
        except OSError:
            self._end(visit)

    def _hear(self, visit: _Visit) -> None:
        head, end, _ = visit.head.partition(END)
        if not end and len(visit.head) <= HEAD_BYTES:
            return
        whole = True
        try:
            if not end or len(head) > HEAD_BYTES:
                raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            what = asked(head + end)
            whole = what.whole
            answer = self._answers[what.path]() if what.path in self._answers else plain(HTTPStatus.NOT_FOUND)
        except Refused as no:
            answer = plain(no.status)
        visit.left = memoryview(answer.sent(whole=whole))
        self._selector.modify(visit.sock, selectors.EVENT_WRITE, visit)
        self._send(visit)

    def _send(self, visit: _Visit) -> None:
        assert visit.left is not None
        visit.left = visit.left[visit.sock.send(visit.left) :]
        if not visit.left:
            visit.emptying = True
            visit.sock.shutdown(socket.SHUT_WR)
            self._selector.modify(visit.sock, selectors.EVENT_READ, visit)

    def _end(self, visit: _Visit) -> None:
        self._visits.pop(visit.sock.fileno(), None)
        with suppress(KeyError, ValueError):
            self._selector.unregister(visit.sock)
        visit.sock.close()


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens at this address of this machine.  Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(WAITING)
    except OSError:
        sock.close()
        raise
    return sock
