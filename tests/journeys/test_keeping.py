"""A diary is examined, mended, backed up beside the running daemon and brought back, by the verbs a person calls."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Diary
from tests.support.dots import drop, photo

PHOTOS = 6


def findings(diary: Diary, *options: str) -> tuple[int, list[dict[str, Any]]]:
    done = diary.call("doctor", "--json", *options)
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    return done.returncode, answer["diaries"][0]["findings"]


def frames(diary: Diary) -> dict[str, str]:
    """Of photos in the film, by SHA-256."""
    shown = [row for row in diary.photos() if row["in_film"]]
    return {row["sha256"]: hashlib.sha256((diary.archive / row["frame"]).read_bytes()).hexdigest() for row in shown}


def test_doctor_beside_the_daemon_and_mending_without_it(diary: Diary) -> None:
    """While photos arrive `doctor` calls nothing wrong; `--fix` waits for the daemon to stop; then it names and mends each of several damages."""
    diary.start()
    diary.until(lambda s: s["running"], "the daemon")
    for number in range(PHOTOS):
        drop(diary.inbox, f"IMG_{number}.jpg", photo(number))
        if number % 2:
            assert findings(diary) == (0, [])
    refused = diary.call("doctor", "--fix")
    assert refused.returncode == 75 and str(diary.pid) in refused.stderr
    diary.until_film_of(PHOTOS)
    assert findings(diary) == (0, [])
    assert diary.stop() == 0
    whole = frames(diary)

    rows = diary.photos()
    (diary.archive / rows[0]["frame"]).unlink()
    (diary.archive / rows[1]["frame"]).write_bytes(b"\xff\xd8 half")
    (diary.archive / rows[2]["original"]).unlink()
    (diary.archive / "films/latest.mp4").write_bytes(b"no film")
    (diary.archive / "originals/2024/found.jpg").write_bytes(photo(PHOTOS))
    (diary.archive / "frames/2024/.tmp-1").write_bytes(b"x")
    mended = diary.call("doctor", "--fix")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    lines = mended.stdout.splitlines()
    assert len(lines) == 6 and all("mended: " in line for line in lines)
    assert findings(diary, "--fix") == (0, [])
    assert diary.call("scan", "--once").returncode == 0
    assert diary.me()["reel"]["frames"] == PHOTOS + 1
    assert whole.items() <= frames(diary).items()
    sound = diary.call("doctor")
    assert (sound.returncode, sound.stdout) == (0, "me: sound\n")


def test_a_backup_beside_the_daemon_becomes_the_same_diary(diary: Diary, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A backup taken beside the running daemon and refreshed after a photo was forgotten is restored to the same frames, and doctor finds it sound."""
    for number in range(PHOTOS):
        drop(diary.inbox, f"IMG_{number}.jpg", photo(number))
    diary.start()
    diary.until_film_of(PHOTOS)
    folder = tmp_path / "backup"
    first = diary.call("backup", str(folder))
    assert first.returncode == 0 and f"holds {PHOTOS} photos of me" in first.stdout and str(diary.config) in first.stdout
    assert diary.call("photos", "exclude", "IMG_2.jpg").returncode == 0
    assert diary.call("photos", "forget", "--yes", "IMG_4.jpg").returncode == 0
    second = diary.call("backup", str(folder))
    assert second.returncode == 0 and "0 new" in second.stdout and "1 removed" in second.stdout
    assert diary.call("backup", str(diary.archive / "b")).returncode == 64
    assert diary.call("restore", str(folder)).returncode == 75
    diary.until_film_of(PHOTOS - 2)
    shown = frames(diary)
    assert diary.stop() == 0

    other = Diary(tmp_path / "other")
    request.addfinalizer(other.close)
    restored = other.call("restore", str(folder))
    assert restored.returncode == 0, restored.stderr
    shutil.copytree(diary.inbox, other.inbox, dirs_exist_ok=True)  # the phone still sends everything, the forgotten photo too
    assert other.call("scan", "--once").returncode == 0
    assert frames(other) == shown and len(shown) == PHOTOS - 2
    assert other.me()["reel"]["frames"] == PHOTOS - 2
    sound = other.call("doctor")
    assert (sound.returncode, sound.stdout) == (0, "me: sound\n")
    assert other.call("restore", str(folder)).returncode == 64
