from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.daemon import QUICK
from tests.support.visitor import Visitor

from photodiary.review import days as page
from photodiary.review.site import Site

TWO = QUICK.replace("[inbox]", '[diary.anna]\ninbox = "anna/inbox"\narchive = "anna/archive"\n[inbox]', 1)


def days_of(text: str) -> dict[str, str]:
    """State by day, as the calendar shows it."""
    return {day: state for state, day in re.findall(r'class="day (\w+)" href="/diary/me/day/([\d-]+)"', text)}


def test_a_new_diary_says_what_to_do(empty: Path, sites: Callable[[Path], Site]) -> None:
    """Before the first photo the page names the very folder to sync, says what happens next, and offers to take one now."""
    text = Visitor(sites(empty)).get("/").text
    assert str(empty / "inbox") in text and "What happens next" in text and 'href="/diary/me/add"' in text and "photodiary run" in text


def test_the_way_in_is_a_calendar(visitor: Visitor, folder: Path) -> None:
    """Each day with a photo leads to it and says how it stands; between them days without a photo are marked as missing."""
    with sqlite3.connect(folder / "archive" / "ledger.sqlite3") as db:
        db.execute("UPDATE photos SET stage = 'doubtful', reason = 'unsure' WHERE taken_wall LIKE '2024-03-05%'")
    text = visitor.get("/").text
    found = days_of(text)
    assert found["2024-03-01"] == "film" and found["2024-03-05"] == "check" and found["2024-04-10"] == "out"
    assert "March 2024" in text and "Friday 1 March 2024: in the film" in text
    assert text.count('class="day missing"') == 23 + 9 + 20 and "/day/2024-04-11" not in text
    assert "8 days in the film, since 1 March 2024" in text and "Check 1 photo" in text


def test_years_can_be_leafed_through(visitor: Visitor) -> None:
    """A year without a photo is not there; those with one are, from the newest page too."""
    assert 'href="/diary/me/2024"' in visitor.get("/").text
    assert visitor.get("/diary/me/2024").status_code == 200
    assert visitor.get("/diary/me/2019").status_code == 404 and visitor.get("/diary/me/99999999").status_code == 404


def test_ten_years_of_days_are_quick(folder: Path, sites: Callable[[Path], Site]) -> None:
    """With a photo a day for ten years a page of the calendar stays small: it shows the newest months, and a year on request."""
    with sqlite3.connect(folder / "archive" / "ledger.sqlite3") as db:
        one = db.execute("SELECT * FROM photos WHERE stage = 'aligned' LIMIT 1")
        names = [column[0] for column in one.description if column[0] != "id"]
        row = dict(zip([column[0] for column in one.description], one.fetchone(), strict=True))
        for number in range(3650):
            wall = datetime(2014, 1, 1, 8) + timedelta(days=number)
            values = {**row, "sha256": f"{number:064x}", "taken_wall": wall.isoformat(), "taken_utc": wall.timestamp(), "frame": f"frames/{number}.jpg"}
            db.execute(f"INSERT INTO photos ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", [values[name] for name in names])
    answer = Visitor(sites(folder)).get("/")
    assert answer.status_code == 200 and len(answer.content) < 60_000
    assert all(f'href="/diary/me/{year}"' in answer.text for year in range(2014, 2025))
    assert len(days_of(Visitor(sites(folder)).get("/diary/me/2015").text)) == 365


def test_a_day_shows_its_photos(visitor: Visitor) -> None:
    """A day leads to each of its photos and to the days beside it; a day without any says so, and what is no day is not found."""
    text = visitor.get("/diary/me/day/2024-03-02").text
    assert re.search(r'href="/diary/me/photo/[0-9a-f]{64}"', text) and "in the film" in text and "08:30" in text
    assert 'href="/diary/me/day/2024-03-01"' in text and 'href="/diary/me/day/2024-03-03"' in text
    assert "There is no photo of this day" in visitor.get("/diary/me/day/2024-03-20").text
    for wrong in ("2024-13-01", "x", "2024-03-02T10:00", "..%2f..", "%00"):
        assert visitor.get(f"/diary/me/day/{wrong}").status_code == 404
    assert visitor.get("/diary/bob/day/2024-03-02").status_code == 404


def test_what_could_not_be_read_is_listed_and_tried_again(visitor: Visitor, folder: Path) -> None:
    """Files that could not be read stand there with the reason, and one tap has all of them tried again."""
    text = visitor.get("/diary/me/unread").text
    assert "broken.jpg" in text and "Try all again" in text
    assert visitor.submit("/diary/me/unread").headers["location"] == "/diary/me/unread"
    assert "1 file is tried again." in visitor.get("/").text and "tried again." not in visitor.get("/").text
    with sqlite3.connect(folder / "archive" / "ledger.sqlite3") as db:
        assert db.execute("SELECT count(*) FROM wishes WHERE kind = 'retry' AND done_at IS NULL").fetchone()[0] == 1


def test_several_diaries_stand_side_by_side(folder: Path, sites: Callable[[Path], Site]) -> None:
    """With several diaries the way in shows each with its newest photo, also one that has none yet."""
    (folder / "config.toml").write_text(TWO)
    visitor = Visitor(sites(folder))
    text = visitor.get("/").text
    assert 'href="/diary/me"' in text and 'href="/diary/anna"' in text and "ready for its first photo" in text and "8 days in the film" in text
    assert "ready for its first photo" in visitor.get("/diary/anna").text


def test_a_diary_may_be_called_as_its_person_is(folder: Path, sites: Callable[[Path], Site]) -> None:
    """Names of any alphabet work in addresses, forms and the film's file name."""
    (folder / "config.toml").write_text(QUICK.replace("[diary.me]", '[diary."Zoë-чу"]'))
    visitor = Visitor(sites(folder))
    assert visitor.get("/diary/Zoë-чу").status_code == 200
    assert visitor.get("/diary/Zoë-чу/film.mp4").headers["content-disposition"].endswith("Zo%C3%AB-%D1%87%D1%83.mp4")
    assert visitor.submit("/diary/Zoë-чу/unread").headers["location"] == "/diary/Zo%C3%AB-%D1%87%D1%83/unread"


def test_a_diary_that_cannot_be_read_does_not_hide_the_others(folder: Path, sites: Callable[[Path], Site]) -> None:
    """A damaged database is told in words, on its own pages."""
    (folder / "config.toml").write_text(TWO)
    shutil.copytree(folder / "archive", folder / "anna" / "archive")
    (folder / "anna" / "archive" / "ledger.sqlite3").write_bytes(b"no database" * 1000)
    visitor = Visitor(sites(folder))
    answer = visitor.get("/diary/anna")
    assert answer.status_code == 409 and "diary database" in answer.text and "Traceback" not in answer.text
    assert visitor.get("/diary/me").status_code == 200


@pytest.mark.parametrize(("today", "first"), [(date(2024, 4, 30), date(2024, 3, 1)), (date(2026, 1, 1), date(2024, 3, 1))])
def test_the_newest_months_are_those_with_photos(today: date, first: date) -> None:
    """A diary that rests begins with its last photos, one that goes on with today."""
    span = page.Span(date(2024, 3, 1), date(2024, 4, 10), {2024: 9})
    assert page._range(span, today, None) == (first, today if today.year == 2024 else span.last)
