"""The archive on a small disk that can be full, and an inbox that can go away: faults that need root."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import time
from pathlib import Path

from tests.promises.phone import Journal
from tests.support.daemon import Diary


def own_mounts() -> str | None:
    """Get mounts of our own, which end with us whatever happens.  Returns why not, None when it worked."""
    if os.geteuid() != 0:
        return "not root"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000) != 0:  # CLONE_NEWNS
        return f"unshare: {os.strerror(ctypes.get_errno())}"
    if libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None) != 0:  # MS_REC | MS_PRIVATE
        return f"mount: {os.strerror(ctypes.get_errno())}"
    return None


class Mounts:
    """The archive on a small disk, and an inbox that can go away; nothing of it where mounting is not allowed."""

    def __init__(self, diary: Diary, journal: Journal, disk_mb: int) -> None:
        self.diary, self.journal = diary, journal
        self.source = diary.folder / "phone-folder"
        self.why_not = own_mounts()
        if self.why_not is None:
            try:
                diary.archive.mkdir(mode=0o700)
                self._call("mount", "-t", "tmpfs", "-o", f"size={disk_mb}m,mode=700", "archive", str(diary.archive))
                self.source.mkdir()
                self._call("mount", "--bind", str(self.source), str(diary.inbox))
            except (subprocess.CalledProcessError, OSError) as error:
                self.why_not = f"mount is refused: {error}"
        self.inbox_is_there, self.full = True, False
        if self.why_not is not None:
            print(f"NOT DONE, {self.why_not}: filling the disk, unmounting the inbox", flush=True)

    @property
    def calm(self) -> bool:
        """Whether there is work to be seen."""
        return self.inbox_is_there and not self.full

    @property
    def inbox(self) -> Path:
        """Where the phone writes: behind the mount, so that it can go on while the inbox is away."""
        return self.source if self.why_not is None else self.diary.inbox

    def set_inbox(self, there: bool) -> None:
        if self.why_not is not None or there == self.inbox_is_there:
            return
        if not there:
            for _ in range(40):
                if subprocess.run(["umount", str(self.diary.inbox)], check=False, capture_output=True).returncode == 0:
                    break
                time.sleep(0.05)
            else:
                self._call("umount", "-l", str(self.diary.inbox))
        else:
            self._call("mount", "--bind", str(self.source), str(self.diary.inbox))
        self.inbox_is_there = there
        self.journal.note("mount", "the inbox is there again" if self.inbox_is_there else "the inbox is unmounted")

    def set_disk(self, full: bool) -> None:
        if self.why_not is not None or full == self.full:
            return
        ballast = self.diary.archive / "ballast"
        if not full:
            ballast.unlink()
        else:
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        self.full = full
        self.journal.note("disk", "the disk is full" if self.full else "the disk has room again")

    def heal(self) -> None:
        self.set_inbox(True)
        self.set_disk(False)

    @staticmethod
    def remove(diary: Diary) -> None:
        """Let go of what was mounted, if anything was."""
        if os.geteuid() == 0:
            for folder in (diary.inbox, diary.archive):
                subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)

    @staticmethod
    def _call(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)
