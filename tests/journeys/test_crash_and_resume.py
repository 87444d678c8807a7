"""Killing the daemon at any moment loses nothing and doubles nothing."""

from __future__ import annotations

import hashlib
import random
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import AUTO, Diary
from tests.support.dots import drop, photo

PHOTOS = 30


def fill(diary: Diary) -> None:
    for number in range(PHOTOS):
        drop(diary.inbox, f"IMG_{number:02}.jpg", photo(number))


def frames(diary: Diary) -> dict[str, str]:
    return {row["sha256"]: hashlib.sha256((diary.archive / row["frame"]).read_bytes()).hexdigest() for row in diary.photos()}


def rows(diary: Diary) -> list[dict[str, Any]]:
    return diary.photos()


@pytest.mark.slow
def test_kill_9_in_the_middle_ends_with_the_same_rows_and_the_same_pixels(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A diary whose daemon was killed again and again equals one that was never disturbed, frame by frame, without orphans."""
    calm = Diary(tmp_path / "calm", config=AUTO)
    fill(calm)
    assert calm.call("scan", "--once").returncode == 0
    shaken = Diary(tmp_path / "shaken", config=AUTO)
    request.addfinalizer(shaken.close)
    fill(shaken)
    seed = time.time_ns() % 100_000
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(5):
        shaken.start()
        time.sleep(chance.uniform(0.6, 4.0))
        shaken.kill()
    shaken.start()
    shaken.until_film_of(PHOTOS, seconds=90)
    assert shaken.stop() == 0
    assert rows(shaken) == rows(calm)
    assert frames(shaken) == frames(calm)
    for folder in ("frames", "originals"):
        names = {str(p.relative_to(shaken.archive)) for p in (shaken.archive / folder).rglob("*") if p.is_file()}
        assert names == {row["frame" if folder == "frames" else "original"] for row in shaken.photos()}
    assert [p.name for p in (shaken.archive / "work").iterdir()] == ["CACHEDIR.TAG"]
    assert [p.name for p in (shaken.archive / "films").iterdir()] == ["latest.mp4"]
