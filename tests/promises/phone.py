"""A phone that syncs: whoever writes to the inbox, in every way that sync tools know, and what must come of it."""

from __future__ import annotations

import hashlib
import os
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from photodiary.diary.photo import Digest
from photodiary.errors import PhotodiaryError
from photodiary.ledger import photos
from photodiary.ledger.store import Ledger

WAYS = ("rename", "slow", "hard link", "rsync", "syncthing", "half, later whole", "replaced", "rewritten", "conflict copy", "conflict", "no face", "touched")
WEIGHTS = (4, 4, 2, 3, 2, 3, 3, 2, 2, 2, 1, 1)


class Broken(AssertionError):
    """A promise was not kept."""


@dataclass
class Journal:
    """What was done when, printed as it happens."""

    started: float = field(default_factory=time.monotonic)
    done: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, words: str) -> None:
        self.done[kind] += 1
        print(f"{time.monotonic() - self.started:7.2f}  {kind:8}  {words}", flush=True)


Seen = tuple[int, int, int, int, int, str]  # size, mtime, ctime, inode, mode, SHA-256: whatever a stranger's hand would change


def look(path: Path) -> Seen:
    status = path.lstat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode, sha(path.read_bytes())


def sha(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).hexdigest())


class Phone:
    """Writes photos into `folder` in a thread of its own, and remembers what must come of them."""

    def __init__(self, folder: Path, archive: Path, make: Callable[[int, bool], bytes], dice: random.Random, journal: Journal) -> None:
        self.folder, self.archive, self.make, self.dice, self.journal = folder, archive, make, dice, journal
        self.outside = folder.with_name("phone")  # on the same file system, so that files can be renamed into the inbox
        self.outside.mkdir()
        self.expected: dict[str, Seen] = {}
        self.must: dict[Digest, int] = {}  # good photos by number; each has to be in the diary
        self.may: dict[Digest, int] = {}  # replaced before they were seen to be taken in
        self.garbage: set[Digest] = set()
        self.parts: set[Digest] = set()  # states that a growing file had on its way
        self.faceless: set[Digest] = set()
        self.halves: list[tuple[str, bytes]] = []
        self.cut_for_ever: set[str] = set()
        self.error: BaseException | None = None
        self._number = 0
        self._work: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="phone", daemon=True)
        self._thread.start()

    def send(self, way: str) -> None:
        """Do this soon."""
        self._work.put(way)

    def finish(self) -> None:
        """Complete what is half, and end."""
        self._work.put("complete all")
        self._work.put(None)
        self._thread.join(600)
        if self._thread.is_alive():
            raise Broken("the feeder hangs")
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            while (way := self._work.get()) is not None:
                self._do(way)
        except BaseException as error:  # noqa: BLE001 - told by `finish`
            self.error = error

    def _do(self, way: str) -> None:
        if way in ("complete", "complete all"):
            self._complete(1 if way == "complete" else len(self.halves))
        elif way == "garbage":
            self._garbage()
        else:
            self._photo(way)

    def _complete(self, files: int) -> None:
        for name, rest in self.halves[:files]:
            with (self.folder / name).open("ab") as file:
                file.write(rest)
            self._note(name, "now whole")
        del self.halves[:files]

    def _photo(self, way: str) -> None:
        number, data = self._next(face=way != "no face")
        name = self._name(number)
        self.must[sha(data)] = number
        if way in ("slow", "rsync", "syncthing"):
            hidden = {"slow": name, "rsync": f".{name}.x7Gk2Q", "syncthing": f".syncthing.{name}.tmp"}[way]
            self._grow(self.folder / hidden, data)
            if hidden != name:
                (self.folder / hidden).rename(self.folder / name)
        elif way == "hard link":
            beside = self.outside / name
            beside.write_bytes(data)
            os.link(beside, self.folder / name)
            beside.unlink()
        elif way == "half, later whole":
            cut = int(len(data) * self.dice.uniform(0.3, 0.9))
            (self.folder / name).write_bytes(data[:cut])
            self.parts.add(sha(data[:cut]))
            self.halves.append((name, data[cut:]))
        else:
            self._rename(name, data)
        self._note(name, way)
        if way in ("replaced", "rewritten"):
            time.sleep(self.dice.choice((0.0, 0.05, 0.3, 2.0)))
            self._replace(name, data, in_place=way == "rewritten")
        elif way.startswith("conflict"):
            other = f"{Path(name).stem}.sync-conflict-20240301-0830{number % 60:02}-ABCDEFG.jpg"
            if way == "conflict":
                number, data = self._next()
                self.must[sha(data)] = number
            self._rename(other, data)
            self._note(other, way)
        elif way == "touched":
            time.sleep(self.dice.uniform(0.0, 0.6))
            os.utime(self.folder / name)
            self._note(name, "touched")
        time.sleep(self.dice.uniform(0.0, 0.15))

    def _next(self, *, face: bool = True) -> tuple[int, bytes]:
        self._number += 1
        data = self.make(self._number, face)
        if not face:
            self.faceless.add(sha(data))
        return self._number, data

    def _name(self, number: int) -> str:
        return f"IMG_{number:04}.jpg"

    def _garbage(self) -> None:
        self._number += 1
        data = f"no photo at all, number {self._number} ".encode() * 60
        self.garbage.add(sha(data))
        self._rename(f"IMG_{self._number:04}.jpg", data)
        self._note(f"IMG_{self._number:04}.jpg", "garbage")

    def cut(self) -> None:
        """One file whose rest never comes; before the thread is given anything."""
        data = self.make(9_000 + len(self.cut_for_ever), True)
        name = f"cut{len(self.cut_for_ever)}.jpg"
        (self.folder / name).write_bytes(data[: len(data) // 2])
        self.parts.add(sha(data[: len(data) // 2]))
        self.cut_for_ever.add(name)
        self._note(name, "half, and never whole")

    def _rename(self, name: str, data: bytes) -> None:
        beside = self.outside / "incoming"
        beside.write_bytes(data)
        beside.rename(self.folder / name)

    def _grow(self, path: Path, data: bytes) -> None:
        pause = self.dice.choice((0.01, 0.05, 0.2))
        step = len(data) // self.dice.randint(3, 8) + 1
        path.write_bytes(b"")
        for start in range(0, len(data), step):
            with path.open("ab") as file:  # not kept open: the inbox could not be unmounted
                file.write(data[start : start + step])
            self.parts.add(sha(data[: start + step]))
            time.sleep(pause)
        self.parts.discard(sha(data))

    def _replace(self, name: str, old: bytes, *, in_place: bool) -> None:
        """Another photo under the same name.  The old one must stay if it was in the diary by now; otherwise it may be."""
        number, data = self._next()
        self.must[sha(data)] = number
        if not self._is_in(sha(old)):
            self.may[sha(old)] = self.must.pop(sha(old))
        if in_place:
            (self.folder / name).write_bytes(data[:1000])
            self._grow(self.folder / name, data)
        else:
            self._rename(name, data)
        self._note(name, "now another photo; the old one", "was in the diary" if sha(old) in self.must else "may not have been seen")

    def _is_in(self, digest: Digest) -> bool:
        try:
            ledger = Ledger(self.archive, writable=False)
        except (PhotodiaryError, OSError):
            return False
        try:
            return photos.find(ledger, digest) is not None
        except PhotodiaryError:
            return False
        finally:
            ledger.close()

    def _note(self, name: str, *words: str) -> None:
        self.expected[name] = look(self.folder / name)
        self.journal.note("inbox", f"{name}: {' '.join(words)}")
