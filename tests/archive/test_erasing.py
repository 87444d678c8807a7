"""The one time that an original is removed: when a person has its photo forgotten."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import Digest, digest_of
from photodiary.errors import StorageTrouble

EYES = EyePair(Point(10, 20), Point(40, 20))
CANVASES = [Canvas(320, 320, Point(100, 140), Point(220, 140)), Canvas(320, 400, Point(100, 140), Point(220, 140))]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "archive")
    made.prepare()
    return made


def fill(archive: Archive, digest: Digest) -> int:
    """Original and frames of several dates and formats; how many files."""
    paths = [layout.original(digest, datetime(2024, 5, 15), "jpeg"), f"{layout.WORK}/preview_{digest[:16]}.jpg"]
    paths += [layout.frame(digest, wall, EYES, canvas) for wall in (None, datetime(2024, 5, 15), datetime(2023, 1, 1)) for canvas in CANVASES]
    for path in paths:
        archive.publish(path, digest.encode())
    return len(paths)


def test_every_file_of_a_photo_goes_and_no_other(archive: Archive) -> None:
    """Original, frames of whatever date and format and work files of the photo are gone, those of the others are untouched."""
    first, second = digest_of(b"1"), digest_of(b"2")
    many, others = fill(archive, first), fill(archive, second)
    assert archive.erase(first) == many
    left = [path for path in archive.root.rglob("*") if path.is_file() and path.name != "CACHEDIR.TAG"]
    assert len(left) == others and all(path.read_bytes() == second.encode() for path in left)
    assert archive.erase(first) == 0, "it may be repeated"


@pytest.mark.parametrize("kept", [(), ("latest.mp4",), ("latest.mp4", "month.mp4")])
def test_every_film_goes_but_those_made_without_the_photo(archive: Archive, kept: tuple[str, ...]) -> None:
    """Every film made before may show the photo, of whatever name; those made without it stay."""
    for name in ("latest.mp4", "month.mp4", "2024-05-15.mp4", ".tmp-0123.mp4", "holiday.mp4"):
        (archive.root / layout.FILMS / name).write_bytes(b"film")
    archive.remove_films([f"{layout.FILMS}/{name}" for name in kept])
    assert sorted(path.name for path in (archive.root / layout.FILMS).iterdir()) == list(kept)


def test_what_cannot_be_removed_is_told(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses is storage trouble, not a photo taken for erased."""
    digest = digest_of(b"1")
    fill(archive, digest)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StorageTrouble, match="cannot be removed"):
        archive.erase(digest)
