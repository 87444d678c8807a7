"""From photos to a plan, and from every plan to a film whose times are exact: at each pace, at each rate, with holds, to a length and true to time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import Point
from photodiary.diary.pace import AUTO
from photodiary.diary.photo import Digest
from photodiary.diary.reel import CALM, QUICK, Cell, Chapter, ReelPlan
from photodiary.diary.reel_style import ReelStyle
from photodiary.ledger.reels import FilmPhoto
from photodiary.render.planning import Given, plan_of

from .films import HEIGHT, WIDTH, archive, digest, frame, make, read, who

CANVAS = Canvas(WIDTH, HEIGHT, Point(22.0, 34.0), Point(42.0, 34.0))
NOON = datetime(2024, 3, 1, 12)
COUNT = 13


def photo(number: int, wall: datetime | None = None, **change: Any) -> FilmPhoto:
    values: dict[str, Any] = {"tone": None, "matrix": None, "width": 100, "height": 200, **change}
    return FilmPhoto(Digest(digest(number)), frame(number), wall or NOON + timedelta(days=number), **values)


PHOTOS = [photo(number) for number in range(COUNT)]


def plan(photos: list[FilmPhoto] = PHOTOS, before: Fraction | None = None, born: date | None = None, **style: Any) -> ReelPlan:
    return plan_of(photos, Given(CANVAS, ReelStyle(**{"preset": "ultrafast", **style}), before, born))


def cells(made: ReelPlan) -> list[Cell]:
    return [cell for segment in made.segments for cell in segment.cells]


def check_film(root: Path, made: ReelPlan, wanted: list[Fraction]) -> None:
    """The film of a plan shows photo i from exactly wanted[i] on, and ends at wanted[-1]; its pictures are where the plan says."""
    make(made, root)
    film = read(root / "film")
    assert sorted(film.times) == [Fraction(sum(made.durations[:number]), made.timescale) for number in range(len(made.durations))]
    assert film.length == made.seconds == wanted[-1] and film.whole == round(made.seconds * 1_000_000)
    assert sum(film.durations) == film.length
    seen = who(film.frames, range(COUNT))
    assert seen == sorted(seen) and [seen.index(number) for number in range(COUNT)] == [sum(made.shown[:number]) for number in range(COUNT)]
    assert [sorted(film.times)[seen.index(number)] for number in range(COUNT)] == wanted[:-1]


# -- every pace in real films ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [0, 24, 25, 30, 60])
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_every_pace_is_exact_at_every_rate(tmp_path: Path, fps: int, codec: str) -> None:
    """At each pace that "auto" may choose, photo i begins at i/pace exactly, or with the picture nearest to that where pictures come at a fixed rate."""
    archive(tmp_path, COUNT)
    for pace in AUTO if codec == "h264" else AUTO[1::3]:
        made = plan(pace=str(pace), fps=fps, codec=codec)
        span = Fraction(1, pace) if not fps else max(Fraction(1, pace), Fraction(1, fps))
        exact = [span * number for number in range(COUNT + 1)]
        wanted = exact if not fps else [Fraction((begin * fps + Fraction(1, 2)).__floor__(), fps) for begin in exact]
        check_film(tmp_path, made, wanted)
        assert made.pace == pace and (made.coding.steady, made.coding.rate) == (fps > 0, QUICK if max(fps, pace) > CALM else CALM)


@pytest.mark.parametrize(
    ("style", "spans"),
    [
        ({"pace": "12", "hold_first": 1.5, "hold_last": 2.25}, [Fraction(1, 12) + Fraction(3, 2), *[Fraction(1, 12)] * 11, Fraction(1, 12) + Fraction(9, 4)]),
        ({"pace": "7 s"}, [Fraction(7, COUNT)] * COUNT),
        ({"pace": "7 s", "hold_last": 0.3}, [*[Fraction(7, COUNT)] * 12, Fraction(7, COUNT) + Fraction(3, 10)]),
        ({"pace": "1", "fps": 25, "hold_last": 1}, [*[Fraction(1)] * 12, Fraction(2)]),
        ({"photos_per_second": 9, "pace": "4"}, [Fraction(1, 9)] * COUNT),
    ],
)  # fmt: skip
def test_holds_and_lengths_are_exact(tmp_path: Path, style: dict[str, Any], spans: list[Fraction]) -> None:
    """A held photo stays exactly so much longer; a film of 7 seconds lasts 7 seconds, to the tick."""
    archive(tmp_path, COUNT)
    check_film(tmp_path, plan(**style), [sum(spans[:number], Fraction(0)) for number in range(COUNT + 1)])


@pytest.mark.parametrize("fps", [0, 30])
def test_a_film_may_be_true_to_time(tmp_path: Path, fps: int) -> None:
    """A week between two photos lasts longer than a day, within limits, on the clock that videos have."""
    days = [0, 1, 2, 9, 10, 10.1, 40, 41, 42, 43, 44, 45, 46]
    made = plan([photo(number, NOON + timedelta(days=day)) for number, day in enumerate(days)], pace="time", fps=fps)
    spans = [Fraction(1, 8), Fraction(1, 8), Fraction(7, 8), Fraction(1, 8), Fraction(1, 30), Fraction(1), *[Fraction(1, 8)] * 7]
    ends = [sum(spans[:number], Fraction(0)) for number in range(COUNT + 1)]
    archive(tmp_path, COUNT)
    check_film(tmp_path, made, [Fraction((end * fps + Fraction(1, 2)).__floor__(), fps) for end in ends] if fps else ends)
    assert made.timescale == (30_000 if fps else 90_000) and made.pace is None


@pytest.mark.parametrize(
    ("pace", "fps", "rate"),
    [("12", 0, 24), ("10", 0, 30), ("20", 0, 40), ("30", 0, 30), ("7", 0, 30), ("40", 0, 60), ("60", 0, 60), ("12", 25, 25), ("time", 0, 30)],
)
def test_a_crossfade_needs_pictures_between_photos(pace: str, fps: int, rate: int) -> None:
    """A film that fades is steady, at the least multiple of its pace that is smooth, so that every photo has equally many pictures."""
    made = plan(pace=pace, fps=fps, crossfade=0.5)
    assert made.coding.steady and made.coding.crossfade == 0.5
    assert made.timescale == rate * 1000 and set(made.ticks) == {1000}
    if Fraction(rate) % Fraction(pace if pace.isdigit() else 7) == 0:
        assert len(set(made.shown)) == 1 and [cell.pictures for cell in cells(made)] == list(made.shown)
    if pace.isdigit():
        assert abs(made.seconds - Fraction(COUNT, int(pace))) <= Fraction(1, 2 * rate)
    assert made.segments[0].after == (made.segments[1].cells[0] if len(made.segments) > 1 else None)


# -- what is encoded does not know the pace ----------------------------------------------------------------------------


def fingerprints(made: ReelPlan) -> list[str]:
    return [segment.fingerprint for segment in made.segments]


def test_the_pace_encodes_nothing_anew() -> None:
    """Paces up to 30 a second, holds, a fixed length and true to time are films of the same segments; only beyond 30 the encoder's limits are others."""
    usual = fingerprints(plan(pace="12"))
    for style in (
        {"pace": "4"},
        {"pace": "30"},
        {"pace": "20 s"},
        {"pace": "time"},
        {"pace": "auto"},
        {"hold_first": 3, "hold_last": 9},
        {"photos_per_second": 8},
    ):
        assert fingerprints(plan(**style)) == usual, style
    assert fingerprints(plan(pace="31")) != usual and fingerprints(plan(pace="60")) == fingerprints(plan(pace="31"))


