"""The story of most users, with the real thing: a phone and a server that run Syncthing, and the daemon beside the server's.

The server's folder is receive-only, keeps versions of what the phone changes or deletes, and is the diary's inbox.  The tests tell one story, in this order.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tests.promises.inboxes import begin, config, until, until_in
from tests.support.daemon import Diary
from tests.support.dots import eyes_of, jpeg, photo, picture
from tests.support.syncthing import FOLDER, Pair

from photodiary.ledger import wishes
from photodiary.ledger.store import Ledger
from photodiary.run.lock import nudge

pytestmark = pytest.mark.slow

WITHIN_S = 5.0  # from Syncthing's word that it has finished a photo to its frame in the archive
SLOWLY = 150  # KiB a second, after the 512 KiB that Syncthing lets through at once


def day(number: int) -> str:
    """What `photo` has as its date."""
    return f"2024:03:{number + 1:02} 08:30:00"


def edited(number: int, lighter: int) -> bytes:
    """Photo `number` as an editor leaves it: cut, and lighter or darker, with the date it had."""
    with Image.open(io.BytesIO(photo(number))) as before:
        pixels = np.asarray(before.crop((20, 20, 380, 280))).astype(int) + lighter
    return jpeg(np.clip(pixels, 0, 255).astype(np.uint8), day(number))


def large(number: int) -> bytes:
    """Photo `number` with 4 megapixels of grain, which make it megabytes."""
    size = 2400, 1800
    eyes = eyes_of(number, size)
    grain = np.random.default_rng(number).normal(0, 30, size[::-1])[..., None]
    y, x = np.mgrid[: size[1], : size[0]]
    for eye in eyes:
        grain[np.hypot(x - eye.x, y - eye.y) < eyes.iod / 3] = 0
    return jpeg(np.clip(picture(eyes, size, number) + grain, 0, 255).astype(np.uint8), day(number))


class Home:
    """A phone's folder, its Syncthing, the server's, and the diary whose inbox that one fills."""

    def __init__(self, phone: Path, diary: Diary, pair: Pair) -> None:
        self.phone, self.diary, self.pair, self.server = phone, diary, pair, pair.server
        self.saved: dict[str, bytes] = {}

    def save(self, name: str, data: bytes) -> None:
        """As the camera does: written to the phone's folder, which Syncthing is told to look at now."""
        self.saved[name] = data
        (self.phone / name).write_bytes(data)
        self.pair.phone.scan()

    def row(self, name: str) -> dict[str, Any]:
        (found,) = [row for row in self.diary.photos() if name in row["names"]]
        return found

    def total(self) -> int:
        return len(self.diary.photos())

    def frames(self) -> dict[str, int]:
        return {str(path): path.stat().st_ctime_ns for path in (self.diary.archive / "frames").rglob("*.jpg")}

    def kept(self, data: bytes) -> bool:
        return any(path.read_bytes() == data for path in (self.diary.archive / "originals").rglob("*") if path.is_file())

    def looked(self) -> None:
        """Have the daemon look at the whole inbox, as it does each minute, now."""
        ledger = Ledger(self.diary.archive)
        try:
            number = wishes.make(ledger, "scan", {}, time.time())
            nudge(self.diary.archive)
            until(lambda: wishes.get(ledger, number).outcome is not None, self.diary, "a scan")
        finally:
            ledger.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Two phones' worth of Syncthing, connected, and a running daemon with the inbox settings that a user has who has set none."""
    folder = tmp_path_factory.mktemp("syncthing")
    diary = Diary(folder / "me", config=config(scan_every=60, settle=5, film_after=0.5))
    try:
        with Pair(folder / "phone", diary.inbox) as pair:
            assert pair.network.interfaces() == {"lo"}
            begin(diary)
            yield Home(folder / "phone", diary, pair)
            assert diary.stop() == 0
    finally:
        diary.close()


def test_a_photo_saved_on_the_phone_is_a_frame_within_seconds(home: Home) -> None:
    """Each photo is a frame in the archive within five seconds of Syncthing's having finished it."""
    finished = {}
    for number in range(10):
        home.save(name := f"IMG_{number}.jpg", photo(number))
        finished[name] = home.pair.until_finished(name)
    until_in(home.diary, *home.saved.values())
    until(lambda: all(row["frame"] for row in home.diary.photos()), home.diary, "ten frames")
    late = {name: (home.diary.archive / home.row(name)["frame"]).stat().st_ctime_ns / 1e9 - at for name, at in finished.items()}
    print(f"from Syncthing's word to the frame: median {statistics.median(late.values()):.2f} s, longest {max(late.values()):.2f} s")
    assert max(late.values()) <= WITHIN_S, late
    assert home.total() == 10


