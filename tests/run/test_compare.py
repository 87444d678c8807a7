"""`compare` and `evaluate --report` as a person calls them; MediaPipe is a stand-in program in a stand-in environment."""

from __future__ import annotations

import json
import math
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.dots import DotLocator, eyes_of, photo

from photodiary.cli import main
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import digest_of
from photodiary.errors import NoRival
from photodiary.eyenet import registry
from photodiary.locate.config import LocateConfig
from photodiary.locate.views import Located, View
from photodiary.retrain import rivals
from photodiary.retrain.labels import name_of
from photodiary.run import compare as comparing

LEFT, RIGHT = (203.1, 100.4), (246.2, 102.4)  # pupils of skimage.data.astronaut(), measured by hand
EVALUATE_KEYS = ["photos", "found", "median", "p90", "max", "over_5", "over_10", "frame_mse", "bias", "doubtful", "doubtful_over_5", "sure_over_5", "auroc_5",
                 "seconds_per_photo", "model", "device"]  # fmt: skip

ANSWERING = """
    print('{"ready": true}', flush=True)
    while len(head := sys.stdin.buffer.read(8)) == 8:
        width, height = struct.unpack("<II", head)
        assert len(sys.stdin.buffer.read(3 * width * height)) == 3 * width * height
        left, right = [203.1 / 512 * width, 101.4 / 512 * height], [246.2 / 512 * width, 103.4 / 512 * height]
        print(json.dumps({"left": left, "right": right, "seconds": 0.25}), flush=True)
"""


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTODIARY_CONFIG", raising=False)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """One public portrait with its label."""
    from skimage import data

    Image.fromarray(data.astronaut()).save(tmp_path / "a&b.png")
    (tmp_path / "labels.csv").write_text(f"file,left_x,left_y,right_x,right_y\na&b.png,{LEFT[0]},{LEFT[1]},{RIGHT[0]},{RIGHT[1]}\n")
    return tmp_path / "labels.csv"


def environment(folder: Path, program: str) -> Path:
    """What deploy/rivals.sh would make, with `program` in place of whatever its Python is told to run."""
    (folder / "bin").mkdir(parents=True)
    (folder / "program.py").write_text("import json, struct, sys, time\n" + textwrap.dedent(program))
    (folder / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{folder}/program.py"\n')
    os.chmod(folder / "bin" / "python", 0o755)
    return folder


def the_json(out: str) -> dict:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    (line,) = out.splitlines()
    return json.loads(line, parse_constant=refuse)


@pytest.mark.slow
def test_compare_sets_three_locators_side_by_side(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object with the numbers of `evaluate` for ours, Haar and MediaPipe, and MediaPipe's once more without its bias."""
    assert main(["compare", str(labels), "--json", "--rivals", str(environment(tmp_path / "rivals", ANSWERING))]) == 0
    out, err = capsys.readouterr()
    seen = the_json(out)
    assert err == "" and list(seen) == ["photos", "locators"] and seen["photos"] == 1
    assert list(seen["locators"]) == ["photodiary", "haar", "mediapipe", "mediapipe_unbiased"]
    for name, row in seen["locators"].items():
        assert [key for key in row if key != "seconds_with_thumbnail"] == EVALUATE_KEYS, name
        assert row["found"] == 1 and row["median"] < 10
    rival = seen["locators"]["mediapipe"]
    assert rival["seconds_per_photo"] == 0.25 and rival["seconds_with_thumbnail"] > 0
    assert rival["bias"][1] == pytest.approx(100 / 43.15, abs=0.1) and seen["locators"]["mediapipe_unbiased"]["median"] < 0.01


