"""Promise: truncated photo (sync paused half-way): held, tried again with growing waits up to a day, then quarantined as a row; the file is untouched."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.switch import Switch
from tests.support.daemon import Diary
from tests.support.dots import photo

WAITING = "test_a_truncated_photo_waits_longer_each_time_for_a_day_and_is_taken_in_when_its_rest_comes"
SWITCHES = (
    Switch("strict decoding", WAITING, "darkroom/decode.py", "min_height=least[1], strict=True", "min_height=least[1], strict=False"),
    Switch("growing waits", WAITING, "inbox/inbox.py", "else retry_wait(tries + 1)", "else retry_wait(1)"),
    Switch("the end of waiting after a day", WAITING, "inbox/inbox.py", "(now - since >= A_DAY and not patient)", "(False)"),
    Switch("a changed file is tried at once", WAITING, "inbox/inbox.py", "held.stamp == pending.stamp and now < held.next_try", "now < held.next_try"),
)
A_DAY = 86_400.0


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me")
    yield diary
    diary.close()


def waiting(diary: Diary) -> dict[str, tuple[str, int, float]]:
    """Why each held file waits, how often it was tried, and in how many seconds it is tried again."""
    with sqlite3.connect(f"file:{diary.archive}/ledger.sqlite3?mode=ro", uri=True) as db:
        rows = db.execute("SELECT path, reason, tries, next_try FROM arrivals").fetchall()
    db.close()
    return {path.decode(): (reason, tries, next_try - time.time()) for path, reason, tries, next_try in rows}


def move_time(diary: Diary, name: str, **columns: float) -> None:
    """As if it had been so for longer; the daemon must not run."""
    with sqlite3.connect(diary.archive / "ledger.sqlite3") as db:
        for column, value in columns.items():
            db.execute(f"UPDATE arrivals SET {column} = ? WHERE path = CAST(? AS BLOB)", (value, name))
    db.close()


def test_a_truncated_photo_waits_longer_each_time_for_a_day_and_is_taken_in_when_its_rest_comes(diary: Diary) -> None:
    """Two half photos are held and untouched; one stays half for a day and is quarantined as a row, the other gets its rest and is in the film at once."""
    for name, number in (("stays.jpg", 1), ("comes.jpg", 2)):
        (diary.inbox / name).write_bytes(photo(number)[: len(photo(number)) // 2])
    (diary.inbox / "whole.jpg").write_bytes(photo(3))
    diary.start()
    diary.until_film_of(1)
    diary.until(lambda s: s["photos"]["held"] == 2, "both held")
    first = waiting(diary)
    assert all("cut short" in reason and tries >= 1 for reason, tries, _ in first.values()), first
    diary.stop()
    for name in first:
        move_time(diary, name, tries=8, next_try=0, since=time.time() - A_DAY + 3600)
    diary.start()
    diary.until(lambda _: all(tries == 9 for _, tries, _ in waiting(diary).values()), "both tried once more")
    for _, _, wait in waiting(diary).values():
        assert wait > 2000, "the ninth wait is over half an hour"
    assert diary.me()["photos"]["quarantined"] == 0, "not before a day"
    (diary.inbox / "comes.jpg").write_bytes(photo(2))
    diary.until_film_of(2)
    diary.stop()
    move_time(diary, "stays.jpg", next_try=0, since=time.time() - A_DAY)
    diary.start()
    diary.until(lambda s: s["photos"]["quarantined"] == 1 and s["photos"]["held"] == 0, "the other quarantined")
    assert "cut short" in diary.call("quarantine", "list").stdout
    assert (diary.inbox / "stays.jpg").read_bytes() == photo(1)[: len(photo(1)) // 2]
    (diary.inbox / "stays.jpg").write_bytes(photo(1))  # even then its rest may come
    diary.until_film_of(3)
