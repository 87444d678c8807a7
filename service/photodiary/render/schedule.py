"""When a film is due; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from photodiary.diary.hours import is_clock, next_time
from photodiary.errors import require
from photodiary.ledger.reels import FilmNews


@dataclass(frozen=True)
class RenderConfig:
    """When films are made.

    after_quiet_s: so long after the last new frame; at_latest_s: so long after the first new frame even while photos keep
    coming; first_after: the first film of a backlog after so many frames; at: "HH:MM" renders only once a day, at that time
    in the diary's time zone.  keep_films: so many replaced films of earlier days stay.
    """

    after_quiet_s: float = 5.0
    at_latest_s: float = 600.0
    first_after: int = 50
    at: str = ""
    keep_films: int = 2

    def __post_init__(self) -> None:
        require(
            (0 <= self.after_quiet_s <= self.at_latest_s <= 86_400, "after_quiet_s must be at least 0 and at most at_latest_s, that at most a day"),
            (self.first_after >= 1, "first_after must be at least 1"),
            (0 <= self.keep_films <= 1000, "keep_films must be at least 0 and at most 1000"),
            (not self.at or is_clock(self.at), 'at must be empty or a time like "04:30"'),
        )


def due_at(config: RenderConfig, news: FilmNews, *, has_film: bool, zone: tzinfo, last: float) -> float | None:
    """When the next film is due, in seconds since the epoch; None while no film could show anything new.

    last: when the newest film was made, 0 without one.
    """
    if not news.new or news.newest_new is None or news.oldest_new is None or news.remaking:
        return None
    if not has_film and news.new >= config.first_after:
        return 0.0
    if config.at and has_film:
        return next_time(config.at, zone, max(last, news.oldest_new))
    return min(news.newest_new + config.after_quiet_s, news.oldest_new + config.at_latest_s)
