"""A folder of photos, or single ones, as a source to import from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from photodiary.darkroom.limits import SNIFFED, sniff
from photodiary.errors import BadUsage
from photodiary.inbox.importing import Candidate, candidates
from photodiary.ledger import brought
from photodiary.moving.source import SKIPPED, Offer, Survey, kind_of

NO_PHOTOS = "files that are no photos"


class Tree:
    """All below a folder, or files of one folder that were named one by one."""

    def __init__(self, folder: str, globs: tuple[str, ...], named: list[str] | None = None) -> None:
        """named: paths of single files in it; None: everything below it."""
        self.name = self.words = brought.called(os.fsencode(folder))
        self._folder = folder
        self._globs, self._named = globs, named
        self.sidecars = 0  # files that say when photos were taken, as Google's Takeout writes them
        self._photos: list[Candidate] = []

    def survey(self) -> Survey:
        """Lists, and looks at the first bytes of what is not named as a photo.  Raises BadUsage."""
        found = Survey()
        try:
            listed = candidates([self._folder] if self._named is None else self._named, self._globs)
        except OSError as error:
            raise BadUsage(f"{error.filename}: cannot be read: {error.strerror}") from error
        self._photos = []
        for candidate in listed:
            kind = kind_of(os.fsdecode(candidate.name))
            if kind in SKIPPED and self._named is None:
                found.skipped[SKIPPED[kind]] += 1
            elif kind == "other" and self._named is None and not _begins_like_one(candidate.path):
                found.skipped[NO_PHOTOS] += 1
            elif candidate.item is not None:
                self._photos.append(candidate)
                found.photos.append((candidate.item.item, candidate.item.stamp, int(candidate.item.stamp.partition(":")[0])))
        if self._named is None:
            self._count_others(found)
        return found

    def _count_others(self, found: Survey) -> None:
        """Videos, and the files of a Takeout, that a walk for photos passes over."""
        names = [name.lower() for _, _, names in os.walk(self._folder) for name in names]
        if videos := sum(kind_of(name) == "video" for name in names):
            found.skipped[SKIPPED["video"]] = videos
        self.sidecars = sum((name.endswith(".json") and kind_of(name[:-5]) == "photo") or ".supplemental-metadata" in name for name in names)

    def offers(self) -> Iterator[Offer]:
        for candidate in self._photos:
            assert candidate.item is not None
            size = int(candidate.item.stamp.partition(":")[0])
            yield Offer(os.fsdecode(candidate.name), candidate.item.item, candidate.item.stamp, size, path=Path(os.fsdecode(candidate.path)))


def trees(paths: list[str], globs: tuple[str, ...]) -> list[Tree]:
    """A tree for each folder, and one for all files that are named of one folder."""
    found: list[Tree] = []
    files: dict[str, list[str]] = {}
    for path in (os.path.abspath(path) for path in paths):
        if os.path.isdir(path):
            found.append(Tree(path, globs))
        else:
            files.setdefault(os.path.dirname(path), []).append(path)
    return found + [Tree(folder, globs, named) for folder, named in files.items()]


def _begins_like_one(path: bytes) -> bool:
    """Whether a file that is not named as a photo begins like one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return sniff(file.read(SNIFFED)) is not None
    except OSError:
        return True  # whoever takes it in says why not
