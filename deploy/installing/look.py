"""Reads an inbox as the service would: the proof that the service can.  Also a program of its own, which systemd runs within the service's walls.

`look.py FOLDER` prints one JSON object: {"read": a file or null, "files": how many, "closed": how many of them (or folders) may not be read, "example":
one of those or null, "trouble": why nothing could be looked at, or null}.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

ENOUGH = 50_000
BIND, RECURSIVE, PRIVATE, NEW_MOUNTS = 0x1000, 0x4000, 0x40000, 0x00020000


def look(inbox: str) -> dict[str, Any]:
    """What may be read of a folder; one file is read for certain, the newest."""
    answer: dict[str, Any] = {"read": None, "files": 0, "closed": 0, "example": None, "trouble": None}

    def closed(path: str) -> None:
        answer["closed"] += 1
        answer["example"] = answer["example"] or path

    newest = (-1.0, "")
    try:
        os.listdir(inbox)
    except OSError as error:
        answer["trouble"] = f"{inbox}: {error.strerror}"
        return answer
    for folder, folders, files in os.walk(inbox, onerror=lambda error: closed(str(error.filename))):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = os.path.join(folder, name)
            if name.startswith(".") or os.path.islink(path):
                continue
            answer["files"] += 1
            if not os.access(path, os.R_OK):
                closed(path)
            else:
                newest = max(newest, (os.stat(path).st_mtime, path))
        if answer["files"] > ENOUGH:
            break
    if newest[1]:
        try:
            with open(newest[1], "rb", buffering=0) as file:
                file.read(1)
            answer["read"] = newest[1]
        except OSError:
            closed(newest[1])
    return answer


def behind_walls(hidden: Sequence[str], shown: Sequence[str]) -> None:
    """Get a view of the file system as the unit gives it (ProtectHome=tmpfs, BindReadOnlyPaths=), for this process and its children.

    Where mounting is not allowed, nothing happens: then the folders above an inbox must let the service through as well.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    opened = {path: os.open(path, os.O_PATH) for path in shown}
    if libc.unshare(NEW_MOUNTS) != 0 or libc.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None) != 0:
        return
    opened = {path: os.open(path, os.O_PATH) for path in shown}  # anew: a folder can only be bound from one's own mounts
    for path in hidden:
        if os.path.isdir(path):
            libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", 0, b"mode=755")
    for path, descriptor in opened.items():
        os.makedirs(path, mode=0o755, exist_ok=True)
        libc.mount(f"/proc/self/fd/{descriptor}".encode(), os.fsencode(path), None, BIND | RECURSIVE, None)


if __name__ == "__main__":
    print(json.dumps(look(sys.argv[1])))
