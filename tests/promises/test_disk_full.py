"""Promise: disk full."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PIL import Image
from tests.promises import sabotage
from tests.promises.killer import is_alive
from tests.promises.switch import Switch
from tests.support.daemon import QUICK, Diary
from tests.support.dots import drop, photo

SWITCHES = (
    Switch(
        "the reserve",
        "test_what_can_be_made_again_goes_first_then_taking_in_stops_and_goes_on_by_itself",
        "archive/reserve.py",
        "return self.reserve_mb * MB or min(CHOSEN_MOST, int(size * CHOSEN_SHARE))",
        "return 0",
    ),
    Switch(
        "old films going first",
        "test_what_can_be_made_again_goes_first_then_taking_in_stops_and_goes_on_by_itself",
        "archive/reserve.py",
        "yield from films.old(self.root)",
        "yield from ()",
    ),
    Switch(
        "the check before a photo is taken in",
        "test_what_can_be_made_again_goes_first_then_taking_in_stops_and_goes_on_by_itself",
        "run/engine.py",
        "lambda size: _room(ledger, reserve, size)",
        "lambda size: None",
    ),
    Switch(
        "the second copy of the film",
        "test_a_film_is_made_only_where_its_second_copy_has_room",
        "render/rendering.py",
        "self.reserve.room_for(self._size(plan, newest), FILM, needed)",
        "pass",
    ),
    Switch(
        "leaving nothing half written beside what is there",
        "test_a_disk_that_fills_while_segments_are_made_leaves_the_old_film",
        "archive/store.py",
        "                beside.unlink(missing_ok=True)\n            raise trouble(target, error) from error",
        "                beside.stat()\n            raise trouble(target, error) from error",
    ),
    Switch(
        "waiting for the disk at the start",
        "test_a_first_start_on_a_full_disk_waits_and_goes_on",
        "run/daemon.py",
        "patient = self._before is None",
        "patient = False",
    ),
    Switch(
        "looking at a waiting disk again",
        "test_a_first_start_on_a_full_disk_waits_and_goes_on",
        "run/daemon.py",
        "if engine.may_grow():",
        "if False:",
    ),
    Switch(
        "reading without room beside the database",
        "test_a_start_on_a_full_disk_is_degraded_and_goes_on",
        "ledger/store.py",
        'with self._opened("ro&immutable=1"):',
        'with self._opened("ro"):',
    ),
)

PATIENT = QUICK.replace("after_quiet_s = 0.5", "after_quiet_s = 1.5").replace("at_latest_s = 5.0", "at_latest_s = 60.0")
MB = 1_000_000
DISK = 20 << 20
RESERVE = DISK // 20
PHOTO = 40_000  # bytes, about
FULL = "is nearly full: "


class Disk:
    """A small disk that can be filled."""

    def __init__(self, place: Path) -> None:
        self.place, self.ballast = place, place / "ballast"

    @property
    def free(self) -> int:
        disk = os.statvfs(self.place)
        return disk.f_bavail * disk.f_frsize

    def leave(self, free: int) -> None:
        """Exactly so much is free, but for a page."""
        self.ballast.touch()
        os.truncate(self.ballast, max(0, self.ballast.stat().st_size - max(0, free - self.free)))
        with self.ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while free == 0 or self.free > free:  # what a tmpfs says of its free space may be a few pages off: only a write tells
                file.write(bytes(4096 if free == 0 else min(65_536, self.free - free)))

    def room(self) -> None:
        self.ballast.unlink()


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    made = Diary(tmp_path / "me")
    made.archive.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=700", "archive", str(made.archive)], check=True)
    try:
        yield made
    finally:
        made.close()
        subprocess.run(["umount", "-l", str(made.archive)], check=True)


def send(diary: Diary, *numbers: int) -> None:
    for number in numbers:
        drop(diary.inbox, f"{number}.jpg", photo(number))


def check_published(diary: Diary, frames: int) -> None:
    """Every original and frame of a row is whole, and the film decodes to its end."""
    rows = diary.photos()
    for row in rows:
        assert hashlib.sha256((diary.archive / row["original"]).read_bytes()).hexdigest() == row["sha256"]
        if row["frame"]:
            Image.open(io.BytesIO((diary.archive / row["frame"]).read_bytes())).load()
    with av.open(str(diary.archive / "films/latest.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == frames
    assert {str(path.relative_to(diary.archive)) for path in (diary.archive / "originals").rglob("*.jpg")} == {row["original"] for row in rows}


def until_degraded(diary: Diary, words: str) -> str:
    end = time.monotonic() + 60
    while True:
        found = [reason for reason in diary.status()["degraded"] if FULL in reason and words in reason]
        if found:
            return str(found[0])
        assert time.monotonic() < end, (diary.status()["degraded"], diary.told()[-2000:])
        time.sleep(0.3)


def until_well(diary: Diary) -> None:
    end = time.monotonic() + 60
    while diary.status()["degraded"]:
        assert time.monotonic() < end, diary.status()["degraded"]
        time.sleep(0.3)


def test_what_can_be_made_again_goes_first_then_taking_in_stops_and_goes_on_by_itself(diary: Diary) -> None:
    """Below the reserve old films go, then photos wait in the inbox while the daemon lives and says so; with room again they come in without a restart."""
    disk = Disk(diary.archive)
    diary.start()
    send(diary, 0, 1, 2)
    diary.until_film_of(3)
    for day in ("2024-01-01", "2024-01-02"):
        (diary.archive / f"films/{day}.mp4").write_bytes(bytes(700_000))
    disk.leave(RESERVE - 150_000)
    send(diary, 3)
    diary.until_film_of(4)
    assert sorted(os.listdir(diary.archive / "films")) == ["2024-01-02.mp4", "latest.mp4"], "the oldest film goes, and no more than is needed"
    disk.leave(RESERVE - 150_000 - 700_000)
    send(diary, 4, 5)
    said = until_degraded(diary, "no photo is taken in")
    assert os.listdir(diary.archive / "films") == ["latest.mp4"]
    assert str(diary.archive) in said and "MB free" in said and "1.0 MB are kept free" in said and "free some space" in said
    assert disk.free > RESERVE / 2
    disk.leave(0)
    time.sleep(6)  # longer than the loops wait before they try again
    assert is_alive(diary.pid)
    status = diary.status()
    assert status["diaries"][0]["running"] and status["diaries"][0]["photos"]["total"] == 4
    assert " 0.0 MB free" in next(reason for reason in status["degraded"] if FULL in reason)
    check_published(diary, 4)
    disk.room()
    diary.until_film_of(6)
    until_well(diary)
    assert "waits for more" not in diary.told(), "a photo that waits for room is not broken"
    check_published(diary, 6)
    assert diary.stop() == 0


def test_a_film_is_made_only_where_its_second_copy_has_room(diary: Diary) -> None:
    """The old film stays until the new one is whole, so both must fit; until then the old one is there, and the reason is told."""
    disk = Disk(diary.archive)
    send(diary, 0, 1)
    assert diary.call("scan", "--once").returncode == 0
    film = diary.archive / "films/latest.mp4"
    before = film.read_bytes()
    with contextlib.closing(__import__("sqlite3").connect(diary.archive / "ledger.sqlite3")) as db, db:
        db.execute("UPDATE reels SET bytes = 4000000")  # as a film of years would be
    disk.leave(2 * MB)
    diary.start()
    diary.until_told("watches")
    assert diary.call("photos", "exclude", "0.jpg").returncode == 0  # a photo more would not be taken in for want of room for its film
    until_degraded(diary, "no film is made")
    assert film.read_bytes() == before
    assert diary.me()["photos"]["in_film"] == 1, "what a person decided counts at once"
    disk.room()
    diary.until_film_of(1)
    assert diary.stop() == 0


def test_a_disk_that_fills_while_segments_are_made_leaves_the_old_film(diary: Diary) -> None:
    """Half of the new film's segments are there when not a byte more fits: the old film plays on, nothing is left half written, and it goes on by itself."""
    diary.config.write_text(PATIENT)
    sabotage.prepare(diary)
    disk = Disk(diary.archive)
    send(diary, 0, 1, 2)
    diary.start()
    diary.until_film_of(3)
    film = diary.archive / "films/latest.mp4"
    before, there = film.read_bytes(), sabotage.segments(diary)
    sabotage.sabotage(diary, "slow")
    send(diary, *range(3, 28))
    sabotage.between_segments(diary, there)
    disk.leave(0)
    diary.until_told("segment: the disk is full; free some space")
    assert film.read_bytes() == before and is_alive(diary.pid)
    check_published(diary, 3)
    assert sabotage.left(diary) == []
    disk.room()
    diary.until_film_of(28)
    until_well(diary)
    check_published(diary, 28)
    assert diary.stop() == 0


