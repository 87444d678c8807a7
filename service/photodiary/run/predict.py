"""Predicting without a diary: `locate` and `evaluate`, through the same darkroom and model as the daemon."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.eyes import DoubtConfig, EyePair, Sighting, triage
from photodiary.diary.photo import digest_of, shown_name
from photodiary.errors import BadLabels, BadUsage, PhotodiaryError
from photodiary.inbox import files
from photodiary.locate.config import LocateConfig
from photodiary.locate.views import DarkroomView, Locator
from photodiary.retrain.labels import read
from photodiary.run.models import resident

if TYPE_CHECKING:
    from photodiary.retrain.evaluate import Judged

THUMBNAIL = 320  # pixels on the longer side, enough to measure how bright a face is
T = TypeVar("T")


def developed(path: Path, darkroom: Darkroom) -> DarkroomView:
    """A photo from a file, read and decoded, ready to be looked at.  Raises PhotodiaryError."""
    data, _, _ = files.read(os.fsencode(path), DarkroomConfig().max_megabytes)
    digest = digest_of(data)
    seen = darkroom.inspect(digest, data)
    return DarkroomView(darkroom, digest, lambda: data, (seen.width, seen.height))


def sighted(locator: Locator, view: DarkroomView) -> Sighting:
    """What the model says of a photo without a diary, so without knowing whose it is."""
    return locator.locate(view).sighting


def timed(act: Callable[[], T]) -> tuple[T, float]:
    """What `act` returns, and the seconds it took."""
    started = time.perf_counter()
    result = act()
    return result, time.perf_counter() - started


def locate_files(paths: Sequence[Path], config: LocateConfig, state: str = "") -> Iterator[dict[str, Any]]:
    """`locate --json` of CLI.md, file by file; one that cannot be read gives its error and the others go on.

    state: the folder whose registry says which model is in force, "" for the shipped one.
    """
    locator, darkroom = resident(config, state), Darkroom(DarkroomConfig(workers=1))
    try:
        for path in paths:
            name = shown_name(os.fsencode(path))
            try:
                view = developed(path, darkroom)
                sighting = sighted(locator, view)
            except PhotodiaryError as error:
                yield {"file": name, "error": str(error)}
                continue
            eyes = sighting.eyes
            yield {
                "file": name, "width": view.size[0], "height": view.size[1],
                "left": None if eyes is None else list(eyes.left), "right": None if eyes is None else list(eyes.right),
                "expected_error": sighting.expected_error, "doubtful": triage(sighting, DoubtConfig()).doubtful,
                "reason": sighting.reason, "faces": sighting.faces, "model": locator.name,
            }  # fmt: skip
    finally:
        darkroom.close()


def read_labels(path: Path) -> list[tuple[Path, EyePair]]:
    """(file, eyes) of a label CSV or of a folder of `N_row_col_row_col.jpg`.  Raises BadLabels naming the line."""
    return [(line.file, line.eyes) for line in read(path)]


@contextmanager
def named(file: Path) -> Iterator[None]:
    """Whatever is wrong with a labelled photo becomes BadLabels with its name: scores over a part of the set would mislead."""
    try:
        yield
    except PhotodiaryError as error:
        raise BadLabels(f"{file}: cannot be read: {error}") from error


def followed(labels: Sequence[tuple[Path, EyePair]]) -> Iterator[tuple[Path, EyePair]]:
    """The labels one by one, with progress on a terminal."""
    for number, label in enumerate(labels, start=1):
        yield label
        if sys.stderr.isatty():
            print(f"\r{number:,} of {len(labels):,} photos", end="\n" if number == len(labels) else "", file=sys.stderr, flush=True)


def judge(file: Path, label: EyePair, view: DarkroomView, sighting: Sighting) -> Judged:
    """A prediction beside its label, named as people may read it."""
    from photodiary.retrain.evaluate import Judged

    decision = triage(sighting, DoubtConfig())
    return Judged(shown_name(os.fsencode(file.name)), label, sighting.eyes, sighting.expected_error, decision.doubtful, view.size, sighting.reason)


def evaluate(path: Path, config: LocateConfig, report: Path | None = None, state: str = "") -> dict[str, Any]:
    """`evaluate --json` of CLI.md; with `report` also a page with pictures in that folder.

    Raises BadLabels, also for a labelled photo that cannot be read, and BadUsage for a folder that cannot be written.
    """
    from photodiary.retrain.evaluate import face_brightness, scores

    labels = read_labels(path)
    if report is not None:
        _make_room(report)
    locator, darkroom = resident(config, state), Darkroom(DarkroomConfig(workers=1))
    judged: list[Judged] = []
    seconds = 0.0
    try:
        for file, label in followed(labels):
            with named(file):
                view = developed(file, darkroom)
                sighting, took = timed(partial(sighted, locator, view))
                one = judge(file, label, view, sighting)
                if report is not None:
                    one = replace(one, brightness=face_brightness(view.thumbnail(THUMBNAIL), label, view.size))
            judged.append(one)
            seconds += took
        result = {**scores(judged), "seconds_per_photo": round(seconds / len(judged), 4), "model": locator.name, "device": locator.device}
        if report is not None:
            _write(report, path, labels, judged, result, darkroom)
    finally:
        darkroom.close()
    return result


def _make_room(folder: Path) -> None:
    """Before the long work, see that the report can be written; pictures of an earlier one go."""
    try:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        for old in (folder / "pictures").glob("[0-9][0-9]-*.jpg"):
            old.unlink()
    except OSError as error:
        raise BadUsage(f"the report cannot be written to {folder}: {error.strerror}") from error


def _write(
    folder: Path, path: Path, labels: Sequence[tuple[Path, EyePair]], judged: Sequence[Judged], result: dict[str, Any], darkroom: Darkroom
) -> None:  # fmt: skip
    from photodiary.retrain import report

    try:
        for wanted in report.pictures(judged):
            file, _ = labels[wanted.photo]
            with named(file):
                view = developed(file, darkroom)
                jpeg = darkroom.frame(view.digest, view.load, wanted.matrix, wanted.canvas)
            (folder / wanted.path).write_bytes(jpeg)
        (folder / "index.html").write_text(report.page(shown_name(os.fsencode(path)), judged, result), encoding="utf-8")
    except OSError as error:
        raise BadUsage(f"the report cannot be written to {folder}: {error.strerror}") from error
