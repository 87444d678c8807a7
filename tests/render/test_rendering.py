"""The films of a diary: each is made when it shows something else, they share what is encoded, and what no film needs any more goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from photodiary.archive import layout, segments
from photodiary.archive.reserve import DiskConfig, Reserve
from photodiary.archive.store import Archive
from photodiary.diary.calendar import Taken
from photodiary.diary.canvas import Canvas, similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.filmset import FilmWish
from photodiary.diary.photo import Digest, Stage
from photodiary.diary.reel import MAIN_FILM, ReelPlan
from photodiary.diary.reel_style import ReelStyle
from photodiary.errors import BrokenFilm, StorageTrouble
from photodiary.ledger import photos, reels
from photodiary.ledger.photos import NewPhoto
from photodiary.ledger.store import Ledger
from photodiary.render import rendering as room
from photodiary.render.made import Made
from photodiary.render.making import Making
from photodiary.render.rendering import Rendering, clock

from .films import HEIGHT, WIDTH, archive, digest, frame, read, who

COUNT = 40
STYLE = ReelStyle(preset="ultrafast", pick="all")
EYES = EyePair(Point(1200.0, 1500.0), Point(1800.0, 1500.0))
CANVAS = Canvas(WIDTH, HEIGHT, Point(22.0, 34.0), Point(42.0, 34.0))
START = datetime(2023, 12, 20, 12)
MAIN = FilmWish("latest", STYLE)
MONTH = FilmWish("month", STYLE, "20 days")
YEARS = FilmWish("year", STYLE, "year")


class House:
    """A diary whose photos are framed, and what makes its films.  encoded: photos that had to be, film by film."""

    def __init__(self, root: Path) -> None:
        self.root, self.ledger = archive(root, COUNT + 5), Ledger(root)
        reels.adopt_canvas(self.ledger, CANVAS, frozen=True, source="auto", words="in words", now=0.0)
        self.rendering = Rendering("me", self.ledger, Archive(root), (MAIN,))
        self.encoded: list[int] = []
        self.now = 1_000_000.0

    def take_in(self, numbers: range) -> None:
        """One photo a day, framed."""
        for number in numbers:
            taken = Taken(START + timedelta(days=number), None, "exif")
            new = NewPhoto(Digest(digest(number)), 1000, "jpeg", 3000, 4000, taken, float(number), f"originals/{number}.jpg", Stage.RECEIVED)
            assert photos.insert_or_name(self.ledger, new, b"IMG_%d.jpg" % number, now=0.0)
            photos.append_sighting(self.ledger, self.row(number), Sighting("net-1", EYES, 1.0), Stage.LOCATED, doubtful=False, reason=None, now=0.0)
            reels.publish_frame(self.ledger, self.row(number), frame(number), 5000, similarity(EYES, CANVAS), 1, lambda: self.now)

    def row(self, number: int) -> photos.PhotoRow:
        row = photos.find(self.ledger, Digest(digest(number)))
        assert row is not None
        return row

    def leave_out(self, number: int) -> None:
        with self.ledger.write() as db:
            photos.move(db, self.row(number), Stage.EXCLUDED, reason="excluded")

    def render(self, *films: FilmWish, **options: Any) -> list[int]:
        """Make the films; how many photos had to be encoded for each that was made."""
        if films:
            self.rendering = replace(self.rendering, films=films)
        self.encoded.clear()
        self.now += 1
        self.rendering.render(self.now, **options)
        return list(self.encoded)

    def shown(self, name: str = "latest") -> list[int]:
        return who(read(self.root / f"films/{name}.mp4").frames, range(COUNT + 5))

    @property
    def films(self) -> list[str]:
        return sorted(os.listdir(self.root / layout.FILMS))

    def needed(self) -> set[str]:
        return {fingerprint for path in reels.newest_reels(self.ledger) for fingerprint in reels.segments_of_newest(self.ledger, path)}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path)

    def in_this_process(plan: ReelPlan, root: Path, target: Path, *, full: bool, progress: Any, should_stop: Any) -> Made:
        film = Making(plan, root, progress).make(target, full=full)
        made.encoded.append(film.encoded)
        return film

    monkeypatch.setattr(room, "render_in_child", in_this_process)
    yield made
    made.ledger.close()


def test_a_photo_more_costs_a_segment(house: House) -> None:
    """A film is made once, costs nothing while nothing changes, and a photo more or one left out costs its segment; the segments left over go."""
    house.take_in(range(30))
    assert house.render() == [30] and house.shown() == list(range(30))
    file = (house.root / MAIN_FILM).stat()
    assert house.render() == [] and (house.root / MAIN_FILM).stat().st_ino == file.st_ino
    reel = reels.newest_reel(house.ledger)
    assert reel is not None and (reel.frames, reel.rendered_at, reel.bytes, reel.pace) == (30, house.now, file.st_size, 4.0)
    house.take_in(range(30, 31))
    (encoded,) = house.render()
    assert 0 < encoded < 20 and house.shown() == list(range(31))
    house.leave_out(2)
    (encoded,) = house.render()
    assert 0 < encoded < 20 and house.shown() == [0, 1, *range(3, 31)]
    assert segments.known(house.root) == house.needed() and os.listdir(house.root / layout.WORK) == ["CACHEDIR.TAG"]


def test_films_share_what_is_encoded(house: House) -> None:
    """Every photo, the last twenty days and a film of each year: far fewer photos are encoded than are shown, and each file is noted by its name."""
    house.take_in(range(COUNT))
    encoded = house.render(MAIN, MONTH, YEARS)
    assert house.films == ["latest.mp4", "month.mp4", "year-2023.mp4", "year-2024.mp4"]
    assert encoded[0] == COUNT and sum(encoded) < 2 * COUNT
    assert house.shown("month") == list(range(20, COUNT)) and house.shown("year-2023") + house.shown("year-2024") == house.shown() == list(range(COUNT))
    assert {path: reel.frames for path, reel in reels.newest_reels(house.ledger).items()} == {
        "films/latest.mp4": 40, "films/month.mp4": 20, "films/year-2023.mp4": 12, "films/year-2024.mp4": 28,
    }  # fmt: skip
    assert reels.shown_by_newest(house.ledger, "films/month.mp4") == [frame(number) for number in range(20, COUNT)]
    assert house.render() == [] and not house.rendering.stale()
    assert segments.known(house.root) == house.needed()


def test_films_that_nobody_asks_for_any_more_go(house: House) -> None:
    """A film that left the configuration goes with its row and its segments; files that we did not make stay."""
    house.take_in(range(COUNT))
    house.render(MAIN, MONTH, YEARS)
    (house.root / "films/holiday.mp4").write_bytes(b"a person's own")
    house.render(MAIN, YEARS)
    assert house.films == ["holiday.mp4", "latest.mp4", "year-2023.mp4", "year-2024.mp4"]
    assert set(reels.newest_reels(house.ledger)) == {f"films/{name}" for name in house.films[1:]}
    assert segments.known(house.root) == house.needed()


def test_only_one_film_may_be_asked_for(house: House) -> None:
    """The others stay as they are, with what they were made of."""
    house.take_in(range(30))
    house.render(MAIN, MONTH)
    before = (house.root / MAIN_FILM).read_bytes()
    house.take_in(range(30, 31))
    assert len(house.render(only="month")) == 1
    assert house.shown("month") == list(range(11, 31)) and (house.root / MAIN_FILM).read_bytes() == before
    assert house.rendering.stale()
    assert len(house.render()) == 1 and house.shown() == list(range(31)) and not house.rendering.stale()
    assert house.render(only="month", full=True) == [20]


def test_another_style_is_another_film_and_the_old_one_stays_till_then(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another look makes the film stale; while its encoding fails the old film and its segments are there; another pace encodes nothing."""
    house.take_in(range(30))
    house.render()
    before, there = (house.root / MAIN_FILM).read_bytes(), segments.known(house.root)
    house.rendering = replace(house.rendering, films=(FilmWish("latest", replace(STYLE, crf=30)),))
    assert house.rendering.stale()
    with monkeypatch.context() as broken:
        broken.setattr(room, "render_in_child", lambda *_, **__: (_ for _ in ()).throw(BrokenFilm("broken")))
        with pytest.raises(BrokenFilm):
            house.render()
    assert (house.root / MAIN_FILM).read_bytes() == before and segments.known(house.root) == there and house.rendering.stale()
    assert house.render() == [30]
    assert not segments.known(house.root) & there
    assert house.render(FilmWish("latest", replace(STYLE, crf=30, pace="20"))) == [0]
    reel = reels.newest_reel(house.ledger)
    assert reel is not None and (reel.pace, reel.seconds) == (20.0, 1.5)


