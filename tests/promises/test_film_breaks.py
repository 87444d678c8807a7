"""Promise: the film breaks while rendering."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import pytest
from tests.promises import sabotage
from tests.promises.switch import Switch
from tests.support.daemon import QUICK, Diary
from tests.support.dots import drop, photo

from photodiary.ledger import reels
from photodiary.ledger.store import Ledger

OLD_PLAYS = "test_the_old_film_plays_on_whatever_happens_to_the_new_one"
DAMAGED = "test_a_segment_that_was_damaged_on_the_disk_never_gets_into_a_film"
LOOKED_AT = "test_doctor_sees_a_film_that_is_not_what_was_made_and_mends_it"
SWITCHES = (
    Switch("publishing only a film that was read back", OLD_PLAYS, "render/making.py", "verify(target, self._plan)", "pass"),
    Switch("proving a segment by decoding it", OLD_PLAYS, "render/segment.py", "    prove(answer, segment)\n", ""),
    Switch("segments that outlive their maker", OLD_PLAYS, "render/making.py",
           "(head := self._head(segment)) is not None", "(head := self._head(segment)) is self"),
    Switch("a failed film's short wait", OLD_PLAYS, "run/filming.py", "AFTER_TROUBLE_S = (2.0, 10.0, 60.0)", "AFTER_TROUBLE_S = (600.0,)"),
    Switch("making the film beside the old one", OLD_PLAYS, "render/rendering.py", 'temporary = self.archive.temporary(".mp4")', "temporary = path"),
    Switch("removing what a dead maker left among the segments", OLD_PLAYS, "archive/segments.py",
           "unfinished = [name for name in os.listdir(folder) if name.startswith(TEMPORARY)]", "unfinished = [name for name in () if folder]"),
    Switch("the checksum of a segment", DAMAGED, "render/segment.py", "hashlib.sha256(payload).hexdigest() != read.sha256", "not read.sha256"),
    Switch("the checksum of a segment's head", DAMAGED, "render/segment.py",
           'if hashlib.sha256(told).hexdigest().encode("ascii") != digest:', "if not digest:"),
    Switch("encoding a damaged segment again", DAMAGED, "render/making.py", "            self._encode(segment)\n", "            pass\n"),
    Switch("keeping the film of an earlier day", "test_films_of_earlier_days_stay_for_a_while", "render/rendering.py",
           "films.keep(self.archive.root, made)", "pass"),
    Switch("thinning out old films", "test_films_of_earlier_days_stay_for_a_while", "archive/films.py",
           "for path in films[: max(0, len(films) - most)]:", "for path in ():"),
    Switch("thinning out segments", "test_films_of_earlier_days_stay_for_a_while", "render/rendering.py",
           "segments.thin_out(self.archive.root, needed)", "len(needed)"),
    Switch("the film's checksum", LOOKED_AT, "run/doctor.py",
           "same = reel.sha256 is None or shelf.digest_of_file(self.archive, reel.path) == reel.sha256", "same = True"),
    Switch("decoding the whole film", LOOKED_AT, "run/doctor.py",
           'what = checking.whole(path, reel.frames, lambda done: self.show(f"film: {done:,} photos"))', "what = None"),
)  # fmt: skip

PATIENT = QUICK.replace("after_quiet_s = 0.5", "after_quiet_s = 1.5").replace("at_latest_s = 5.0", "at_latest_s = 60.0")
A_DAY = 86_400


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    made = Diary(tmp_path / "me", config=PATIENT)
    yield made
    made.close()


def shown(path: Path) -> int:
    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))


def pictures(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [picture.to_ndarray().tobytes() for picture in film.decode(video=0)]


def test_the_old_film_plays_on_whatever_happens_to_the_new_one(diary: Diary) -> None:
    """The new film's process is killed between two segments; its encoder gives rubbish; another film is put in its place: the old film stays what it
    is, and soon the new one takes its place.  What was finished before the kill is not encoded again, what was not is not left lying about."""
    sabotage.prepare(diary)
    film = diary.archive / "films/latest.mp4"
    for number in range(3):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    diary.start()
    diary.until_film_of(3)
    before, there = film.read_bytes(), sabotage.segments(diary)
    sabotage.sabotage(diary, "slow")
    for number in range(3, 28):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    os.kill(sabotage.between_segments(diary, there), signal.SIGKILL)
    finished = {name: file for name, file in sabotage.segments(diary).items() if name not in there}
    (diary.archive / "segments/.tmp-of-a-dead-maker").write_bytes(b"half a segment")
    assert film.read_bytes() == before
    diary.until_told("was making the film")
    diary.until_film_of(28)
    assert shown(film) == 28 and finished and finished.items() <= sabotage.segments(diary).items()
    for number, (what, told) in enumerate((("rubbish", "A part of the film, from "), ("another film", "it has 28 pictures instead of 30")), 28):
        before = film.read_bytes()
        sabotage.sabotage(diary, what, film if what == "another film" else None)
        drop(diary.inbox, f"{number}.jpg", photo(number))
        diary.until_told(told if number == 28 else told.replace("28", "29"))
        assert film.read_bytes() == before
        diary.until_film_of(number + 1)
        assert shown(film) == number + 1
    assert sabotage.left(diary) == []
    assert diary.stop() == 0


def test_a_segment_that_was_damaged_on_the_disk_never_gets_into_a_film(tmp_path: Path) -> None:
    """A bit of a picture, or of what is said of the pictures, turns over on the disk: the next film, made of what is there, shows what it should."""
    diary = quick(tmp_path)
    film = diary.archive / "films/latest.mp4"
    wanted = pictures(film)
    (segment,) = (diary.archive / "segments").glob("*.segment")
    good = segment.read_bytes()
    second = good.index(b",[", good.index(b'"pictures":[[')) + 2  # its length, and its turn on the screen
    turn = good.index(b",", second) + 1
    assert good[turn : turn + 1] in b"123"
    for pace, torn in ((5, good[:-9] + bytes([good[-9] ^ 0x10]) + good[-8:]), (7, good[:turn] + b"0" + good[turn + 1 :])):
        segment.write_bytes(torn)
        diary.config.write_text(
            diary.config.read_text().replace("[film]", f'[film]\npace = "{pace}"').replace('pace = "5"\n', "" if pace == 7 else 'pace = "5"\n')
        )
        assert diary.call("render").returncode == 0
        assert pictures(film) == wanted and segment.read_bytes() == good
        with av.open(str(film)) as container:
            assert container.streams.video[0].average_rate == pace


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


def needed(diary: Diary) -> set[str]:
    ledger = Ledger(diary.archive, writable=False)
    try:
        return {f"{fingerprint}.segment" for fingerprint in reels.segments_of_newest(ledger)}
    finally:
        ledger.close()


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
    assert sabotage.segments(diary).keys() == needed(diary), "what no film of today needs is gone"
    assert diary.call("doctor").returncode == 0
    assert diary.call("photos", "forget", "--yes", diary.photos()[0]["sha256"]).returncode == 0
    assert os.listdir(films) == ["latest.mp4"]
    assert sabotage.segments(diary).keys() == needed(diary)


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
