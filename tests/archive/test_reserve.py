"""Room on the disk: what can be made again goes first, and what has stopped does not flutter."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from photodiary.archive import films, layout, segments
from photodiary.archive.reserve import FILM, FRAMES, MB, PHOTOS, DiskConfig, Reserve, beginning, short_of
from photodiary.archive.store import Archive
from photodiary.errors import StorageTrouble


class Disk:
    """A disk of 20 MB whose free space a test decides; what is removed from films/, segments/ and work/ is free afterwards."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.used = root, 0
        monkeypatch.setattr(os, "statvfs", lambda path: self)
        self.f_frsize, self.f_blocks = 1, 20 * MB

    @property
    def f_bavail(self) -> int:
        lying = sum(
            path.stat().st_size for folder in (layout.FILMS, layout.SEGMENTS, layout.WORK) for path in (self.root / folder).rglob("*") if path.is_file()
        )
        return self.f_blocks - self.used - lying

    def leave(self, free: int) -> None:
        self.used += self.f_bavail - free


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    made = Archive(tmp_path / "archive")
    made.prepare()
    return made.root


@pytest.fixture
def disk(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(archive, monkeypatch)


@pytest.mark.parametrize(("size", "kept"), [(20 * MB, MB), (4000 * MB, 200 * MB), (10_240 * MB, 512 * MB), (4_000_000 * MB, 512 * MB)])
def test_the_reserve_is_chosen_by_the_disk(size: int, kept: int) -> None:
    """5 % of the disk, 512 MB at most, or what a person says."""
    assert DiskConfig().kept(size) == kept
    assert DiskConfig(reserve_mb=7).kept(size) == 7 * MB


def test_an_impossible_reserve_is_refused() -> None:
    """Less than nothing cannot be kept free."""
    with pytest.raises(ValueError, match="reserve_mb must be at least 0"):
        DiskConfig(-1)


def test_old_films_go_one_by_one_and_nothing_else(archive: Path, disk: Disk) -> None:
    """The oldest film goes first, no more than is needed goes, and never the newest film, an original, a frame or a foreign file."""
    for name in ("2024-01-01.mp4", "2024-01-02.mp4", "2024-01-03.mp4", "latest.mp4", "holiday.mp4"):
        (archive / "films" / name).write_bytes(bytes(MB // 2))
    for kept in ("originals/a.jpg", "frames/a.jpg"):
        (archive / kept).write_bytes(b"x")
    reserve = Reserve(archive, DiskConfig())
    disk.leave(MB)
    reserve.room_for(MB // 2 + MB // 4, PHOTOS)
    assert sorted(os.listdir(archive / "films")) == ["2024-01-03.mp4", "holiday.mp4", "latest.mp4"]
    disk.leave(0)
    with pytest.raises(StorageTrouble):
        reserve.room_for(1, PHOTOS)
    assert sorted(os.listdir(archive / "films")) == ["holiday.mp4", "latest.mp4"]
    assert (archive / "originals/a.jpg").exists() and (archive / "frames/a.jpg").exists()


def test_segments_go_after_old_films(archive: Path, disk: Disk) -> None:
    """What is encoded already goes only when no old film is left, no more of it than is needed; the newest films stay."""
    for number in range(3):
        (archive / layout.segment(f"{number:064x}")).write_bytes(bytes(MB // 2))
    for name in ("2024-01-01.mp4", "latest.mp4", "month.mp4"):
        (archive / "films" / name).write_bytes(bytes(MB // 2))
    reserve = Reserve(archive, DiskConfig())
    disk.leave(MB)
    reserve.room_for(MB // 4, PHOTOS)
    assert sorted(os.listdir(archive / "films")) == ["latest.mp4", "month.mp4"] and len(segments.known(archive)) == 3
    disk.leave(MB)
    reserve.room_for(MB // 4, PHOTOS)
    assert segments.known(archive) == {f"{number:064x}" for number in (1, 2)}
    disk.leave(MB // 2)
    with pytest.raises(StorageTrouble):
        reserve.room_for(MB, FILM, {f"{2:064x}"})
    assert segments.known(archive) == {f"{2:064x}"}, "what a film is made of does not go for it"
    disk.leave(0)
    with pytest.raises(StorageTrouble):
        reserve.room_for(3 * MB, PHOTOS)
    assert sorted(os.listdir(archive / "films")) == ["latest.mp4", "month.mp4"] and segments.known(archive) == set()
    assert os.listdir(archive / layout.SEGMENTS) == ["CACHEDIR.TAG"]


def test_leftovers_go_and_what_is_being_made_stays(archive: Path, disk: Disk) -> None:
    """A work file that nobody has written on for an hour goes before any film."""
    for name, age in ((".tmp-old.mp4", 7200), (".tmp-new.mp4", 0)):
        (archive / "work" / name).write_bytes(bytes(MB))
        os.utime(archive / "work" / name, (time.time() - age,) * 2)
    (archive / "films/2024-01-01.mp4").write_bytes(bytes(MB))
    disk.leave(MB // 2)
    Reserve(archive, DiskConfig()).make_do()
    assert not (archive / "work/.tmp-old.mp4").exists() and (archive / "work/.tmp-new.mp4").exists() and len(films.old(archive)) == 1


def test_what_has_stopped_goes_on_only_with_some_more_room(archive: Path, disk: Disk) -> None:
    """The sentence stays the same while it is waited, and a photo that just fits does not start it all over again."""
    reserve = Reserve(archive, DiskConfig())
    disk.leave(MB + 99)
    with pytest.raises(StorageTrouble) as first:
        reserve.room_for(100, PHOTOS)
    disk.leave(MB + 101)
    with pytest.raises(StorageTrouble) as second:
        reserve.room_for(100, PHOTOS)
    assert str(first.value) == str(second.value) == reserve.troubles[PHOTOS[0]]
    assert str(first.value).startswith(beginning(archive)) and "1.0 MB free, 1.0 MB are kept free; no photo is taken in" in str(first.value)
    disk.leave(MB + MB // 4 + 100)
    reserve.room_for(100, PHOTOS)
    assert reserve.troubles == {}
    disk.leave(MB + 100)
    reserve.room_for(100, PHOTOS)


def test_what_is_in_is_brought_to_its_end(archive: Path, disk: Disk) -> None:
    """Frames and film may use half of the reserve: a photo that was taken in gets into the film."""
    reserve = Reserve(archive, DiskConfig())
    disk.leave(MB // 2 + 100)
    for purpose in (FRAMES, FILM):
        reserve.room_for(100, purpose)
    for purpose in (FRAMES, FILM, PHOTOS):
        with pytest.raises(StorageTrouble, match=purpose[0]):
            reserve.room_for(101, purpose)


def test_status_is_told_without_a_daemon(archive: Path, disk: Disk) -> None:
    """Whoever asks sees the same beginning of the sentence; with room, or without a disk, there is nothing to say."""
    disk.leave(MB // 2)
    said = short_of(archive, DiskConfig())
    assert said is not None and said.startswith(beginning(archive)) and "0.5 MB free" in said
    disk.leave(2 * MB)
    assert short_of(archive, DiskConfig()) is None
