"""Runs MediaPipe in the second environment: thumbnails go to its program, eyes come back."""

from __future__ import annotations

import json
import math
import os
import shlex
import struct
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from photodiary.diary.eyes import EyePair, Point
from photodiary.errors import NoRival

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROGRAM = Path(__file__).with_name("rival_mediapipe.py")
SIDE = 640  # pixels on the longer side, at which MediaPipe does best on selfies
START_SECONDS, ANSWER_SECONDS = 120.0, 60.0


class MediaPipe:
    """The program, started and ready.  A context manager; not thread-safe."""

    def __init__(self, environment: Path) -> None:
        """Raises NoRival when `environment` is not what deploy/rivals.sh makes, or its program does not start."""
        self._make = f"deploy/rivals.sh {shlex.quote(os.path.abspath(environment))}"
        python = environment / "bin" / "python"
        if not python.exists():
            raise NoRival(f"there is no {python}; this makes it: {self._make}")
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the program, in `close`
        try:
            # -I: neither our folder nor PYTHONPATH may lend its modules to the other environment.
            self._process = subprocess.Popen([str(python), "-I", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints)
        except OSError as error:
            self._complaints.close()
            raise NoRival(f"{python} cannot be run ({error.strerror}); this makes it anew: {self._make}") from error
        try:
            self._exchange(b"", START_SECONDS)
        except BaseException:
            self.close()
            raise

    def locate(self, picture: NDArray[np.uint8], size: tuple[int, int]) -> tuple[EyePair | None, float]:
        """Eyes in pixels of the upright photo of `size` (w, h) that `picture` (h, w, 3) RGB shows whole, and the mesh's seconds.  Raises NoRival."""
        height, width = picture.shape[:2]
        said = self._exchange(struct.pack("<II", width, height) + picture.tobytes(), ANSWER_SECONDS)
        try:
            seconds = float(said["seconds"])
            if said["left"] is None:
                return None, seconds
            left, right = (Point(*((float(v) + 0.5) * full / small - 0.5 for v, full, small in zip(said[side], size, (width, height), strict=True)))
                           for side in ("left", "right"))  # fmt: skip
            if not all(math.isfinite(v) for v in (*left, *right, seconds)):
                raise ValueError("a number that is none")
        except (KeyError, TypeError, ValueError) as error:
            raise NoRival(f"its answer makes no sense ({error!r}); this makes it anew: {self._make}") from error
        return EyePair(left, right), seconds

    def _exchange(self, data: bytes, limit: float) -> dict[str, Any]:
        """Send, and read one line.  Killing the program is what ends a wait that takes too long."""
        assert self._process.stdin is not None and self._process.stdout is not None
        watch = threading.Timer(limit, self._process.kill)
        watch.start()
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = b""
        finally:
            watch.cancel()
        try:
            said = json.loads(line)
            if isinstance(said, dict):
                return said
        except ValueError:
            pass
        self._process.kill()
        self._process.wait()
        self._complaints.seek(0)
        last = (self._complaints.read().decode("utf-8", "replace").strip() or "without a word").splitlines()[-1]
        raise NoRival(f"its program stopped ({last[:200]}); this makes it anew: {self._make}")

    def close(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # bytes for a dead program were still waiting
                    pipe.close()
        self._process.wait()
        self._complaints.close()

    def __enter__(self) -> MediaPipe:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
