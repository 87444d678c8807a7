"""`compare`: our model, before and after it learnt, the Haar baseline of the original notebooks and MediaPipe on the same labelled photos."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.eyes import EyePair, Sighting
from photodiary.errors import BadModel, NoRival
from photodiary.eyenet import registry
from photodiary.inbox import files
from photodiary.locate.config import LocateConfig
from photodiary.locate.views import DarkroomView, Locator
from photodiary.retrain.evaluate import Judged, scores, without_bias
from photodiary.retrain.rivals import SIDE, MediaPipe
from photodiary.run.models import resident
from photodiary.run.predict import developed, followed, judge, named, read_labels, sighted, timed

Find = Callable[[DarkroomView], Sighting]
ROWS = {"before": "photodiary before", "photodiary": "photodiary", "haar": "Haar cascades", "mediapipe": "MediaPipe",
        "mediapipe_unbiased": "the same, bias removed"}  # fmt: skip
HEADS = ("", "found", "median", "p90", "max", "over 5 %", "over 10 %", "bias x", "bias y", "s a photo")


def compare(path: Path, config: LocateConfig, environment: Path, state: str = "") -> tuple[dict[str, Any], str | None]:
    """`compare --json`, and a sentence about MediaPipe when it could not take part.

    The numbers of each locator are those of `evaluate`.  Others than ours say nothing of their doubts: they count as sure of every face
    they find.  `seconds_per_photo` leaves decoding out; MediaPipe's is its mesh alone, `seconds_with_thumbnail` has the thumbnail too.
    `photodiary` is the model in force; where that is not the shipped one, `before` is the shipped one, and `learnt` says what a fair reader has
    to know: how many of these photos the model in force was trained on (null where that is not recorded), its scores over the others, and what
    cross-validation, where no photo is judged by a model that saw it, said of both when it was promoted.
    Raises BadLabels, also for a labelled photo that cannot be read.
    """
    labels = read_labels(path)
    locator, darkroom = resident(config, state), Darkroom(DarkroomConfig(workers=1))
    shipped = None if locator.sha256 == registry.current().sha256 else resident(replace(config, model=""))
    rival, absent = _started(environment)
    meshing: list[float] = []

    def haar(view: DarkroomView) -> Sighting:
        return _sure("haar", darkroom.haar(view.digest, view.load))

    def mediapipe(view: DarkroomView) -> Sighting:
        assert rival is not None
        eyes, seconds = rival.locate(view.thumbnail(SIDE), view.size)
        meshing.append(seconds)
        return _sure("mediapipe", eyes)

    ours = {"photodiary": locator} if shipped is None else {"before": shipped, "photodiary": locator}
    finders: dict[str, Find] = {**{name: partial(sighted, one) for name, one in ours.items()}, "haar": haar}
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
    models = {**{name: (one.name, one.device) for name, one in ours.items()}, "haar": ("haarcascades", "cpu"), "mediapipe": ("face_mesh", "cpu")}
    locators = {}
    for name, photos in judged.items():
        rest = {"seconds_per_photo": round(seconds[name] / len(labels), 4), "model": models[name][0], "device": models[name][1]}
        if name == "mediapipe":
            rest["seconds_with_thumbnail"], rest["seconds_per_photo"] = rest["seconds_per_photo"], round(sum(meshing) / len(labels), 4)
            locators["mediapipe_unbiased"] = {**scores(without_bias(photos)), **rest}
        locators[name] = {**scores(photos), **rest}
    compared = {"photos": len(labels), "locators": {name: locators[name] for name in ROWS if name in locators}}
    if shipped is not None:
        compared["learnt"] = _learnt(locator, {} if config.model else _card(state, locator.name), labels, judged)
    return compared, absent


def _card(state: str, name: str) -> dict[str, Any]:
    try:
        return registry.Registry(state).card(name)
    except BadModel:
        return {}


def _learnt(locator: Locator, card: Mapping[str, Any], labels: Sequence[tuple[Path, EyePair]], judged: Mapping[str, Sequence[Judged]]) -> dict[str, Any]:
    """What a fair reader has to know of a model that learnt."""
    trained = card.get("trained_on")
    told: dict[str, Any] = {"model": locator.name, "trained_on": None, "unseen": None, "cross_validated": _cross_validated(card)}
    if isinstance(trained, list):
        known = {str(sha256) for sha256 in trained}
        fresh = [number for number, (file, _) in enumerate(labels) if (files.digest(os.fsencode(file)) or ("",))[0] not in known]
        told["trained_on"] = len(labels) - len(fresh)
        if fresh and told["trained_on"]:
            told["unseen"] = {"photos": len(fresh), **{when: scores([judged[name][n] for n in fresh])["median"]
                              for when, name in (("before", "before"), ("after", "photodiary"))}}  # fmt: skip
    return told


def _cross_validated(card: Mapping[str, Any]) -> dict[str, float] | None:
    """The medians that were found when it was promoted, each photo predicted by a model that had not seen it; None where none were recorded."""
    try:
        medians = {when: float(card["judgement"][when]["median"]) for when in ("before", "after")}
    except (KeyError, TypeError, ValueError):
        return None
    return medians if all(map(math.isfinite, medians.values())) else None


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
    learnt = compared.get("learnt")
    names = ROWS if learnt is None else {**ROWS, "photodiary": f"photodiary after{' *' if learnt['trained_on'] != 0 else ''}"}
    for name, row in compared["locators"].items():
        bias = [f"{value:+.2f}" for value in row["bias"]] if row["bias"] else ["-", "-"]
        errors = [f"{row[key]:.2f}" if row[key] < 1000 else "no face" for key in ("median", "p90", "max")]
        lines.append((names[name], str(row["found"]), *errors, str(row["over_5"]), str(row["over_10"]), *bias, f"{row['seconds_per_photo']:.3f}"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    table = ["  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(line, widths, strict=True)))
             for line in lines]  # fmt: skip
    said = [f"{compared['photos']:,} photos; errors in % of the distance between the eyes; seconds without decoding", "", *table]
    if "mediapipe" in compared["locators"]:
        said += ["", f"MediaPipe with its thumbnail: {compared['locators']['mediapipe']['seconds_with_thumbnail']:.3f} s a photo"]
    if learnt is not None:
        said += ["", *_fairly(learnt, compared["photos"], compared["locators"]["before"]["model"])]
    return "\n".join(said)


def _fairly(learnt: Mapping[str, Any], photos: int, shipped: str) -> list[str]:
    """before: the shipped model, after: the one in force, and how far its row may be believed."""
    lines = [f"before: {shipped}, the model that comes with photodiary; after: {learnt['model']}, the model in force"]
    trained, unseen, validated = learnt["trained_on"], learnt["unseen"], learnt["cross_validated"]
    if trained is None:
        lines.append("* whether it was trained on these photos is not recorded; if it was, its row flatters it")
    elif trained:
        lines.append(f"* it was trained on {trained:,} of these {photos:,} photos, so its row flatters it")
    if unseen is not None:
        many = f"the other {unseen['photos']:,} photos" if unseen["photos"] > 1 else "the other photo"
        lines.append(f"  on {many}, which it never saw: median {unseen['before']:.2f} % before, {unseen['after']:.2f} % after")
    if validated is not None and trained != 0:
        lines.append(
            f"  cross-validated before it was put in force, each photo by a model that had not seen it: median {validated['before']:.2f} % before, "
            f"{validated['after']:.2f} % after"
        )
    return lines
