"""Files get into the archive whole or not at all, in the order that survives a power cut, and originals are never touched."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from photodiary.archive import layout
from photodiary.archive.store import TEMPORARY, Archive
from photodiary.errors import StorageTrouble

FRAME = "frames/2024/2024-05-15_12-00-00_0123456789abcdef_01234567.jpg"
ORIGINAL = "originals/2024/2024-05-15_12-00-00_0123456789abcdef.jpg"
DATA = b"\xff\xd8" + bytes(range(256)) * 1000


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "archive")
    made.prepare()
    return made


class RecordingDisk:
    """Notes each fsync with what was in the file by then, and each rename; can fail at one of them as a full disk does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.root = root
        self.seen: list[tuple[str, ...]] = []
        self.fail_at, self.error = -1, 0
        self._fsync, self._rename = os.fsync, os.rename
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(os, "rename", self.rename)

    def fsync(self, descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        content = "folder" if path.is_dir() else f"{path.stat().st_size} bytes"
        self._note("fsync", self._name(path), content)
        self._fsync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._note("rename", self._name(source), self._name(target))
        self._rename(source, target)

    def _name(self, path: Path) -> str:
        relative = str(Path(path).relative_to(self.root))
        return f"{Path(relative).parent}/<temporary>" if Path(path).name.startswith(TEMPORARY) else relative

    def _note(self, *what: str) -> None:
        self.seen.append(what)
        if len(self.seen) - 1 == self.fail_at:
            raise OSError(self.error, os.strerror(self.error))


def temporaries(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.name.startswith(TEMPORARY)]


# -- publishing --------------------------------------------------------------------------------------------------------------------


def test_publishing_keeps_the_order_that_survives_a_power_cut(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bytes are written and fsynced beside the target, then renamed onto it, then the folder is fsynced; a new folder's entry comes first."""
    disk = RecordingDisk(monkeypatch, archive.root)
    archive.publish(FRAME, DATA)
    steps = [
        ("fsync", "frames/2024/<temporary>", f"{len(DATA)} bytes"),
        ("rename", "frames/2024/<temporary>", FRAME),
        ("fsync", "frames/2024", "folder"),
    ]
    assert disk.seen == [("fsync", "frames", "folder"), *steps]
    assert archive.read(FRAME) == DATA
    disk.seen.clear()
    archive.publish(FRAME, b"new")
    assert disk.seen == [("fsync", "frames/2024/<temporary>", "3 bytes"), *steps[1:]]
    assert archive.read(FRAME) == b"new"


def test_a_finished_film_is_adopted_by_rename(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary file lies on the same file system as what it becomes, is moved there by one rename, and the folder is fsynced."""
    archive.publish(layout.LATEST, b"old film")
    temporary = archive.temporary(".mp4")
    temporary.write_bytes(b"new film")
    assert archive.read(layout.LATEST) == b"old film"
    disk = RecordingDisk(monkeypatch, archive.root)
    archive.adopt(temporary, layout.LATEST)
    assert disk.seen == [("rename", "work/<temporary>", layout.LATEST), ("fsync", "films", "folder")]
    assert archive.read(layout.LATEST) == b"new film"
    assert temporaries(archive.root) == []


def test_temporaries_never_collide(archive: Archive) -> None:
    """Each temporary path is fresh, keeps its suffix and is known to the sweep."""
    paths = {archive.temporary(".mp4") for _ in range(50)}
    assert len(paths) == 50
    assert all(path.suffix == ".mp4" and path.name.startswith(TEMPORARY) and path.parent == archive.root / layout.WORK for path in paths)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("fail_at", [0, 1, 2], ids=["fsync", "rename", "fsync of the folder"])
def test_a_full_disk_leaves_the_old_or_the_new_and_no_rest(archive: Archive, monkeypatch: pytest.MonkeyPatch, code: int, fail_at: int) -> None:
    """When the disk is full, at whatever step, a sentence says so, no temporary remains, and what is published is the old or the new, whole."""
    archive.publish(FRAME, b"old")
    disk = RecordingDisk(monkeypatch, archive.root)
    disk.fail_at, disk.error = fail_at, code
    with pytest.raises(StorageTrouble, match=rf"{FRAME}: the disk is full; free some space, photodiary goes on by itself"):
        archive.publish(FRAME, DATA)
    assert temporaries(archive.root) == []
    assert archive.read(FRAME) == (b"old" if fail_at < 2 else DATA)
    archive.publish(FRAME, DATA)
    assert archive.read(FRAME) == DATA


def test_a_first_write_that_fails_leaves_nothing(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo that could not be written is not there, not even in part."""
    disk = RecordingDisk(monkeypatch, archive.root)
    disk.fail_at, disk.error = 1, errno.ENOSPC
    with pytest.raises(StorageTrouble):
        archive.publish(ORIGINAL, DATA)
    assert list(archive.originals()) == []


def test_another_trouble_is_named(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses for another reason is not called full."""
    disk = RecordingDisk(monkeypatch, archive.root)
    disk.fail_at, disk.error = 1, errno.EIO
    with pytest.raises(StorageTrouble, match=rf"{FRAME}: cannot be written: Input/output error"):
        archive.publish(FRAME, DATA)


def test_a_failed_adoption_keeps_the_old_film(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a new film cannot be published the old one stays playable."""
    archive.publish(layout.LATEST, b"old film")
    temporary = archive.temporary(".mp4")
    temporary.write_bytes(b"new film")
    disk = RecordingDisk(monkeypatch, archive.root)
    disk.fail_at, disk.error = 0, errno.ENOSPC
    with pytest.raises(StorageTrouble, match="the disk is full"):
        archive.adopt(temporary, layout.LATEST)
    assert archive.read(layout.LATEST) == b"old film"


def test_something_in_the_way_is_storage_trouble(archive: Archive) -> None:
    """A file where a folder should be (or a file system that turned read-only) is StorageTrouble with the path, never a bare OSError."""
    (archive.root / "frames/2024").write_text("in the way")
    with pytest.raises(StorageTrouble, match="cannot be written"):
        archive.publish(FRAME, DATA)


def test_reading_what_is_not_there_is_storage_trouble(archive: Archive) -> None:
    """A file that is gone is named."""
    with pytest.raises(StorageTrouble, match=rf"{FRAME}: cannot be read"):
        archive.read(FRAME)


# -- folders -----------------------------------------------------------------------------------------------------------------------


def test_the_archive_is_private_and_marks_what_can_be_made_again(tmp_path: Path) -> None:
    """Its folders are for their user only; work/ and segments/ say that they need not be backed up, and frames/ holds frames and nothing else."""
    archive = Archive(tmp_path / "deep" / "archive")
    archive.prepare()
    archive.prepare()
    folders = [archive.root, *(path for path in archive.root.iterdir() if path.is_dir())]
    assert {path.name for path in folders} == {"archive", "originals", "frames", "films", "segments", "work", "drop"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    files = sorted(path for path in archive.root.rglob("*") if path.is_file())
    assert files == [archive.root / "segments/CACHEDIR.TAG", archive.root / "work/CACHEDIR.TAG"]
    assert all(file.read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55") for file in files)
    archive.publish(FRAME, DATA)
    assert stat.S_IMODE((archive.root / FRAME).parent.stat().st_mode) == 0o700


def test_an_archive_that_cannot_be_made_is_storage_trouble(tmp_path: Path) -> None:
    """Where a file stands in the way of the folder, a sentence names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageTrouble, match="the archive cannot be used"):
        Archive(tmp_path / "file").prepare()


# -- the janitor -------------------------------------------------------------------------------------------------------------------


def test_the_sweep_removes_leavings_and_never_originals(archive: Archive) -> None:
    """At a start stale temporaries anywhere and frames that no row names go; originals, named frames, films and segments stay."""
    known, unknown = FRAME, FRAME.replace("01234567", "89abcdef")
    stays = {known, ORIGINAL, ORIGINAL.replace("abcdef", "ffffff"), layout.LATEST, "films/2024.mp4", layout.segment("0" * 64), "ledger.sqlite3"}
    leavings = {
        unknown, f"frames/2024/{TEMPORARY}1", f"frames/{TEMPORARY}2.jpg", f"originals/2024/{TEMPORARY}3", f"work/{TEMPORARY}4.mp4",
        f"films/{TEMPORARY}5.mp4", f"segments/{TEMPORARY}6",
    }  # fmt: skip
    for name in stays | leavings:
        path = archive.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    assert set(archive.sweep({known})) == leavings
    left = {str(path.relative_to(archive.root)): path for path in archive.root.rglob("*") if path.is_file()}
    assert set(left) == stays | {"segments/CACHEDIR.TAG", "work/CACHEDIR.TAG"}
    assert all(left[name].read_bytes() == name.encode() for name in stays)
    assert archive.sweep({known}) == []


def test_the_sweep_keeps_originals_that_no_row_names(archive: Archive) -> None:
    """An original whose row was lost in a crash is kept: it cannot be made again."""
    archive.publish(ORIGINAL, DATA)
    assert archive.sweep(set()) == []
    assert list(archive.originals()) == [ORIGINAL]


def test_removing_twice_is_no_error(archive: Archive) -> None:
    """What can be made again may be removed by two who don't know of each other."""
    archive.publish(FRAME, DATA)
    archive.remove(FRAME)
    archive.remove(FRAME)
    assert not (archive.root / FRAME).exists()
