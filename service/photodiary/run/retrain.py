"""`photodiary retrain`: learn from the labels of all diaries in a process of its own, judge what came out, and put it in force if it proved better.

It reads the ledgers, writes only below the state folder, and what it made becomes the model in force by one rename.  Killed at any moment, it leaves
everything as it was.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from photodiary.errors import BadModel, BadUsage, Busy, PhotodiaryError, StorageTrouble
from photodiary.eyenet import learnt
from photodiary.eyenet.writing import write
from photodiary.run.verbs import said

if TYPE_CHECKING:
    from photodiary.darkroom.darkroom import Darkroom
    from photodiary.diary.eyes import EyePair
    from photodiary.eyenet.registry import ModelEntry, Registry
    from photodiary.retrain.lessons import Lesson
    from photodiary.retrain.retraining import Learnt, Seen
    from photodiary.run.collecting import Collected
    from photodiary.settings import Settings

log = structlog.get_logger()

NICE = 10
TOLD_EVERY_S = FOLLOW_EVERY_S = 1.0
MOST_REHEARSED = 400  # faces of `retrain.rehearsal`


def retrain(options: argparse.Namespace) -> int:
    """The verb.  Without --now only when there are labels that were not learnt from yet."""
    _, settings = said(options)
    from photodiary.run import learning

    if not options.now and not learning.wanted(settings) and not learning.new_labels(settings):
        nothing = "there are no new labels since the last time; `photodiary retrain --now` learns from those that there are all the same"
        print(json.dumps({"reason": nothing, "promoted": False}) if options.json else nothing)
        return 0
    be_modest(idle=not options.now)
    result = _run_or_follow(settings, quiet=options.json)
    print(json.dumps(result, allow_nan=False) if options.json else in_words(result, Path(settings.state)))
    return 0


def _run_or_follow(settings: Settings, *, quiet: bool) -> dict[str, Any]:
    """Learn; where another process is at it, wait for it, and take what it found when it knew all labels."""
    from photodiary.run import learning
    from photodiary.run.once import Progress

    progress, asked = Progress(), time.time()
    while True:
        try:
            return run(settings, quiet=quiet)
        except Busy:
            if not quiet:
                progress.show("the model is learning already; waiting for what comes of it")
            time.sleep(FOLLOW_EVERY_S)
        outcome = learning.newest_outcome(settings)
        if outcome.get("finished_at", 0.0) > asked and not learning.new_labels(settings):
            progress.done()
            return outcome


def run(settings: Settings, *, quiet: bool = False) -> dict[str, Any]:
    """Learn, judge, promote.  Returns the outcome, as `outcome.json` keeps it.  Raises Busy when another one is at it, BadUsage, BadModel, StorageTrouble."""
    from photodiary.darkroom.darkroom import Darkroom
    from photodiary.run import collecting, learning

    if settings.locate.model:
        raise BadUsage(f"locate.model names a model of your own ({settings.locate.model}), which stays in force; leave it empty to have the model learn")
    folder = folder_of(settings)
    with alone(folder):
        progress, started = Telling(folder, quiet), time.monotonic()
        progress("collecting", "looking for labels", 0, 0)
        (folder / learning.WANTED).unlink(missing_ok=True)  # taken up: what is wished from now on is for the next time
        darkroom = Darkroom(replace(settings.darkroom, workers=1))
        try:
            known = learning.fingerprints(settings)
            collected = collecting.collect(settings, darkroom)
            result = _learnt(settings, folder, collected, progress, started)
            write(
                folder / learnt.OUTCOME, json.dumps({**result, "labels": known}, allow_nan=False).encode()
            )  # first: without it the same labels would be learnt from once more
            _report(settings, folder, result, collected.photos, darkroom)
        except BaseException as error:
            why = str(error) if isinstance(error, PhotodiaryError | OSError) else repr(error) if isinstance(error, Exception) else "it was stopped"
            progress("done", f"the last learning did not finish: {why}", 0, 0)
            raise
        finally:
            darkroom.close()
        progress("done", result["reason"], 1, 1)
    return result


def be_modest(*, idle: bool) -> None:
    """Whoever else computes goes first.  idle: nobody waits for it, so it takes only what nobody else wants."""
    os.umask(0o077)
    os.nice(max(0, NICE - os.nice(0)))
    with suppress(OSError, AttributeError):  # a sandbox may forbid it, and not every system has it
        os.sched_setscheduler(0, os.SCHED_IDLE if idle else os.SCHED_BATCH, os.sched_param(0))


def folder_of(settings: Settings) -> Path:
    """`<state>/retrain`, made where it is missing.  Raises StorageTrouble."""
    folder = Path(settings.state) / "retrain"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageTrouble(f"{folder}: cannot be made: {error.strerror}; `state` in the configuration says where it is") from error
    return folder


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Raises Busy while another process learns."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageTrouble(f"{folder}: cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Busy(f"{folder}: another `photodiary retrain` is learning already") from error
    finally:
        os.close(descriptor)


class Telling:
    """Says how far it is: into `progress.json`, and on a terminal."""

    def __init__(self, folder: Path, quiet: bool) -> None:
        from photodiary.run.once import Progress

        self._path, self._started, self._at, self._phase = folder / "progress.json", time.time(), 0.0, ""
        self._line = None if quiet else Progress()

    def __call__(self, phase: str, words: str, done: int, of: int) -> None:
        now = time.time()
        if phase == self._phase and now - self._at < TOLD_EVERY_S:
            return
        self._phase, self._at = phase, now
        told = {"pid": os.getpid(), "phase": phase, "words": words, "done": done, "of": of, "started_at": self._started, "updated_at": now}
        write(self._path, json.dumps(told).encode())
        if self._line is not None and phase == "done":
            self._line.done()
        elif self._line is not None:
            self._line.show(f"{words}: {done:,} of {of:,}" if of else words)


def _learnt(settings: Settings, folder: Path, collected: Collected, progress: Telling, started: float) -> dict[str, Any]:
    """Train, judge and, where it proved better, put in force."""
    from photodiary.eyenet import registry
    from photodiary.retrain import retraining
    from photodiary.retrain.outcome import outcome
    from photodiary.retrain.refining import RefiningConfig
    from photodiary.run.collecting import Eyes
    from photodiary.run.lock import nudge

    threads = settings.retrain.threads or len(os.sched_getaffinity(0))
    models = registry.Registry(settings.state)
    current = models.standing().entry
    locate = replace(settings.locate, device="cpu", threads=threads)
    learner = retraining.Retraining(
        registry.current().path, current.path, _known(models, current), folder, lambda path: Eyes(path, locate),
        RefiningConfig(samples=settings.retrain.samples), progress, _rehearsal(settings.retrain.rehearsal), threads,
    )  # fmt: skip
    candidate = learner.learn(collected.photos)
    name = None
    if candidate.promising and models.standing().entry == current:  # else a person put another one in force meanwhile, which it was not held against
        progress("judging", "it has proved better; putting it in force", 0, 0)
        name = _promoted(models, folder, candidate, collected.photos)
        for diary in settings.diary.values():
            nudge(diary.archive)
    result = outcome(candidate, collected.photos, current.name, time.monotonic() - started, name, collected.in_question)
    for diary_name, about in result["diaries"].items():
        about["film_iod"] = collected.apart.get(diary_name)
    return result


def _known(models: Registry, current: ModelEntry) -> dict[str, EyePair | None]:
    """What the model in force said of photos before it was trained with them, as its card keeps it: nothing for the shipped one."""
    from photodiary.diary.eyes import EyePair, Point

    try:
        said_ = models.card(current.name).get("judgement", {}).get("eyes", {})
        return {sha256: None if eyes is None else EyePair(Point(*eyes[:2]), Point(*eyes[2:])) for sha256, eyes in said_.items()}
    except (BadModel, AttributeError, TypeError):
        return {}


def _promoted(models: Registry, folder: Path, candidate: Learnt, photos: Sequence[Seen]) -> str:
    """Publish the candidate and put it in force.  Returns its name."""
    from photodiary.eyenet import registry, weights
    from photodiary.retrain.judging import better, summary

    assert candidate.net is not None
    labelled = [one for one in photos if one.label is not None]
    base, names = registry.current(), {version.entry.name for version in models.versions()}
    stem = f"mine-{datetime.now():%Y-%m-%d}"
    name = next(name for number in range(1, 1000) if (name := stem if number == 1 else f"{stem}-{number}") not in names)
    made = folder / "candidate.safetensors"
    weights.save(candidate.net, made, name=name, notes={"kin": base.name})
    weights.load(made)
    models.publish(made, {
        "name": name, "base": base.name, "labels": sum(one.placed for one in labelled), "trained_on": [one.sha256 for one in labelled],
        "judgement": {
            "before": summary([one.before for one in candidate.judged]), "after": summary([one.after for one in candidate.judged]),
            "better": round(better(candidate.judged), 4),
            "eyes": {
                sha256: None if eyes is None else [round(value, 2) for point in eyes for value in point] for sha256, eyes in candidate.eyes_after.items()
            },
        },
    })  # fmt: skip
    models.promote(name)
    made.unlink(missing_ok=True)
    return name


def _rehearsal(path: str) -> list[Lesson]:
    """Faces of other people that must be answered as before.  Raises BadLabels."""
    if not path:
        return []
    from photodiary.darkroom import disturb
    from photodiary.darkroom.inmemory import PixelView
    from photodiary.diary.eyes import EyePair, Point
    from photodiary.retrain.dataset import load_faces
    from photodiary.retrain.lessons import lesson, spread

    lessons = []
    for face in spread(load_faces(Path(path)), MOST_REHEARSED):
        eyes = EyePair(*(Point(float(x), float(y)) for x, y in face.eyes))
        view = PixelView(disturb.decode_small(face.data))
        lessons.append(lesson(view, eyes, None, placed=False, diary="", name=face.person, day=None, embedding=None))
    return lessons


def _report(settings: Settings, folder: Path, result: dict[str, Any], photos: Sequence[Seen], darkroom: Darkroom) -> None:
    """The page about it; without it, should it not be possible, the outcome still counts."""
    from photodiary.locate.views import DarkroomView
    from photodiary.retrain import learning_photos, learning_report

    views = {(one.diary, one.sha256): one.view for one in photos if isinstance(one.view, DarkroomView)}
    pictures: dict[str, bytes] = {}
    try:
        for strip in learning_photos.strips(result):
            view = views[strip.diary, strip.sha256]
            with suppress(PhotodiaryError):
                pictures[strip.sha256] = darkroom.frame(view.digest, view.load, strip.matrix, strip.canvas)
        (folder / learnt.REPORT).mkdir(mode=0o700, exist_ok=True)
        learning_report.write(folder / learnt.REPORT, result, pictures, settings.zone(next(iter(settings.diary))))
    except (OSError, PhotodiaryError) as error:
        log.warning(f"the report about what was learnt could not be written: {error}", code="retrain.report")
    except Exception:  # what was learnt is in force already, or refused: a page does not make that a failure
        log.exception("the report about what was learnt could not be written", code="retrain.report")


def in_words(result: dict[str, Any], state: Path) -> str:
    """What came out, for a person."""
    lines = []
    if result["before"] is not None and result["after"] is not None:
        lines.append(
            f"{result['placed']:,} placed labels, each judged by a model that had not seen it: median error {result['before']['median']:.2f} % -> "
            f"{result['after']['median']:.2f} %, nine of ten within {result['before']['p90']:.2f} % -> {result['after']['p90']:.2f} % of the eyes' distance"
        )
    if result["promoted"]:
        lines.append(f"{result['model']} is in force now ({result['reason']}); `photodiary models rollback` goes back to {result['current_before']}")
    else:
        lines.append(f"{result['current_before']} stays in force: {result['reason']}")
    report = state / "retrain" / "report" / "index.html"
    return "\n".join([*lines, f"report: {report}"] if report.exists() else lines)
