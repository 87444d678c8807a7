"""Files get into the archive whole or not at all: write beside, fsync, rename, fsync the folder."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from photodiary.archive import layout
from photodiary.diary.photo import Digest
from photodiary.errors import StorageTrouble

TEMPORARY = ".tmp-"
LEFT_OVER_S = 3600.0  # nobody writes on a temporary file for so long
FULL = (errno.ENOSPC, errno.EDQUOT)
CACHEDIR_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by photodiary from the originals; can be made again, need not be backed up.\n"


class Archive:
    """One diary's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folders.  Raises StorageTrouble."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            folders = [self.root / name for name in (layout.ORIGINALS, layout.FRAMES, layout.FILMS, layout.SEGMENTS, layout.WORK, layout.DROP)]
            if not all(folder.is_dir() for folder in folders):
                for folder in folders:
                    folder.mkdir(exist_ok=True, mode=0o700)
                sync_folder(self.root)
            for made in (layout.SEGMENTS, layout.WORK):  # not in frames/, which holds frames and nothing else
                tag = self.root / made / "CACHEDIR.TAG"
                if not tag.exists() or tag.stat().st_size != len(CACHEDIR_TAG):
                    _tag(tag)
        except OSError as error:
            raise StorageTrouble(f"{self.root}: the archive cannot be used: {error.strerror}") from error

    def read(self, relative: str) -> bytes:
        try:
            return (self.root / relative).read_bytes()
        except OSError as error:
            raise StorageTrouble(f"{self.root / relative}: cannot be read: {error.strerror}") from error

    def publish(self, relative: str, data: bytes) -> None:
        """Write `data` so that the file is there whole and durable when this returns.  Raises StorageTrouble."""
        target = self.root / relative
        beside = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        try:
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                sync_folder(target.parent.parent)
            with beside.open("xb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            beside.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise trouble(target, error) from error

    def temporary(self, suffix: str) -> Path:
        """A fresh path for something that will be published by `adopt`."""
        return self.root / layout.WORK / f"{TEMPORARY}{secrets.token_hex(8)}{suffix}"

    def adopt(self, temporary: Path, relative: str) -> None:
        """Publish a finished and fsynced temporary file by rename.  Raises StorageTrouble."""
        target = self.root / relative
        try:
            temporary.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            raise trouble(target, error) from error

    def remove(self, relative: str) -> None:
        """Remove something that can be made again; nothing happens when it is gone already."""
        (self.root / relative).unlink(missing_ok=True)

    def erase(self, digest: Digest) -> int:
        """Remove for good every file that is of a photo: original, frames of whatever date and format, work, drop.  Returns how many there were.

        The one exception to never removing an original: a person asked for it.  Raises StorageTrouble.
        """
        gone = 0
        try:
            for folder in (layout.ORIGINALS, layout.FRAMES, layout.WORK, layout.DROP):
                for path in self._files(folder):
                    if digest[: layout.DIGITS] in path.name:
                        path.unlink(missing_ok=True)
                        sync_folder(path.parent)
                        gone += 1
            self.sweep_rooms()  # what is left of a database copied for a backup may know of it
        except OSError as error:
            raise StorageTrouble(f"{self.root}: a file cannot be removed: {error.strerror}") from error
        return gone

    @contextmanager
    def room(self) -> Iterator[Path]:
        """A folder in work/ that is this process's for the while, and is gone afterwards.  Raises StorageTrouble."""
        room = self.temporary("")
        try:
            room.mkdir(parents=True, mode=0o700)
            descriptor = os.open(room, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise trouble(room, error) from error
        try:
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)
            os.close(descriptor)

    def sweep_rooms(self) -> list[str]:
        """Remove the rooms of processes that are gone.  Returns which."""
        return sweep_rooms(self.root)

    def remove_films(self, keep: Collection[str]) -> None:
        """Remove every film but those at these paths.  Raises StorageTrouble."""
        try:
            for path in self._files(layout.FILMS):
                if str(path.relative_to(self.root)) not in keep:
                    path.unlink(missing_ok=True)
                    sync_folder(path.parent)
        except OSError as error:
            raise StorageTrouble(f"{self.root}: a film cannot be removed: {error.strerror}") from error

    def sweep(self, known_frames: set[str]) -> list[str]:
        """At start: remove stale temporaries, and frames that no row names.  Originals are never touched.  Returns what was removed."""
        removed = self.sweep_rooms()
        for path in self._files(layout.FRAMES):
            relative = str(path.relative_to(self.root))
            if path.name.startswith(TEMPORARY) or (path.suffix == ".jpg" and relative not in known_frames):
                path.unlink(missing_ok=True)
                removed.append(relative)
        for folder in (layout.ORIGINALS, layout.WORK, layout.FILMS, layout.SEGMENTS):
            for path in self._files(folder):
                if path.name.startswith(TEMPORARY):
                    path.unlink(missing_ok=True)
                    removed.append(str(path.relative_to(self.root)))
        for path in self._files(layout.DROP):  # the page may be writing one just now
            with suppress(FileNotFoundError):
                if path.name.startswith(TEMPORARY) and time.time() - path.stat().st_mtime > LEFT_OVER_S:
                    path.unlink()
                    removed.append(str(path.relative_to(self.root)))
        return removed

    def originals(self) -> Iterator[str]:
        for path in self._files(layout.ORIGINALS):
            yield str(path.relative_to(self.root))

    def _files(self, folder: str) -> Iterator[Path]:
        for base, _, names in os.walk(self.root / folder):
            for name in names:
                yield Path(base, name)


def in_use(room: Path) -> bool:
    """Whether the process that made a room is still there."""
    try:
        descriptor = os.open(room, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def sweep_rooms(root: Path) -> list[str]:
    """Remove the rooms in an archive whose processes are gone.  Returns which."""
    gone = [room for room in (root / layout.WORK).glob(f"{TEMPORARY}*") if room.is_dir() and not in_use(room)]
    for room in gone:
        shutil.rmtree(room, ignore_errors=True)
    return [str(room.relative_to(root)) for room in gone]


def _tag(tag: Path) -> None:
    """A full disk goes without it: the next start writes it."""
    try:
        tag.write_text(CACHEDIR_TAG, encoding="ascii")
    except OSError as error:
        tag.unlink(missing_ok=True)
        if error.errno not in FULL:
            raise


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def trouble(path: Path, error: OSError) -> StorageTrouble:
    if error.errno in FULL:
        return StorageTrouble(f"{path}: the disk is full; free some space, photodiary goes on by itself")
    return StorageTrouble(f"{path}: cannot be written: {error.strerror}")
