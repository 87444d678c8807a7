"""Promise: slow or stuck disk, suspend and resume."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.killer import children, is_alive
from tests.promises.switch import Switch
from tests.support.daemon import QUICK, Diary
from tests.support.dots import drop, photo

TEST = "test_after_a_suspend_late_jobs_run_once_and_nothing_is_dropped"
SWITCHES = (
    Switch("late jobs running all the same", TEST, "run/schedule.py", '"misfire_grace_time": None', '"misfire_grace_time": 1'),
    Switch("waiting for a database that is held", "test_a_stuck_database_delays_and_loses_nothing", "ledger/store.py",
           "fcntl.flock(self._lock_fd, fcntl.LOCK_EX)", "fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)"),
)  # fmt: skip

CALM = (
    QUICK.replace("scan_every = 5.0", "scan_every = 1.0")
    .replace("after_quiet_s = 0.5", "after_quiet_s = 6.0")
    .replace("at_latest_s = 5.0", "at_latest_s = 60.0")
)
"""Films wait for six quiet seconds: what comes in together is in one film on any machine."""


@pytest.fixture
def diary(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Diary]:
    made = Diary(tmp_path / "me", config=CALM if request.function.__name__ == TEST else QUICK)
    yield made
    made.close()


def films(diary: Diary) -> list[int]:
    """How many photos each film had that was ever published."""
    with contextlib.closing(sqlite3.connect(f"file:{diary.archive}/ledger.sqlite3?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT frames FROM reels ORDER BY id")]


def test_after_a_suspend_late_jobs_run_once_and_nothing_is_dropped(diary: Diary) -> None:
    """Photos that arrive, and films and scans that fall due, while the machine sleeps: on waking all photos are in, and no job is dropped or run twice."""
    drop(diary.inbox, "0.jpg", photo(0))
    diary.start()
    diary.until_film_of(1)
    drop(diary.inbox, "1.jpg", photo(1))
    diary.until(lambda state: state["photos"]["in_film"] == 2, "its frame; its film is due six seconds later")
    family = [diary.pid, *children(diary.pid)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    for number in range(2, 6):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    time.sleep(9)  # nine scans and a film were due
    before = films(diary)
    for pid in reversed(family):
        os.kill(pid, signal.SIGCONT)
    diary.until_film_of(6)
    assert films(diary)[len(before) :] in ([2, 6], [6])
    assert "came late" not in diary.told() and "missed" not in diary.told()
    assert is_alive(diary.pid)
    assert diary.stop() == 0


def test_a_stuck_database_delays_and_loses_nothing(diary: Diary) -> None:
    """While a write to the diary database hangs (here: its lock is held for a while) status answers; afterwards everything is in."""
    drop(diary.inbox, "0.jpg", photo(0))
    diary.start()
    diary.until_film_of(1)
    with (diary.archive / "ledger.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for number in range(1, 4):
            drop(diary.inbox, f"{number}.jpg", photo(number))
        time.sleep(3)
        state = diary.me()
        assert state["running"] and state["photos"]["total"] == 1
    diary.until_film_of(4)
    assert "unexpected error" not in diary.told() and "trying again" not in diary.told(), "who waits for a slow disk has no trouble"
    assert diary.stop() == 0
