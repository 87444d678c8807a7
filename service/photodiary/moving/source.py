"""What every place says that photos can be brought from: which there are, what is known of each, and its bytes when they are wanted."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from photodiary.diary.calendar import Taken
from photodiary.errors import Transient

PHOTOS = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "webp", "avif", "heic", "heif", "hif"})
VIDEOS = frozenset({"mp4", "mov", "m4v", "3gp", "3g2", "avi", "mkv", "webm", "mpg", "mpeg", "mts", "m2ts", "wmv", "mp", "mv", "insv"})
PICTURES = frozenset({"gif", "bmp", "tif", "tiff", "dng", "cr2", "cr3", "arw", "raf", "nef", "rw2", "orf", "psd", "svg", "ico"})
LONGEST_NAME = 200  # characters that are kept of a name


class Target(Protocol):
    """Where the bytes of one photo go.  Each raises StorageTrouble."""

    def write(self, piece: bytes) -> None:
        """Further bytes."""

    def begin_again(self) -> None:
        """Forget what was written."""


class NotBrought(Transient):
    """One photo could not be had; the others may.  The text says why."""


@dataclass(frozen=True)
class Offer:
    """One photo of a source, until the next is asked for.

    name: what the user knows it by; item, stamp: what the source calls it, and what tells a changed one from an unchanged one; size: in bytes, 0 when not
    known; told: when it was taken, as said there; path: where it lies, when it is a file by itself; fetch: writes its bytes, raising NotBrought.
    """

    name: str
    item: str
    stamp: str
    size: int
    told: Taken | None = None
    path: Path | None = None
    fetch: Callable[[Target], None] | None = None


@dataclass
class Survey:
    """What there is, in numbers.  skipped: what is not brought, by reason, in words that follow a number; undated: photos whose date is not told there.

    photos: (item, stamp, bytes) of each.
    """

    photos: list[tuple[str, str, int]] = field(default_factory=list)
    undated: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[str, str]] = field(default_factory=list)  # what of it cannot be read, and why


class Source(Protocol):
    """A place to bring photos from.  name: the same whenever it is the same place; words: what a person calls it."""

    name: str
    words: str

    def survey(self) -> Survey:
        """Look what there is, without reading photos."""

    def offers(self) -> Iterator[Offer]:
        """Every photo, one after the other; asked after `survey`."""


def kind_of(name: str) -> str:
    """photo, video, picture (of a format that is not read) or other, by the end of the name; what a photo is, its content decides later."""
    end = name.rpartition(".")[2].lower()
    return "photo" if end in PHOTOS else "video" if end in VIDEOS else "picture" if end in PICTURES else "other"


SKIPPED = {"video": "videos", "picture": "pictures of kinds that are not read (GIF, RAW and others)"}


def shortened(path: str) -> str:
    """What is kept of a stranger's path as a name: its last folder and its last part, without anything that could mislead whoever shows it.

    A name is text in the diary and never a path on the disk.
    """
    parts = [clean for part in path.replace("\\", "/").split("/") if (clean := _clean(part)) not in ("", ".", "..")]
    return "/".join(parts[-2:]) or "photo"


def _clean(part: str) -> str:
    text = unicodedata.normalize("NFC", part.encode("utf-8", "replace").decode("utf-8"))
    return "".join(c if c.isprintable() else "_" for c in text[-LONGEST_NAME:])
