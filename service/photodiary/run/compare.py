"""`compare`: our model, the Haar baseline of the original notebooks and MediaPipe on the same labelled photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.eyes import EyePair, Sighting
from photodiary.errors import NoRival
from photodiary.locate.config import LocateConfig
from photodiary.locate.views import DarkroomView
from photodiary.retrain.evaluate import Judged, scores, without_bias
from photodiary.retrain.rivals import SIDE, MediaPipe
from photodiary.run.models import resident
from photodiary.run.predict import developed, followed, judge, named, read_labels, sighted, timed

Find = Callable[[DarkroomView], Sighting]
ROWS = {"photodiary": "photodiary", "haar": "Haar cascades", "mediapipe": "MediaPipe", "mediapipe_unbiased": "the same, bias removed"}
HEADS = ("", "found", "median", "p90", "max", "over 5 %", "over 10 %", "bias x", "bias y", "s a photo")


def compare(path: Path, config: LocateConfig, environment: Path) -> tuple[dict[str, Any], str | None]:
    """`compare --json`, and a sentence about MediaPipe when it could not take part.

    The numbers of each locator are those of `evaluate`.  Others than ours say nothing of their doubts: they count as sure of every face
    they find.  `seconds_per_photo` leaves decoding out; MediaPipe's is its mesh alone, `seconds_with_thumbnail` has the thumbnail too.
    Raises BadLabels, also for a labelled photo that cannot be read.
    """
    labels = read_labels(path)
    locator, darkroom = resident(config), Darkroom(DarkroomConfig(workers=1))
    rival, absent = _started(environment)
    meshing: list[float] = []

    def haar(view: DarkroomView) -> Sighting:
        return _sure("haar", darkroom.haar(view.digest, view.load))

    def mediapipe(view: DarkroomView) -> Sighting:
        assert rival is not None
        eyes, seconds = rival.locate(view.thumbnail(SIDE), view.size)
        meshing.append(seconds)
        return _sure("mediapipe", eyes)

    finders: dict[str, Find] = {"photodiary": partial(sighted, locator), "haar": haar}
    if rival is not None:
        finders["mediapipe"] = mediapipe
    judged: dict[str, list[Judged]] = {name: [] for name in finders}
    seconds = dict.fromkeys(finders, 0.0)
    try:
        for file, label in followed(labels):
            with named(file):
                view = developed(file, darkroom)
                for name, find in list(finders.items()):
                    try:
                        sighting, took = timed(partial(find, view))
                    except NoRival as error:
                        absent = str(error)
                        del finders[name], judged[name]
                        continue
                    judged[name].append(judge(file, label, view, sighting))
                    seconds[name] += took
    finally:
        darkroom.close()
        if rival is not None:
            rival.close()
    models = {"photodiary": (locator.name, locator.device), "haar": ("haarcascades", "cpu"), "mediapipe": ("face_mesh", "cpu")}
    locators = {}
    for name, photos in judged.items():
        rest = {"seconds_per_photo": round(seconds[name] / len(labels), 4), "model": models[name][0], "device": models[name][1]}
        if name == "mediapipe":
            rest["seconds_with_thumbnail"], rest["seconds_per_photo"] = rest["seconds_per_photo"], round(sum(meshing) / len(labels), 4)
            locators["mediapipe_unbiased"] = {**scores(without_bias(photos)), **rest}
        locators[name] = {**scores(photos), **rest}
    return {"photos": len(labels), "locators": {name: locators[name] for name in ROWS if name in locators}}, absent


def _started(environment: Path) -> tuple[MediaPipe | None, str | None]:
    try:
        return MediaPipe(environment), None
    except NoRival as error:
        return None, str(error)


def _sure(by: str, eyes: EyePair | None) -> Sighting:
    return Sighting(by, None, None, "no_face", 0) if eyes is None else Sighting(by, eyes, 0.0)


def in_words(compared: Mapping[str, Any]) -> str:
    """An aligned table, a locator a line."""
    lines: list[tuple[str, ...]] = [HEADS]
    for name, row in compared["locators"].items():
        bias = [f"{value:+.2f}" for value in row["bias"]] if row["bias"] else ["-", "-"]
        errors = [f"{row[key]:.2f}" if row[key] < 1000 else "no face" for key in ("median", "p90", "max")]
        lines.append((ROWS[name], str(row["found"]), *errors, str(row["over_5"]), str(row["over_10"]), *bias, f"{row['seconds_per_photo']:.3f}"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    table = ["  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(line, widths, strict=True)))
             for line in lines]  # fmt: skip
    said = [f"{compared['photos']:,} photos; errors in % of the distance between the eyes; seconds without decoding", "", *table]
    if "mediapipe" in compared["locators"]:
        said += ["", f"MediaPipe with its thumbnail: {compared['locators']['mediapipe']['seconds_with_thumbnail']:.3f} s a photo"]
    return "\n".join(said)
