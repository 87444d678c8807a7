"""A recording file layer: sees each write, fsync, rename, removal, commit and start of a child of this process, and can break at one of them.

It stands around the program from outside (functions of `os`, `io` and `sqlite3` are replaced before the program starts), which knows nothing of it.
"""

from __future__ import annotations

import builtins
import errno
import io
import multiprocessing.process
import os
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILLED = 137
WAYS = ("kill before", "kill after", "full once", "broken from here on")


@dataclass(frozen=True)
class Point:
    """The occurrence-th effect of that kind and place, and what happens there."""

    label: str
    occurrence: int
    way: str

    def __str__(self) -> str:
        return f"{self.way}: {self.label} ({self.occurrence})"


class Layer:
    """Effects below `root`, each noted as a line of `journal` before it happens."""

    def __init__(self, root: Path, journal: Path, point: Point | None, who: str = "") -> None:
        self.root, self.point, self.who = root.resolve(), point, who
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._seen: Counter[str] = Counter()
        self._turn = threading.RLock()
        self._broken = False

    def effect(self, label: str, act: Callable[[], Any], fail: Callable[[int], BaseException], half: Callable[[], Any] = lambda: None) -> Any:
        """Do `act`, or what the point wants instead; `half` is what is done of it when it fails."""
        label = self.who + label
        with self._turn:
            self._seen[label] += 1
            here = self.point is not None and (label, self._seen[label]) == (self.point.label, self.point.occurrence)
            way = self.point.way if here and self.point is not None else ""
            os.write(self._journal, f"{label}\n".encode())
        if way == "kill before":
            half()
            os._exit(KILLED)
        self._broken |= way == "broken from here on"
        if self._broken or way == "full once":
            half()
            raise fail(errno.EIO if self._broken else errno.ENOSPC)
        try:
            return act()
        finally:
            if way == "kill after":
                os._exit(KILLED)

    def place(self, path: Any) -> str | None:
        """A path in words that are the same in every run; None outside of the root."""
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        full = Path(os.path.realpath(os.path.dirname(os.path.abspath(os.fsdecode(path))))) / os.path.basename(os.fsdecode(path))
        if not full.is_relative_to(self.root):
            return None
        parts = full.relative_to(self.root).parts
        if full.is_dir():
            return "/".join(["folder", *parts[:1]]) if not parts or not parts[-1].startswith(".tmp-") else "a room"
        if len(parts) < 2:
            return parts[0] if parts else "folder"
        last = parts[-1]
        name = "temporary" if last.startswith(".tmp-") else last if last in ("latest.mp4", "CACHEDIR.TAG") else "file"
        return f"{parts[0]}/{name}"

    # -- standing around the program -----------------------------------------------------------------------------------------------

    def stand(self) -> None:
        """From now on every effect of this process goes through here."""
        for name in ("fsync", "mkdir", "unlink", "rmdir", "truncate"):
            self._on_one(name)
        for name in ("rename", "replace", "link"):
            self._on_two(name)
        self._on_open()
        self._on_commit()
        self._on_start()

    def _on_one(self, name: str) -> None:
        real = getattr(os, name)

        def through(path: Any, *rest: Any, **named: Any) -> Any:
            where = None if named.get("dir_fd") is not None else self.place(path)
            if where is None:
                return real(path, *rest, **named)
            return self.effect(f"{name} {where}", lambda: real(path, *rest, **named), lambda code: OSError(code, os.strerror(code), str(path)))

        setattr(os, name, through)

    def _on_two(self, name: str) -> None:
        real = getattr(os, name)

        def through(source: Any, target: Any, **named: Any) -> Any:
            where = self.place(target)
            if where is None:
                return real(source, target, **named)
            label = f"{name} {self.place(source)} -> {where}"
            return self.effect(label, lambda: real(source, target, **named), lambda code: OSError(code, os.strerror(code), str(target)))

        setattr(os, name, through)

    def _on_open(self) -> None:
        real = io.open

        def through(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            where = None if isinstance(file, int) or not set(mode) & set("wxa+") else self.place(file)
            if where is None:
                return real(file, mode, *rest, **named)

            def fail(code: int) -> OSError:
                return OSError(code, os.strerror(code), str(file))

            opened = self.effect(f"open {where}", lambda: real(file, mode, *rest, **named), fail)
            write = opened.write
            opened.write = lambda data: self.effect(f"write {where}", lambda: write(data), fail, lambda: (write(data[: len(data) // 2]), opened.flush()))
            return opened

        io.open = through  # type: ignore[assignment]
        builtins.open = through  # type: ignore[assignment]

    def _on_commit(self) -> None:
        layer = self

        class Watched(sqlite3.Connection):
            def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
                if sql != "COMMIT":
                    return super().execute(sql, *rest)
                sure = super().execute("PRAGMA synchronous").fetchone()[0] >= 2  # FULL
                done: sqlite3.Cursor = layer.effect(f"{'' if sure else 'careless '}commit {_whose()}", lambda: super(Watched, self).execute(sql), _full)
                return done

        real = sqlite3.connect
        sqlite3.connect = lambda *rest, **named: real(*rest, **{"factory": Watched, **named})  # type: ignore[assignment]

    def _on_start(self) -> None:
        real = multiprocessing.process.BaseProcess.start

        def through(process: Any) -> None:
            self.effect("start of the rendering child", lambda: real(process), lambda code: OSError(code, os.strerror(code)))

        multiprocessing.process.BaseProcess.start = through  # type: ignore[method-assign]


def _full(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full" if code == errno.ENOSPC else "disk I/O error")
    error.sqlite_errorname = "SQLITE_FULL" if code == errno.ENOSPC else "SQLITE_IOERR_WRITE"
    return error


def _whose() -> str:
    """Which function of the program wanted this commit."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        code = frame.f_code
        if "/photodiary/" in code.co_filename and code.co_name not in ("write", "execute"):
            return f"{Path(code.co_filename).stem}.{code.co_name}"
        frame = frame.f_back
    return "?"
