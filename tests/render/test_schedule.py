from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from photodiary.ledger.reels import FilmNews
from photodiary.render.schedule import RenderConfig, due_at

BERLIN = ZoneInfo("Europe/Berlin")


def due(news: FilmNews, config: RenderConfig | None = None, *, has_film: bool = True, last: float = 0.0) -> float | None:
    return due_at(config or RenderConfig(), news, has_film=has_film, zone=BERLIN, last=last)


def test_a_film_is_due_seconds_after_the_last_new_frame() -> None:
    """One new photo: five seconds later.  Nothing new: never."""
    assert due(FilmNews(10, 1, 1000.0, 1000.0)) == 1005.0
    assert due(FilmNews(10, 0, None, None)) is None


def test_while_photos_keep_coming_a_film_is_due_after_ten_minutes_at_the_latest() -> None:
    """New frames push the quiet seconds forward, but not beyond ten minutes after the first of them."""
    assert due(FilmNews(500, 300, 1000.0, 1500.0)) == 1505.0
    assert due(FilmNews(500, 300, 1000.0, 1598.0)) == 1600.0


def test_the_first_film_of_a_backlog_comes_after_fifty_frames() -> None:
    """Somebody who imports years of photos sees something soon."""
    assert due(FilmNews(49, 49, 1000.0, 1010.0), has_film=False) == 1015.0
    assert due(FilmNews(50, 50, 1000.0, 1010.0), has_film=False) == 0.0
    assert due(FilmNews(150, 50, 1000.0, 1010.0), has_film=True) == 1015.0


def test_a_fixed_time_is_kept_in_the_diarys_time_zone() -> None:
    """`at` makes one film a day, at that wall-clock time, in summer and in winter."""
    news = FilmNews(10, 1, 1000.0, 1000.0)
    for day in ("2024-01-15", "2024-07-15"):
        last = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=BERLIN).timestamp()
        at = due(news, RenderConfig(at="04:30"), last=last)
        assert at is not None
        assert datetime.fromtimestamp(at, BERLIN).strftime("%H:%M") == "04:30"
        assert 0 < at - last <= 86_400


def test_after_days_without_photos_a_fixed_time_still_waits_for_its_hour() -> None:
    """A photo that comes at noon is in the film of the next morning, however old the last film is."""
    noon = datetime.fromisoformat("2024-07-17T12:00:00").replace(tzinfo=BERLIN).timestamp()
    at = due(FilmNews(10, 1, noon, noon), RenderConfig(at="04:30"), last=noon - 3 * 86_400)
    assert at is not None
    assert datetime.fromtimestamp(at, BERLIN).isoformat() == "2024-07-18T04:30:00+02:00"


def test_no_film_while_frames_are_made_again() -> None:
    """A film without the frames of the older format would be shorter than the one that is there."""
    assert due(FilmNews(10, 3, 1000.0, 1000.0, remaking=7)) is None


@pytest.mark.parametrize("wrong", [{"at": "25:00"}, {"at": "4:30"}, {"first_after": 0}, {"after_quiet_s": -1}, {"after_quiet_s": 700}, {"keep_films": -1}])
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    """A time that is none, or a latest time before the quiet one, is a mistake."""
    with pytest.raises(ValueError, match="must be"):
        RenderConfig(**wrong)  # type: ignore[arg-type]
