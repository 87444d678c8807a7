"""The small server at work: over real sockets, with clients that are slow, many, or gone."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from photodiary.metrics import server
from photodiary.metrics.requests import HEAD_BYTES
from photodiary.metrics.server import Answer, Server, listening

BODY = b"x" * 3_000_000  # more than a connection holds without being read


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server with /small, /large and /broken; a connection has 1.5 seconds."""
    monkeypatch.setattr(server, "WITHIN_S", 1.5)
    port = free_port()
    answers = {"/small": lambda: Answer(HTTPStatus.OK, "text/plain", b"fine"), "/large": lambda: Answer(HTTPStatus.OK, "text/plain", BODY)}
    serving = Server([listening("127.0.0.1", port)], answers, lambda: float("inf"))
    serving.start()
    yield port
    assert serving.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def call(port: int, request: bytes = b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n") -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(65_536), b""))


def test_an_answer_is_whole(port: int) -> None:
    """Status, length, body and an end; without a body for HEAD; a large body arrives to its last byte, a body with the question disturbs nothing."""
    said = call(port)
    head, _, body = said.partition(b"\r\n\r\n")
    assert body == b"fine" and head.startswith(b"HTTP/1.1 200 OK\r\n") and b"Content-Length: 4" in head and b"Cache-Control: no-store" in head
    assert call(port, b"HEAD /small HTTP/1.1\r\nHost: localhost\r\n\r\n") == head + b"\r\n\r\n"
    assert call(port, b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").endswith(b"\r\n\r\n" + BODY)
    assert call(port, b"GET /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n" + b"y" * 20_000).endswith(b"fine")
    for path, status in (("/", 404), ("/small/", 404), ("/../small", 404), ("/small%00", 404)):
        assert call(port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).startswith(f"HTTP/1.1 {status} ".encode())
    refused = call(port, b"POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    assert refused.startswith(b"HTTP/1.1 405 ") and b"Allow: GET, HEAD" in refused
    assert call(port, b"GET /small HTTP/1.1\r\nHost: evil.example\r\n\r\n").startswith(b"HTTP/1.1 403 ")
    assert call(port, b"GET /small HTTP/1.1\r\nX: " + b"y" * HEAD_BYTES).startswith(b"HTTP/1.1 431 ")


def test_slow_clients_hold_up_nobody(port: int) -> None:
    """With every place taken by clients that send a byte now and then, or never read what they asked for, a scrape is answered at once; they are let go."""
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(server.MOST + 4)]
    for sock in slow[-3:]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.1):
            for sock in slow[:-3]:
                with contextlib.suppress(OSError):
                    sock.send(b"G")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        began = time.monotonic()
        for _ in range(5):
            assert call(port).endswith(b"fine")
        assert time.monotonic() - began < 1.0, "not after the others' time was over"
        time.sleep(max(0.0, began + 2.5 - time.monotonic()))
        slow[0].settimeout(5)
        with contextlib.suppress(ConnectionError):
            assert slow[0].recv(10) == b""
    finally:
        over.set()
        dripping.join()
        for sock in slow:
            sock.close()
    assert call(port).endswith(b"fine")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_to_be_done_now_and_then_is_done_beside_it() -> None:
    """Without any socket the thread does its chores in time, and ends at once when it is told to; one that has died says so."""
    times: list[float] = []

    def chores() -> float:
        times.append(time.monotonic())
        if len(times) == 4:
            raise SystemExit
        return 0.05

    serving = Server([], {}, chores)
    serving.start()
    end = time.monotonic() + 5
    while serving.still_s < float("inf") and time.monotonic() < end:
        time.sleep(0.02)
    assert len(times) == 4 and all(0.045 <= b - a < 1.0 for a, b in zip(times, times[1:], strict=False))
    assert serving.still_s == float("inf") and serving.close()
    idle = Server([], {}, lambda: float("inf"))
    idle.start()
    began = time.monotonic()
    assert idle.close() and time.monotonic() - began < 2.0
