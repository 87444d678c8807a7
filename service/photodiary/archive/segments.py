"""Segments of films in `segments/`: what has been encoded already.  All of it can be made again."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from photodiary.archive import layout
from photodiary.archive.store import TEMPORARY, sync_folder
from photodiary.errors import StorageTrouble

ENDING = layout.segment("").rpartition("/")[2]


def known(root: Path) -> set[str]:
    """Fingerprints of the segments that are there."""
    return {name.removesuffix(ENDING) for name in _names(root)}


def thin_out(root: Path, keep: Iterable[str]) -> int:
    """Remove the segments that no film of today needs, and what a process that died left unfinished.  Returns how many segments there were.

    To be called while no film is being made.  Raises StorageTrouble.
    """
    return _remove(root, known(root).difference(keep))


def remove_all(root: Path) -> int:
    """They are made again with the next film.  As `thin_out`."""
    return _remove(root, known(root))


def files(root: Path, but: Collection[str] = ()) -> list[Path]:
    """All of them, by name.  but: without those with these fingerprints."""
    return [root / layout.segment(fingerprint) for fingerprint in sorted(known(root).difference(but))]


def size(root: Path) -> int:
    """Bytes of all segments."""
    total = 0
    with suppress(OSError), os.scandir(root / layout.SEGMENTS) as entries:
        for entry in entries:
            with suppress(OSError):
                total += entry.stat().st_size
    return total


def _remove(root: Path, fingerprints: set[str]) -> int:
    folder = root / layout.SEGMENTS
    try:
        unfinished = [name for name in os.listdir(folder) if name.startswith(TEMPORARY)]
        for path in [*(root / layout.segment(fingerprint) for fingerprint in fingerprints), *(folder / name for name in unfinished)]:
            path.unlink(missing_ok=True)
        if fingerprints or unfinished:
            sync_folder(folder)  # a photo that is to be forgotten may be in them
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StorageTrouble(f"{folder}: a part of a film cannot be removed: {error.strerror}") from error
    return len(fingerprints)


def _names(root: Path) -> list[str]:
    try:
        return [name for name in os.listdir(root / layout.SEGMENTS) if name.endswith(ENDING)]
    except OSError:
        return []
