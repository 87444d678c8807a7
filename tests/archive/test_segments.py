"""Segments of films: those that films need stay, the others go, with what a process that died left beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from photodiary.archive import layout, segments
from photodiary.archive.health import files
from photodiary.archive.store import CACHEDIR_TAG, TEMPORARY, Archive
from photodiary.errors import StorageTrouble

NAMES = [f"{number:064x}" for number in range(4)]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """With four segments, a temporary and a foreign file among them."""
    made = Archive(tmp_path / "archive")
    made.prepare()
    for number, name in enumerate(NAMES):
        made.publish(layout.segment(name), b"x" * (number + 1))
    for name in (f"{TEMPORARY}0123", "notes.txt"):
        (made.root / layout.SEGMENTS / name).write_bytes(b"beside")
    return made


def there(archive: Archive) -> list[str]:
    return sorted(path.name for path in (archive.root / layout.SEGMENTS).iterdir())


def test_what_no_film_needs_goes(archive: Archive) -> None:
    """Of the segments only those that are named stay; what was left unfinished goes, the tag for backups and foreign files stay."""
    assert segments.known(archive.root) == set(NAMES)
    assert segments.thin_out(archive.root, [NAMES[1], "f" * 64]) == 3
    assert there(archive) == [f"{NAMES[1]}.segment", "CACHEDIR.TAG", "notes.txt"]
    assert segments.thin_out(archive.root, [NAMES[1]]) == 0
    assert segments.remove_all(archive.root) == 1 and segments.known(archive.root) == set()


def test_they_are_gone_for_good(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo that is to be forgotten may be in them: the folder is handed to the disk after the last has gone, also when only a temporary went."""
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(sorted(os.listdir(f"/proc/self/fd/{descriptor}"))))
    segments.thin_out(archive.root, NAMES)
    segments.remove_all(archive.root)
    segments.remove_all(archive.root)
    assert seen == [[*(f"{name}.segment" for name in NAMES), "CACHEDIR.TAG", "notes.txt"], ["CACHEDIR.TAG", "notes.txt"]]


def test_a_disk_that_refuses_is_told(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be removed is storage trouble with the folder's name, and no crash."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StorageTrouble, match="segments: a part of a film cannot be removed: Read-only file system"):
        segments.remove_all(archive.root)


def test_an_archive_of_an_older_version_has_none(tmp_path: Path) -> None:
    """Where there is no folder there is nothing to know, to measure or to remove."""
    assert segments.known(tmp_path) == set() and segments.files(tmp_path) == [] and segments.size(tmp_path) == 0
    assert segments.thin_out(tmp_path, []) == 0 and segments.remove_all(tmp_path) == 0


def test_the_folder_is_made_and_tagged_for_an_older_archive_too(archive: Archive) -> None:
    """Backup programs are told that segments can be made again, also in an archive from before there were any; who holds it against the ledger sees files."""
    tag = archive.root / layout.SEGMENTS / "CACHEDIR.TAG"
    assert tag.read_text() == CACHEDIR_TAG and (archive.root / layout.SEGMENTS).stat().st_mode & 0o777 == 0o700
    tag.unlink()
    archive.prepare()
    assert tag.read_text() == CACHEDIR_TAG
    told = {Path(found.path).name: found.temporary for found in files(archive) if found.path.startswith(layout.SEGMENTS)}
    assert told == {f"{TEMPORARY}0123": True, "notes.txt": False} | {f"{name}.segment": False for name in NAMES}
    assert archive.sweep(set()) == [f"{layout.SEGMENTS}/{TEMPORARY}0123"]
    assert segments.size(archive.root) == 10 + len("beside") + len(CACHEDIR_TAG) and [path.name for path in segments.files(archive.root)] == [
        f"{name}.segment" for name in NAMES
    ]
