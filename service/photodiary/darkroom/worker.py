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

from photodiary.darkroom import decode, haar, marks, motion, seccomp, tone, warp
from photodiary.darkroom.limits import KEEP_BYTES
from photodiary.darkroom.warmup import warm_up
from photodiary.diary.takes import SIDE
from photodiary.errors import Held, NoReader, Unreadable

MOST_FILES = 32
SMALL = 3_000_000  # bytes of a smaller copy of a photo that is remembered beside it; a larger one only while no other photo is looked at
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38


class Darkbox:
    """The worker's memory of decoded photos, a cache only: those that came last, and while there is room those whose frame is made."""

    def __init__(self, max_megapixels: float) -> None:
        self.max_megapixels = max_megapixels
        self._kept: OrderedDict[str, decode.Photo] = OrderedDict()
        self._halved: dict[str, dict[int, warp.Pixels]] = {}  # of these photos: how often halved, and the pixels
        self._shown = ""  # the photo that was last looked at

    def photo(self, digest: str, data: bytes, need: float) -> decode.Photo | None:
        """The decoded photo at a resolution of at least `need` (1 = as stored); None when its bytes are needed to make it."""
        kept = self._kept.get(digest)
        if kept is not None and (kept.reduction == 1 or need * kept.reduction <= 1):
            return kept
        if not data:
            return None
        self.forget(digest)
        photo = decode.decode(data, self.max_megapixels, need=need)
        self._kept[digest] = photo
        while len(self._kept) > 1 and sum(p.pixels.nbytes for p in self._kept.values()) > KEEP_BYTES:
            self.forget(next(iter(self._kept)))
        return photo

    def done_with(self, digest: str) -> None:
        """It is the first to go; not at once, because memory that is free goes back to the system and comes back only after it was cleared."""
        if digest in self._kept:
            self._kept.move_to_end(digest, last=False)
        self._halved.pop(digest, None)

    def forget(self, digest: str) -> None:
        self._kept.pop(digest, None)
        self._halved.pop(digest, None)

    def shrunk(self, digest: str, photo: decode.Photo, matrix: warp.Matrix) -> tuple[warp.Pixels, warp.Matrix]:
        """A smaller copy of the photo that still has more pixels than a warp by `matrix` shows, and the matrix for it.

        Halving is quick and is done once a photo; area averaging of millions of pixels for each look is not.
        """
        if digest != self._shown:
            before = self._halved.get(self._shown, {})
            for level in [level for level, pixels in before.items() if level and pixels.nbytes > SMALL]:
                del before[level]
            self._shown = digest
        levels = self._halved.setdefault(digest, {0: photo.pixels})
        wanted = warp.halvings(float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))))
        level = max(level for level in levels if level <= wanted)
        pixels = levels[level]
        while level < wanted and min(pixels.shape[:2]) >= 32:
            pixels, level = warp.halved(pixels), level + 1
            levels[level] = pixels
        grow = 2**level
        return pixels, matrix @ np.array([[grow, 0, (grow - 1) / 2], [0, grow, (grow - 1) / 2], [0, 0, 1]])


