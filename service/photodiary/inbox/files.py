"""Walking an inbox and reading a file of it without being tricked."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from photodiary.diary.photo import Digest
from photodiary.errors import Held, Unreadable
from photodiary.inbox.settle import ignored_file, ignored_folder
from photodiary.ledger.arrivals import Stamp

KINDS = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


@dataclass
class Listing:
    """What a walk saw: regular files by path below the inbox, what is no regular file and what it is instead, folders that refused."""

    files: dict[bytes, Stamp] = field(default_factory=dict)
    ignored: dict[bytes, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def walk(root: Path | str, globs: tuple[str, ...], known: Mapping[bytes, Stamp] = MappingProxyType({})) -> Listing:
    """All files of the inbox that may be photos.  Links are never followed.  Raises OSError when the inbox itself cannot be listed.

    known: photos by path below the inbox; those that are as they were cost no more than a look at each, since there may be many, each minute.
    """
    listing, folders = Listing(), [(os.fsencode(root), b"")]
    while folders:  # however deep they lie in one another
        folders += reversed(_look(*folders.pop(), globs, known, listing))
    return listing


def _look(folder: bytes, below: bytes, globs: tuple[str, ...], known: Mapping[bytes, Stamp], listing: Listing) -> list[tuple[bytes, bytes]]:
    """One folder.  below: its path from the inbox on, empty or with a slash at its end.  Returns those in it, as it is told itself."""
    others: list[tuple[bytes, os.DirEntry[bytes]]] = []
    try:
        with os.scandir(folder) as found:
            for entry in found:
                path = below + entry.name
                if (stamp := known.get(path)) is None or not _is_still(entry, stamp):
                    others.append((path, entry))
                else:
                    listing.files[path] = stamp
    except OSError as error:
        if not below:
            raise
        listing.refused.append(f"{below.decode('utf-8', 'backslashreplace')}: {error.strerror}")
        return []
    folders = []
    for path, entry in sorted(others, key=lambda other: other[0]):
        if entry.is_dir(follow_symlinks=False):
            if not ignored_folder(entry.name, globs):
                folders.append((entry.path, path + b"/"))
        elif not ignored_file(entry.name, globs):
            _note(path, entry, listing)
    return folders


def _is_still(entry: os.DirEntry[bytes], stamp: Stamp) -> bool:
    try:
        now = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return now.st_mtime_ns == stamp.mtime_ns and now.st_size == stamp.size and now.st_ino == stamp.inode and stat.S_ISREG(now.st_mode)


def _note(path: bytes, entry: os.DirEntry[bytes], listing: Listing) -> None:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return  # gone again
    if stat.S_ISREG(status.st_mode):
        listing.files[path] = Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
    else:
        listing.ignored[path] = KINDS.get(stat.S_IFMT(status.st_mode), "a device")


def _unfollowed(path: str, flags: int) -> int:
    """How a file of a stranger's is opened: no link is followed, no pipe waited for; folders are refused by `open` itself."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)


def read(path: bytes, max_megabytes: float) -> tuple[bytes, Stamp, float]:
    """A regular file's bytes, its stamp and its modification time, from one opening that follows no link.

    Raises Held when it changes while it is read, is empty, or cannot be opened now; Unreadable when it is too large.
    """
    try:
        handle = open(path, "rb", opener=_unfollowed)  # noqa: SIM115 - closed below
    except OSError as error:
        raise Held(f"it cannot be opened: {error.strerror}") from error
    with handle:
        before = os.fstat(handle.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise Held("it is no regular file")
        if before.st_size == 0:
            raise Held("it is empty")
        if before.st_size > max_megabytes * 1e6:
            raise Unreadable("too_large", f"{before.st_size / 1e6:.0f} MB are more than {max_megabytes:g} MB")
        try:
            data = handle.read(before.st_size + 1)
        except OSError as error:
            raise Held(f"it cannot be read: {error.strerror}") from error
        after = os.fstat(handle.fileno())
    if len(data) != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise Held("it is still being written")
    return data, Stamp(after.st_size, after.st_mtime_ns, after.st_ino), after.st_mtime


def digest(path: bytes) -> tuple[Digest, Stamp] | None:
    """SHA-256 and stamp of a regular file of any size, without keeping it in memory; None when it cannot be read."""
    try:
        with open(path, "rb", opener=_unfollowed) as handle:
            status = os.fstat(handle.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            return Digest(hashlib.file_digest(handle, "sha256").hexdigest()), Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
    except OSError:
        return None
