"""Corrections come from files and go to files; they hold, and what looks like a slip is asked about."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.daemon import Diary
from tests.support.dots import drop, eyes_of, photo

from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import digest_of
from photodiary.retrain.labels import name_of


def row_of(diary: Diary, number: int) -> dict[str, Any]:
    return next(row for row in diary.photos() if row["sha256"] == digest_of(photo(number)))


def moved(number: int, by: float) -> EyePair:
    left, right = eyes_of(number)
    return EyePair(Point(left.x + by, left.y), Point(right.x + by, right.y))


def on_canvas(row: dict[str, Any], eyes: EyePair) -> float:
    """How far from the canvas points a frame shows these eyes, in pixels."""
    matrix = np.array(row["matrix"])
    points = [matrix @ [*eye, 1] for eye in eyes]
    return max(float(np.hypot(*(point - row["canvas"][side]))) for point, side in zip(points, ("left", "right"), strict=True))


def folder_of_labels(folder: Path, labels: dict[int, EyePair]) -> Path:
    folder.mkdir()
    for number, eyes in labels.items():
        (folder / name_of(number, eyes)).write_bytes(photo(number))
    return folder


@pytest.mark.parametrize("running", [True, False])
def test_labels_from_a_folder_hold_the_frames(diary: Diary, running: bool) -> None:
    """Labels named into files move their frames, whoever carries it out; the same once more is nothing new; what fits no photo is said and left out."""
    for number in range(4):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    if running:
        diary.start()
        diary.until_film_of(4)
    else:
        assert diary.call("scan", "--once").returncode == 0
    before = row_of(diary, 1)
    labels = folder_of_labels(diary.folder / "labelled", {1: moved(1, 3), 2: moved(2, 5), 3: moved(3, 2000)})
    (diary.folder / "labelled" / name_of(9, moved(9, 0))).write_bytes(photo(9))
    done = diary.call("labels", "import", str(labels))
    assert done.returncode == 0, done.stderr
    assert "2 labels, 2 of them new" in done.stdout and "2 left out" in done.stdout
    assert "outside the photo (400 x 300)" in done.stdout and "not in the diary" in done.stdout
    assert diary.call("scan", "--once").returncode == 0
    row = row_of(diary, 1)
    assert row["by"] == "placed" and row["in_film"] and row["frame"] != before["frame"] and (diary.archive / row["frame"]).is_file()
    assert on_canvas(row, moved(1, 3)) < 0.1 < on_canvas(before, moved(1, 3))
    assert diary.me()["labels"] == {"placed": 2, "confirmed": 0}
    again = diary.call("labels", "import", str(labels))
    assert "2 labels, 0 of them new" in again.stdout
    assert row_of(diary, 1) == row


def test_a_slip_is_asked_about_and_a_second_word_settles_it(diary: Diary) -> None:
    """A label far from where the model is sure is in force but to be checked; placed once more it counts as meant."""
    drop(diary.inbox, "0.jpg", photo(0))
    assert diary.call("scan", "--once").returncode == 0
    table = diary.folder / "labels.csv"

    def bring(by: float) -> str:
        (left, right) = moved(0, by)
        table.write_text(f"file,left_x,left_y,right_x,right_y\n0.jpg,{left.x},{left.y},{right.x},{right.y}\n")
        done = diary.call("labels", "import", str(table))
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "far from where the model is sure" in bring(60)
    assert diary.call("scan", "--once").returncode == 0
    row = row_of(diary, 0)
    assert (row["stage"], row["reason"], row["by"]) == ("doubtful", "label_differs", "placed") and row["in_film"]
    assert "far from where" not in bring(60.5)
    assert diary.call("scan", "--once").returncode == 0
    assert (row_of(diary, 0)["stage"], row_of(diary, 0)["reason"]) == ("aligned", None)


def test_exported_labels_come_back(diary: Diary) -> None:
    """A table leads to the originals and reads back to a thousandth of a pixel, a folder of names to a tenth; nothing is written over."""
    for number in range(3):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    assert diary.call("scan", "--once").returncode == 0
    assert diary.call("labels", "export", str(diary.folder / "none.csv")).returncode == 64
    labels = folder_of_labels(diary.folder / "labelled", {0: moved(0, 1.25), 2: moved(2, 2)})
    assert diary.call("labels", "import", str(labels)).returncode == 0
    table = diary.folder / "out.csv"
    done = diary.call("labels", "export", str(table))
    assert done.returncode == 0 and "2 labels written" in done.stdout, done.stderr
    with table.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["sha256"] for row in rows] == [digest_of(photo(number)) for number in (0, 2)]
    assert all((table.parent / row["file"]).read_bytes() in (photo(0), photo(2)) and row["by"] == "placed" for row in rows)
    named = diary.folder / "names"
    assert diary.call("labels", "export", str(named)).returncode == 0
    assert len(list(named.iterdir())) == 2
    assert diary.call("labels", "export", str(named)).returncode == 64, "not written over"
    for path in (table, named):
        assert "2 labels, 0 of them new" in diary.call("labels", "import", str(path)).stdout or path == named
    assert abs(float(rows[0]["left_x"]) - moved(0, 1.25).left.x) < 0.06


@pytest.mark.parametrize("running", [True, False])
def test_an_import_brings_labels_along(diary: Diary, running: bool) -> None:
    """A folder of photos named by their labels becomes a film whose frames the labels hold, beside the daemon and without one."""
    if running:
        diary.start()
        diary.until_told("watches")
    labels = folder_of_labels(diary.folder / "labelled", {number: moved(number, 4) for number in range(3)})
    done = diary.call("import", "--labels", str(labels))
    assert done.returncode == 0, done.stderr
    assert "3 labels, 3 of them new" in done.stdout
    if running:
        diary.until_film_of(3)
    rows = diary.photos()
    assert [row["by"] for row in rows] == ["placed"] * 3 and all(row["in_film"] for row in rows)
    assert max(on_canvas(row, moved(number, 4)) for number, row in enumerate(rows)) < 0.12
    assert diary.me()["reel"]["frames"] == 3
