"""What lies in the archive, for whoever holds it against the ledger.  Only looks."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from photodiary.archive import layout
from photodiary.archive.store import LEFT_OVER_S, TEMPORARY, Archive, in_use
from photodiary.diary.photo import Digest

TAG = "CACHEDIR.TAG"


@dataclass(frozen=True)
class Found:
    """A file.  path: below the archive; changed_at: seconds since the epoch; temporary: unfinished, of use only to who is writing it."""

    path: str
    changed_at: float
    temporary: bool


def files(archive: Archive) -> Iterator[Found]:
    """Everything in originals, frames, films, work and drop, but for the tag that says what work/ is, rooms in use, and what the page may be receiving."""
    for folder in (layout.ORIGINALS, layout.FRAMES, layout.FILMS, layout.SEGMENTS, layout.WORK, layout.DROP):
        for base, rooms, names in os.walk(archive.root / folder):
            rooms[:] = sorted(room for room in rooms if not (room.startswith(TEMPORARY) and in_use(Path(base, room))))
            for name in sorted(names):
                path = os.path.join(base, name)
                relative = os.path.relpath(path, archive.root)
                if relative in (f"{layout.WORK}/{TAG}", f"{layout.SEGMENTS}/{TAG}"):
                    continue
                try:
                    changed_at = os.lstat(path).st_mtime
                except OSError:
                    continue  # gone meanwhile
                if folder == layout.DROP and name.startswith(TEMPORARY) and time.time() - changed_at <= LEFT_OVER_S:
                    continue
                yield Found(relative, changed_at, folder == layout.WORK or TEMPORARY in relative)


def digest_of_file(archive: Archive, relative: str) -> Digest:
    """Raises OSError when it is missing or cannot be read."""
    with (archive.root / relative).open("rb") as handle:
        return Digest(hashlib.file_digest(handle, "sha256").hexdigest())
