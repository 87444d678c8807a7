from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from photodiary.ledger import days, summary
from photodiary.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path)
    with made.write() as db:
        db.execute("INSERT INTO canvases VALUES (1, 100, 100, 1, 1, 2, 1, 1, 'auto', 'x', 0)")
        for number, (wall, stage, frame) in enumerate(
            [
                ("2023-12-31T23:50:00", "aligned", "frames/a.jpg"), ("2024-01-01T03:59:59", "aligned", "frames/b.jpg"),
                ("2024-01-01T04:00:00", "doubtful", None), ("2024-01-01T09:30:00.250000", "aligned", "frames/c.jpg"),
                ("2024-01-03T12:00:00", "excluded", None), (None, "undated", None),
            ]
        ):  # fmt: skip
            db.execute(
                "INSERT INTO photos (sha256, bytes, received_at, stage, taken_wall, frame, canvas_id) VALUES (?, 1, 0, ?, ?, ?, 1)",
                (f"{number:x}" * 64, stage, wall, frame),
            )
    return made


def test_a_day_begins_at_four(ledger: Ledger) -> None:
    """What was taken before four in the morning belongs to the day before, as everywhere in the diary."""
    found = days.between(ledger, date(2023, 12, 31), date(2024, 1, 3))
    assert {day: [photo.sha256[0] for photo in held] for day, held in found.items()} == {
        date(2023, 12, 31): ["0", "1"], date(2024, 1, 1): ["2", "3"], date(2024, 1, 3): ["4"],
    }  # fmt: skip
    check, shown = found[date(2024, 1, 1)]
    assert check.to_check and not check.in_film and shown.in_film and not shown.to_check
    ledger.close()


def test_a_range_takes_its_days_and_no_others(ledger: Ledger) -> None:
    """A range holds its first and last day whole, and nothing beside them."""
    assert [photo.sha256[0] for held in days.between(ledger, date(2024, 1, 1), date(2024, 1, 2)).values() for photo in held] == ["2", "3"]
    assert days.between(ledger, date(2024, 1, 2), date(2024, 1, 2)) == {}
    ledger.close()


def test_years_count_the_days_that_the_film_shows(ledger: Ledger) -> None:
    """Two photos of a day are one day, also across New Year's midnight; what does not show does not count."""
    assert days.span(ledger) == days.Span(date(2023, 12, 31), date(2024, 1, 3), {2023: 1, 2024: 1})
    ledger.close()


def test_an_empty_diary_has_no_days(tmp_path: Path) -> None:
    """Without a dated photo there is no first day."""
    ledger = Ledger(tmp_path)
    assert days.span(ledger) is None and days.newest_frames(ledger, 3) == [] and days.dates_of(ledger, []) == {}
    ledger.close()


def test_the_newest_frames_come_first(ledger: Ledger) -> None:
    """The last photos of the film, the newest first."""
    assert [photo.sha256[0] for photo in days.newest_frames(ledger, 2)] == ["3", "1"]
    ledger.close()


def test_photos_are_found_by_how_their_digest_begins(ledger: Ledger) -> None:
    """Names of files hold the beginning of a digest: it leads back to the photo and its date, one that is of no photo leads nowhere."""
    found = days.dates_of(ledger, ["0" * 16, "5" * 16, "f" * 16])
    assert found == {"0" * 16: ("0" * 64, datetime(2023, 12, 31, 23, 50)), "5" * 16: ("5" * 64, None)}
    assert summary.unknown(ledger, ["0" * 16, "f" * 16, ""]) == 2
    ledger.close()
