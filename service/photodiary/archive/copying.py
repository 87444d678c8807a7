"""Getting originals from one place to another whole, with as little writing as the file system allows."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from photodiary.archive.store import TEMPORARY, sync_folder
from photodiary.diary.photo import Digest
from photodiary.errors import StorageTrouble

FICLONE = 0x40049409
CHUNK = 1 << 20
THERE, SHARED, COPIED, DAMAGED, MISSING = "there", "shared", "copied", "damaged", "missing"


@dataclass
class Copying:
    """Copies files that never change from below one folder to below another: a clone where the file system can, else a hard link, else the bytes.

    sure: every file is read and must have its SHA-256; otherwise only those whose bytes are copied.
    Files are durable once `finish` has returned.
    """

    source: Path
    target: Path
    sure: bool
    _folders: set[Path] = field(default_factory=set)

    def bring(self, relative: str, digest: Digest, size: int) -> str:
        """One file.  Returns what became of it; one that is missing or damaged is not brought.  Raises StorageTrouble."""
        source, target = self.source / relative, self.target / relative
        beside = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        try:
            if target.exists() and target.stat().st_size == size and (not self.sure or _digest(target) == digest):
                return THERE
            try:
                found = source.lstat()
            except FileNotFoundError:
                return MISSING
            if not stat.S_ISREG(found.st_mode) or found.st_size != size or (self.sure and _digest(source) != digest):
                return DAMAGED
            self._make(target.parent)
            how = SHARED if _cloned(source, beside) or _linked(source, beside) else COPIED
            if how == COPIED and _copied(source, beside) != digest:
                beside.unlink()
                return DAMAGED
            beside.rename(target)
            self._folders.add(target.parent)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise trouble(target, error) from error
        return how

    def finish(self) -> None:
        """Make the names durable.  Raises StorageTrouble."""
        for folder in sorted(self._folders, reverse=True):
            try:
                sync_folder(folder)
            except OSError as error:
                raise trouble(folder, error) from error
        self._folders.clear()

    def _make(self, folder: Path) -> None:
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for new in reversed(missing):
            new.mkdir(exist_ok=True, mode=0o700)
            self._folders.add(new.parent)


def put(source: Path, target: Path) -> None:
    """Replace `target` by a copy of `source`, whole and durable when this returns.  Raises StorageTrouble."""
    beside = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        _copied(source, beside)
        beside.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise trouble(target, error) from error


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _cloned(source: Path, target: Path) -> bool:
    with source.open("rb") as old, target.open("xb") as new:
        try:
            fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
        except OSError:
            target.unlink()
            return False
        os.fsync(new.fileno())
    return True


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another disk, or one that knows no links
        return False
    return True


def _copied(source: Path, target: Path) -> str:
    """Returns the SHA-256 of what was written."""
    seen = hashlib.sha256()
    with source.open("rb") as old, target.open("xb") as new:
        while chunk := old.read(CHUNK):
            seen.update(chunk)
            new.write(chunk)
        new.flush()
        os.fsync(new.fileno())
    return seen.hexdigest()


def trouble(path: Path, error: OSError) -> StorageTrouble:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageTrouble(f"{path}: the disk is full; free some space and call again, it goes on where it stopped")
    return StorageTrouble(f"{path}: cannot be written: {error.strerror}")
