"""Predicting without a diary: `locate` and `evaluate`, through the same darkroom and model as the daemon."""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from photodiary.darkroom.darkroom import Darkroom, Inspection
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.eyes import DoubtConfig, EyePair, Point, Sighting, eyes_from_name, triage
from photodiary.diary.photo import digest_of, shown_name
from photodiary.errors import BadLabels, Held, PhotodiaryError
from photodiary.inbox import files
from photodiary.locate.config import LocateConfig
from photodiary.locate.views import DarkroomView, Locator
from photodiary.run.models import resident


def _predict(path: Path, locator: Locator, darkroom: Darkroom) -> tuple[Sighting, Inspection, float]:
    """A sighting, what the photo is, and the seconds that predicting took after decoding.  Raises PhotodiaryError."""
    data, _, _ = files.read(os.fsencode(path), DarkroomConfig().max_megabytes)
    digest = digest_of(data)
    seen = darkroom.inspect(digest, data)
    started = time.perf_counter()
    sighting = locator.locate(DarkroomView(darkroom, digest, lambda: data, (seen.width, seen.height)))
    return sighting, seen, time.perf_counter() - started


def locate_files(paths: Sequence[Path], config: LocateConfig) -> Iterator[dict[str, Any]]:
    """`locate --json` of CLI.md, file by file; one that cannot be read gives its error and the others go on."""
    locator, darkroom = resident(config), Darkroom(DarkroomConfig(workers=1))
    try:
        for path in paths:
            name = shown_name(os.fsencode(path))
            try:
                sighting, seen, _ = _predict(path, locator, darkroom)
            except PhotodiaryError as error:
                yield {"file": name, "error": str(error)}
                continue
            eyes = sighting.eyes
            yield {
                "file": name, "width": seen.width, "height": seen.height,
                "left": None if eyes is None else list(eyes.left), "right": None if eyes is None else list(eyes.right),
                "expected_error": sighting.expected_error, "doubtful": triage(sighting, DoubtConfig()).doubtful,
                "reason": sighting.reason, "faces": sighting.faces, "model": locator.name,
            }  # fmt: skip
    finally:
        darkroom.close()


def read_labels(path: Path) -> list[tuple[Path, EyePair]]:
    """(file, eyes) of a label CSV or of a folder of `N_row_col_row_col.jpg`.  Raises BadLabels naming the line."""
    if path.is_dir() and (path / "labels.csv").exists():
        path = path / "labels.csv"
    if path.is_dir():
        found = [(file, eyes) for file in sorted(path.iterdir()) if (eyes := eyes_from_name(file.name)) is not None]
    else:
        found = list(_rows(path))
    if not found:
        raise BadLabels(f"{path}: no labels found; give a CSV with file,left_x,left_y,right_x,right_y or a folder of N_row_col_row_col.jpg")
    return found


def _rows(path: Path) -> Iterator[tuple[Path, EyePair]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            for number, row in enumerate(csv.DictReader(handle), start=2):
                try:
                    eyes = EyePair(Point(float(row["left_x"]), float(row["left_y"])), Point(float(row["right_x"]), float(row["right_y"])))
                    if not all(math.isfinite(v) for point in eyes for v in point) or eyes.iod == 0:
                        raise ValueError("the eyes lie on one point or nowhere")
                    yield path.parent / row["file"], eyes
                except (KeyError, TypeError, ValueError) as error:
                    raise BadLabels(f"{path}: line {number}: {error!r}; the header must be file,left_x,left_y,right_x,right_y, and numbers below it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadLabels(f"{path}: cannot be read: {error}") from error


def evaluate(path: Path, config: LocateConfig) -> dict[str, Any]:
    """`evaluate --json` of CLI.md.  Raises BadLabels, also for a labelled photo that cannot be read."""
    from photodiary.retrain.evaluate import Judged, scores

    labels = read_labels(path)
    locator, darkroom = resident(config), Darkroom(DarkroomConfig(workers=1))
    judged, seconds = [], 0.0
    try:
        for file, label in labels:
            try:
                sighting, seen, took = _predict(file, locator, darkroom)
            except (Held, PhotodiaryError) as error:
                raise BadLabels(f"{file}: cannot be read: {error}") from error
            seconds += took
            judged.append(Judged(file.name, label, sighting.eyes, sighting.expected_error, triage(sighting, DoubtConfig()).doubtful, (seen.width, seen.height)))
    finally:
        darkroom.close()
    return {**scores(judged), "seconds_per_photo": round(seconds / len(judged), 4), "model": locator.name, "device": locator.device}
