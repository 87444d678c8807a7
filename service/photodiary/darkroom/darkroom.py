"""The daemon's side of the darkroom: sends bytes to workers, gets small things back, kills what hangs."""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from photodiary.darkroom import answers
from photodiary.darkroom.answers import Inspection
from photodiary.darkroom.limits import KEEP_BYTES, DarkroomConfig
from photodiary.darkroom.line import Line, Nonsense
from photodiary.diary.canvas import Canvas, Matrix
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import Digest, digest_of
from photodiary.diary.picking import EYES, Looks
from photodiary.diary.quality import Measured
from photodiary.diary.takes import SIDE
from photodiary.errors import Held, NoReader, NoWorker, WorkerLost

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["Darkroom", "Inspection"]

log = structlog.get_logger()

Load = Callable[[], bytes]
T = TypeVar("T")
START_S = 120.0  # for a process to come up, on the slowest machine
PLACES = 100  # photos of which it is remembered who has them; more than all workers together keep decoded
AGAIN_S = 60.0  # a missing library is looked for at most so often
# A worker asks the kernel to end it with whoever started it, and the kernel means the thread, not the process: so one that lasts starts them all.
_starter = ThreadPoolExecutor(1, "darkroom-starter")
NONSENSE = "the worker that reads photos answered nonsense about this one"


class _Worker:
    """One process and the line to it; started when first needed, started again after it died."""

    def __init__(self, config: DarkroomConfig, told: Callable[[dict[str, Any]], None]) -> None:
        self._config = config
        self._told = told
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Line | None = None
        self._since = 0.0
        self.starts = 0

    def _start(self) -> Line:
        """A fresh worker that has loaded all that it needs.  Raises NoWorker, which is no photo's fault."""
        self.stop()
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "photodiary.darkroom.worker", str(theirs.fileno()), str(self._config.memory_mb), str(self._config.max_megapixels)]
            self._process = _starter.submit(
                subprocess.Popen, command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            ).result()  # fmt: skip
        self._line = Line(ours)
        try:
            hello = self._line.receive_head(time.monotonic() + START_S)
        except (EOFError, OSError, Nonsense) as error:
            raise NoWorker(f"no process that reads photos comes up on this machine (exit {self.stop(patience=1.0)}); what it said stands in the log") from error
        self.starts += 1
        self._told(hello)
        self._since = time.monotonic()
        return self._line

    def ask(self, head: dict[str, Any], load: Load, most: int, read: Callable[[dict[str, Any], bytes], T]) -> T:
        """One request and its answer as `read` understands it; the photo's bytes are sent only when the worker does not have it.

        most: bytes that the answer may have.  Raises WorkerLost, NoWorker, and what `read` and `load` raise.
        """
        with self._turn:
            line = self._line if self._process is not None and self._process.poll() is None and self._line is not None else self._start()
            reply, payload = self._exchange(line, head, b"", most)
            if reply.get("missing") is True:
                data = load()
                if not data:
                    raise Held("it is empty")
                reply, payload = self._exchange(line, head, data, most)
            try:
                return read(reply, payload)
            except Nonsense as error:
                self.stop()
                raise WorkerLost(f"{NONSENSE} ({error})") from error
            except NoReader:
                if time.monotonic() - self._since > AGAIN_S:
                    self.stop()  # a worker loads nothing once it reads photos: only a fresh one finds what was installed meanwhile
                raise

    def _exchange(self, line: Line, head: dict[str, Any], data: bytes, most: int) -> tuple[dict[str, Any], bytes]:
        deadline = time.monotonic() + self._config.seconds
        try:
            line.send(json.dumps(head).encode(), deadline)
            line.send(data, deadline)
            return line.receive_head(deadline), line.receive(most, deadline)
        except TimeoutError as error:
            self.stop()
            raise WorkerLost(f"reading took longer than {self._config.seconds:g} s") from error
        except Nonsense as error:
            self.stop()
            raise WorkerLost(f"{NONSENSE} ({error})") from error
        except (EOFError, OSError) as error:
            raise WorkerLost(f"the worker that reads photos died over this one (exit {self.stop(patience=1.0)})") from error

    def stop(self, patience: float = 0.0) -> int | None:
        """End the process, after `patience` seconds in which it may end by itself.  Returns its exit status."""
        process, line = self._process, self._line
        self._process = self._line = None
        if line is not None:
            line.close()
        if process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(patience)
        process.kill()
        return process.wait()


