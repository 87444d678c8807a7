"""Metrics and health beside a running engine: nothing where nobody wants them, else one thread that writes, serves, and is watched."""

from __future__ import annotations

import os
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from photodiary.errors import StorageTrouble
from photodiary.run.engine import Engine
from photodiary.settings import Settings

if TYPE_CHECKING:
    import socket

    from photodiary.metrics.server import Answer, Server
    from photodiary.metrics.textfile import Textfile
    from photodiary.run.gathering import Gathering

log = structlog.get_logger()

WRITE_EVERY_S = 15.0
LISTEN_AGAIN_S = 60.0
STALLED_S = 120.0
PATHS = ("/metrics", "/health", "/healthz")


class Observing:
    """For one life of the engine.  `tick` and `close` belong to the daemon's thread; neither raises, nor waits for a disk."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._config, self._engine = settings.metrics, engine
        self._server: Server | None = None
        self._gathering: Gathering | None = None
        self._textfile: Textfile | None = None
        self._stalled = False
        self._unwritten = self._unheard = self._unforeseen = ""
        self._listen_again = float("-inf")
        self._write_at = float("-inf")
        self._ticked_at = time.monotonic()
        self._begun = not (self._config.textfile or self._config.listen or "LISTEN_FDS" in os.environ)

    def tick(self, now: float) -> None:
        """The daemon's thread is alive.  Begins with the first call, then looks after the thread of the metrics.  now: monotonic, in seconds."""
        self._ticked_at = now
        if not self._begun:
            self._begin()
        if self._server is None:
            return
        still = self._server.still_s
        if still == float("inf"):  # a fault of ours: the metrics are not worth the service
            log.error("the thread of the metrics has ended; another one begins", code="metrics.ended")
            self._end()
            self._begin()
        elif still > STALLED_S and not self._stalled:
            log.warning("the metrics wait for a disk that does not answer", code="metrics.stalled")
        elif self._unheard and now >= self._listen_again:
            self._end()
            self._begin()
        self._stalled = STALLED_S < still < float("inf")

    def close(self) -> None:
        """The sockets are closed when this returns, so that the next life may open them."""
        self._end()
        if self._textfile is not None:
            self._textfile.remove()

    def _end(self) -> None:
        ended = self._server is None or self._server.close()
        if self._gathering is not None and ended:
            self._gathering.close()
        self._server = self._gathering = None

    def _begin(self) -> None:
        """Here, because who wants no metrics loads nothing of them."""
        from photodiary.metrics.passed import passed
        from photodiary.metrics.server import Server
        from photodiary.metrics.textfile import Textfile
        from photodiary.run.gathering import Gathering

        self._begun = True
        listeners = passed(os.environ)
        if self._config.address is not None:
            listeners += self._listener(*self._config.address)
        if not (listeners or self._unheard or self._config.textfile):
            return
        self._gathering = Gathering(self._engine)
        if self._config.textfile and self._textfile is None:
            self._textfile = Textfile(Path(self._config.textfile))
        self._write_at = float("-inf")
        self._server = Server(listeners, {path: lambda path=path: self._answer(path) for path in PATHS}, self._chores)  # type: ignore[misc]
        self._server.start()

    def _listener(self, host: str, port: int) -> list[socket.socket]:
        from photodiary.metrics.server import listening

        try:
            listener = listening(host, port)
        except OSError as error:
            said = f"metrics cannot be had at {self._config.listen}: {error.strerror}; metrics.listen chooses another address"
            if said != self._unheard:
                log.warning(f"{said}; trying again", code="metrics.unheard")
            self._unheard, self._listen_again = said, time.monotonic() + LISTEN_AGAIN_S
            return []
        self._unheard = ""
        return [listener]

    # -- on the thread of the metrics ------------------------------------------------------------------------------------------

    def _answer(self, path: str) -> Answer:
        from photodiary.metrics import exposition
        from photodiary.metrics.health import health
        from photodiary.metrics.server import Answer, plain

        gathering = self._gathering
        assert gathering is not None
        try:
            facts = gathering.facts()
            if path == "/metrics":
                return Answer(HTTPStatus.OK, exposition.KIND, exposition.text(facts))
            return health(facts, time.monotonic() - self._ticked_at)
        except Exception as error:  # a fault of ours is no reason to be silent from now on
            if self._unforeseen_yet(error):
                log.exception("unexpected error over the metrics; the diaries go on", code="metrics.error")
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _chores(self) -> float:
        """Write the file when it is time.  Returns in how many seconds that is again."""
        textfile, gathering = self._textfile, self._gathering
        if textfile is None or gathering is None:
            return float("inf")
        now = time.monotonic()
        if now >= self._write_at:
            self._write_at = now + WRITE_EVERY_S
            try:
                self._write(textfile, gathering, now)
            except Exception as error:
                if self._unforeseen_yet(error):
                    log.exception("unexpected error over the metrics; the diaries go on", code="metrics.error")
        return max(0.0, self._write_at - time.monotonic())

    def _write(self, textfile: Textfile, gathering: Gathering, now: float) -> None:
        from photodiary.metrics import exposition

        text = exposition.text(gathering.facts())
        try:
            textfile.write(text, exposition.essence(text), now)
        except StorageTrouble as error:
            if str(error) != self._unwritten:
                log.warning(f"{error}; trying again", code="metrics.unwritten")
            self._unwritten = str(error)
        else:
            if self._unwritten:
                log.info(f"{self._config.textfile}: the metrics are written again", code="metrics.written")
            self._unwritten = ""

    def _unforeseen_yet(self, error: Exception) -> bool:
        """Whether it is another one than the last: each is told once."""
        before, self._unforeseen = self._unforeseen, repr(error)
        return before != self._unforeseen
