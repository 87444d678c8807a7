"""A person decides about single photos, beside the running daemon and without one, and it stays decided."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageFilter
from tests.support.daemon import Diary
from tests.support.dots import drop, photo

from photodiary.diary.photo import digest_of
from photodiary.ledger import forgetting
from photodiary.ledger.store import Ledger

SECRET = 2  # the photo that is decided about: 3 March 2024
NAME = f"secret_{SECRET}.jpg"


def name_of(number: int) -> str:
    return f"secret_{number}.jpg"


def row_of(diary: Diary, number: int) -> dict[str, Any]:
    return next(row for row in diary.photos() if row["sha256"] == digest_of(photo(number)))


def verb(diary: Diary, *arguments: str, code: int = 0) -> str:
    done = diary.call(*arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def pictures(diary: Diary) -> list[np.ndarray]:
    with av.open(str(diary.archive / "films/latest.mp4")) as film:
        return [frame.to_ndarray(format="rgb24").astype(np.float32) for frame in film.decode(video=0)]


def shows(diary: Diary, frame: bytes) -> list[int]:
    """At which places the film shows a frame."""
    wanted = np.asarray(Image.open(io.BytesIO(frame)).convert("RGB"), np.float32)
    return [place for place, picture in enumerate(pictures(diary)) if np.abs(picture - wanted).mean() < 4]


def frame_of(diary: Diary, number: int) -> bytes:
    return (diary.archive / str(row_of(diary, number)["frame"])).read_bytes()


def film_of(diary: Diary, frames: int, *, running: bool, before: str = "") -> None:
    """Wait for the film, or have it made.  before: the fingerprint of the film that does not count."""
    if running:
        diary.until(
            lambda s: s["reel"] is not None and s["reel"]["frames"] == frames and s["reel"]["fingerprint"] != before and s["photos"]["located"] == 0,
            f"another film of {frames} photos",
        )
    else:
        verb(diary, "scan", "--once")
        assert diary.me()["reel"]["frames"] == frames


def traces(diary: Diary, marks: dict[str, bytes]) -> set[str]:
    everything = b"".join(path.read_bytes() for path in diary.archive.rglob("*") if path.is_file())
    paths = b"\n".join(str(path.relative_to(diary.archive)).encode() for path in diary.archive.rglob("*"))
    return {what for what, mark in marks.items() if mark in everything or mark in paths}


def marks_of(diary: Diary, number: int) -> dict[str, bytes]:
    """Bytes that are of this photo only."""
    original, frame, row = photo(number), frame_of(diary, number), row_of(diary, number)
    return {
        "name": name_of(number).encode(), "date": row["taken_at"][:10].encode(), "EXIF date": row["taken_at"][:10].replace("-", ":").encode(),
        "left eye": struct.pack(">d", row["left"][0]), "right eye": struct.pack(">d", row["right"][0]), "file": row["sha256"][:16].encode() + b".jpg",
        "original": original[3000:3032], "original's end": original[-40:-2], "frame": frame[2500:2532], "frame's end": frame[-40:-2],
    }  # fmt: skip


@pytest.fixture(params=[pytest.param(True, marks=pytest.mark.slow, id="beside the daemon"), pytest.param(False, id="without a daemon")])
def lived(diary: Diary, request: pytest.FixtureRequest) -> tuple[Diary, bool]:
    """A diary with a film of five photos, and whether its daemon runs."""
    running = bool(request.param)
    for number in range(5):
        drop(diary.inbox, name_of(number), photo(number))
    if running:
        diary.start()
    film_of(diary, 5, running=running)
    return diary, running


def test_excluded_it_leaves_the_film_restored_it_comes_back(lived: tuple[Diary, bool]) -> None:
    """An excluded photo is not in the next film and stays out when it comes again; restored it is shown with the eyes it had."""
    diary, running = lived
    before, frame, original = row_of(diary, SECRET), frame_of(diary, SECRET), diary.archive / row_of(diary, SECRET)["original"]
    assert shows(diary, frame) == [SECRET]
    assert "shown in films/latest.mp4 as photo 3 of 5, 0.5 s from the start" in verb(diary, "photos", "why", NAME)
    assert "left out by you" in verb(diary, "photos", "exclude", NAME)
    film_of(diary, 4, running=running)
    assert shows(diary, frame) == [] and original.read_bytes() == photo(SECRET)
    drop(diary.inbox, "copy.jpg", photo(SECRET))
    verb(diary, "scan", "--once")
    told = verb(diary, "photos", "why", before["sha256"][:6])
    assert "not shown: left out by you" in told and "copy.jpg" in told
    assert verb(diary, "photos", "list").count(": left out by you") == 1
    verb(diary, "photos", "restore", "copy.jpg")
    film_of(diary, 5, running=running)
    after = row_of(diary, SECRET)
    assert {key: after[key] for key in before if key != "names"} == {key: before[key] for key in before if key != "names"}
    assert shows(diary, frame) == [SECRET] and frame_of(diary, SECRET) == frame
    assert "put back by you" in verb(diary, "photos", "why", NAME)


@pytest.mark.parametrize("running", [pytest.param(True, marks=pytest.mark.slow), False])
def test_one_photo_of_a_day_shows_and_another_may_be_picked(diary: Diary, running: bool) -> None:
    """By default a day shows its best photo, here the one that is not blurred; a person picks the other one, and takes that back; nothing is deleted."""
    diary.config.write_text(diary.config.read_text().replace('pick = "all"', 'pick = "day"'))
    sharp, soft = photo(1), blurred(photo(1))
    for name, data in (("one.jpg", photo(0)), ("sharp.jpg", sharp), ("soft.jpg", soft)):
        drop(diary.inbox, name, data)
    if running:
        diary.start()
    film_of(diary, 2, running=running)
    first = diary.me()["reel"]["fingerprint"]
    by = {row["names"][0]: row for row in diary.photos()}
    assert (by["sharp.jpg"]["in_film"], by["sharp.jpg"]["other_take"]) == (True, False)
    assert (by["soft.jpg"]["in_film"], by["soft.jpg"]["other_take"]) == (False, True)
    assert {"days": 2, "in_film": 2, "other_takes": 1}.items() <= diary.me()["photos"].items()
    assert "3 photos: 2 days, 2 in the film, 1 other takes kept aside" in verb(diary, "status")
    assert "shown rather than the other one of this day: " in verb(diary, "photos", "why", "sharp.jpg")
    assert f"kept aside: another photo of this day shows, {by['sharp.jpg']['sha256'][:12]}; this one: " in verb(diary, "photos", "why", "soft.jpg")
    assert "in the film" in verb(diary, "photos", "pick", "soft.jpg")
    film_of(diary, 2, running=running, before=first)
    assert shows(diary, (diary.archive / by["soft.jpg"]["frame"]).read_bytes()) == [1]
    assert "you chose it rather than the other one of this day" in verb(diary, "photos", "why", "soft.jpg")
    verb(diary, "photos", "pick", "--undo", "soft.jpg")
    film_of(diary, 2, running=running, before=diary.me()["reel"]["fingerprint"])
    assert diary.me()["reel"]["fingerprint"] == first
    assert "was not chosen" in verb(diary, "photos", "pick", "--undo", "soft.jpg", code=64)
    if not running:  # another setting changes the film by itself
        diary.config.write_text(diary.config.read_text().replace('pick = "day"', 'pick = "all"'))
        film_of(diary, 3, running=False)


def blurred(data: bytes) -> bytes:
    """The same photo, less sharp, a minute later."""
    image = Image.open(io.BytesIO(data))
    exif = image.getexif()
    taken = exif.get_ifd(0x8769)
    taken[0x9003] = taken[0x9003][:-5] + "44:00"
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(5)).save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


def test_redated_it_moves_in_the_film(lived: tuple[Diary, bool]) -> None:
    """A photo that gets another date is shown at another place, under one frame named by the new date; an undated one comes in."""
    diary, running = lived
    old, film = str(row_of(diary, SECRET)["frame"]), diary.me()["reel"]["fingerprint"]
    verb(diary, "photos", "redate", NAME, "--to", "2024-02-20 08:30")
    film_of(diary, 5, running=running, before=film)
    row = row_of(diary, SECRET)
    assert (row["taken_at"], row["taken_from"]) == ("2024-02-20T08:30:00", "person")
    assert shows(diary, frame_of(diary, SECRET)) == [0]
    assert row["frame"].startswith("frames/2024/2024-02-20_08-30-00_") and not (diary.archive / old).exists()
    assert len([path for path in (diary.archive / "frames").rglob("*") if path.is_file()]) == 5
    undated = photo(7).replace(b"2024:03:08 08:30:00", b"0000:00:00 00:00:00")
    (diary.folder / "old").mkdir()
    (diary.folder / "old" / "old.jpg").write_bytes(undated)
    verb(diary, "import", str(diary.folder / "old"))
    assert diary.me()["photos"]["undated"] == 1
    assert "nobody knows when" in verb(diary, "photos", "why", "old.jpg")
    verb(diary, "photos", "redate", "old.jpg", "--to", "2020-01-01")
    film_of(diary, 6, running=running)
    assert [row["names"] for row in diary.photos()][:2] == [["old.jpg"], [NAME]]
    assert diary.me()["photos"]["undated"] == 0
    assert "1 January 2020 12:00:00, set by you" in verb(diary, "photos", "why", "2020-01-01")


def test_forgotten_no_byte_of_it_is_left_and_it_does_not_come_back(lived: tuple[Diary, bool]) -> None:
    """After `forget` neither film nor any file of the archive holds anything of the photo, and neither the inbox nor an import brings it back."""
    diary, running = lived
    frame, marks = frame_of(diary, SECRET), marks_of(diary, SECRET)
    (diary.archive / "films" / "older.mp4").write_bytes((diary.archive / "films" / "latest.mp4").read_bytes())
    verb(diary, "photos", "redate", NAME, "--to", "2024-03-03 09:00")
    verb(diary, "photos", "exclude", NAME)
    verb(diary, "photos", "restore", NAME)
    assert traces(diary, marks) >= {"name", "date", "EXIF date", "left eye", "right eye", "original", "original's end"}
    told = verb(diary, "photos", "forget", "--yes", NAME)
    assert "nothing is left" in told and all(word in told for word in ("phone", str(diary.inbox), "backups", "models"))
    assert diary.me()["reel"]["frames"] == 4, "the film is made at once"
    assert shows(diary, frame) == [] and len(pictures(diary)) == 4
    assert [path.name for path in (diary.archive / "films").iterdir()] == ["latest.mp4"]
    assert traces(diary, marks) == set()
    backlog = diary.folder / "old"
    backlog.mkdir()
    (backlog / NAME).write_bytes(photo(SECRET))
    assert "1 ignored: you had them forgotten" in verb(diary, "import", str(backlog / NAME))
    drop(diary.inbox, "again.jpg", photo(SECRET))
    verb(diary, "scan", "--once")
    if running:
        assert diary.stop() == 0
        diary.start()
        diary.until(lambda s: s["running"] and s["photos"]["forgotten"] == 2, "both files counted")
    assert diary.me()["photos"]["total"] == 4
    assert traces(diary, marks) == set()
    assert "ignored (you had them forgotten)" in verb(diary, "status")
    assert "was forgotten" in verb(diary, "photos", "why", digest_of(photo(SECRET))[:10], code=64)
    assert (diary.inbox / NAME).read_bytes() == photo(SECRET), "the inbox is never written to"


def test_the_last_photo_takes_the_film_along(diary: Diary) -> None:
    """When nothing is left to show there is no film either."""
    drop(diary.inbox, NAME, photo(SECRET))
    verb(diary, "scan", "--once")
    marks = marks_of(diary, SECRET)
    verb(diary, "photos", "forget", "--yes", NAME)
    assert (diary.me()["reel"], list((diary.archive / "films").iterdir()), traces(diary, marks)) == (None, [], set())


def test_a_damaged_frame_does_not_keep_a_photo_from_being_forgotten(diary: Diary) -> None:
    """The film is made without the photo; the damaged frame, which nobody may wait for, is made again then or by the next scan."""
    for number in range(4):
        drop(diary.inbox, name_of(number), photo(number))
    verb(diary, "scan", "--once")
    marks, broken = marks_of(diary, SECRET), diary.archive / str(row_of(diary, 0)["frame"])
    whole = broken.read_bytes()
    broken.write_bytes(whole[:500])
    verb(diary, "photos", "forget", "--yes", NAME)
    assert diary.me()["reel"]["frames"] in (2, 3) and traces(diary, marks) == set()
    verb(diary, "scan", "--once")
    assert diary.me()["reel"]["frames"] == 3 and broken.read_bytes() == whole


def test_forget_asks_first(diary: Diary) -> None:
    """Without --yes the first eight letters must be typed; anything else, or nobody there to type, forgets nothing."""
    drop(diary.inbox, NAME, photo(SECRET))
    verb(diary, "scan", "--once")
    letters = digest_of(photo(SECRET))[:8]
    command = [*diary.command, "photos", "forget", NAME, "--config", str(diary.config)]
    for typed in ("", "yes\n", letters[:7] + "\n"):
        done = subprocess.run(command, env=diary.environment, input=typed, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 64 and f"({letters})" in done.stderr and "nothing was forgotten" in done.stderr
        assert diary.me()["photos"]["total"] == 1
    done = subprocess.run(command, env=diary.environment, input=f"{letters}\n", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert diary.me()["photos"]["total"] == 0


@pytest.mark.slow
def test_forgetting_goes_on_after_kill_9(diary: Diary) -> None:
    """Killed again and again while it forgets, the daemon ends with the photo gone and everything else whole."""
    for number in range(12):
        drop(diary.inbox, name_of(number), photo(number))
    verb(diary, "scan", "--once")
    marks, frame = marks_of(diary, SECRET), frame_of(diary, SECRET)
    ledger = Ledger(diary.archive)
    forgetting.wish(ledger, [digest_of(photo(SECRET))], time.time())
    ledger.close()
    seed = time.time_ns() % 100_000
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(5):
        diary.start()
        time.sleep(chance.uniform(0.3, 2.5))
        diary.kill()
    diary.start()
    diary.until_film_of(11)
    diary.until_told("forgotten for good", ever=True)
    assert diary.stop() == 0
    assert traces(diary, marks) == set() and shows(diary, frame) == []
    assert {row["sha256"] for row in diary.photos()} == {digest_of(photo(number)) for number in range(12) if number != SECRET}
    assert all((diary.archive / row[key]).exists() for row in diary.photos() for key in ("original", "frame"))


@pytest.mark.slow
def test_decisions_made_while_the_daemon_is_busy_are_all_kept(diary: Diary) -> None:
    """While photos pour in, excluding and redating some of them works, and they are so when everything is through."""
    diary.start()
    diary.until(lambda s: s["running"], "running")
    for number in range(20):
        drop(diary.inbox, name_of(number), photo(number))
    out = [1, 5, 9]
    for number in out:
        diary.until(lambda s, n=number: any(row["sha256"] == digest_of(photo(n)) for row in diary.photos()), f"photo {number} is known")
        verb(diary, "photos", "exclude", name_of(number))
    verb(diary, "photos", "redate", name_of(0), "--to", "2024-06-01 10:00")
    diary.until_film_of(17)
    rows = diary.photos()
    assert {row["names"][0] for row in rows if not row["in_film"]} == {name_of(number) for number in out}
    assert rows[-1]["names"] == [name_of(0)]
    frames = {str(path.relative_to(diary.archive)) for path in (diary.archive / "frames").rglob("*") if path.is_file()}
    assert frames == {row["frame"] for row in rows if row["frame"]}
    assert diary.stop() == 0


def test_quarantine_is_listed_and_retried(diary: Diary) -> None:
    """What could not be read is listed with its reason; a retry says what became of it."""
    (diary.inbox / "text.jpg").write_text("no photo at all " * 50)
    drop(diary.inbox, "a.jpg", photo(1))
    verb(diary, "scan", "--once")
    (entry,) = [json.loads(line) for line in verb(diary, "quarantine", "list", "--json").splitlines()]
    assert (entry["names"], entry["reason"]) == (["text.jpg"], "not_a_photo")
    assert "text.jpg: not a photo" in verb(diary, "quarantine", "list")
    assert "text.jpg: still could not be read" in verb(diary, "quarantine", "retry")
    assert "could be read" in verb(diary, "quarantine", "retry", "a.jpg", code=64)
    (diary.inbox / "text.jpg").unlink()
    assert "text.jpg: was not tried, its file is no longer in the inbox" in verb(diary, "quarantine", "retry", "text.jpg")
    verb(diary, "photos", "forget", "--yes", "text.jpg")
    assert verb(diary, "quarantine", "list") == ""
    assert "everything could be read" in verb(diary, "quarantine", "retry")


@pytest.mark.slow
def test_after_a_fix_a_retry_beside_the_daemon_brings_the_photo_into_the_film(diary: Diary) -> None:
    """A photo larger than the limits allowed is in the film once the limit is raised and it is retried; not before."""
    large = photo(1) + b"\0" * 1_500_000
    tight = diary.config.read_text().replace("workers = 1", "workers = 1\nmax_megabytes = 1")
    loose = diary.config.read_text()
    diary.config.write_text(tight)
    drop(diary.inbox, "large.jpg", large)
    diary.start()
    diary.until(lambda s: s["photos"]["quarantined"] == 1, "too large")
    assert "large.jpg: larger than the limits allow" in verb(diary, "quarantine", "list")
    diary.config.write_text(loose)
    assert diary.stop() == 0
    diary.start()
    diary.until(lambda s: s["running"], "running")
    verb(diary, "scan", "--once")
    assert diary.me()["photos"]["quarantined"] == 1
    assert "large.jpg: in the film" in verb(diary, "quarantine", "retry", "large.jpg")
    state = diary.until_film_of(1)
    assert (state["photos"]["total"], state["photos"]["quarantined"]) == (1, 0)
    assert diary.stop() == 0


def test_who_is_meant_must_be_clear(diary: Diary) -> None:
    """Unknown and ambiguous photos are a clear error, exit 64, and nothing happens to the others named beside them; without a diary it is said."""
    assert "there is no diary database yet" in verb(diary, "photos", "exclude", "a.jpg", code=1)
    assert not (diary.archive / "ledger.sqlite3").exists()
    (diary.inbox / "b").mkdir()
    drop(diary.inbox, "a.jpg", photo(1))
    drop(diary.inbox, "b/a.jpg", photo(2))
    verb(diary, "scan", "--once")
    assert "may mean several" in verb(diary, "photos", "exclude", "b/a.jpg", "a.jpg", code=64)
    assert "there is no photo nobody.jpg" in verb(diary, "photos", "exclude", "b/a.jpg", "nobody.jpg", code=64)
    assert "no date" in verb(diary, "photos", "redate", "b/a.jpg", "--to", "yesterday", code=64)
    assert "in the future" in verb(diary, "photos", "redate", "b/a.jpg", "--to", "2224-01-01", code=64)
    assert "there is no photo of 1999-01-01" in verb(diary, "photos", "why", "1999-01-01", code=64)
    assert all(row["in_film"] for row in diary.photos())


def test_the_folder_of_a_diary_is_not_made_by_looking(tmp_path: Path) -> None:
    """`photos why` and `quarantine list` of a diary that is not there yet say so and make nothing."""
    diary = Diary(tmp_path / "me")
    for arguments in (("photos", "why", "a.jpg"), ("quarantine", "list")):
        assert diary.call(*arguments).returncode == 1
    assert not diary.archive.exists()
