"""The owner of uvicorn: one listening socket, and connections that are bounded in number, in time and in what they may hold."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from photodiary.errors import BadUsage

LOOK_S = 1.0  # how often a connection is looked at
HEAD_S = 10.0  # for a request's head, from its first byte or the connection's first moment
BODY_S, BODY_BYTES = 20.0, 65_536  # so much of a body must come in so long
WHOLE_S = 1800.0  # for a whole body
READ_S = 60.0  # for the other side to take what is written
CLOSE_S = 10.0  # for the last of it
IDLE_S = 10.0  # between two requests
HEAD_BYTES = 32_768
TICK_S = 0.5
IDLE_AFTER_S = 600.0  # without a request, what can be started again is let go


class Bounded(H11Protocol):
    """uvicorn's own protocol waits for ever for a head, a body or a reader; this one does not.

    At the limit a new connection takes the place of the one that has been idle for longest; where none is idle, it is closed at once.
    """

    most = 200

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        now = self.loop.time()
        self._since: float | None = now  # since when a request's head has been coming
        self._body_at, self._body_bytes, self._begun_at = now, 0, now
        self._paused_at: float | None = None
        self._closing_at: float | None = None
        self._looking = self.loop.call_later(LOOK_S, self._look)
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._looking.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        now = self.loop.time()
        running = self._running
        if running:
            self._body_bytes += len(data)
        elif self._since is None:
            self._since = now
        super().data_received(data)
        if self._running and not running:
            self._since, self._body_at, self._body_bytes, self._begun_at = None, now, 0, now

    def on_response_complete(self) -> None:
        self._since = None
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._paused_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._paused_at = None
        super().resume_writing()

    @property
    def _running(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _look(self) -> None:
        now = self.loop.time()
        if self._too_long(now):
            self.transport.abort()
            return
        self._looking = self.loop.call_later(LOOK_S, self._look)

    def _too_long(self, now: float) -> bool:
        if self.transport.is_closing():
            self._closing_at = self._closing_at or now
            return now - self._closing_at > CLOSE_S
        if self._paused_at is not None:
            return now - self._paused_at > READ_S
        if not self._running:
            return self._since is not None and now - self._since > HEAD_S
        if not self.cycle.more_body:
            return False
        if self.flow.read_paused:  # it is us who are slow
            self._body_at, self._body_bytes = now, 0
        elif now - self._body_at > BODY_S:
            slow = self._body_bytes < BODY_BYTES
            self._body_at, self._body_bytes = now, 0
            return slow
        return now - self._begun_at > WHOLE_S

    def _make_room(self) -> None:
        idle = [other for other in self.connections if isinstance(other, Bounded) and other is not self and not other._running]
        longest = min(idle, key=lambda other: other._begun_at, default=self)
        longest.transport.abort()
        self.connections.discard(longest)


class Serving(uvicorn.Server):
    """Ends by `stop`, or SIGINT.  idle: called when nobody has asked for anything in ten minutes, once each time."""

    def __init__(self, config: uvicorn.Config, idle: Callable[[], None]) -> None:
        super().__init__(config)
        self._idle = idle

    def stop(self) -> None:
        """End soon, in good order: what is being answered is answered."""
        self.should_exit = True

    async def main_loop(self) -> None:
        """uvicorn's, with fewer looks: a page that nobody uses costs next to nothing."""
        loop, seen, at, counter = asyncio.get_running_loop(), -1, 0.0, 0
        while not await self.on_tick(counter):
            counter = (counter + round(TICK_S * 10)) % 864_000
            await asyncio.sleep(TICK_S)
            if self.server_state.total_requests != seen:
                seen, at = self.server_state.total_requests, loop.time() + IDLE_AFTER_S
            elif at and loop.time() > at:
                at = 0.0
                self._idle()


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0: one that is free.  Raises BadUsage."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(256)
    except OSError as error:
        sock.close()
        raise BadUsage(f"the page cannot listen at {host}, port {port}: {error.strerror}; review.port and --port choose another one") from error
    sock.set_inheritable(False)
    return sock


def server(app: ASGIApp, connections: int, idle: Callable[[], None]) -> Serving:
    """Serves `app` with at most so many connections at a time."""
    protocol: Any = type("Bounded", (Bounded,), {"most": connections})
    config = uvicorn.Config(
        app, http=protocol, ws="none", lifespan="off", loop="asyncio", interface="asgi3", proxy_headers=False, server_header=False, access_log=False,
        log_config=None, log_level="error", timeout_keep_alive=int(IDLE_S), timeout_graceful_shutdown=5, h11_max_incomplete_event_size=HEAD_BYTES,
    )  # fmt: skip
    return Serving(config, idle)


def serve(serving: Serving, sock: socket.socket) -> None:
    """Until a signal ends it."""
    with suppress(KeyboardInterrupt):  # uvicorn raises again what it was ended by
        serving.run(sockets=[sock])
