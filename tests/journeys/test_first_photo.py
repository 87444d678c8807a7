"""The story of every user: photos dropped into a synced folder become a film in which the eyes stand still."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import av
import numpy as np
import pytest
from tests.support.daemon import AUTO, Diary
from tests.support.dots import drop, find_dots, photo


def film_frames(diary: Diary) -> list[np.ndarray]:
    with av.open(str(diary.archive / "films/latest.mp4")) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def assert_eyes_stand_still(diary: Diary) -> None:
    canvas = next(photo["canvas"] for photo in diary.photos() if photo["canvas"])
    iod = canvas["right"][0] - canvas["left"][0]
    for number, frame in enumerate(film_frames(diary)):
        dots = find_dots(frame)
        assert dots is not None, f"frame {number} shows no eyes"
        for dot, wanted in zip(dots, (canvas["left"], canvas["right"]), strict=True):
            assert np.hypot(dot.x - wanted[0], dot.y - wanted[1]) < 0.02 * iod, f"frame {number}: {dot} instead of {wanted}"


@pytest.mark.slow
def test_photos_by_rename_and_in_slow_chunks_become_a_film_whose_eyes_stand_still(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """However photos arrive, each is taken in once and whole, and the film shows all of them with the eyes in one place."""
    diary = Diary(tmp_path / "me", config=AUTO)
    request.addfinalizer(diary.close)
    diary.start()
    diary.until(lambda s: s["running"], "running")
    for number in range(14):
        drop(diary.inbox, f"IMG_{number}.jpg", photo(number))
    for number in range(14, 26):
        data = photo(number)
        with (diary.inbox / f"IMG_{number}.jpg").open("wb") as slow:
            for start in range(0, len(data), len(data) // 10 + 1):
                slow.write(data[start : start + len(data) // 10 + 1])
                slow.flush()
                if number < 17:
                    time.sleep(0.1)
    state = diary.until_film_of(26)
    assert state["photos"]["total"] == state["photos"]["aligned"] == 26
    assert len(film_frames(diary)) == 26
    assert_eyes_stand_still(diary)
    frames = {str(p.relative_to(diary.archive)) for p in (diary.archive / "frames").rglob("*") if p.is_file()}
    assert frames == {row["frame"] for row in diary.photos()}
    for row in diary.photos():
        original = (diary.archive / row["original"]).read_bytes()
        assert original == (diary.inbox / row["names"][0]).read_bytes()
    assert diary.stop() == 0
    assert diary.status()["diaries"] == [diary.me()], "what tests look at is what the verbs print"
    assert [json.loads(line) for line in diary.ask("photos", "list", "--json").stdout.splitlines()] == diary.photos()
    assert "picture format" in diary.told()
    assert "in the film as frame" in diary.told()


@pytest.mark.slow
def test_what_was_dropped_while_the_daemon_was_down_is_taken_in_and_known_photos_add_nothing(diary: Diary) -> None:
    """The scan at start finds what came meanwhile; touching, copying or renaming a known photo makes no new row and no new frame."""
    for number in range(3):
        drop(diary.inbox, f"a{number}.jpg", photo(number))
    diary.start()
    diary.until_film_of(3)
    assert diary.stop() == 0
    for number in range(3, 5):
        drop(diary.inbox, f"a{number}.jpg", photo(number))
    diary.start()
    before = diary.until_film_of(5)
    frames = sorted(p.stat().st_mtime_ns for p in (diary.archive / "frames").rglob("*.jpg"))
    os.utime(diary.inbox / "a0.jpg")
    shutil.copyfile(diary.inbox / "a1.jpg", diary.inbox / "a1 (copy).jpg")
    (diary.inbox / "a2.jpg").rename(diary.inbox / "renamed.jpg")
    diary.inbox.joinpath("a3.jpg").write_bytes(photo(3))
    after = diary.until(lambda s: s["photos"]["duplicates"] == 2, "two further names")
    assert after["photos"]["total"] == before["photos"]["total"] == 5
    assert sorted(p.stat().st_mtime_ns for p in (diary.archive / "frames").rglob("*.jpg")) == frames
    assert diary.stop() == 0


@pytest.mark.slow
def test_strange_files_are_told_apart_and_the_daemon_goes_on(diary: Diary) -> None:
    """Cut short or empty: held; no photo: quarantined; FIFO and link: ignored; a name that is no UTF-8: a photo like any other."""
    diary.start()
    whole = photo(0)
    (diary.inbox / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (diary.inbox / "empty.jpg").touch()
    (diary.inbox / "text.jpg").write_text("no photo at all " * 50)
    os.mkfifo(diary.inbox / "pipe.jpg")
    (diary.inbox / "link.jpg").symlink_to("/etc/passwd")
    (diary.inbox / ".syncthing.part.jpg.tmp").write_bytes(whole[:100])
    drop(diary.inbox, b"IMG_\xff\xfe.jpg", photo(1))
    state = diary.until(
        lambda s: s["photos"]["aligned"] == 1 and s["photos"]["held"] == 2 and s["photos"]["quarantined"] == 1 and s["photos"]["ignored"] == 2,
        "two held, one quarantined, two ignored, one frame",
    )
    assert state["photos"]["total"] == 2
    told = diary.told()
    for sentence in ("cut.jpg waits for more: the photo is cut short", "empty.jpg waits for more: it is empty", "text.jpg could not be read",
                     "pipe.jpg is ignored: it is a pipe", "link.jpg is ignored: it is a link"):  # fmt: skip
        assert sentence in told
    (diary.inbox / "cut.jpg").write_bytes(whole)
    diary.until(lambda s: s["photos"]["aligned"] == 2 and s["photos"]["held"] == 1, "the rest of the cut photo came")
    assert diary.stop() == 0


@pytest.mark.slow
def test_verbs_work_beside_the_running_daemon(diary: Diary, tmp_path: Path) -> None:
    """With the daemon up, import, render, refit, photos list and a second scan do what they say; a second daemon is refused with 75."""
    backlog = tmp_path / "old"
    backlog.mkdir()
    for number in range(4):
        (backlog / f"old{number}.jpg").write_bytes(photo(number))
    (backlog / "broken.jpg").write_bytes(photo(9)[:3000])
    diary.start()
    diary.until(lambda s: s["running"], "running")
    done = diary.call("import", str(backlog))
    assert done.returncode == 0, done.stderr
    assert "4 new photos" in done.stdout
    assert "4 in the film" in done.stdout
    assert "broken.jpg: the photo is cut short" in done.stdout
    assert diary.call("render", "--full").returncode == 0
    assert len(film_frames(diary)) == 4
    assert "written in the configuration" in diary.call("refit").stdout
    scan = diary.call("scan", "--once")
    assert scan.returncode == 0, scan.stderr
    assert diary.call("status", "--check").returncode == 0
    second = diary.call("run")
    assert second.returncode == 75
    assert str(diary.pid) in second.stderr
    assert diary.stop() == 0
    assert diary.call("status", "--check").returncode == 1


def test_scan_once_makes_the_film_and_leaves(diary: Diary) -> None:
    """One call without any daemon takes in what is there, makes the film and says what it did; no face is left out with its reason."""
    for number in range(5):
        drop(diary.inbox, f"{number}.jpg", photo(number, face=number != 3))
    done = diary.call("scan", "--once")
    assert done.returncode == 0, done.stderr
    assert "film of 4 photos" in done.stdout
    assert "no face found" in done.stdout
    state = diary.me()
    assert state["photos"]["excluded"] == 1
    assert state["film_missing"] == [{"day": "2024-03-04", "reason": "no face found"}]
    assert_eyes_stand_still(diary)
    assert len(film_frames(diary)) == 4


def test_import_shows_progress_and_reports_in_words(diary: Diary, tmp_path: Path) -> None:
    """Importing a backlog says how far it is on a terminal's stderr and ends with a report; a dry run changes nothing."""
    backlog = tmp_path / "old"
    backlog.mkdir()
    for number in (*range(20), 60):
        (backlog / f"{number}.jpg").write_bytes(photo(number))
    dry = diary.call("import", "--dry-run", str(backlog))
    assert "21 photos" in dry.stdout and "a guess, at 4 photos a second" in dry.stdout
    assert not diary.archive.exists()
    done = subprocess.run(
        ["script", "-qefc", shlex.join([*diary.command, "import", str(backlog), "--config", str(diary.config)]), "/dev/null"],
        env=diary.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert " of 21 photos brought, " in done.stdout
    assert "21 in the film" in done.stdout
    assert "gap of 41 days between 20 March 2024 and 30 April 2024" in done.stdout
    again = diary.call("import", str(backlog))
    assert "0 new photos, 21 known already" in again.stdout


@pytest.mark.slow
def test_a_damaged_frame_is_made_again_and_the_film_goes_on(diary: Diary) -> None:
    """A frame that rotted on the disk neither ends the film nor makes `render` wait for ever: it is made again."""
    for number in range(4):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    diary.start()
    diary.until_film_of(4)
    frame = sorted((diary.archive / "frames").rglob("*.jpg"))[1]
    whole = frame.read_bytes()
    frame.write_bytes(whole[:500])
    assert diary.call("render", "--full").returncode == 0
    diary.until_film_of(4)
    assert frame.read_bytes() == whole
    assert len(film_frames(diary)) == 4
    assert diary.stop() == 0


@pytest.mark.slow
def test_a_wrong_configuration_is_not_taken_over(diary: Diary) -> None:
    """SIGHUP reads the configuration again; one that is wrong, or does not work, changes nothing and is told."""
    diary.start()
    diary.until(lambda s: s["running"], "running")
    good = diary.config.read_text()
    for wrong, sentence in (
        (good + "\n[film2]\ncrf = 3\n", "is not a setting"),
        (good.replace('archive = "archive"', 'archive = "/proc/archive"'), "going on with the old one"),
    ):
        diary.config.write_text(wrong)
        os.kill(diary.pid, signal.SIGHUP)
        diary.until_told(sentence)
    diary.config.write_text(good.replace("ultrafast", "superfast"))
    os.kill(diary.pid, signal.SIGHUP)
    drop(diary.inbox, "1.jpg", photo(1))
    diary.until_film_of(1)
    assert diary.told().count("configuration read again") == 2
    assert diary.stop() == 0
