"""Contact sheet and poster: photos evenly over the years, each with its day, nothing over another, and drawn from the frames as they are."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from photodiary.diary.photo import digest_of
from photodiary.errors import FrameBroken
from photodiary.ledger.reels import FilmPhoto
from photodiary.render.stills import Line, Page, Placed, Still, contact_sheet, drawn, evenly, filling, poster

BEGIN = datetime(2014, 5, 15, 8, 30)
SIZE = (80, 100)
moments = st.lists(st.integers(0, 10**8), min_size=1, max_size=120).map(lambda seconds: [BEGIN + timedelta(seconds=value) for value in sorted(seconds)])


def stills(count: int) -> list[Still]:
    walls = [BEGIN + timedelta(days=number) for number in range(count)]
    return [Still(f"frames/{number:03}.jpg", wall, f"{wall:%-d %B %Y}") for number, wall in enumerate(walls)]


@given(moments, st.integers(1, 60))
def test_photos_are_picked_evenly_in_time(walls: list[datetime], count: int) -> None:
    """As many as asked for where there are so many, each once, in order, the first and the last among them; and where photos are regular, so are the picks."""
    found = evenly(walls, count)
    assert len(found) == min(count, len(walls)) and all(before < after for before, after in pairwise(found)) and found[-1] == len(walls) - 1
    if count > 1:
        assert found[0] == 0


def test_a_year_without_photos_is_not_filled_with_its_neighbours() -> None:
    """Of five years of which one has a photo a day and the others one a month, no year has far more of the sheet than another."""
    walls = sorted([BEGIN + timedelta(days=30 * number) for number in range(60)] + [BEGIN + timedelta(days=800 + number, hours=1) for number in range(365)])
    picked = [(walls[place] - BEGIN).days // 365 for place in evenly(walls, 30)]
    assert all(4 <= picked.count(year) <= 8 for year in range(5))


def span(shown: list[Still]) -> str:
    return shown[0].caption if len(shown) == 1 else f"{shown[0].caption} – {shown[-1].caption}"


def inside(page: Page) -> None:
    """No picture lies over another, beyond the page, or under another's words."""
    for one, other in combinations(page.pictures, 2):
        assert one.x + one.width <= other.x or other.x + other.width <= one.x or one.y + one.height <= other.y or other.y + other.height <= one.y
    for picture in page.pictures:
        assert picture.x >= 0 and picture.y >= 0 and picture.x + picture.width <= page.width and picture.y + picture.height <= page.height
        assert picture.width / picture.height == pytest.approx(SIZE[0] / SIZE[1], rel=0.02)
        for line in page.words:
            assert not (picture.x <= line.x < picture.x + picture.width and picture.y - line.size // 4 <= line.y < picture.y + picture.height + 0.7 * line.size)
    assert all(0 <= line.x <= page.width and line.size <= line.y <= page.height - line.size // 3 for line in page.words)


@pytest.mark.parametrize(("count", "columns", "rows", "shown"), [(400, 6, 8, 48), (400, 4, 2, 8), (5, 6, 8, 5), (7, 3, 9, 7), (1, 6, 8, 1)])
def test_a_sheet_has_its_photos_with_their_days(count: int, columns: int, rows: int, shown: int) -> None:
    """Each picture has its own day below it, in the film's order, and there are no empty rows."""
    all_stills = stills(count)
    page = contact_sheet(all_stills, SIZE, "me", columns, rows)
    inside(page)
    assert len(page.pictures) == shown and [line.text for line in page.words[:2]] == ["me", span(all_stills)]
    days = {still.frame: still.caption for still in all_stills}
    for picture, line in zip(page.pictures, page.words[2:], strict=True):
        assert line.text == days[picture.file] and abs(line.x - picture.x - picture.width / 2) <= 1 and line.most <= picture.width
    assert [picture.file for picture in page.pictures] == sorted(picture.file for picture in page.pictures)


@pytest.mark.parametrize(("count", "heading"), [(400, ""), (400, "Eleven years"), (3, ""), (1, "")])
def test_a_poster_has_the_newest_large_and_the_way_there(count: int, heading: str) -> None:
    """The newest photo in its full size, earlier ones in a row below it, each year once, and the time it all took."""
    page = poster(stills(count), SIZE, heading)
    inside(page)
    newest, *earlier = page.pictures
    assert (newest.file, newest.width, newest.height) == (f"frames/{count - 1:03}.jpg", *SIZE) and len(earlier) == min(6, count - 1)
    assert [line.text for line in page.words] == [
        *(["2014", "2015"] if count > 300 else ["2014"] if count > 1 else []),
        *filter(None, [heading]),
        span(stills(count)),
    ]


def test_frames_and_words_stand_where_they_belong(tmp_path: Path) -> None:
    """Read back, the picture has each frame's colour at its place, words in their colour at theirs, and paper elsewhere."""
    for name, colour in (("a", (200, 40, 40)), ("b", (40, 60, 200))):
        Image.new("RGB", SIZE, colour).save(tmp_path / f"{name}.jpg", quality=95)
    pictures = (Placed("a.jpg", 10, 10, 40, 50), Placed("b.jpg", 60, 10, 80, 100))
    words = (Line("Wort", 24, 100, 100, 140, (0, 0, 0)), Line("much too long", 24, 48, 30, 100, (0, 120, 0)))
    data = drawn(Page(160, 160, (240, 240, 240), pictures, words), tmp_path)
    page = np.asarray(Image.open(io.BytesIO(data))).astype(int)
    assert page.shape == (160, 160, 3)
    for colour, (x, y) in {(200, 40, 40): (30, 35), (40, 60, 200): (100, 60), (240, 240, 240): (5, 155)}.items():
        assert np.abs(page[y, x] - colour).max() < 12
    assert page[122:142, 60:140].min() < 60 and np.abs(page[143:150, 60:140] - 240).max() < 60
    green = (page[90:105, :60, 1] - page[90:105, :60, 0]) > 60
    assert green.any() and not green[:, :5].any() and not green[:, 56:].any()


@pytest.mark.parametrize("how", ["missing", "cut short", "no picture"])
def test_a_frame_that_cannot_be_shown_is_named(tmp_path: Path, how: str) -> None:
    """A missing or damaged frame is told with its name, so that it is made again."""
    path = tmp_path / "a.jpg"
    Image.new("RGB", SIZE, (200, 40, 40)).save(path)
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-200] if how == "cut short" else b"no picture\xff\xd9")
    with pytest.raises(FrameBroken, match="made again") as told:
        drawn(Page(100, 120, (0, 0, 0), (Placed("a.jpg", 0, 0, 80, 100),), ()), tmp_path)
    assert told.value.frame == "a.jpg"


@pytest.mark.parametrize(("matrix", "fills"), [(((1, 0, 0), (0, 1, 0)), True), (((1, 0, 1), (0, 1, 0)), False), (((0.9, 0, 0), (0, 0.9, 0)), False),
                                               (((0, -1, 99), (1, 0, -10)), True), (((2, 0, -30), (0, 2, -40)), True)])  # fmt: skip
def test_whether_a_photo_fills_its_frame(matrix: tuple[tuple[float, float, float], tuple[float, float, float]], fills: bool) -> None:
    """A photo that does not reach an edge of the frame has a border that is made up."""
    photo = FilmPhoto(digest_of(b"x"), "a.jpg", BEGIN, None, matrix, 120, 110)
    assert filling(photo, (100, 100)) is fills