@pytest.mark.slow
def test_without_the_second_environment_its_rows_are_missing(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0, a table of the others, and a sentence on stderr with the command that makes the environment."""
    assert main(["compare", str(labels), "--rivals", str(tmp_path / "no rivals")]) == 0
    out, err = capsys.readouterr()
    assert "MediaPipe is left out" in err and f"deploy/rivals.sh '{tmp_path}/no rivals'" in err
    table = out.splitlines()[2:]
    assert len(table) == 3 and len({len(line) for line in table}) == 1
    assert table[1].startswith("photodiary") and table[2].startswith("Haar")


class Learnt:
    """Finds dots like the locator of the tests, `off` % of the distance between the eyes beside them, as another model would."""

    device, trouble = "cpu", None

    def __init__(self, name: str, sha256: str, off: float) -> None:
        self.name, self.sha256, self._off = name, sha256, off

    def locate(self, view: View) -> Located:
        said = DotLocator().locate(view).sighting
        assert said.eyes is not None
        by = self._off / 100 * said.eyes.iod
        return Located(Sighting(self.name, EyePair(*(Point(x + by, y) for x, y in said.eyes)), 1.0))


@pytest.fixture
def dots(tmp_path: Path) -> Path:
    """Four photos named by their labels."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    for number in range(4):
        (folder / name_of(number, eyes_of(number))).write_bytes(photo(number))
    return folder


def compared(dots: Path, state: Path, monkeypatch: pytest.MonkeyPatch, card: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """`compare` where a model that learnt is in force, and its table."""
    (state / "models").mkdir(parents=True)
    (state / "models/personal.json").write_text(json.dumps({"name": "personal", "sha256": "1" * 64, **card}))
    models = {str(state): Learnt("personal", "1" * 64, 1.0), "": Learnt("base", registry.current().sha256 or "", 4.0)}
    monkeypatch.setattr(comparing, "resident", lambda config, state="": models[state])
    said, _ = comparing.compare(dots, LocateConfig(), Path("none"), str(state))
    return said, comparing.in_words(said)


def test_a_model_that_learnt_stands_beside_the_shipped_one(dots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both rows; how many of the photos it was trained on, the medians over the others, and those of cross-validation, in JSON and in words."""
    trained = [digest_of(photo(number)) for number in (0, 1, 2, 7)]
    said, words = compared(
        dots, tmp_path / "state", monkeypatch, {"trained_on": trained, "judgement": {"before": {"median": 1.32}, "after": {"median": 0.684}}}
    )
    assert list(said["locators"]) == ["before", "photodiary", "haar"]
    assert [said["locators"][name]["model"] for name in ("before", "photodiary")] == ["base", "personal"]
    assert said["locators"]["before"]["median"] == pytest.approx(4.0, abs=0.3) and said["locators"]["photodiary"]["median"] == pytest.approx(1.0, abs=0.3)
    learnt = said["learnt"]
    assert (learnt["model"], learnt["trained_on"], learnt["unseen"]["photos"]) == ("personal", 3, 1)
    assert learnt["unseen"]["before"] == pytest.approx(4.0, abs=0.3) and learnt["unseen"]["after"] == pytest.approx(1.0, abs=0.3)
    assert learnt["cross_validated"] == {"before": 1.32, "after": 0.684}
    assert "\nphotodiary before " in words and "\nphotodiary after * " in words
    assert "* it was trained on 3 of these 4 photos, so its row flatters it" in words
    assert "on the other photo, which it never saw: median" in words and "median 1.32 % before, 0.68 % after" in words


@pytest.mark.parametrize(
    ("card", "trained_on", "marked", "said", "unsaid"),
    [
        ({"trained_on": []}, 0, False, "after: personal", "flatters"),
        ({"trained_on": [digest_of(photo(n)) for n in range(4)]}, 4, True, "trained on 4 of these 4 photos", "never saw"),
        ({}, None, True, "is not recorded", "never saw"),
        ({"trained_on": [], "judgement": {"before": None, "after": {"median": math.nan}}}, 0, False, "after: personal", "cross-validated"),
    ],
)  # fmt: skip
def test_what_is_not_known_of_a_model_is_not_made_up(
    dots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: dict[str, Any], trained_on: int | None, marked: bool, said: str, unsaid: str
) -> None:
    """A row is marked when it saw photos, or may have; there are no medians of photos there are none of, and none that were not recorded."""
    result, words = compared(dots, tmp_path / "state", monkeypatch, card)
    assert result["learnt"] == {"model": "personal", "trained_on": trained_on, "unseen": None, "cross_validated": None}
    assert ("photodiary after *" in words) is marked and said in words and unsaid not in words


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("sys.exit('no module named mediapipe')", "no module named mediapipe"),
        ("print('hello', flush=True); time.sleep(60)", "stopped"),
        ("time.sleep(60)", "stopped"),
    ],
)
def test_a_rival_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str) -> None:
    """A program that dies, talks nonsense or never answers is NoRival with what it said and the command that helps."""
    monkeypatch.setattr(rivals, "START_SECONDS", 2.0)
    with pytest.raises(NoRival, match=said) as told:
        rivals.MediaPipe(environment(tmp_path / "rivals", program))
    assert "deploy/rivals.sh" in str(told.value)


def test_a_rivals_answers_are_in_pixels_of_the_photo(tmp_path: Path) -> None:
    """Pixel centres at integers in both: the first pixel of a thumbnail at a tenth has its centre at 4.5; no face is None, nonsense is NoRival."""
    program = """
        print('{"ready": true}', flush=True)
        for answer in ({"left": [0, 0], "right": [1, 2], "seconds": 0.5}, {"left": None, "right": None, "seconds": 0.5}, {"left": [0], "seconds": 1}):
            sys.stdin.buffer.read(8 + 4 * 3 * 3)
            print(json.dumps(answer), flush=True)
    """
    picture = np.zeros((3, 4, 3), np.uint8)
    with rivals.MediaPipe(environment(tmp_path / "rivals", program)) as rival:
        eyes, seconds = rival.locate(picture, (40, 30))
        assert eyes is not None and (tuple(eyes.left), tuple(eyes.right), seconds) == (pytest.approx((4.5, 4.5)), pytest.approx((14.5, 24.5)), 0.5)
        assert rival.locate(picture, (40, 30))[0] is None
        with pytest.raises(NoRival, match="no sense"):
            rival.locate(picture, (40, 30))


def test_the_program_of_the_second_environment_stays_simple() -> None:
    """It is beside its client, reads as Python 3.9, the oldest that its environment may have, and needs nothing of ours."""
    import ast

    assert rivals.PROGRAM.parent == Path(rivals.__file__).parent
    tree = ast.parse(rivals.PROGRAM.read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "mediapipe" in imported
    assert not any(name.split(".")[0] == "photodiary" for name in imported)


@pytest.mark.slow
def test_evaluate_writes_a_report(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json --report: JSON alone on stdout, the page and every picture that it shows in the folder, pictures of an older report gone."""
    where = tmp_path / "deep" / "report"
    (where / "pictures").mkdir(parents=True)
    (where / "pictures" / "07-face.jpg").write_bytes(b"old")
    (where / "pictures" / "mine.jpg").write_bytes(b"mine")
    assert main(["evaluate", str(labels), "--json", "--report", str(where)]) == 0
    out, err = capsys.readouterr()
    assert list(the_json(out)) == EVALUATE_KEYS
    assert str(where / "index.html") in err
    page = (where / "index.html").read_text(encoding="utf-8")
    assert "a&amp;b.png" in page and "a&b.png" not in page
    assert sorted(path.name for path in (where / "pictures").iterdir()) == ["01-face.jpg", "01-left.jpg", "01-right.jpg", "mine.jpg"]
    with Image.open(where / "pictures" / "01-face.jpg") as face:
        assert face.size == (480, 480) and face.format == "JPEG"
        # 3.6 IOD wide with its middle 0.08 of that below the eyes' middle: the left pupil is darker than the cheek below it
        grey = np.asarray(face.convert("L"), float)
    x, y = 240 - 0.5 * 480 / 3.6, 240 - 0.08 * 480
    assert grey[round(y) - 4 : round(y) + 4, round(x) - 4 : round(x) + 4].mean() < grey[round(y) + 50 : round(y) + 60, round(x) - 4 : round(x) + 4].mean() - 40


def test_a_report_that_cannot_be_written_is_told_first(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file in the folder's place is a usage error before anything is predicted."""
    (tmp_path / "taken").write_text("")
    assert main(["evaluate", str(labels), "--report", str(tmp_path / "taken")]) == 64
    assert "taken" in capsys.readouterr().err
