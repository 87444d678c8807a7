"""Another model takes over: frames move once, the film follows once, what a person said stays, and the way back is the same to the last bit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.support.daemon import Diary
from tests.support.dots import drop, eyes_of, photo
from tests.support.models import altered, tiny

from photodiary.eyenet.registry import Registry
from photodiary.ledger.store import FILE

SHIFT = 2.0  # pixels, of some 60 between the eyes


def registry(diary: Diary) -> Registry:
    return Registry(diary.folder / "state")


def publish(diary: Diary, name: str, shift: float) -> None:
    """A model of the registry that sees the dots `shift` pixels further right."""
    registry(diary).publish(tiny(diary.folder / f"{name}.safetensors", name), {"name": name, "shift": shift})


def promote(diary: Diary, name: str) -> None:
    """As `retrain` does it: the pointer moves, and the service is nudged."""
    assert registry(diary).promote(name)
    os.kill(diary.pid, signal.SIGUSR1)


def sightings(diary: Diary) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{diary.archive / FILE}?mode=ro", uri=True)) as db:
        return db.execute("SELECT sha256, by, left_x, sightings.id FROM sightings JOIN photos ON photos.id = photo_id ORDER BY sightings.id").fetchall()


def films(diary: Diary) -> int:
    return diary.told().count("film of ")


def until_the_film_shows_it_all(diary: Diary) -> int:
    """Wait until no photo is on its way and the newest film shows each as it is now.  Returns how many films were made so far."""

    def shown(state: dict[str, Any]) -> bool:
        on_its_way = state["judged_by_others"] + state["photos"]["received"] + state["photos"]["located"]
        return not on_its_way and "shown in films/latest.mp4" in diary.call("photos", "why", "1.jpg").stdout

    diary.until(shown, "a film of everything as it is now")
    return films(diary)


def test_frames_move_once_the_film_follows_once_and_a_person_keeps_the_last_word(diary: Diary) -> None:
    """A promotion takes effect in the running service: each frame moves with the new model's eyes, but for the one that a person placed; one film
    follows; a photo that comes meanwhile is in it.  Rolled back, the older model's own words count again, and nothing is predicted twice."""
    for number in range(5):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    drop(diary.inbox, "none.jpg", photo(30, face=False))
    diary.start()
    diary.until_film_of(5)
    labels = diary.folder / "labels.csv"
    left, right = eyes_of(4)
    labels.write_text(f"file,left_x,left_y,right_x,right_y\n4.jpg,{left.x - 3},{left.y},{right.x - 3},{right.y}\n")
    assert diary.call("labels", "import", str(labels)).returncode == 0
    first = {row["names"][0]: row for row in diary.photos()}
    made = until_the_film_shows_it_all(diary)

    publish(diary, "mine-1", SHIFT)
    promote(diary, "mine-1")
    diary.until_told("the model mine-1 finds the eyes from now on")
    diary.until_told("5 photos looked at again by the model mine-1: 4 of the frames to be made again")
    assert until_the_film_shows_it_all(diary) == made + 1, "one film follows"
    status = diary.status()
    assert status["model"]["name"] == "mine-1" and status["degraded"] == []
    second = {row["names"][0]: row for row in diary.photos()}
    for number in range(4):
        before, after = first[f"{number}.jpg"], second[f"{number}.jpg"]
        assert (before["by"], after["by"]) == ("dots-1", "mine-1")
        assert after["left"][0] == pytest.approx(before["left"][0] + SHIFT, abs=0.02)
        assert after["frame"] != before["frame"] and (diary.archive / after["frame"]).is_file() and not (diary.archive / before["frame"]).exists()
    assert second["4.jpg"] == first["4.jpg"] and second["4.jpg"]["by"] == "placed"
    assert second["none.jpg"]["stage"] == "excluded"
    assert "placed by the model mine-1" in diary.call("photos", "why", "1.jpg").stdout
    assert "placed by you" in diary.call("photos", "why", "4.jpg").stdout

    said = sightings(diary)
    assert [row[1] for row in said].count("mine-1") == 5, "what a person placed need not be looked at again"
    done = diary.call("models", "rollback")
    assert done.returncode == 0 and "the running photodiary predicts with it" in done.stdout, done.stderr
    diary.until(lambda s: {row["by"] for row in diary.photos()} == {"dots-1", "placed"}, "as it was")
    assert until_the_film_shows_it_all(diary) == made + 2
    assert sightings(diary) == said, "the same model says the same of the same photo: it is not asked again"
    third = {row["names"][0]: row for row in diary.photos()}
    assert third == first
    assert diary.stop() == 0 and "Traceback" not in diary.told()


