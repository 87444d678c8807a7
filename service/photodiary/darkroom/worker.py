"""A darkroom worker: a process that parses pictures and nothing else.

Started as `python -m photodiary.darkroom.worker FD MEMORY_MB MAX_MEGAPIXELS`.  Over the socket go a JSON head and raw bytes,
never pickles: a worker that a hostile photo took over can hand the daemon nothing but pixels.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections import OrderedDict
from multiprocessing.connection import Connection
from typing import Any

import cv2
import numpy as np

from photodiary.darkroom import decode, warp
from photodiary.errors import Held, Unreadable

KEEP_BYTES = 100_000_000  # decoded photos a worker remembers


class Darkbox:
    """The worker's memory of decoded photos, a cache only."""

    def __init__(self, max_megapixels: float) -> None:
        self.max_megapixels = max_megapixels
        self._kept: OrderedDict[str, decode.Photo] = OrderedDict()

    def photo(self, digest: str, data: bytes, need: float) -> decode.Photo | None:
        """The decoded photo at a resolution of at least `need` (1 = as stored); None when its bytes are needed to make it."""
        kept = self._kept.get(digest)
        if kept is not None and (kept.reduction == 1 or need * kept.reduction <= 1):
            self._kept.move_to_end(digest)
            return kept
        if not data:
            return None
        self._kept.pop(digest, None)
        photo = decode.decode(data, self.max_megapixels, need=need)
        self._kept[digest] = photo
        while len(self._kept) > 1 and sum(p.pixels.nbytes for p in self._kept.values()) > KEEP_BYTES:
            self._kept.popitem(last=False)
        return photo


def answer(box: Darkbox, head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Carry out one request; the answer is a JSON head and bytes."""
    matrix = np.array(head["matrix"], np.float64) if "matrix" in head else None
    need = 0.0 if matrix is None else float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    photo = box.photo(head["digest"], data, need)
    if photo is None:
        return {"missing": True}, b""
    verb = head["verb"]
    if verb == "inspect":
        header = photo.header
        width, height = header.upright
        return {"format": header.format, "width": width, "height": height, "dates": vars(header.dates)}, b""
    if verb == "thumbnail":
        out, _, _ = warp.thumbnail(photo.pixels, head["side"])
        return {"shape": out.shape}, out.tobytes()
    assert matrix is not None
    matrix = matrix @ photo.to_full()  # coordinates are those of the full size
    size = (int(head["size"][0]), int(head["size"][1]))
    if verb == "crop":
        out, _ = warp.warp(photo.pixels, matrix, size)
        return {"shape": out.shape}, out.tobytes()
    if verb == "frame":
        return {}, warp.encode(warp.frame(photo.pixels, matrix, size))
    raise ValueError(f"unknown request {verb!r}")


def serve(connection: Connection, box: Darkbox) -> None:
    """Answer requests until the daemon closes the line."""
    while True:
        try:
            head = json.loads(connection.recv_bytes())
            data = connection.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            reply, payload = answer(box, head, data)
        except Held as error:
            reply, payload = {"held": str(error)}, b""
        except Unreadable as error:
            reply, payload = {"unreadable": error.code, "sentence": str(error)}, b""
        except MemoryError:
            reply, payload = {"unreadable": "too_large", "sentence": "it needs more memory than the limits allow"}, b""
        except Exception as error:  # noqa: BLE001 - whatever a hostile photo provokes is an answer about that photo
            reply, payload = {"unreadable": "damaged", "sentence": f"it cannot be read ({type(error).__name__}: {str(error)[:120]})"}, b""
        try:
            connection.send_bytes(json.dumps(reply).encode())
            connection.send_bytes(payload)
        except (BrokenPipeError, OSError):
            return


def confine(memory_mb: int) -> None:
    """Die with the daemon, gain no rights, stay within memory, dump no core, leave Ctrl-C to the daemon."""
    libc = ctypes.CDLL(None)
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    cv2.setNumThreads(1)


def main() -> None:
    descriptor, memory_mb, max_megapixels = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    parent = os.getppid()
    confine(memory_mb)
    if os.getppid() != parent:
        return
    serve(Connection(descriptor), Darkbox(max_megapixels))


if __name__ == "__main__":
    main()
