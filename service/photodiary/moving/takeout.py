"""An export of Google Photos (Takeout): its parts as .zip or .tgz, or the folders that they were unpacked to."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import partial
from pathlib import Path

from photodiary.diary.calendar import Taken, counted
from photodiary.diary.photo import shown_name
from photodiary.errors import BadUsage
from photodiary.moving import sidecars, unpacking
from photodiary.moving.source import SKIPPED, NotBrought, Offer, Survey, Target, kind_of, shortened
from photodiary.moving.unpacking import BrokenArchive, Entry

TRASHED = "in the bin there"
TOO_LARGE = "too large"
SUSPICIOUS = "packed as no photo is"


@dataclass(frozen=True)
class _Found:
    """A file of an export.  path: as it stands there; on_disk: where it lies when it is unpacked; entry: else what reads it."""

    path: str
    size: int
    stamp: str
    on_disk: Path | None = None
    entry: Entry | None = None
    suspicious: bool = False


class Takeout:
    """All parts of one export, or of several, together: what belongs to a photo may lie in another part than the photo.

    Dates are told in seconds since 1970; they become the wall clock of `zone`, where the diary lives, and where exactly a photo was taken stays unknown.
    """

    name = "takeout"  # the same for all exports: a photo of the same album, name and content is the same one

    def __init__(self, paths: list[Path], zone: tzinfo, *, most: float, looking: Callable[[str], None] = lambda words: None) -> None:
        """most: bytes that a photo may have.  looking: hears what is being looked through.  Raises BadUsage for a file that is no archive."""
        for path in paths:
            if not path.is_dir() and not unpacking.is_archive(path):
                raise BadUsage(f"{path}: is neither a folder nor a .zip or .tgz of a Takeout")
        self.words = "the Takeout export"
        self._paths, self._zone, self._most, self._looking = paths, zone, int(most), looking
        self._pairing = sidecars.Pairing()

    def survey(self) -> Survey:
        """Reads every JSON file, and of photos the names only; a .tgz is unpacked for it from its beginning to its end."""
        found, photos = Survey(), list[_Found]()
        self._pairing = sidecars.Pairing()
        for path in self._paths:
            self._looking(f"looking through {path.name}")
            try:
                for number, file in enumerate(_files(path), 1):
                    self._note(file, photos, found)
                    if number % 100 == 0:
                        self._looking(f"looking through {path.name}: {number:,} files")
            except (BrokenArchive, OSError) as error:
                found.broken.append((shown_name(os.fsencode(path)), shown_name(os.fsencode(str(error)))))
        for photo in photos:
            if (reason := self._why_not(photo)) is not None:
                found.skipped[reason] += 1
                continue
            told = self._told(photo.path)
            found.undated += told is None
            found.photos.append((shortened(photo.path), _stamp(photo.stamp, told), photo.size))
        return found

    def _note(self, file: _Found, photos: list[_Found], found: Survey) -> None:
        if file.path.lower().endswith(".json"):
            with suppress(BrokenArchive, OSError):  # one that cannot be read says nothing
                sidecar = sidecars.read(_content(file, sidecars.LARGEST)) if file.size <= sidecars.LARGEST else None
                if sidecar is not None:
                    self._pairing.add_sidecar(file.path, sidecar)
            return
        kind = kind_of(file.path)
        if kind == "photo":
            self._pairing.add_photo(file.path)
            photos.append(replace(file, entry=None))  # what reads it is gone when its archive is closed
        elif kind in SKIPPED:
            found.skipped[SKIPPED[kind]] += 1

    def _why_not(self, file: _Found) -> str | None:
        sidecar = self._pairing.find(file.path)
        if sidecar is not None and sidecar.trashed:
            return TRASHED
        return TOO_LARGE if file.size > self._most else SUSPICIOUS if file.suspicious else None

    def _told(self, path: str) -> Taken | None:
        sidecar = self._pairing.find(path)
        return None if sidecar is None or sidecar.taken_s is None else counted(sidecar.taken_s, self._zone, "takeout")

    def offers(self) -> Iterator[Offer]:
        for path in self._paths:
            with suppress(BrokenArchive, OSError):  # told of by the survey; what comes before it is brought
                for file in _files(path):
                    if kind_of(file.path) == "photo" and self._why_not(file) is None:
                        told, name = self._told(file.path), shortened(file.path)
                        fetch = None if file.entry is None else partial(_fetch, file.entry)
                        yield Offer(name, name, _stamp(file.stamp, told), file.size, told, file.on_disk, fetch)


def _stamp(stamp: str, told: Taken | None) -> str:
    """With the date, so that one that was corrected since another export is heard."""
    return stamp if told is None else f"{stamp}:{told.wall.isoformat()}"


def _files(path: Path) -> Iterator[_Found]:
    if not path.is_dir():
        for entry in unpacking.entries(path):
            yield _Found(entry.name, entry.size, entry.stamp, entry=entry, suspicious=entry.suspicious)
        return
    for base, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(base, name)
            try:
                status = os.stat(file, follow_symlinks=False)
            except OSError:
                continue  # gone again
            if stat.S_ISREG(status.st_mode):
                yield _Found(str(file), status.st_size, f"{status.st_size}:{status.st_mtime_ns}", on_disk=file)


def _content(file: _Found, most: int) -> bytes:
    if file.entry is not None:
        return file.entry.read(most)
    assert file.on_disk is not None
    descriptor = os.open(file.on_disk, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as handle:
        return handle.read(most + 1)


def _fetch(entry: Entry, target: Target) -> None:
    try:
        for piece in entry.pieces():
            target.write(piece)
    except (BrokenArchive, OSError) as error:
        raise NotBrought(getattr(error, "strerror", None) or str(error)) from error
