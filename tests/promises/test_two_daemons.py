"""Promise: two daemons on one diary; page, command line and training beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.switch import Switch
from tests.support.daemon import Diary
from tests.support.dots import photo

SWITCHES = (
    Switch(
        "the daemon's lock",
        "test_a_second_daemon_says_who_holds_the_diary_and_exits_75",
        "run/lock.py",
        "fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
    ),
)


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me")
    yield diary
    diary.close()


def test_a_second_daemon_says_who_holds_the_diary_and_exits_75(diary: Diary) -> None:
    """A second `run` on the same archive names the holder and ends with 75; the first goes on taking photos in."""
    diary.start()
    diary.until_told("watches")
    try:
        second = diary.call("run", timeout=20)
    except subprocess.TimeoutExpired:
        pytest.fail("a second daemon runs on the same diary")
    assert second.returncode == 75
    assert str(diary.pid) in second.stderr
    (diary.inbox / "1.jpg").write_bytes(photo(1))
    diary.until_film_of(1)
    for verb in (["status", "--json"], ["photos", "list", "--json"], ["photos", "why", "1.jpg"], ["scan", "--once"], ["render"]):
        assert diary.call(*verb).returncode == 0, verb
    assert diary.stop() == 0