class Darkroom:
    """A few workers; a photo always goes to the same one, which may still have it decoded."""

    def __init__(self, config: DarkroomConfig) -> None:
        self._config = config
        self._warned = False
        count = config.workers or min(4, len(os.sched_getaffinity(0)))
        self._workers = [_Worker(config, self._started) for _ in range(count)]
        self._placing, self._next_place = threading.Lock(), -1
        self._places: dict[Digest, int] = {}

    @property
    def starts(self) -> int:
        """How many processes have come up so far; more than there are at a time, once some have died."""
        return sum(worker.starts for worker in self._workers)

    @property
    def hands(self) -> int:
        """How many photos can be worked on at a time."""
        return min(len(self._workers), len(os.sched_getaffinity(0)))

    @property
    def room(self) -> int:
        """Bytes of decoded photos that all workers together remember: 3 for a pixel."""
        return len(self._workers) * KEEP_BYTES

    def _started(self, hello: dict[str, Any]) -> None:
        if hello.get("filtered") is not True and not self._warned:
            self._warned = True
            log.info("this kernel cannot filter what the processes that read photos ask of it; their other limits hold", code="darkroom.unfiltered")

    def _ask(self, digest: Digest, load: Load, read: Callable[[dict[str, Any], bytes], T], most: int = 0, **head: Any) -> T:
        def readable(reply: dict[str, Any], payload: bytes) -> T:
            refusal = answers.refusal(reply)
            if refusal is not None:
                raise refusal
            return read(reply, payload)

        return self._workers[self._place(digest)].ask({"digest": digest, **head}, load, most, readable)

    def _place(self, digest: Digest) -> int:
        """Which worker a photo goes to: always the same one while it is worked on, and each gets as many as the others."""
        with self._placing:
            place = self._places.pop(digest, None)
            if place is None:
                place = self._next_place = (self._next_place + 1) % len(self._workers)
            self._places[digest] = place  # the last one asked about stands last
            while len(self._places) > PLACES:
                del self._places[next(iter(self._places))]
            return place

    def inspect(self, digest: Digest, data: bytes) -> Inspection:
        """Decode strictly and say what it is.  Raises Held (cut short), Unreadable, WorkerLost, NoWorker as all of these do."""
        return self._ask(
            digest, lambda: data, lambda reply, small: answers.inspection(reply, small, data, self._config.max_megapixels), SIDE * SIDE, verb="inspect"
        )  # fmt: skip

    def thumbnail(self, digest: Digest, load: Load, side: int) -> Pixels:
        """The whole photo, upright RGB (h, w, 3), at most `side` pixels on the longer side."""
        most = 1, side, side
        whole: Pixels = self._ask(
            digest, load, lambda reply, data: answers.pixels(reply, data, most, exactly=False), 3 * side * side, verb="thumbnail", side=side
        )[0]  # fmt: skip
        return whole

    def crops(self, digest: Digest, load: Load, matrices: Sequence[Matrix], size: tuple[int, int]) -> Pixels:
        """The photo mapped by each of the matrices onto (width, height), RGB (n, h, w, 3); outside the photo its edge is continued."""
        shape = len(matrices), size[1], size[0]
        return self._ask(
            digest, load, lambda reply, data: answers.pixels(reply, data, shape, exactly=True), 3 * math.prod(shape),
            verb="crops", matrices=list(matrices), size=size,
        )  # fmt: skip

    def frame(self, digest: Digest, load: Load, matrix: Matrix, canvas: Canvas) -> bytes:
        """The finished frame as JPEG, its border filled."""
        size = canvas.width, canvas.height
        return self._ask(digest, load, lambda _, data: answers.frame(data, size), 65_536 + 3 * math.prod(size), verb="frame", matrix=matrix, size=size)

    def developed(self, digest: Digest, load: Load, matrix: Matrix, canvas: Canvas) -> tuple[bytes, Looks]:
        """The finished frame as `frame` makes it, and what it looks like."""
        size = canvas.width, canvas.height
        return self._ask(
            digest, load, lambda reply, data: (answers.frame(data[EYES:], size), answers.looks(reply, data[:EYES])), 65_536 + EYES + 3 * math.prod(size),
            verb="frame", matrix=matrix, size=size, eyes=[canvas.left, canvas.right],
        )  # fmt: skip

    def looks(self, frame: bytes, canvas: Canvas) -> Looks:
        """What a frame that was made for a canvas looks like.  frame: its JPEG."""
        return self._ask(
            digest_of(frame), lambda: frame, answers.looks, EYES, verb="looks", size=(canvas.width, canvas.height), eyes=[canvas.left, canvas.right]
        )  # fmt: skip

    def picture(self, digest: Digest, load: Load, matrix: Matrix, size: tuple[int, int], quality: int = 85) -> bytes:
        """The photo mapped by `matrix` onto (width, height), as a small JPEG for looking at; outside the photo its edge is continued.

        quality: of the JPEG, 1 to 100.
        """
        return self._ask(
            digest, load, lambda _, data: answers.frame(data, size), 65_536 + 3 * math.prod(size), verb="picture", matrix=matrix, size=size, quality=quality
        )  # fmt: skip

    def motion(self, before: bytes, after: bytes, left: Point, right: Point) -> Measured:
        """How both eyes move from one frame to the next, as the pictures say; left, right: where the frames have them."""
        both, first = before + after, len(before)
        return self._ask(digest_of(after), lambda: both, lambda reply, _: answers.motion(reply), verb="motion", first=first, left=left, right=right)

    def haar(self, digest: Digest, load: Load) -> EyePair | None:
        """The eyes as OpenCV's Haar cascades see them, the baseline of `compare`; None where they see none."""
        return self._ask(digest, load, lambda reply, _: answers.eyes(reply), verb="haar")

    def close(self) -> None:
        for worker in self._workers:
            worker.stop()
