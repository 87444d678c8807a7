"""Promise: the film breaks while rendering."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import pytest
from tests.promises.killer import children
from tests.promises.switch import Switch
from tests.support.daemon import QUICK, Diary
from tests.support.dots import drop, photo

SWITCHES = (
    Switch(
        "publishing only a film that was read back",
        "test_the_old_film_plays_on_whatever_happens_to_the_new_one",
        "render/child.py",
        "film.verify(target, plan)",
        "pass",
    ),
    Switch(
        "a failed film's short wait",
        "test_the_old_film_plays_on_whatever_happens_to_the_new_one",
        "run/filming.py",
        "AFTER_TROUBLE_S = (2.0, 10.0, 60.0)",
        "AFTER_TROUBLE_S = (600.0,)",
    ),
    Switch("making the film beside the old one", "test_the_old_film_plays_on_whatever_happens_to_the_new_one", "render/rendering.py",
           'temporary = self.archive.temporary(".mp4")', "temporary = film"),
    Switch("keeping the film of an earlier day", "test_films_of_earlier_days_stay_for_a_while", "render/rendering.py",
           "films.keep(self.archive.root, made)", "pass"),
    Switch("thinning out old films", "test_films_of_earlier_days_stay_for_a_while", "archive/films.py",
           "for path in films[: max(0, len(films) - most)]:", "for path in ():"),
    Switch(
        "the film's checksum",
        "test_doctor_sees_a_film_that_is_not_what_was_made_and_mends_it",
        "run/doctor.py",
        "same = reel.sha256 is None or shelf.digest_of_file(self.archive, reel.path) == reel.sha256",
        "same = True",
    ),
    Switch(
        "decoding the whole film",
        "test_doctor_sees_a_film_that_is_not_what_was_made_and_mends_it",
        "run/doctor.py",
        'what = checking.whole(path, reel.frames, lambda done: self.show(f"film: {done:,} photos"))',
        "what = None",
    ),
)  # fmt: skip

# Long enough to be met while it renders; a slower preset would look ahead so far that nothing is written before the very end.
SLOW = QUICK.replace('preset = "ultrafast"', 'preset = "superfast"').replace("320x320", "1920x1920")
A_DAY = 86_400


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    made = Diary(tmp_path / "me", config=SLOW)
    yield made
    made.close()


def shown(path: Path) -> int:
    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))


def a_render(diary: Diary, seconds: float = 60) -> int:
    """The child that makes a film, met while it has begun to write."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = [pid for pid, what in children(diary.pid).items() if what == "render"]
        if found and list((diary.archive / "work").glob(".tmp-*.mp4")) + list((diary.archive / "films").glob(".tmp*")):
            return found[0]
        time.sleep(0.01)
    raise AssertionError(f"no film was being made within {seconds:g} s\n{diary.told()[-2000:]}")


def test_the_old_film_plays_on_whatever_happens_to_the_new_one(diary: Diary) -> None:
    """While the new film's process is killed, and another file put in its place, the old film stays what it is; then the new one takes its place soon."""
    film = diary.archive / "films/latest.mp4"
    for number in range(3):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    diary.start()
    diary.until_film_of(3)
    before, short = film.read_bytes(), diary.folder / "short.mp4"
    shutil.copyfile(film, short)
    for number in range(3, 28):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    child = a_render(diary)
    os.kill(child, signal.SIGKILL)
    assert film.read_bytes() == before
    diary.until_told("was making the film")
    child = a_render(diary)
    os.kill(child, signal.SIGSTOP)
    [temporary] = (diary.archive / "work").glob(".tmp-*.mp4")
    temporary.unlink()
    shutil.copyfile(short, temporary)  # the child goes on writing into the one that has no name any more
    os.kill(child, signal.SIGCONT)
    diary.until_told("is not what it should be: it has 3 frames")
    assert film.read_bytes() == before
    diary.until_film_of(28)
    assert shown(film) == 28
    assert os.listdir(diary.archive / "films") == ["latest.mp4"] and os.listdir(diary.archive / "work") == ["CACHEDIR.TAG"]
    assert diary.stop() == 0


def quick(folder: Path) -> Diary:
    diary = Diary(folder / "quick", config=QUICK.replace("[film]", "keep_films = 1\n[film]"))
    for number in range(4):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    assert diary.call("scan", "--once").returncode == 0
    return diary


def age(diary: Diary, days: int) -> str:
    """As if the newest film had been made so many days ago.  Returns its day."""
    film = diary.archive / "films/latest.mp4"
    with contextlib.closing(sqlite3.connect(diary.archive / "ledger.sqlite3")) as db, db:
        at = db.execute("SELECT max(rendered_at) FROM reels").fetchone()[0] - days * A_DAY
        db.execute("UPDATE reels SET rendered_at = rendered_at - ?", (days * A_DAY,))
        db.execute("UPDATE photos SET framed_at = framed_at - ?", (days * A_DAY,))
    os.utime(film, (at, at))
    return datetime.fromtimestamp(at, ZoneInfo("Europe/Berlin")).date().isoformat()


def test_films_of_earlier_days_stay_for_a_while(tmp_path: Path) -> None:
    """A film of an earlier day keeps its bytes under its day when it is replaced; one stays where one is to; forgetting a photo removes them all."""
    diary = quick(tmp_path)
    films, kept = diary.archive / "films", dict[str, bytes]()
    for number, days in enumerate((6, 3)):
        before = (films / "latest.mp4").read_bytes()
        kept[f"{age(diary, days)}.mp4"] = before
        drop(diary.inbox, f"{10 + number}.jpg", photo(10 + number))
        assert diary.call("scan", "--once").returncode == 0
    old = sorted(path for path in films.iterdir() if path.name != "latest.mp4")
    assert {path.name: path.read_bytes() for path in old} == dict(sorted(kept.items())[1:])
    assert shown(films / "latest.mp4") == 6
    drop(diary.inbox, "20.jpg", photo(20))
    assert diary.call("scan", "--once").returncode == 0
    assert sorted(path for path in films.iterdir() if path.name != "latest.mp4") == old, "of one day only the last film stays"
    assert diary.call("doctor").returncode == 0
    assert diary.call("photos", "forget", "--yes", diary.photos()[0]["sha256"]).returncode == 0
    assert os.listdir(films) == ["latest.mp4"]


def test_doctor_sees_a_film_that_is_not_what_was_made_and_mends_it(tmp_path: Path) -> None:
    """A byte that no decoder misses, and a picture that no longer decodes, are both seen; `--fix` makes the same film again."""
    diary = quick(tmp_path)
    film = diary.archive / "films/latest.mp4"
    before = film.read_bytes()
    for where, name in ((before.index(b"isom"), "a brand in the head"), (before.index(b"mdat") + 800, "a picture")):
        torn = bytearray(before)
        torn[where : where + (1 if name.startswith("a brand") else 400)] = b"k" if name.startswith("a brand") else bytes(400)
        film.write_bytes(torn)
        if name == "a picture":  # as it was made: only decoding tells
            with contextlib.closing(sqlite3.connect(diary.archive / "ledger.sqlite3")) as db, db:
                db.execute("UPDATE reels SET sha256 = NULL")
        os.utime(film, (time.time() - 3600,) * 2)
        said = diary.call("doctor")
        assert said.returncode == 1 and "the film is not whole" in said.stdout, (name, said.stdout)
        assert diary.call("doctor", "--fix").returncode == 0
        assert film.read_bytes() == before and diary.call("doctor").returncode == 0