def test_a_large_photo_that_comes_slowly_and_over_a_restart_is_taken_in_once_and_whole(home: Home) -> None:
    """While Syncthing receives a photo, nothing of it is seen; neither the slow line nor a restart in the middle makes a second one of it."""
    data = large(11)
    home.server.limit(SLOWLY)
    home.save("IMG_11.jpg", data)
    temporary = home.diary.inbox / ".syncthing.IMG_11.jpg.tmp"
    until(lambda: temporary.exists() and temporary.stat().st_blocks * 512 >= len(data) // 8, home.diary, "an eighth of it has come")
    home.looked()
    assert temporary.exists() and home.total() == 10
    home.server.stop()
    part = temporary.stat().st_blocks * 512
    assert part < len(data), "stopped in the middle"
    home.server.start()
    home.server.limit(0)
    home.pair.until_finished("IMG_11.jpg")
    until_in(home.diary, data)
    until(lambda: home.row("IMG_11.jpg")["frame"], home.diary, "its frame")
    assert home.total() == 11 and home.row("IMG_11.jpg")["names"] == ["IMG_11.jpg"]
    assert ".tmp" not in home.diary.told()


def test_what_is_renamed_on_the_phone_adds_nothing(home: Home) -> None:
    """A new name on the phone is a further name of the photo that is known; no frame is made again."""
    before = home.frames()
    (home.phone / "IMG_4.jpg").rename(home.phone / "holiday.jpg")
    home.pair.phone.scan()
    home.pair.until_finished("holiday.jpg")
    home.pair.until_finished("IMG_4.jpg", "delete")
    until(lambda: "holiday.jpg" in home.row("IMG_4.jpg")["names"], home.diary, "its second name")
    assert home.total() == 11 and home.frames() == before


def test_what_is_deleted_on_the_phone_stays(home: Home) -> None:
    """When the phone deletes a photo and Syncthing takes it out of the inbox, its original, its frame and its place in the film stay."""
    (home.phone / "IMG_7.jpg").unlink()
    home.pair.phone.scan()
    home.pair.until_finished("IMG_7.jpg", "delete")
    assert not (home.diary.inbox / "IMG_7.jpg").exists()
    assert [path.name for path in (home.diary.inbox / ".stversions").rglob("IMG_7*")], "Syncthing keeps a version, inside the inbox"
    home.looked()
    row = home.row("IMG_7.jpg")
    assert row["in_film"] and (home.diary.archive / row["frame"]).exists() and home.kept(home.saved["IMG_7.jpg"])
    assert home.total() == 11, "Syncthing's version of it is no photo"
    home.diary.until_film_of(11)


def test_a_conflict_loses_nothing(home: Home) -> None:
    """A photo changed on both sides while they were apart: Syncthing keeps both, and so does the diary, with the one from before; one of them shows."""
    by_phone, by_server = edited(2, 30), edited(2, -30)
    home.pair.part()
    (home.phone / "IMG_2.jpg").write_bytes(by_phone)
    (home.diary.inbox / "IMG_2.jpg").write_bytes(by_server)
    home.server.scan()
    home.server.look_away()
    home.pair.meet()
    home.pair.until_finished("IMG_2.jpg")
    assert (home.diary.inbox / "IMG_2.jpg").read_bytes() == by_phone
    (conflict,) = home.diary.inbox.glob("IMG_2.sync-conflict-*.jpg")
    assert conflict.read_bytes() == by_server
    until_in(home.diary, by_phone, by_server, home.saved["IMG_2.jpg"])
    until(lambda: all(row["frame"] for row in home.diary.photos()), home.diary, "their frames")
    home.looked()
    assert home.total() == 13
    shown = [row for row in home.diary.photos() if row["taken_at"].startswith("2024-03-03") and row["in_film"]]
    assert len(shown) == 1


def test_syncthing_and_the_diary_agree_in_the_end(home: Home) -> None:
    """The film shows every day once; no file of Syncthing's own was taken for a photo; Syncthing finds nothing of the photodiary's doing in its folder."""
    home.diary.until_film_of(11)
    with av.open(str(home.diary.archive / "films/latest.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 11
    assert (home.diary.inbox / ".stfolder").exists()
    (conflict,) = home.diary.inbox.glob("IMG_2.sync-conflict-*.jpg")
    names = {name for row in home.diary.photos() for name in row["names"]}
    assert names == {*home.saved, "holiday.jpg", conflict.name}
    assert all(home.kept(data) for data in home.saved.values())
    home.server.scan()
    end = time.monotonic() + 60
    while (status := home.server.ask("GET", f"db/status?folder={FOLDER}"))["state"] != "idle" and time.monotonic() < end:
        time.sleep(0.1)
    assert (status["state"], status["receiveOnlyChangedFiles"], status["pullErrors"]) == ("idle", 1, 0), "the conflict copy, which only the server has"
    assert home.diary.call("doctor").returncode == 0
