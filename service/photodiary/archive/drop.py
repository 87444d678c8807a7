"""The drop folder: photos that came in through the page, until their copies are among the originals."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from photodiary.archive import layout
from photodiary.archive.store import TEMPORARY, Archive, sync_folder, trouble
from photodiary.diary.photo import Digest
from photodiary.errors import StorageTrouble

LONGEST_NAME = 100
STRANGE = re.compile(r"[^A-Za-z0-9._-]+")
OURS = re.compile(rb"[0-9a-f]{16}-[0-9a-f]{8}_([0-9a-f]{%d})_(.+)" % layout.DIGITS, re.DOTALL)


def sensible(name: str) -> str:
    """What is kept of the name that a photo was sent under: it may say when it was taken, and a person looks for it by it.

    The last part of a path, of plain letters, digits, `.`, `_` and `-`; "photo" where nothing is left.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    return STRANGE.sub("_", last).lstrip(".-_")[-LONGEST_NAME:].lstrip(".-_") or "photo"


class Dropping:
    """One photo on its way in: written beside, and there under its name, durable, once `keep` returns.

    Its name is made from the moment, chance, its SHA-256 and what is sensible of the name that it was sent under.  Raises StorageTrouble.
    """

    def __init__(self, archive: Archive, name: str) -> None:
        self._folder = archive.root / layout.DROP
        self._name = sensible(name)
        self._hash = hashlib.sha256()
        self._path = self._folder / f"{TEMPORARY}{secrets.token_hex(8)}"
        self.size = 0
        archive.prepare()
        try:
            self._handle = open(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b")  # noqa: SIM115 - until `discard`
        except OSError as error:
            raise trouble(self._path, error) from error

    def write(self, piece: bytes) -> None:
        try:
            self._handle.write(piece)
        except OSError as error:
            raise trouble(self._path, error) from error
        self._hash.update(piece)
        self.size += len(piece)

    @property
    def digest(self) -> Digest:
        """Of what was written so far."""
        return Digest(self._hash.hexdigest())

    def content(self) -> bytes:
        try:
            self._handle.seek(0)  # writes the last of it
            return self._handle.read()
        except OSError as error:
            raise trouble(self._path, error) from error

    def keep(self) -> None:
        """From now on it is the diary's: nothing but taking it in removes it."""
        try:
            self._handle.flush()
            os.fsync(self._handle.fileno())
            made = f"{time.time_ns():016x}-{secrets.token_hex(4)}_{self.digest[: layout.DIGITS]}_{self._name}"
            self._path.rename(self._folder / made)
            sync_folder(self._folder)
        except OSError as error:
            raise trouble(self._path, error) from error

    def discard(self) -> None:
        """Let go of it; what was not kept is removed."""
        with suppress(OSError):
            self._handle.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Dropped:
    """A photo in the drop folder.  path: where it lies; name: what the user knows it as; digits: how its SHA-256 begins, empty for a stranger's file."""

    path: bytes
    name: bytes
    digits: str


def lying(archive: Archive) -> Iterator[Dropped]:
    """What lies in the drop folder, the oldest first.  Raises StorageTrouble."""
    folder = os.fsencode(archive.root / layout.DROP)
    try:
        with os.scandir(folder) as found:
            names = sorted(entry.name for entry in found if entry.is_file(follow_symlinks=False))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageTrouble(f"{archive.root / layout.DROP}: cannot be read: {error.strerror}") from error
    for name in names:
        if name.startswith(TEMPORARY.encode()):
            continue
        ours = OURS.fullmatch(name)
        yield Dropped(os.path.join(folder, name), *((ours.group(2), ours.group(1).decode()) if ours else (name, "")))


def taken_in(archive: Archive, dropped: Dropped) -> None:
    """Its copy is among the originals: it goes.  Raises StorageTrouble."""
    try:
        Path(os.fsdecode(dropped.path)).unlink(missing_ok=True)
        sync_folder(archive.root / layout.DROP)
    except OSError as error:
        raise StorageTrouble(f"{os.fsdecode(dropped.path)}: cannot be removed: {error.strerror}") from error
