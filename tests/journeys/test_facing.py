"""A phone wrote its selfies mirrored, another one photos without saying which way is up: a person says so, and it stays said."""

from __future__ import annotations

import io
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.daemon import Diary
from tests.support.dots import drop, eyes_of, find_dots, jpeg, photo, picture

from photodiary import cli
from photodiary.diary.eyes import EyePair, Point
from photodiary.retrain.labels import name_of

LABEL = 3.0  # pixels beside the dots, along the line through both: where a person says that photo 1 has its eyes
left, right = eyes_of(1)
step = LABEL / math.dist(left, right) * (right.x - left.x), LABEL / math.dist(left, right) * (right.y - left.y)
TRUTH = EyePair(*(Point(eye.x + step[0], eye.y + step[1]) for eye in (left, right)))


def name(number: int) -> str:
    return f"{number}.jpg"


def verb(diary: Diary, *arguments: str) -> str:
    done = diary.call(*arguments)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def frames(diary: Diary, rows: list[dict[str, Any]]) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO((diary.archive / row["frame"]).read_bytes()))) for row in rows]


def off(row: dict[str, Any], frame: np.ndarray, *, mirrored: bool) -> EyePair:
    """How far the red dot (left in the photo) and the blue one are right of and below the canvas points where they belong."""
    seen = find_dots(frame)
    assert seen is not None
    points = [Point(*row["canvas"][side]) for side in (("right", "left") if mirrored else ("left", "right"))]
    return EyePair(*(Point(dot.x - point.x, dot.y - point.y) for dot, point in zip(seen, points, strict=True)))


def holds(diary: Diary, size: int) -> list[dict[str, Any]]:
    """All frames are as a person said: those of 2 and 3 March mirrored, that of 2 March on the eyes that were placed."""
    rows = diary.photos()
    mirrored = [row["facing"] == {"mirrored": True, "turned": None} for row in rows]
    assert mirrored == [False, True, True, False]
    assert [row["by"] for row in rows] == ["dots-1", "placed", "dots-1", "dots-1"]
    assert [np.linalg.det(np.array(row["matrix"])[:, :2]) < 0 for row in rows] == mirrored
    for number, (row, frame) in enumerate(zip(rows, frames(diary, rows), strict=True)):
        assert frame.shape == (size, size, 3)
        to_the_right = LABEL * 0.3 * size / TRUTH.iod if number == 1 else 0.0  # left of the label in the photo, right of it in the mirror
        for dot in off(row, frame, mirrored=mirrored[number]):
            assert abs(dot.x - to_the_right) < 0.8 and abs(dot.y) < 0.8
    landed = [np.array(rows[1]["matrix"]) @ [*eye, 1] for eye in TRUTH]
    assert max(np.hypot(*(point - rows[1]["canvas"][side])) for point, side in zip(landed, ("right", "left"), strict=True)) < 0.12
    return rows


def test_a_phones_whole_period_is_mirrored_and_stays_so(diary: Diary, tmp_path: Path) -> None:
    """Photos of these days are mirrored and the others are not, the film follows; that and a correction outlive the picture format, backup and restore."""
    for number in range(4):
        drop(diary.inbox, name(number), photo(number))
    verb(diary, "scan", "--once")
    before, film = diary.photos(), diary.me()["reel"]["fingerprint"]
    assert all(row["facing"] == {"mirrored": False, "turned": None} for row in before)
    (diary.folder / "labels").mkdir()
    (diary.folder / "labels" / name_of(1, TRUTH)).write_bytes(photo(1))
    verb(diary, "labels", "import", str(diary.folder / "labels"))
    told = verb(diary, "photos", "mirror", "--from", "2024-03-02", "--to", "2024-03-03")
    assert told.count("2024 08:30: mirrored; in the film") == 2
    verb(diary, "scan", "--once")
    after = holds(diary, 320)
    assert [row["frame"] == old["frame"] for row, old in zip(after, before, strict=True)] == [True, False, False, True]
    assert (after[2]["left"], after[2]["right"]) == (before[2]["left"], before[2]["right"]), "eyes stay in the upright original"
    assert diary.me()["reel"]["fingerprint"] != film
    why = verb(diary, "photos", "why", name(2))
    assert "round    mirrored" in why and "said to be mirrored by you on" in why
    verb(diary, "backup", str(tmp_path / "backup"))
    shutil.move(diary.archive, diary.folder / "lost")
    diary.config.write_text(diary.config.read_text().replace("320x320 eyes 30% apart at 44%", "240x240 eyes 30% apart at 44%"))
    told = verb(diary, "restore", str(tmp_path / "backup"))
    assert "1 correction" in told and "2 decisions" in told
    verb(diary, "scan", "--once")
    holds(diary, 240)


def test_a_photo_that_stands_on_its_head_is_turned_by_a_person(diary: Diary) -> None:
    """What file and model have upside down is put right beside the daemon: it is looked at that way up, and the film follows.

    The model of these tests calls the red dot left; here it is the blue one, in a photo that stands on its head.
    """
    upright = picture(EyePair(right, left), seed=1)
    drop(diary.inbox, "lies.jpg", jpeg(np.ascontiguousarray(upright[::-1, ::-1]), "2024:03:02 08:30:00"))
    drop(diary.inbox, name(0), photo(0))
    diary.start()
    film = diary.until_film_of(2)["reel"]["fingerprint"]
    told = verb(diary, "photos", "turn", "lies.jpg", "--by", "180")
    assert "not mirrored, upright when turned by 180 degrees clockwise; in the film" in told
    diary.until(lambda s: s["reel"]["fingerprint"] != film and s["photos"]["located"] == s["photos"]["received"] == 0, "another film")
    row = next(row for row in diary.photos() if row["names"] == ["lies.jpg"])
    assert row["left"] == pytest.approx([399 - left.x, 299 - left.y], abs=0.7) and row["right"] == pytest.approx([399 - right.x, 299 - right.y], abs=0.7)
    dots = off(row, frames(diary, [row])[0], mirrored=True)  # the blue dot on the left point
    assert max(abs(value) for dot in dots for value in dot) < 0.7
    assert diary.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mirror",), "say which photos"),
        (("mirror", "0.jpg", "--from", "2024-03-01"), "not both"),
        (("mirror", "--from", "2030-01-01"), "no photo of that period"),
        (("turn", "--by", "90", "--from", "2024-03-02", "--to", "2024-03-01"), "begins only on"),
        (("mirror", "--to", "March"), "no day"),
        (("turn", "0.jpg", "--by", "45"), "--by"),
    ],
)
def test_what_is_meant_must_be_clear(diary: Diary, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str) -> None:
    """Neither photo nor period, both, a period without photos or the wrong way round, a day or a turn that is none: exit 64, in words."""
    from photodiary.ledger.store import Ledger

    diary.archive.mkdir()
    Ledger(diary.archive).close()
    try:
        code = cli.main(["photos", *arguments, "--config", str(diary.config)])
    except SystemExit as stopped:  # argparse's own
        code = int(stopped.code or 0)
    assert code == 64
    assert words in capsys.readouterr().err
