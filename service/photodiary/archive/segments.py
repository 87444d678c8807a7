"""Segments of films in `segments/`: what has been encoded already.  All of it can be made again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from photodiary.archive import layout

ENDING = layout.segment("").rpartition("/")[2]


def known(root: Path) -> set[str]:
    """Fingerprints of the segments that are there."""
    return {name.removesuffix(ENDING) for name in _names(root)}


def thin_out(root: Path, keep: Iterable[str]) -> int:
    """Remove the segments that no film of today needs.  Returns how many there were."""
    return _remove(root, known(root).difference(keep))


def remove_all(root: Path) -> int:
    """They are made again with the next film."""
    return _remove(root, known(root))


def files(root: Path) -> list[Path]:
    """All of them, by name."""
    return [root / layout.SEGMENTS / name for name in sorted(_names(root))]


def size(root: Path) -> int:
    """Bytes of all segments."""
    total = 0
    with suppress(OSError), os.scandir(root / layout.SEGMENTS) as entries:
        for entry in entries:
            with suppress(OSError):
                total += entry.stat().st_size
    return total


def _remove(root: Path, fingerprints: Iterable[str]) -> int:
    gone = 0
    for fingerprint in fingerprints:
        with suppress(FileNotFoundError):
            (root / layout.segment(fingerprint)).unlink()
            gone += 1
    return gone


def _names(root: Path) -> list[str]:
    try:
        return [name for name in os.listdir(root / layout.SEGMENTS) if name.endswith(ENDING)]
    except OSError:
        return []
