from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from photodiary.archive import drop, health, layout
from photodiary.archive.drop import Dropping, lying, sensible, taken_in
from photodiary.archive.store import LEFT_OVER_S, Archive
from photodiary.diary.photo import digest_of
from photodiary.errors import StorageTrouble


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def send(archive: Archive, data: bytes, name: str = "IMG_1.jpg") -> None:
    dropping = Dropping(archive, name)
    dropping.write(data)
    dropping.keep()
    dropping.discard()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("IMG_1.jpg", "IMG_1.jpg"), ("PXL_20240515_123456789.jpg", "PXL_20240515_123456789.jpg"), ("../../etc/passwd", "passwd"), ("C:\\x\\a b.jpg", "a_b.jpg"),
        (".tmp-x", "tmp-x"), ("..", "photo"), ("", "photo"), ("/", "photo"), ("é.heic", "heic"), ("a\0b\n.jpg", "a_b_.jpg"),
        ("x" * 300 + ".jpg", "x" * 96 + ".jpg"),
    ],
)  # fmt: skip
def test_of_a_name_what_is_sensible_is_kept(given: str, kept: str) -> None:
    """What a photo was sent under may say its date and helps to find it; nothing of it reaches another folder or hides."""
    assert sensible(given) == kept


def test_a_photo_lies_there_whole_or_not_at_all(archive: Archive) -> None:
    """Until it is kept nobody sees it; then its bytes, its digest and its name are there, for its user only; what was let go of leaves nothing."""
    dropping = Dropping(archive, "../IMG_1.jpg")
    dropping.write(b"half")
    assert list(lying(archive)) == []
    dropping.write(b"and half")
    assert dropping.content() == b"halfand half" and dropping.digest == digest_of(b"halfand half")
    dropping.keep()
    dropping.discard()
    (found,) = lying(archive)
    assert found.name == b"IMG_1.jpg" and found.digits == digest_of(b"halfand half")[: layout.DIGITS]
    assert Path(os.fsdecode(found.path)).read_bytes() == b"halfand half"
    assert stat.S_IMODE(os.stat(found.path).st_mode) == 0o600 and stat.S_IMODE((archive.root / layout.DROP).stat().st_mode) == 0o700
    other = Dropping(archive, "IMG_2.jpg")
    other.write(b"x")
    other.discard()
    assert len(os.listdir(archive.root / layout.DROP)) == 1


def test_the_first_to_come_is_the_first_to_be_taken(archive: Archive) -> None:
    """What lies there is in the order in which it came, and two of the same name do not meet."""
    for data in (b"1", b"2", b"3"):
        send(archive, data)
    assert [Path(os.fsdecode(found.path)).read_bytes() for found in lying(archive)] == [b"1", b"2", b"3"]
    for found in list(lying(archive)):
        taken_in(archive, found)
        taken_in(archive, found)  # again, after a crash
    assert list(lying(archive)) == []


def test_what_somebody_put_there_by_hand_is_a_photo_too(archive: Archive) -> None:
    """A stranger's file keeps its name; links and folders are none."""
    archive.prepare()
    folder = archive.root / layout.DROP
    (folder / "mine.jpg").write_bytes(b"x")
    (folder / "link.jpg").symlink_to("/etc/passwd")
    (folder / "folder").mkdir()
    assert [(found.name, found.digits) for found in lying(archive)] == [(b"mine.jpg", "")]


def test_forgetting_reaches_it(archive: Archive) -> None:
    """A photo that is forgotten while a copy of it waits there is erased there too."""
    send(archive, b"forget me")
    send(archive, b"keep me")
    assert archive.erase(digest_of(b"forget me")) == 1
    assert [found.digits for found in lying(archive)] == [digest_of(b"keep me")[: layout.DIGITS]]


def test_sweeping_leaves_what_is_just_being_written(archive: Archive) -> None:
    """The daemon may start while the page receives a photo: only what nobody has written on for an hour goes."""
    dropping = Dropping(archive, "a.jpg")
    dropping.write(b"x")
    left = archive.root / layout.DROP / ".tmp-left-over"
    left.write_bytes(b"y")
    os.utime(left, (1, 1))
    assert archive.sweep(set()) == [f"{layout.DROP}/.tmp-left-over"] and LEFT_OVER_S > 600
    dropping.keep()
    dropping.discard()
    assert len(list(lying(archive))) == 1


def test_it_is_durable_before_it_counts(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is: its bytes on the disk, its name, its folder on the disk; whoever loses power before has not been told that it was kept."""
    dropping = Dropping(archive, "a.jpg")
    dropping.write(b"x")
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "bytes")
        fsync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        done.append("name")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    dropping.keep()
    dropping.discard()
    assert done == ["bytes", "name", "folder"]


def test_what_is_just_being_sent_is_no_leftover(archive: Archive) -> None:
    """Who holds the archive against the ledger sees what lies there, but not what the page receives at this moment."""
    send(archive, b"x")
    dropping = Dropping(archive, "a.jpg")
    (found,) = [file for file in health.files(archive) if file.path.startswith(layout.DROP)]
    assert not found.temporary
    dropping.discard()
    left = archive.root / layout.DROP / ".tmp-left-over"
    left.write_bytes(b"y")
    os.utime(left, (1, 1))
    assert [file.path for file in health.files(archive) if file.temporary] == [f"{layout.DROP}/.tmp-left-over"]


def test_a_disk_that_refuses_is_told(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo that cannot be made durable is not kept, and not said to be."""
    dropping = Dropping(archive, "a.jpg")
    dropping.write(b"x")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(drop.os, "fsync", full)
    with pytest.raises(StorageTrouble, match="disk is full"):
        dropping.keep()
    dropping.discard()
    assert os.listdir(archive.root / layout.DROP) == []
