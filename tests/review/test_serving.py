from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest
from starlette.types import Receive, Scope, Send

from photodiary.review import serving
from photodiary.review.serving import Serving


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every request with two bytes."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@contextmanager
def served(connections: int, idle: list[float]) -> Iterator[tuple[Serving, int]]:
    sock = serving.listening("127.0.0.1", 0)
    server = serving.server(hello, connections, lambda: idle.append(time.monotonic()))
    thread = threading.Thread(target=serving.serve, args=(server, sock))
    thread.start()
    try:
        yield server, sock.getsockname()[1]
    finally:
        server.stop()
        thread.join(20)
        sock.close()
    assert not thread.is_alive()


def ask(port: int) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as line:
        line.request("GET", "/")
        return line.getresponse().read()


def test_what_can_be_started_again_is_let_go_when_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some time after the last request it is told once, and once more after the next one: an idle page holds no workers."""
    monkeypatch.setattr(serving, "TICK_S", 0.02)
    monkeypatch.setattr(serving, "IDLE_AFTER_S", 0.2)
    idle: list[float] = []
    with served(50, idle) as (_, port):
        for times in (1, 2):
            asked = time.monotonic()
            assert ask(port) == b"hi"
            end = asked + 20
            while len(idle) < times and time.monotonic() < end:
                time.sleep(0.01)
            assert len(idle) == times and idle[-1] - asked >= 0.2


def answered(line: socket.socket) -> bool:
    """Whether a request on this connection is answered; False where it was closed."""
    answer = b""
    with suppress(ConnectionError):
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while not answer.endswith(b"hi") and (piece := line.recv(4096)):
            answer += piece
    return answer.endswith(b"hi")


def test_the_connection_that_was_idle_for_longest_gives_way() -> None:
    """At the limit a new connection is answered, and the one that has been idle for longest is closed for it; the others stay."""
    with served(3, []) as (_, port), ExitStack() as stack:
        lines = [stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=20))) for _ in range(3)]
        assert [answered(line) for line in lines] == [True, True, True]
        newest = stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=20)))
        assert answered(newest) and not answered(lines[0]) and answered(lines[1]) and answered(lines[2])


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET / FTP/1.1\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", b"A" * 70_000,
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000,
    ],
    ids=["tls", "another protocol", "nul", "endless line", "endless head"],
)  # fmt: skip
def test_nonsense_is_refused(nonsense: bytes) -> None:
    """What is no request of HTTP, or has a head larger than any browser sends, ends the connection and nothing else."""
    with served(10, []) as (_, port):
        with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as line:
            answer = b""
            try:
                line.sendall(nonsense)
                answer = line.recv(4096)
            except ConnectionError:
                pass
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
        assert ask(port) == b"hi"