def test_a_film_that_cannot_be_made_holds_up_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are made, and what they no longer need goes; one that shows the same is noted as looked at, not once more."""
    house.take_in(range(COUNT))
    house.render(MAIN, MONTH, YEARS)
    house.leave_out(30)
    really = room.render_in_child

    def unlucky(plan: ReelPlan, *given: Any, **more: Any) -> Made:
        if len(plan.frames) == 19:
            raise BrokenFilm("broken")
        return really(plan, *given, **more)

    monkeypatch.setattr(room, "render_in_child", unlucky)
    for _ in range(2):
        with pytest.raises(BrokenFilm):
            house.render()
        assert house.shown() == [*range(30), *range(31, COUNT)] and house.shown("year-2024") == [*range(12, 30), *range(31, COUNT)]
        assert house.shown("month") == list(range(20, COUNT)) and house.needed() <= segments.known(house.root)
    with house.ledger.read() as db:
        noted = dict(db.execute("SELECT path, count(*) FROM reels GROUP BY path").fetchall())
    assert noted == {MAIN_FILM: 2, "films/month.mp4": 1, "films/year-2023.mp4": 1, "films/year-2024.mp4": 2}
    reel = reels.newest_reel(house.ledger)
    assert reel is not None and reel.rendered_at == house.now
    house.render(forgetting=True)  # the old one may show what must not be seen any more
    assert house.films == ["latest.mp4", "year-2023.mp4", "year-2024.mp4"] and house.rendering.stale()
    assert segments.known(house.root) <= {segment.fingerprint for film in house.rendering.plans() for segment in film.plan.segments}


def test_a_person_looks_up_which_photo_is_on_the_screen(house: House) -> None:
    """Where photos are not shown equally long the ledger knows when each is first seen; else their number says it."""
    house.take_in(range(8))
    house.render(FilmWish("latest", replace(STYLE, pace="4", hold_first=2)))
    assert reels.starts_of_newest(house.ledger) == [0.0, *(2.25 + number / 4 for number in range(7))]
    house.render(MAIN)
    assert reels.starts_of_newest(house.ledger) == []
    house.render(FilmWish("latest", replace(STYLE, pace="7", fps=24)))
    starts = reels.starts_of_newest(house.ledger)
    assert [round(start * 24) for start in starts] == [int(Fraction(24 * number, 7) + Fraction(1, 2)) for number in range(8)]


def test_auto_keeps_the_pace_of_the_film_that_is_there(house: House) -> None:
    """What "auto" chose the last time is remembered film by film."""
    house.take_in(range(4))
    house.render()
    with house.ledger.write() as db:
        db.execute("UPDATE reels SET pace = 6.0")
    (planned,) = house.rendering.plans()
    assert planned.plan.pace == 6  # as near to a minute as 4 a second, within what is hardly better


def test_without_a_photo_there_is_nothing_to_make(house: House) -> None:
    """Nothing is made of nothing; when the last photo left the film, what was encoded goes at once, and further films too."""
    assert house.rendering.plan() is None and not house.rendering.stale() and house.render() == []
    house.take_in(range(3))
    house.render(MAIN, MONTH)
    assert house.films == ["latest.mp4", "month.mp4"]
    for number in range(3):
        house.leave_out(number)
    assert house.rendering.render(house.now) is None
    assert segments.known(house.root) == set() and house.films == ["latest.mp4"]


def test_a_film_that_is_gone_is_made_again_without_encoding(house: House) -> None:
    """Somebody removed the file: what it was made of is still there."""
    house.take_in(range(30))
    house.render()
    before = (house.root / MAIN_FILM).read_bytes()
    (house.root / MAIN_FILM).unlink()
    assert house.render() == [0] and (house.root / MAIN_FILM).read_bytes() == before
    assert house.render(full=True) == [30] and (house.root / MAIN_FILM).read_bytes() == before


def test_room_is_asked_for_what_is_new(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second copy of the film and the segments that are not there yet must fit on the disk; without room nothing is begun."""
    house.take_in(range(30))
    asked: list[int] = []
    monkeypatch.setattr(Reserve, "room_for", lambda self, size, purpose, spare: asked.append(size))
    house.rendering = replace(house.rendering, reserve=Reserve(house.root, DiskConfig()))
    house.render()
    house.take_in(range(30, 31))
    house.render()
    house.render(FilmWish("latest", replace(STYLE, crf=1)))
    reel = reels.newest_reel(house.ledger)
    assert reel is not None
    first, little, everything = asked
    frames = sum((house.root / frame(number)).stat().st_size for number in range(30))
    assert first == frames and 1.25 < little / everything * 2.25 < 2

    def full(self: Reserve, size: int, purpose: object, spare: object) -> None:
        raise StorageTrouble("no room")

    monkeypatch.setattr(Reserve, "room_for", full)
    with pytest.raises(StorageTrouble, match="no room"):
        house.render(MAIN)
    assert house.encoded == [] and house.shown() == list(range(31))


@pytest.mark.parametrize(("seconds", "said"), [(4.24, "4.2 s"), (59.94, "59.9 s"), (60, "01:00"), (180.4, "03:00"), (3780, "1:03:00")])
def test_lengths_are_told_as_people_do(seconds: float, said: str) -> None:
    """Seconds below a minute, then minutes, then hours."""
    assert clock(seconds) == said