def test_steady_segments_do_not_know_their_place() -> None:
    """At a rate that is no multiple of the pace a photo more at the beginning leaves the segments behind it as they are."""
    before, after = (plan([photo(number) for number in numbers], pace="7", fps=25) for numbers in (range(60), [99, *range(60)]))
    assert set(fingerprints(before)[2:]) <= set(fingerprints(after))


def test_auto_keeps_the_pace_it_had() -> None:
    """The pace of the film that is there is kept while another is hardly better."""
    many = [photo(number) for number in range(661)]
    assert plan(many).pace == 12
    assert plan(many, Fraction(10)).pace == 10 and plan(many, Fraction(12)).pace == 12
    assert plan(many, Fraction(30)).pace == 12


# -- what cells are told -----------------------------------------------------------------------------------------------


def test_the_default_shows_each_photo_once_as_it_is() -> None:
    """By default: one picture a photo, no stamps, no title, no border, no chapters."""
    made = plan()
    assert cells(made) == [Cell(frame(number)) for number in range(COUNT)]
    assert (made.shown, made.ticks, made.title, made.chapters) == ((1,) * COUNT, (1000,) * COUNT, "", ())
    assert (made.coding.width, made.coding.height, made.coding.eyes, made.coding.stamp_size) == (WIDTH, HEIGHT, (), 0.0)


def test_stamps_title_and_chapters_are_planned() -> None:
    """A stamp for each photo, the title over about three seconds, a chapter where a month begins."""
    photos = [photo(number, datetime(2024, 1 + number // 5, 1 + number)) for number in range(COUNT)]
    made = plan(photos, born=date(2024, 1, 1), stamp="date and age", title="Us", chapters="month", pace="2")
    assert len({cell.stamp for cell in cells(made)}) == COUNT and all(cell.stamp for cell in cells(made))
    assert [cell.title for cell in cells(made)] == ["Us"] * 6 + [""] * 7 and made.title == "Us"
    assert [chapter.photo for chapter in made.chapters] == [0, 5, 10] and all("2024" in chapter.name for chapter in made.chapters)
    yearly = plan(photos, chapters="year")
    assert yearly.chapters == (Chapter(0, "2024"),)


def test_only_another_border_needs_the_photo_s_outline() -> None:
    """Where the border stays as it is in the frames, or is not known, nothing is told of where the photo lies: such segments serve both."""
    matrix = ((2.0, 0.0, 10.0), (0.0, 2.0, -30.0))
    known = [photo(number, matrix=matrix) for number in range(COUNT)]
    assert {cell.outline for cell in cells(plan(known))} == {()}
    assert {cell.outline for cell in cells(plan(border="black"))} == {()}
    assert {cell.outline for cell in cells(plan(known, border="black"))} == {(9.0, -31.0, 209.0, -31.0, 209.0, 369.0, 9.0, 369.0)}


def test_grades_are_of_what_was_measured() -> None:
    """Photos whose light was measured are evened out unless that is off; those that were not are left alone."""
    toned = [photo(number, tone=(0.2 if number % 2 else -0.2, 0.0, 0.0)) for number in range(COUNT)]
    assert all(cell.grade for cell in cells(plan(toned))) and not any(cell.grade for cell in cells(plan()))
    assert not any(cell.grade for cell in cells(plan(toned, even_out=False)))


def test_another_shape_is_cut_around_the_eyes() -> None:
    """A film of another shape knows where the eyes are; its size is even."""
    made = plan(shape="1:1", size=144)
    assert (made.coding.width, made.coding.height) == (144, 144) and made.coding.eyes == (22.0, 34.0, 42.0, 34.0)
