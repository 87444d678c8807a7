"""Learns from the labels of all diaries and finds out whether that made the model better.  Told everything; writes only into the folder it is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from photodiary.diary.eyes import EyePair
from photodiary.errors import BadModel, PhotodiaryError, StorageTrouble
from photodiary.eyenet import weights
from photodiary.eyenet.likeness import ENOUGH as GALLERY
from photodiary.eyenet.likeness import MOST, Gallery
from photodiary.eyenet.network import EyeNet
from photodiary.eyenet.person import FEWEST, Person
from photodiary.retrain import judging
from photodiary.retrain.judging import Gate, Judged
from photodiary.retrain.lessons import Lesson, Points, View, differences, habit, lesson, spread, unlabelled
from photodiary.retrain.refining import RefiningConfig, moved, refine
from photodiary.retrain.threads import ConsiderateThreads

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHRINKAGE = 8.0  # labels: what a few say of a habit is half chance (LOG.md, 2026-11-24)
NEAR = 0.35  # of the IOD: a face whose eyes lie further from the label is another one
SURE = 3.0  # % of IOD of expected error
NOT_FOUND = 100.0  # % of IOD that a photo counts as whose face was not found: more would outweigh all others
PROBES = 200  # changed copies on which forgetting is measured

Told = Callable[[str, str, int, int], None]  # phase, words, done, of


@dataclass(frozen=True)
class Glance:
    """What a model says of a photo: eyes, None where it sees no face, its expected error in % of IOD, how many faces, and what the chosen one looks like."""

    eyes: EyePair | None
    expected_error: float | None
    faces: int
    looks: NDArray[np.float32] | None


class Observer(Protocol):
    """A model at work, as the daemon would ask it."""

    def look(self, view: View, gallery: Gallery | None) -> Glance: ...
    def faces(self, view: View) -> list[EyePair]: ...


@dataclass(frozen=True)
class Seen:
    """A photo of a diary.  day: ISO, None when undated; label: a person's eyes in pixels of the upright photo, None without; placed: not only confirmed."""

    diary: str
    sha256: str
    day: str | None
    view: View
    label: EyePair | None
    placed: bool


@dataclass
class Learnt:
    """What came out.  net: the candidate, trained on all labels, None where there were too few; judged and eyes: of placed labels, each by a model that did
    not see it; curve: (labelled samples, loss in pixels of a crop) of the last training; astray: labels far from where the base model surely sees the only
    face there is, which teach nothing."""

    net: EyeNet | None = None
    gates: list[Gate] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    eyes_before: dict[str, EyePair | None] = field(default_factory=dict)
    eyes_after: dict[str, EyePair | None] = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    astray: set[str] = field(default_factory=set)

    @property
    def promising(self) -> bool:
        return self.net is not None and all(gate.passed for gate in self.gates)


