"""Starts a daemon, and kills it and what belongs to it at delicate moments."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import select
import signal
import struct
import time
from pathlib import Path

from tests.promises.mounts import Mounts
from tests.promises.phone import Broken, Journal
from tests.support.daemon import Diary

from photodiary.archive.store import TEMPORARY

MODIFIED, MOVED_HERE, CREATED = 0x2, 0x80, 0x100  # of inotify
GROWN = 0.75  # of the daemons are killed when they are up, the others whenever
MOST = {"ledger written": 9, "temporary made": 3, "file published": 3}  # for how many of them a kill waits
MOMENTS = ("by chance", *MOST)


def children(pid: int) -> dict[int, str]:
    """Child processes by number: darkroom, render or other."""
    found: dict[int, str] = {}
    for task in _listed(Path(f"/proc/{pid}/task")):
        with contextlib.suppress(OSError):
            for child in map(int, (task / "children").read_text().split()):
                line = Path(f"/proc/{child}/cmdline").read_bytes()
                found[child] = "darkroom" if b"photodiary.darkroom.worker" in line else "render" if b"spawn_main" in line else "other"
    return found


def _listed(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return list(folder.iterdir())
    return []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Witness:
    """Sees what happens in an archive within a fraction of a millisecond: a file is there and its row is not yet, or the other way round."""

    def __init__(self, archive: Path) -> None:
        self._libc = ctypes.CDLL(None)
        self._fd = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        for folder in (archive, *(path for path in archive.rglob("*") if path.is_dir())):
            self._libc.inotify_add_watch(self._fd, os.fsencode(folder), MODIFIED | CREATED | MOVED_HERE)

    def __enter__(self) -> Witness:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def wait_for(self, moment: str, number: int, seconds: float) -> bool:
        """Whether this happened so many times within so many seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._fd], [], [], left)[0]:
                return False
            events = os.read(self._fd, 65_536)
            while events:
                _, mask, _, length = struct.unpack_from("iIII", events)
                name = events[16 : 16 + length].rstrip(b"\0").decode("utf-8", "replace")
                events = events[16 + length :]
                number -= self._is(moment, mask, name)
                if number == 0:
                    return True
        return False

    @staticmethod
    def _is(moment: str, mask: int, name: str) -> bool:
        if moment == "ledger written":
            return bool(mask & MODIFIED) and name.endswith("-wal")
        if moment == "temporary made":
            return bool(mask & CREATED) and name.startswith(TEMPORARY)
        return bool(mask & MOVED_HERE)


class Killer:
    """Starts the daemon and kills it and what belongs to it."""

    def __init__(self, diary: Diary, mounts: Mounts, dice: random.Random, journal: Journal) -> None:
        self.diary, self.mounts, self.dice, self.journal = diary, mounts, dice, journal
        self._running = False
        self._left: set[str] = set()  # temporaries of a life that was ended
        self._log_from = 0
        self._disk_was_full = False
        self._departures = 0

    def start(self) -> None:
        self._disk_was_full = self.mounts.full
        self._log_from = self.diary.log.stat().st_size if self.diary.log.exists() else 0
        self.diary.start()
        self._running = True
        self.journal.note("start", f"daemon {self.diary.pid}")

    def ensure(self) -> None:
        """A daemon that left by itself is a broken promise, unless its disk was full: then a supervisor starts it again, as we do."""
        if self._running and not is_alive(self.diary.pid):
            process = self.diary._process
            assert process is not None
            status = process.wait()
            self._running = False
            self.journal.note("left", f"the daemon left by itself with exit status {status}")
            if not (self._disk_was_full or self.mounts.full):
                raise Broken(f"the daemon left by itself with exit status {status}")
            self._departures += 1
            if self._departures % 3 == 0:
                self.mounts.set_disk(False)
            time.sleep(0.5)
        if not self._running:
            self.start()

    def told(self) -> str:
        """What the present daemon has said."""
        with self.diary.log.open("rb") as log:
            log.seek(self._log_from)
            return log.read().decode("utf-8", "replace")

    def temporaries(self) -> set[str]:
        return {str(path) for path in self.diary.archive.rglob(f"{TEMPORARY}*")}

    def check_swept(self) -> None:
        """Once a daemon has started, no temporary of an earlier life is there."""
        if self._left and " watches " in self.told():
            rest = self._left & self.temporaries()
            if rest:
                raise Broken(f"temporaries of an earlier life are left after a start: {sorted(rest)}")
            self._left = set()

    def kill_daemon(self) -> None:
        self.ensure()
        moment = self._await_moment()
        if not is_alive(self.diary.pid):
            return self.kill_daemon()
        os.kill(self.diary.pid, signal.SIGSTOP)  # this is the moment; what follows may take its time
        self.check_swept()
        family = children(self.diary.pid)
        self.diary.kill()
        self._running = False
        self._left |= self.temporaries()
        self.journal.note("kill", f"daemon {self.diary.pid} ({moment})" + (f", leaving {len(self._left)} temporaries" if self._left else ""))
        end = time.monotonic() + 60
        while orphans := [pid for pid in family if is_alive(pid)]:
            if time.monotonic() > end:
                raise Broken(f"children outlive their daemon: { {pid: family[pid] for pid in orphans} }")
            time.sleep(0.01)
        return None

    def kill_child(self, kind: str) -> bool:
        """Kill a child of that kind.  Returns False when none came to life in a while."""
        self._await_start()
        end = time.monotonic() + (6 if self.mounts.calm else 1)
        while time.monotonic() < end:
            self.ensure()
            if found := [pid for pid, what in children(self.diary.pid).items() if what == kind]:
                wait = self.dice.uniform(0, 0.4)
                time.sleep(wait)
                with contextlib.suppress(ProcessLookupError):
                    if is_alive(found[0]):
                        os.kill(found[0], signal.SIGKILL)
                        self.journal.note("kill", f"{kind} {found[0]} ({wait:.2f} s after it was seen)")
                        return True
            time.sleep(0.01)
        return False

    def _await_start(self) -> None:
        """Wait until the daemon is up, leaves by itself, or has had time enough on any machine."""
        self.ensure()
        end = time.monotonic() + 120
        while " watches " not in self.told() and is_alive(self.diary.pid) and time.monotonic() < end:
            time.sleep(0.05)

    def _await_moment(self) -> str:
        """Wait until something delicate happens, or a while; most often once the daemon is up, or it would only ever die in its cradle."""
        if self.dice.random() < GROWN:
            self._await_start()
        moment, wait = self.dice.choice(MOMENTS), self.dice.uniform(0.2, 2.0)
        if moment == "by chance" or not self.mounts.calm:
            time.sleep(wait)
            return f"after {wait:.2f} s"
        with Witness(self.diary.archive) as witness:
            number = self.dice.randint(1, MOST[moment])
            if not witness.wait_for(moment, number, 3.0):
                return f"no {number} times {moment}"
            time.sleep(self.dice.choice((0.0, 0.0, 0.0002, 0.002)))
        return f"{moment}, {number} times"
