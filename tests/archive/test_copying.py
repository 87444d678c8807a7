"""Originals get to another place whole, with as little writing as the disk allows, or are named as lost."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from photodiary.archive import copying
from photodiary.archive.copying import COPIED, DAMAGED, MISSING, SHARED, THERE, Copying
from photodiary.diary.photo import Digest, digest_of
from photodiary.errors import StorageTrouble

DATA = b"a photo" * 1000
NAME = "originals/2024/a.jpg"
DIGEST = digest_of(DATA)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "from" / NAME).parent.mkdir(parents=True)
    (tmp_path / "from" / NAME).write_bytes(DATA)
    return tmp_path / "from"


def bring(source: Path, *, sure: bool = False, digest: Digest = DIGEST) -> str:
    by = Copying(source, source.parent / "to", sure)
    how = by.bring(NAME, digest, len(DATA))
    by.finish()
    return how


def target(source: Path) -> Path:
    return source.parent / "to" / NAME


@pytest.mark.parametrize("sure", [False, True])
def test_a_file_is_brought_once(source: Path, sure: bool) -> None:
    """The bytes are there after the first time, and are not written again the second time."""
    assert bring(source, sure=sure) in (SHARED, COPIED) and target(source).read_bytes() == DATA
    before = target(source).stat()
    assert bring(source, sure=sure) == THERE and target(source).stat() == before
    assert os.listdir(target(source).parent) == ["a.jpg"]


def test_without_clones_a_link_shares_the_bytes(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hard link costs no space where the disk has no clones."""
    monkeypatch.setattr(copying, "_cloned", lambda source, target: False)
    assert bring(source) == SHARED and target(source).samefile(source / NAME)


def test_without_links_the_bytes_are_copied_and_checked(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that is not the photo it should be is not kept."""
    for way in ("_cloned", "_linked"):
        monkeypatch.setattr(copying, way, lambda source, target: False)
    assert bring(source, digest=Digest(hashlib.sha256(b"other").hexdigest())) == DAMAGED
    assert os.listdir(target(source).parent) == []
    assert bring(source) == COPIED and not target(source).samefile(source / NAME)


def test_another_disk_is_copied_to(source: Path) -> None:
    """/dev/shm is another file system: neither clone nor link, and the bytes arrive all the same."""
    if os.stat("/dev/shm").st_dev == os.stat(source).st_dev:
        pytest.skip("the temporary folder is on /dev/shm")
    place = Path(f"/dev/shm/photodiary-{os.getpid()}")
    try:
        assert Copying(source, place, False).bring(NAME, DIGEST, len(DATA)) == COPIED
        assert (place / NAME).read_bytes() == DATA
    finally:
        for path in sorted(place.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        place.rmdir()


def test_what_is_lost_is_told(source: Path) -> None:
    """A missing file, one of another size, a link, and, when sure, one of other bytes are not brought."""
    (source / NAME).write_bytes(DATA[:-1] + b"x")
    assert bring(source, sure=True) == DAMAGED
    (source / NAME).write_bytes(DATA[:-1])
    assert bring(source) == DAMAGED
    (source / NAME).rename(source / "other")
    assert bring(source) == MISSING
    (source / NAME).symlink_to(source / "other")
    assert bring(source) == DAMAGED and not target(source).exists()


def test_a_bad_file_in_its_place_is_replaced(source: Path) -> None:
    """What lies there under the name but is not the photo does not count as brought."""
    target(source).parent.mkdir(parents=True)
    target(source).write_bytes(DATA[:-1] + b"x")
    assert bring(source, sure=True) in (SHARED, COPIED) and target(source).read_bytes() == DATA


def test_names_are_durable_from_the_deepest_folder_up(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`finish` syncs every folder that got a name, those that were made included."""
    synced: list[str] = []
    monkeypatch.setattr(copying, "sync_folder", lambda folder: synced.append(str(folder.relative_to(source.parent))))
    bring(source)
    assert synced == ["to/originals/2024", "to/originals", "to", "."]


def test_a_full_disk_is_storage_trouble(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what to do, and nothing half-written is left."""

    def full(source: Path, target: Path) -> bool:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copying, "_cloned", full)
    with pytest.raises(StorageTrouble, match="disk is full.*call again"):
        bring(source)
    assert os.listdir(target(source).parent) == []


def test_put_replaces_whole(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is replaced by a whole one or stays what it was."""
    place = tmp_path / "place"
    place.write_bytes(b"old")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", _broken)
        with pytest.raises(StorageTrouble, match="cannot be written"):
            copying.put(source / NAME, place)
    assert place.read_bytes() == b"old" and len(os.listdir(tmp_path)) == 2
    copying.put(source / NAME, place)
    assert place.read_bytes() == DATA


def _broken(descriptor: int) -> None:
    raise OSError(5, "Input/output error")
