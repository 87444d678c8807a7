"""`daemon.lock`: the right to run steps on a diary, held for a process's life."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from photodiary.errors import Busy, StorageTrouble

FILE = "daemon.lock"
T = TypeVar("T")


class DaemonLock:
    """Taken when made.  Raises Busy, naming the holder, when somebody else has it."""

    def __init__(self, archive: Path) -> None:
        if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # whoever holds the lock may be nudged, and must not die of it
        try:
            self._fd = os.open(archive / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageTrouble(f"{archive}: the archive cannot be used: {error.strerror}") from error
        if not self._taken():
            holder = _read(self._fd)
            os.close(self._fd)
            raise Busy(f"{archive}: another photodiary (process {holder}) is at work on this diary; stop it first, or wait")
        with suppress(OSError):  # on a full disk the lock still counts, not the number in it
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def _taken(self) -> bool:
        """Tried for a second: whoever asks who holds the lock has it for an instant."""
        for _ in range(20):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                time.sleep(0.05)
        return False

    def release(self) -> None:
        with suppress(OSError):
            os.ftruncate(self._fd, 0)
        os.close(self._fd)


def _read(descriptor: int) -> str:
    return os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "?"


def holder(archive: Path) -> int | None:
    """The process that holds the lock of an archive, None when nobody does."""
    try:
        descriptor = os.open(archive / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = _read(descriptor)
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)
    return None


def alone_or_beside(archive: Path, alone: Callable[[], T], beside: Callable[[int], T]) -> T:
    """What `alone` returns, which takes the lock; or, where a process has it, even since this very moment, what `beside` returns, given its number.

    Raises what they raise.
    """
    pid = holder(archive)
    if pid is None:
        try:
            return alone()
        except Busy:
            if (pid := holder(archive)) is None:
                raise
    return beside(pid)


def nudge(archive: Path) -> bool:
    """Wake the daemon so that it looks at its wishes now instead of within a minute.  Returns whether there is one.

    Its number counts where it lives: in another container it may be somebody else's, even our own, who would die of it.
    """
    pid = holder(archive)
    if pid and _is_holder(pid, archive):
        with suppress(OSError):
            os.kill(pid, signal.SIGUSR1)
    return pid is not None


def _is_holder(pid: int, archive: Path) -> bool:
    """Whether the kernel, which counts as we do, says so too; believed where it cannot be asked (ProcSubset=pid of a unit)."""
    try:
        inode = str((archive / FILE).stat().st_ino)
        locks = [line.replace("->", "").split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except OSError:
        return True
    return any(lock[1:2] == ["FLOCK"] and lock[4:5] == [str(pid)] and lock[5].rpartition(":")[2] == inode for lock in locks)
