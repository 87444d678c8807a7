"""Writing in the folder of models so that a crash or a power cut leaves what was before, or what was meant."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from photodiary.errors import StorageTrouble

LOCK = "lock"


def write(path: Path, data: bytes) -> None:
    """Beside, fsync, rename, fsync the folder.  Raises StorageTrouble."""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise StorageTrouble(f"{path}: cannot be written: {error.strerror}") from error


def remove(path: Path) -> None:
    """Raises StorageTrouble."""
    try:
        path.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise StorageTrouble(f"{path}: cannot be removed: {error.strerror}") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time; makes the folder, for its user only.  Raises StorageTrouble."""
    try:
        for made in (folder.parent, folder):
            made.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageTrouble(f"{folder}: the folder of models cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in folder.glob(".*.tmp"):  # whoever wrote it was interrupted
            with suppress(OSError):
                left.unlink()
        yield
    finally:
        os.close(descriptor)
