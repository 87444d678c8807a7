"""`locate` and `evaluate` as others script against them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from photodiary.cli import main
from photodiary.diary.eyes import REASONS
from photodiary.errors import BadLabels
from photodiary.locate.config import LocateConfig
from photodiary.run import predict

# skimage.data.astronaut(), public domain; pupils measured by hand
LEFT, RIGHT = (203.1, 100.4), (246.2, 102.4)
LOCATE_KEYS = {"file", "width", "height", "left", "right", "expected_error", "doubtful", "reason", "faces", "model"}
EVALUATE_KEYS = ["photos", "found", "median", "p90", "max", "over_5", "over_10", "frame_mse", "bias", "doubtful", "doubtful_over_5", "sure_over_5", "auroc_5",
                 "seconds_per_photo", "model", "device"]  # fmt: skip


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTODIARY_CONFIG", raising=False)


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    from skimage import data

    return Image.fromarray(data.astronaut())


def lines_of(text: str) -> list[dict]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


@pytest.mark.slow
def test_locate_answers_every_file(portrait: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A good photo, one turned by EXIF, one without a face, an unreadable and a missing file: a JSON line each, exit status 1."""
    portrait.save(tmp_path / "good.jpg", quality=92)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: the first row lies on the right
    portrait.transpose(Image.Transpose.ROTATE_90).crop((0, 0, 512, 500)).save(tmp_path / "turned.jpg", exif=exif, quality=92)
    Image.new("RGB", (300, 200), (90, 120, 200)).save(tmp_path / "sky.png")
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "good.jpg").read_bytes()[:9000])
    names = [str(tmp_path / name) for name in ("good.jpg", "turned.jpg", "sky.png", "page.jpg", "cut.jpg", "missing.jpg")]
    assert main(["locate", "--json", *names]) == 1
    answers = lines_of(capsys.readouterr().out)
    assert [answer["file"] for answer in answers] == names
    good, turned, sky, *bad = answers
    for answer in (good, turned, sky):
        assert set(answer) == LOCATE_KEYS
    assert (good["width"], good["height"], good["faces"], good["doubtful"], good["reason"]) == (512, 512, 1, False, None)
    assert math.dist(good["left"], LEFT) < 1.7 and math.dist(good["right"], RIGHT) < 1.7
    assert 0 < good["expected_error"] < 5
    assert (turned["width"], turned["height"]) == (500, 512), "upright"
    assert math.dist(turned["left"], (LEFT[0] - 12, LEFT[1])) < 1.7
    assert (sky["left"], sky["right"], sky["expected_error"], sky["reason"], sky["faces"]) == (None, None, None, "no_face", 0)
    assert [set(answer) for answer in bad] == [{"file", "error"}] * 3
    assert "neither JPEG, PNG" in bad[0]["error"]
    assert "cut short" in bad[1]["error"]


def test_locate_without_errors_ends_well(portrait: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only readable files: exit status 0, and people read a sentence, also about a photo without a face."""
    portrait.save(tmp_path / "good.jpg")
    Image.new("RGB", (300, 200)).save(tmp_path / "dark.png")
    assert main(["locate", str(tmp_path / "good.jpg"), str(tmp_path / "dark.png")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "left eye 20" in first and "right eye 24" in first
    assert second.endswith(REASONS["no_face"])


def crops(portrait: Image.Image, folder: Path) -> Path:
    """Two crops of the portrait and a label CSV with one more column."""
    rows = ["file,left_x,left_y,right_x,right_y,taken_at"]
    for name, (x, y, right, below) in {"a.jpg": (80, 0, 400, 320), "b.png": (120, 20, 330, 260)}.items():
        portrait.crop((x, y, right, below)).save(folder / name)
        rows.append(f"{name},{LEFT[0] - x},{LEFT[1] - y},{RIGHT[0] - x},{RIGHT[1] - y},2024-01-01")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return folder / "labels.csv"


def test_evaluate_says_what_the_contract_says(portrait: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly the keys of CLI.md, in one JSON object, with numbers that fit two easy photos."""
    assert main(["evaluate", "--json", str(crops(portrait, tmp_path))]) == 0
    (seen,) = lines_of(capsys.readouterr().out)
    assert list(seen) == EVALUATE_KEYS
    assert (seen["photos"], seen["found"], seen["over_5"], seen["auroc_5"]) == (2, 2, 0, None)
    assert 0 < seen["median"] < 4
    assert len(seen["bias"]) == 2
    assert seen["seconds_per_photo"] > 0
    assert seen["device"] in ("cpu", "cuda")


def test_evaluate_reads_names_with_rows_and_columns(portrait: Image.Image, tmp_path: Path) -> None:
    """A folder of N_row_col_row_col.jpg, row first, is a label set too."""
    portrait.save(tmp_path / "7_100.4_203.1_102.4_246.2.jpg", quality=95)
    seen = predict.evaluate(tmp_path, LocateConfig(device="cpu", threads=1))
    assert (seen["photos"], seen["found"]) == (1, 1)
    assert seen["median"] < 4


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.jpg,1,2,3", "line 2"),
        ("a.jpg,1,2,x,4", "line 2"),
        ("a.jpg,nan,2,3,4", "line 2"),
        ("a.jpg,1,2,inf,4", "line 2"),
        ("a.jpg,5,5,5,5", "line 2"),
        ("", "no labels"),
    ],
)
def test_broken_labels_are_named(tmp_path: Path, line: str, said: str) -> None:
    """A wrong line of a label CSV is BadLabels with its number; so no score ever becomes NaN."""
    (tmp_path / "labels.csv").write_text(f"file,left_x,left_y,right_x,right_y\n{line}\n")
    with pytest.raises(BadLabels, match=said):
        predict.read_labels(tmp_path / "labels.csv")


def test_labels_that_are_no_table_are_told(portrait: Image.Image, tmp_path: Path) -> None:
    """A photo, an empty folder or nothing at all in place of labels is BadLabels naming it."""
    portrait.save(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    for name in ("a.png", "empty", "nowhere.csv"):
        with pytest.raises(BadLabels, match=name):
            predict.read_labels(tmp_path / name)


def test_a_labelled_photo_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scores over half a set would mislead: it ends with the name of the file and exit status 1."""
    (tmp_path / "labels.csv").write_text("file,left_x,left_y,right_x,right_y\nmissing.jpg,1,2,30,4\n")
    assert main(["evaluate", "--json", str(tmp_path / "labels.csv")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "missing.jpg" in err