def test_eyes_that_hardly_moved_leave_the_frame_and_its_record(diary: Diary) -> None:
    """Within the small limit nothing is made again and no film follows; what placed the frame stays on record, and `why` says what the other one saw."""
    for number in range(3):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    diary.start()
    diary.until_film_of(3)
    made, before = until_the_film_shows_it_all(diary), diary.photos()
    publish(diary, "mine-1", 0.1)
    promote(diary, "mine-1")
    diary.until_told("3 photos looked at again by the model mine-1: 0 of the frames to be made again")
    assert diary.photos() == before and {row["by"] for row in before} == {"dots-1"}
    why = diary.call("photos", "why", "1.jpg").stdout
    assert "placed by the model dots-1" in why and "the model mine-1 sees them 0.1 % of their distance away, they stay" in why
    drop(diary.inbox, "3.jpg", photo(3))
    diary.until_film_of(4)
    assert until_the_film_shows_it_all(diary) == made + 1
    assert {row["names"][0]: row["by"] for row in diary.photos()}["3.jpg"] == "mine-1"
    assert diary.stop() == 0


def test_killed_while_photos_are_looked_at_again(diary: Diary) -> None:
    """Whoever is killed in the middle goes on where it stood: each photo is looked at once, and all come out as the new model says."""
    for number in range(10):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    assert diary.call("scan", "--once").returncode == 0
    before = {row["sha256"]: row for row in diary.photos()}
    publish(diary, "mine-1", SHIFT)
    assert registry(diary).promote("mine-1")
    program = Path(diary.command[1])
    slowly = "    import time; real = DotLocator.locate; DotLocator.locate = lambda *a: (time.sleep(0.4), real(*a))[1]\n"
    program.write_text(program.read_text().replace("    models.resident", f"{slowly}    models.resident"))
    diary.start()
    diary.until(lambda s: 0 < s["judged_by_others"] < 10, "some are looked at again")
    diary.kill()
    diary.start()
    diary.until(lambda s: s["judged_by_others"] == 0 and s["photos"]["located"] == 0 and {row["by"] for row in diary.photos()} == {"mine-1"}, "all are")
    again = [row[0] for row in sightings(diary) if row[1] == "mine-1"]
    assert sorted(again) == sorted(before), "each once"
    assert all(row["left"][0] == pytest.approx(before[row["sha256"]]["left"][0] + SHIFT, abs=0.02) for row in diary.photos())
    assert diary.stop() == 0


def test_without_a_service_a_scan_carries_it_through(diary: Diary) -> None:
    """Who has no service running gets frames and film of the promoted model by the next scan, and by an import."""
    for number in range(3):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    assert diary.call("scan", "--once").returncode == 0
    film = diary.me()["reel"]["fingerprint"]
    publish(diary, "mine-1", SHIFT)
    registry(diary).promote("mine-1")
    assert diary.me()["judged_by_others"] == 3 and diary.status()["model"]["name"] == "mine-1"
    assert diary.call("scan", "--once").returncode == 0
    assert {row["by"] for row in diary.photos()} == {"mine-1"}
    assert diary.me()["judged_by_others"] == 0 and diary.me()["reel"]["fingerprint"] != film


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_real_models_promoted_and_rolled_back(tmp_path: Path) -> None:
    """With real networks, `locate` follows what is in force, and after a rollback answers as before, to the last bit; `models` says all of it."""
    skimage = pytest.importorskip("skimage")
    diary = Diary(tmp_path / "me", real_model=True)
    selfie = tmp_path / "selfie.png"
    Image.fromarray(skimage.data.astronaut()).save(selfie)

    def located() -> str:
        done = diary.call("locate", "--json", str(selfie))
        assert done.returncode == 0, done.stderr
        return done.stdout

    card = {"name": "mine-1", "base": "base", "labels": 12, "judgement": {"before": {"median": 1.1}, "after": {"median": 0.65}}}
    registry(diary).publish(altered(tmp_path / "a.safetensors", "mine-1", by=0.2), card)
    shipped = located()
    done = diary.call("models", "promote", "mine-1")
    assert done.returncode == 0 and "mine-1 is in force now; the next photodiary that runs predicts with it" in done.stdout, done.stderr
    mine = located()
    (lx, ly), (mx, my) = json.loads(shipped)["left"], json.loads(mine)["left"]
    assert json.loads(mine)["model"] == "mine-1" and abs(mx - lx) < 1 and 0.3 < my - ly < 8
    listed = diary.call("models", "list").stdout.splitlines()
    assert listed[0].startswith("  base-") and listed[1].startswith("* mine-1")
    assert "from 12 labels  median 1.10 -> 0.65 %" in listed[1] and listed[1].endswith("in force")
    assert diary.call("models", "rollback").returncode == 0
    assert located() == shipped