def answer(box: Darkbox, head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Carry out one request; the answer is a JSON head and bytes."""
    if head["verb"] == "motion":
        return _motion(head, data), b""
    matrix = np.array(head["matrix"], np.float64) if "matrix" in head else None
    scales = [abs(float(np.linalg.det(np.array(m)[:, :2]))) for m in (*head.get("matrices", ()), *([] if matrix is None else [matrix]))]
    need = 1.0 if head["verb"] == "looks" else max(scales, default=0.0) ** 0.5
    if head["verb"] == "inspect" and not data:
        box.forget(head["digest"])  # it is decoded as every photo is that is seen for the first time, so that equal ones get equal digests
    photo = box.photo(head["digest"], data, need)
    if photo is None:
        return {"missing": True}, b""
    verb = head["verb"]
    if verb == "inspect":
        header = photo.header
        width, height = header.upright
        return {"format": header.format, "width": width, "height": height, "dates": vars(header.dates), "picture": photo.picture}, _signature(
            box, head["digest"], photo
        )
    if verb == "haar":
        return {"eyes": _haar(photo)}, b""
    if verb == "thumbnail":
        matrix, size = warp.thumbnail_matrix(photo.header.upright, int(head["side"]))
        return _looks(box, head["digest"], photo, [matrix], size)
    size = (int(head["size"][0]), int(head["size"][1]))
    if verb == "looks":
        if photo.pixels.shape[1::-1] != size:
            raise Unreadable("damaged", "it does not have the size of a frame")
        box.forget(head["digest"])  # nobody asks about a frame twice
        return _measured(photo.pixels, head["eyes"])
    if verb == "crops":
        return _looks(box, head["digest"], photo, [np.array(m, np.float64) for m in head["matrices"]], size)
    assert matrix is not None
    if verb == "picture":
        source, local = box.shrunk(head["digest"], photo, matrix @ photo.to_full())
        return {}, warp.encode(warp.warp(source, local, size)[0], int(head["quality"]))
    if verb == "frame":
        made = warp.frame(photo.pixels, matrix @ photo.to_full(), size)
        if "eyes" in head:
            box.done_with(head["digest"])  # for the film: nobody asks about it any more
        reply, eyes = _measured(made, head["eyes"]) if "eyes" in head else ({}, b"")
        return reply, eyes + warp.encode(made)
    raise ValueError(f"unknown request {verb!r}")


def _measured(frame: warp.Pixels, eyes: list[list[float]]) -> tuple[dict[str, Any], bytes]:
    """What a frame (h, w, 3) whose eyes are at these two points looks like, and the small pictures of its eyes."""
    left, right = ((float(x), float(y)) for x, y in eyes)
    found, pictures = marks.marks(frame, left, right)
    return {"tone": tone.tone(frame, left, right), "marks": vars(found)}, pictures


def _signature(box: Darkbox, digest: str, photo: decode.Photo) -> bytes:
    """The photo very small and grey: means of areas, from a copy that is shrunk anyway for the first look and still has 500 pixels or more."""
    shrink = 250 / min(photo.pixels.shape[:2])
    small, _ = box.shrunk(digest, photo, np.array([[shrink, 0, 0], [0, shrink, 0]]))
    return bytes(cv2.resize(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA).tobytes())


def _looks(box: Darkbox, digest: str, photo: decode.Photo, matrices: list[warp.Matrix], size: tuple[int, int]) -> tuple[dict[str, Any], bytes]:
    """The photo mapped by each matrix (from upright full-size pixels), one picture after the other."""
    pictures = []
    for matrix in matrices:
        source, local = box.shrunk(digest, photo, matrix @ photo.to_full())
        pictures.append(warp.warp(source, local, size)[0])
    return {"shape": (len(pictures), *pictures[0].shape)}, b"".join(picture.tobytes() for picture in pictures)


def _motion(head: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Between two frames, whose bytes come one after the other."""
    if not data:
        return {"missing": True}
    first = int(head["first"])
    found = motion.motion(data[:first], data[first:], *(tuple(head[eye]) for eye in ("left", "right")))
    return {"moved": found.moved, "likeness": found.likeness}


def _haar(photo: decode.Photo) -> haar.Eyes | None:
    """The cascades' eyes in upright pixels of the full size."""
    found = haar.eyes(photo.pixels)
    return None if found is None else [(photo.to_full() @ [*eye, 1])[:2].tolist() for eye in found]


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
            reply, payload = {"held": str(error), "no_reader": isinstance(error, NoReader)}, b""
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


def confine(memory_mb: int) -> bool:
    """Die with the daemon, gain no rights, stay within memory, leave no dump, and once all is loaded open, start and reach nothing any more.

    Returns whether the kernel filters the calls (see seccomp.py); where it does not, the rest holds all the same.
    """
    libc, parent = ctypes.CDLL(None), os.getppid()
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # the limit on core files does not hold for a collector like systemd's: a crash would leave the photo there
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    cv2.setNumThreads(1)
    cv2.ocl.setUseOpenCL(False)
    warm_up()
    os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), 2)  # nothing that a photo makes a library say reaches the daemon's log
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    return seccomp.install()


def main() -> None:
    descriptor, memory_mb, max_megapixels = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    filtered = confine(memory_mb)
    connection = Connection(descriptor)
    connection.send_bytes(json.dumps({"ready": True, "filtered": filtered}).encode())
    serve(connection, Darkbox(max_megapixels))


if __name__ == "__main__":
    main()
