"""The daemon's side of the darkroom: sends bytes to workers, gets small things back, kills what hangs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.calendar import ExifDates
from photodiary.diary.canvas import Canvas, Matrix
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import Digest
from photodiary.errors import Held, NoReader, Unreadable, WorkerLost

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

Load = Callable[[], bytes]
LOST = DIED, TOO_LONG = "the worker that reads photos died over this one", "reading took longer than"  # how the sentence of a WorkerLost begins


@dataclass(frozen=True)
class Inspection:
    """What a readable photo says of itself; width and height are upright pixels."""

    format: str
    width: int
    height: int
    dates: ExifDates


class _Worker:
    """One process and the line to it; started when first needed, started again after it died."""

    def __init__(self, config: DarkroomConfig) -> None:
        self._config = config
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "photodiary.darkroom.worker", str(theirs.fileno()), str(self._config.memory_mb), str(self._config.max_megapixels)],
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )  # fmt: skip
        self._line = Connection(ours.detach())
        return self._line

    def ask(self, head: dict[str, Any], load: Load) -> tuple[dict[str, Any], bytes]:
        """One request and its answer; the photo's bytes are sent only when the worker does not have it.  Raises WorkerLost."""
        with self._turn:
            try:
                reply, payload = self._exchange(head, b"")
                if reply.get("missing"):
                    reply, payload = self._exchange(head, load())
            except (EOFError, OSError, ValueError) as error:
                code = self.stop()
                raise WorkerLost(f"{DIED} (exit {code})") from error
            return reply, payload

    def _exchange(self, head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        line = self._line if self._process is not None and self._process.poll() is None and self._line is not None else self._start()
        line.send_bytes(json.dumps(head).encode())
        line.send_bytes(data)
        if not line.poll(self._config.seconds):
            self.stop()
            raise WorkerLost(f"{TOO_LONG} {self._config.seconds:g} s")
        reply = json.loads(line.recv_bytes())
        return reply, line.recv_bytes()

    def stop(self) -> int | None:
        process, line = self._process, self._line
        self._process = self._line = None
        if line is not None:
            line.close()
        if process is None:
            return None
        process.kill()
        return process.wait()


class Darkroom:
    """A few workers; a photo always goes to the same one, which may still have it decoded."""

    def __init__(self, config: DarkroomConfig) -> None:
        count = config.workers or min(4, len(os.sched_getaffinity(0)))
        self._workers = [_Worker(config) for _ in range(count)]

    def _ask(self, digest: Digest, load: Load, **head: Any) -> tuple[dict[str, Any], bytes]:
        worker = self._workers[int(digest[:8], 16) % len(self._workers)]
        reply, payload = worker.ask({"digest": digest, **head}, load)
        if "held" in reply:
            raise (NoReader if reply.get("no_reader") is True else Held)(str(reply["held"])[:300])
        if "unreadable" in reply:
            raise Unreadable(str(reply["unreadable"])[:40], str(reply["sentence"])[:300])
        return reply, payload

    def inspect(self, digest: Digest, data: bytes) -> Inspection:
        """Decode strictly and say what it is.  Raises Held (cut short), Unreadable, WorkerLost."""
        reply, _ = self._ask(digest, lambda: data, verb="inspect")
        dates = ExifDates(**{key: value for key, value in reply["dates"].items() if value is None or isinstance(value, str)})
        return Inspection(str(reply["format"]), int(reply["width"]), int(reply["height"]), dates)

    def thumbnail(self, digest: Digest, load: Load, side: int) -> Pixels:
        """The whole photo, upright RGB (h, w, 3), at most `side` pixels on the longer side."""
        whole: Pixels = _pixels(*self._ask(digest, load, verb="thumbnail", side=side))[0]
        return whole

    def crops(self, digest: Digest, load: Load, matrices: Sequence[Matrix], size: tuple[int, int]) -> Pixels:
        """The photo mapped by each of the matrices onto (width, height), RGB (n, h, w, 3); outside the photo its edge is continued."""
        return _pixels(*self._ask(digest, load, verb="crops", matrices=list(matrices), size=size))

    def frame(self, digest: Digest, load: Load, matrix: Matrix, canvas: Canvas) -> bytes:
        """The finished frame as JPEG, its border filled."""
        return self._ask(digest, load, verb="frame", matrix=matrix, size=(canvas.width, canvas.height))[1]

    def haar(self, digest: Digest, load: Load) -> EyePair | None:
        """The eyes as OpenCV's Haar cascades see them, the baseline of `compare`; None where they see none."""
        reply, _ = self._ask(digest, load, verb="haar")
        if reply["eyes"] is None:
            return None
        left, right = ((float(x), float(y)) for x, y in reply["eyes"])
        return EyePair(Point(*left), Point(*right))

    def close(self) -> None:
        for worker in self._workers:
            worker.stop()


def _pixels(reply: dict[str, Any], payload: bytes) -> Pixels:
    import numpy as np

    return np.frombuffer(payload, np.uint8).reshape([int(n) for n in reply["shape"]])