def test_a_start_on_a_full_disk_is_degraded_and_goes_on(diary: Diary) -> None:
    """A daemon that starts on a full disk stays, says so, shows what there is, ends on SIGTERM, and works when there is room, by itself."""
    disk = Disk(diary.archive)
    send(diary, 0, 1)
    assert diary.call("scan", "--once").returncode == 0
    for rest, size in (("-wal", 0), ("-shm", None)):  # the last writer removes them when it closes, and whoever opens needs room for them
        path = diary.archive / f"ledger.sqlite3{rest}"
        assert not path.exists() or size in (None, path.stat().st_size)
        path.unlink(missing_ok=True)
    disk.leave(0)
    assert diary.me()["photos"]["total"] == 2, "status needs no room, nor a daemon"
    diary.start()
    diary.until_told("watches")
    send(diary, 2)
    until_degraded(diary, "")
    state = diary.me()
    assert state["running"] and state["photos"]["total"] == 2 and state["reel"]["frames"] == 2
    assert diary.stop() == 0
    diary.start()
    diary.until_told("has to wait")
    time.sleep(4)
    assert is_alive(diary.pid)
    disk.room()
    diary.until_film_of(3)
    check_published(diary, 3)
    assert diary.stop() == 0


def test_a_first_start_on_a_full_disk_waits_and_goes_on(diary: Diary) -> None:
    """Where there is not even room for a database, the daemon waits, says so once, and begins when there is."""
    disk = Disk(diary.archive)
    disk.leave(0)
    send(diary, 0)
    diary.start()
    diary.until_told("has to wait")
    time.sleep(5)
    assert is_alive(diary.pid) and diary.told().count("has to wait") == 1
    assert until_degraded(diary, "0.0 MB free")
    assert diary.me()["running"]
    disk.room()
    diary.until_film_of(1)
    assert diary.stop() == 0
