"""Label files are read and written so that nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.eyes import EyePair, Point, eyes_from_name
from photodiary.errors import BadLabels
from photodiary.retrain import labels
from photodiary.retrain.labels import Line

EYES = EyePair(Point(100.25, 200.5), Point(180.125, 203.0))
WITHIN = st.floats(0, 20_000, allow_nan=False)


def test_a_written_table_reads_back(tmp_path: Path) -> None:
    """Eyes, who placed them and the photo's digest come back, and `file` leads from the table to the photo."""
    photo = tmp_path / "archive" / "a.jpg"
    lines = [Line(photo, EYES, "placed", "ab" * 32), Line(tmp_path / "b, with comma.jpg", EYES, "confirmed", "cd" * 32)]
    table = tmp_path / "out" / "labels.csv"
    table.parent.mkdir()
    assert labels.write_csv(table, [(line, "2024-05-15T08:30:00") for line in lines]) == 2
    back = labels.read(table)
    assert [(line.file.resolve(), line.eyes, line.by, line.sha256) for line in back] == [(line.file, line.eyes, line.by, line.sha256) for line in lines]
    assert [path.name for path in table.parent.iterdir()] == ["labels.csv"]


def test_more_columns_and_another_order_are_allowed(tmp_path: Path) -> None:
    """A table of another program, with a byte order mark, more columns and its own order, is read; without `by` a label counts as placed."""
    (tmp_path / "t.csv").write_text("\ufeffnote,right_y,right_x,left_y,left_x,file\nhi,4,30,2,1,x.jpg\n", encoding="utf-8")
    assert labels.read(tmp_path / "t.csv") == [Line(tmp_path / "x.jpg", EyePair(Point(1, 2), Point(30, 4)))]


@pytest.mark.parametrize("row", ["x.jpg,1,2,3", "x.jpg,1,2,nan,4", "x.jpg,1,2,1,2", "x.jpg,one,2,3,4"])
def test_a_wrong_line_is_named(tmp_path: Path, row: str) -> None:
    """Missing, infinite or equal places are refused with the line's number."""
    (tmp_path / "t.csv").write_text(f"file,left_x,left_y,right_x,right_y\nfine.jpg,1,2,30,4\n{row}\n")
    with pytest.raises(BadLabels, match="line 3"):
        labels.read(tmp_path / "t.csv")


def test_no_labels_at_all_are_an_error(tmp_path: Path) -> None:
    """An empty folder, a table without rows and a missing file each say so."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "t.csv").write_text("file,left_x,left_y,right_x,right_y\n")
    for path in (tmp_path / "empty", tmp_path / "t.csv"):
        with pytest.raises(BadLabels, match="no labels found"):
            labels.read(path)
    with pytest.raises(BadLabels, match="cannot be read"):
        labels.read(tmp_path / "nowhere.csv")


@given(st.integers(0, 9999), WITHIN, WITHIN, WITHIN, WITHIN)
def test_a_name_holds_its_eyes_to_a_tenth_of_a_pixel(number: int, a: float, b: float, c: float, d: float) -> None:
    """What `name_of` writes, `eyes_from_name` reads, within half of the last digit."""
    eyes = EyePair(Point(a, b), Point(c, d))
    back = eyes_from_name(labels.name_of(number, eyes))
    assert back is not None
    assert max(abs(x - y) for one, two in zip(eyes, back, strict=True) for x, y in zip(one, two, strict=True)) <= 0.0501
