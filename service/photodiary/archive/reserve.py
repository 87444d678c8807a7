"""Room on the archive's disk: what can be made again goes first, then nothing more is taken in, long before a write would fail."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from photodiary.archive import films, layout, segments
from photodiary.archive.store import LEFT_OVER_S, TEMPORARY, sweep_rooms
from photodiary.errors import StorageTrouble, require

log = structlog.get_logger()

MB = 1_000_000
CHOSEN_MOST = 512 * MB
CHOSEN_SHARE = 0.05  # of the disk
AGAIN = 1.25  # of the reserve must be free, before what has stopped goes on
FRAME = MB // 4  # bytes of a frame that is not made yet

# What stops, and how much of the reserve it leaves alone: what has been taken in is brought to its end with the other half.
PHOTOS, FRAMES, FILM = ("no photo is taken in", 1.0), ("no frame is made", 0.5), ("no film is made", 0.5)


@dataclass(frozen=True)
class DiskConfig:
    """What is left free on the archive's disk.  reserve_mb: in megabytes; 0 chooses 5 % of the disk, 512 at most."""

    reserve_mb: int = 0

    def __post_init__(self) -> None:
        require((0 <= self.reserve_mb <= 1_000_000, "reserve_mb must be at least 0 and at most 1000000"))

    def kept(self, size: int) -> int:
        """The reserve of a disk of that size, both in bytes."""
        return self.reserve_mb * MB or min(CHOSEN_MOST, int(size * CHOSEN_SHARE))


def beginning(root: Path) -> str:
    """How every sentence about a disk's reserve begins: two with the same beginning tell the same trouble."""
    return f"the disk of {root} is nearly full: "


def free_on(root: Path) -> int | None:
    """Bytes that are free on the disk of an archive; None for one that is not there."""
    try:
        return _free_and_kept(root, DiskConfig())[0]
    except OSError:
        return None


def short_of(root: Path, config: DiskConfig, size: int = 0) -> str | None:
    """What a person is told of a disk whose free space is below the reserve, or would be with `size` more bytes; None for one that has room or is not there."""
    try:
        free, kept = _free_and_kept(root, config)
    except OSError:
        return None
    return _sentence(root, free, kept, f"{PHOTOS[0]} until there is room") if free - size < kept else None


@dataclass
class Reserve:
    """The free space of one archive's disk."""

    root: Path
    config: DiskConfig
    troubles: dict[str, str] = field(default_factory=dict)  # what has stopped, with the sentence it stopped with

    def room_for(self, size: int, purpose: tuple[str, float], spare: Collection[str] = ()) -> None:
        """Return when `size` bytes may be written for a purpose: the reserve, or its part that the purpose respects, is still free afterwards.

        Old films and leftovers are removed for it.  What has stopped goes on only when a quarter more than the reserve is free, so that it does
        not stop again at once.  spare: fingerprints of segments that must not go for it.
        Raises StorageTrouble, with the same sentence while nothing has changed.
        """
        what, part = purpose
        try:
            free, kept = _free_and_kept(self.root, self.config)
            wanted = size + int(kept * part * (AGAIN if what in self.troubles else 1.0))
            if free < wanted:
                free = self._made(wanted, spare)
        except OSError as error:
            raise StorageTrouble(f"{self.root}: the archive cannot be used: {error.strerror}") from error
        if free < wanted:
            raise StorageTrouble(self.troubles.setdefault(what, _sentence(self.root, free, kept, f"{what} until there is room for {_mb(wanted)}")))
        if self.troubles.pop(what, None) is not None:
            log.info(f"the disk of {self.root} has room again: {_mb(free)} free", code="disk.recovered")

    def make_do(self) -> None:
        """Below the reserve, remove what can be made again.  Never raises."""
        try:
            free, kept = _free_and_kept(self.root, self.config)
            if free < kept:
                self._made(kept)
        except OSError:
            return  # whoever needs the disk next tells

    def _made(self, wanted: int, spare: Collection[str] = ()) -> int:
        """Remove what can be made again, one after the other, until so much is free.  Returns how much is."""
        for path in self._expendable():
            path.unlink(missing_ok=True)
            log.info(f"{path} removed, the disk is nearly full", code="disk.tidied")
            if self._free() >= wanted:
                return self._free()
        gone = 0
        for path in segments.files(self.root, spare):
            path.unlink(missing_ok=True)
            gone += 1
            if self._free() >= wanted:
                break
        if gone:
            log.info(f"{gone:,} parts of films in {self.root / layout.SEGMENTS} removed, the disk is nearly full", code="disk.tidied")
        return self._free()

    def _expendable(self) -> Iterator[Path]:
        sweep_rooms(self.root)
        work = self.root / layout.WORK
        for path in sorted(work.glob(f"{TEMPORARY}*")) if work.is_dir() else ():
            if path.is_file() and time.time() - path.stat().st_mtime > LEFT_OVER_S:
                yield path
        yield from films.old(self.root)

    def _free(self) -> int:
        return _free_and_kept(self.root, self.config)[0]


def _free_and_kept(root: Path, config: DiskConfig) -> tuple[int, int]:
    there = root
    while not there.exists() and there != there.parent:
        there = there.parent
    disk = os.statvfs(there)
    return disk.f_bavail * disk.f_frsize, config.kept(disk.f_blocks * disk.f_frsize)


def _sentence(root: Path, free: int, kept: int, what: str) -> str:
    return f"{beginning(root)}{_mb(free)} free, {_mb(kept)} are kept free; {what}; free some space, photodiary goes on by itself"


def _mb(size: int) -> str:
    return f"{size / MB:,.1f} MB" if size < 100 * MB else f"{size / MB:,.0f} MB"