class Retraining:
    """One run.  base: the shipped weights that learning always starts from, so that nothing drifts; current: the model in force.

    known: what `current` said, before it had seen them, of photos that it was trained with, by SHA-256.
    """

    def __init__(
        self, base: Path, current: Path, known: Mapping[str, EyePair | None], folder: Path, observe: Callable[[Path], Observer], config: RefiningConfig,
        told: Told, rehearsal: Sequence[Lesson] = (), threads: int = 1,
    ) -> None:  # fmt: skip
        self._base_file, self._current_file, self._known = base, current, known
        self._folder, self._observe, self._config, self._told, self._rehearsal = folder, observe, config, told, rehearsal
        self._base = weights.load(base)[0]
        self._faces: dict[str, NDArray[np.float32]] = {}  # what each photo's face looks like
        self._plain: dict[str, EyePair | None] = {}  # what the base model says of photos with one face, whoever it is
        torch.set_num_threads(threads)
        self._threads, self._breathed = ConsiderateThreads(threads), time.monotonic()

    def _breathe(self) -> None:
        """Whoever else computes goes first: two threads that have to wait for a core wait for each other too."""
        now = time.monotonic()
        self._threads.adjust(now - self._breathed, others=0.6)  # the darkroom is ours
        self._breathed = now

    def learn(self, photos: Sequence[Seen]) -> Learnt:
        """Everything: look, judge in folds, train on all.  A photo that cannot be read stands in `unread`.

        Raises BadModel; StorageTrouble when too many photos went away meanwhile.
        """
        learnt = Learnt()
        if sum(one.placed and one.label is not None for one in photos) < judging.ENOUGH:
            return learnt
        lessons, sure = self._look(photos, learnt)
        placed = [one for one in photos if one.placed and one.label is not None and one.sha256 in lessons]
        learnt.gates += judging.labels_in_place(len(learnt.astray), len(placed) + len(learnt.astray))
        learnt.gates += judging.labels_agree({
            diary: 100 * differences([lessons[one.sha256] for one in placed if one.diary == diary and one.sha256 in sure])
            for diary in sorted({one.diary for one in placed})
        })  # fmt: skip
        if len(placed) < judging.ENOUGH or not all(gate.passed for gate in learnt.gates):
            return learnt
        self._before(placed, learnt)
        self._after(placed, list(lessons.values()), learnt)
        placed = [one for one in placed if one.sha256 not in learnt.unread]
        if len(placed) < judging.ENOUGH:
            raise StorageTrouble(f"too few of the labelled photos could still be read: {next(iter(learnt.unread.values()))}")
        learnt.judged = [self._judged(one, learnt) for one in placed]
        learnt.net = self._train(list(lessons.values()), "training", "learning from all labels", learnt)
        probes = [*lessons.values(), *self._rehearsal]
        learnt.gates += judging.gates(learnt.judged, _movement(self._base, learnt.net, probes))
        return learnt

    # -- looking -------------------------------------------------------------------------------------------------------

    def _look(self, photos: Sequence[Seen], learnt: Learnt) -> tuple[dict[str, Lesson], set[str]]:
        """A lesson of each photo by its SHA-256, as the base model sees it, and those where it is sure of the only face there is."""
        observer = self._observe(self._base_file)
        lessons: dict[str, Lesson] = {}
        sure: set[str] = set()
        for number, one in enumerate(photos):
            self._told("collecting", "looking at the photos to learn from", number, len(photos))
            self._breathe()
            try:
                seen, looks, certain = self._base_sees(observer, one)
                if seen is None and certain:
                    learnt.astray.add(one.sha256)
                if seen is None and (certain or one.label is None):
                    continue
                lessons[one.sha256] = lesson(
                    one.view, seen, one.label, placed=one.placed, diary=one.diary, name=one.sha256, day=one.day, embedding=looks
                )  # fmt: skip
            except BadModel:
                raise
            except PhotodiaryError as error:
                learnt.unread[one.sha256] = str(error)
                continue
            if looks is not None:
                self._faces[one.sha256] = looks / max(float(np.linalg.norm(looks)), 1e-6)
            if certain:
                sure.add(one.sha256)
        return lessons, sure

    def _base_sees(self, observer: Observer, one: Seen) -> tuple[EyePair | None, NDArray[np.float32] | None, bool]:
        """The eyes of the face that the label is of, or that the photo is about, None where the model sees none there; what it looks like; whether the model
        is sure of the only face there is."""
        glance = observer.look(one.view, None)
        if glance.faces <= 1:
            self._plain[one.sha256] = glance.eyes
        certain = glance.eyes is not None and glance.faces == 1 and (glance.expected_error or SURE) < SURE
        label = one.label
        if label is None or (glance.eyes is not None and _of(label, glance.eyes)):
            return glance.eyes, glance.looks, certain
        other = next((eyes for eyes in observer.faces(one.view) if _of(label, eyes)), None)
        return other, None, certain and other is None

    def _gallery(self, one: Seen, photos: Sequence[Seen]) -> Gallery | None:
        """What the diary's person looks like, without the photo itself."""
        others = [self._faces[other.sha256] for other in photos if other.diary == one.diary and other is not one and other.sha256 in self._faces]
        return Gallery(np.stack(spread(others, MOST))) if len(others) >= GALLERY else None

    def _before(self, placed: Sequence[Seen], learnt: Learnt) -> None:
        """What the model in force says of each label's photo, or said before it was trained with it."""
        observer = self._observe(self._current_file)
        known = {**self._known, **(self._plain if self._current_file == self._base_file else {})}
        for number, one in enumerate(placed):
            self._told("predicting", "asking the model in force", number, len(placed))
            self._breathe()
            if one.sha256 in known:
                learnt.eyes_before[one.sha256] = known[one.sha256]
            else:
                self._ask(observer, one, placed, learnt.eyes_before, learnt)

    def _ask(self, observer: Observer, one: Seen, placed: Sequence[Seen], said: dict[str, EyePair | None], learnt: Learnt) -> None:
        """A photo that cannot be read any more, perhaps because it was deleted meanwhile, is not judged by."""
        try:
            said[one.sha256] = observer.look(one.view, self._gallery(one, placed)).eyes
        except BadModel:
            raise
        except PhotodiaryError as error:
            learnt.unread[one.sha256] = str(error)

    # -- learning ------------------------------------------------------------------------------------------------------

    def _after(self, placed: Sequence[Seen], lessons: Sequence[Lesson], learnt: Learnt) -> None:
        """What models say of each label's photo that learnt from the labels of all other days."""
        keys = [_when(one.diary, one.day, one.sha256) for one in placed]
        fold_of = judging.folds(keys)
        count = int(fold_of.max()) + 1
        for fold in range(count):
            left_out = {key for key, where in zip(keys, fold_of, strict=True) if where == fold}
            taught = [one for one in lessons if _when(one.diary, one.day, one.name) not in left_out]
            net = self._train(taught, "folds", f"trying it out, part {fold + 1} of {count}", None, (fold, count))
            weights.save(net, self._folder / "fold.safetensors", name="fold")
            observer = self._observe(self._folder / "fold.safetensors")
            for one, where in zip(placed, fold_of, strict=True):
                if where == fold:
                    self._breathe()
                    self._ask(observer, one, placed, learnt.eyes_after, learnt)
        (self._folder / "fold.safetensors").unlink(missing_ok=True)

    def _train(self, lessons: Sequence[Lesson], phase: str, words: str, learnt: Learnt | None, part: tuple[int, int] = (0, 1)) -> EyeNet:
        """A network that has learnt the labels of `lessons`, and the people in them."""
        habits: dict[str, Points] = {}
        people: list[Person] = []
        for diary in sorted({one.diary for one in lessons}):
            mine = [one for one in lessons if one.diary == diary]
            looks = spread([self._faces[one.name] for one in mine if one.name in self._faces], MOST)
            if len(looks) >= FEWEST and any(one.placed for one in mine):
                habits[diary] = habit(mine, 0.0)  # all of it is kept from the network, what is uncertain of it too
                (ax, ay), (bx, by) = habit(mine, SHRINKAGE).tolist()
                people.append(Person(np.stack(looks), ((ax, ay), (bx, by))))
        samples = self._config.samples

        def told(seen: int, loss: float) -> None:
            self._told(phase, words, part[0] * samples + seen, part[1] * samples)
            if learnt is not None:
                learnt.curve.append({"samples": seen, "loss": round(loss, 4)})

        net = refine(self._base, lessons, habits, self._config, told, self._rehearsal, self._breathe)
        net.people = tuple(people)
        return net

    def _judged(self, one: Seen, learnt: Learnt) -> Judged:
        assert one.label is not None
        label = one.label
        before, after = (
            NOT_FOUND if eyes is None else min(NOT_FOUND, 100 * eyes.distance(label) / label.iod)
            for eyes in (learnt.eyes_before[one.sha256], learnt.eyes_after[one.sha256])
        )
        return Judged(one.diary, one.sha256, one.day, _when(one.diary, one.day, one.sha256), before, after)


def _when(diary: str, day: str | None, sha256: str) -> str:
    """What must not be torn apart: the photos of a day are alike."""
    return f"{diary} {day or sha256}"


def _of(label: EyePair, eyes: EyePair) -> bool:
    return eyes.distance(label) < NEAR * label.iod


def _movement(base: EyeNet, net: EyeNet, lessons: Sequence[Lesson]) -> list[float]:
    """By how much the answers about faces that could be somebody else's have moved, in % of IOD, the larger of both eyes."""
    away: list[float] = []
    for start in range(0, PROBES, 20):
        dice = np.random.default_rng((977, start))
        samples = [unlabelled(lessons[int(dice.integers(len(lessons)))], dice) for _ in range(20)]
        away += moved(base, net, samples)
    return away
