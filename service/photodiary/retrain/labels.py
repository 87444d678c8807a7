"""Label files: a CSV with `file,left_x,left_y,right_x,right_y`, or a folder of `N_row_col_row_col.jpg`.  Standard library only."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from photodiary.diary.eyes import EyePair, Point, eyes_from_name
from photodiary.errors import BadLabels

HEADER = ("file", "left_x", "left_y", "right_x", "right_y")
MORE = ("by", "sha256", "taken_at")  # what `labels export` adds


@dataclass(frozen=True)
class Line:
    """One label of a file: the photo's path, the eyes in pixels of its upright original, and who placed them when that is said."""

    file: Path
    eyes: EyePair
    by: str = "placed"
    sha256: str | None = None


def read(path: Path) -> list[Line]:
    """The labels of a CSV or a folder.  Raises BadLabels naming the line."""
    if path.is_dir() and (path / "labels.csv").exists():
        path = path / "labels.csv"
    if path.is_dir():
        found = [Line(file, eyes) for file in sorted(path.iterdir()) if (eyes := eyes_from_name(file.name)) is not None]
    else:
        found = list(_rows(path))
    if not found:
        raise BadLabels(f"{path}: no labels found; give a CSV with {','.join(HEADER)} or a folder of N_row_col_row_col.jpg")
    return found


def _rows(path: Path) -> Iterator[Line]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            for number, row in enumerate(csv.DictReader(handle), start=2):
                try:
                    eyes = EyePair(Point(float(row["left_x"]), float(row["left_y"])), Point(float(row["right_x"]), float(row["right_y"])))
                    if not all(math.isfinite(v) for point in eyes for v in point) or eyes.iod == 0:
                        raise ValueError("the eyes lie on one point or nowhere")
                    yield Line(path.parent / row["file"], eyes, "confirmed" if row.get("by") == "confirmed" else "placed", row.get("sha256") or None)
                except (KeyError, TypeError, ValueError) as error:
                    raise BadLabels(f"{path}: line {number}: {error!r}; the header must be {','.join(HEADER)}, and numbers below it") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadLabels(f"{path}: cannot be read: {error}") from error


def write_csv(path: Path, lines: Iterable[tuple[Line, str]]) -> int:
    """Write labels with the day each photo was taken; `file` is relative to the CSV.  Returns how many.  Raises BadLabels."""
    count = 0
    beside = path.with_name(f".tmp-{path.name}")
    try:
        with beside.open("w", newline="", encoding="utf-8") as handle:
            table = csv.writer(handle)
            table.writerow([*HEADER, *MORE])
            for line, taken_at in lines:
                numbers = [f"{value:.3f}" for point in line.eyes for value in point]
                table.writerow([os.path.relpath(line.file, path.parent), *numbers, line.by, line.sha256, taken_at])
                count += 1
        beside.replace(path)
    except OSError as error:
        raise BadLabels(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
    return count


def name_of(number: int, eyes: EyePair) -> str:
    """`N_row_col_row_col.jpg`, as the original project named its labelled photos; rows and columns to a tenth of a pixel."""
    left, right = eyes
    return f"{number}_{left.y:.1f}_{left.x:.1f}_{right.y:.1f}_{right.x:.1f}.jpg"
