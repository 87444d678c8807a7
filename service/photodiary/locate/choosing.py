"""Whose eyes: which of the faces in a photo is the diary's person, how far off its eyes may be, and what a person should be asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photodiary.diary.eyes import EyePair

if TYPE_CHECKING:
    from photodiary.locate.looking import Face

UNSURE = 3.0  # % of IOD of expected error above which a reason is given
FAINT = 0.5  # of the best one's score: what is below is a fold or a shadow, not a second face
TOO_CLOSE = 0.35  # of rank: two faces that differ by less could both be meant
COVERED = 0.45  # score of the worse eye below which it may be covered


@dataclass(frozen=True)
class Choice:
    """The face that the photo is about, or None; its expected error in % of IOD; a reason to ask, or None; how many faces there are;
    log odds that it is the diary's person, None when nobody knows."""

    face: Face | None
    expected_error: float | None
    reason: str | None
    faces: int
    log_odds: float | None = None


def rank(face: Face, size: tuple[int, int], likeness: float | None) -> float:
    """How much a face seems to be the one that the photo is about: large, near the middle, clearly seen, and like the diary's person.

    size: (w, h) of the photo; likeness: log odds that it is the diary's person, None when nobody knows.
    """
    middle = face.eyes.middle
    away = math.hypot(middle.x / size[0] - 0.5, middle.y / size[1] - 0.45)
    seen = math.log(max(face.eyes.iod, 1e-6)) - 1.5 * away + math.log(max(face.score, 1e-6)) - math.log1p(face.own / 2)
    return seen if likeness is None else seen + max(-3.0, min(3.0, likeness))


def choose(faces: Sequence[Face], size: tuple[int, int], doubt: Sequence[float], likenesses: Sequence[float] | None, stranger: float) -> Choice:
    """The diary's person among `faces`.  likenesses: log odds of each; below `stranger` it is somebody else."""
    if not faces:
        return Choice(None, None, "no_face", 0)
    ranks = [rank(face, size, None if likenesses is None else likenesses[n]) for n, face in enumerate(faces)]
    order = sorted(range(len(faces)), key=lambda n: -ranks[n])
    best = faces[order[0]]
    others = [n for n in order[1:] if faces[n].score > FAINT * best.score and faces[n].eyes.distance(best.eyes) > 0.5 * best.eyes.iod]
    expected = expected_error(best, doubt)
    reason = None
    if likenesses is not None and likenesses[order[0]] < stranger:
        reason = "not_this_person"
    elif any(ranks[n] > ranks[order[0]] - TOO_CLOSE for n in others):
        reason = "several_faces"
    elif expected > UNSURE:
        reason = "cut_by_edge" if at_edge(best.eyes, size) else "covered" if best.weaker < COVERED else "unsure"
    return Choice(best, expected, reason, 1 + len(others), None if likenesses is None else likenesses[order[0]])


def evidence(face: Face) -> tuple[float, ...]:
    """What speaks for and against a face's eyes, as `expected_error` weighs it: 1, then logarithms of the network's own estimate, of the spread of
    the looks, of how far they strayed, of how faint the worse eye and both eyes are."""
    return (
        1.0,
        math.log(face.own + 0.1),
        math.log(face.spread + 0.1),
        math.log(face.strayed + 0.3),
        -math.log(min(1.0, max(face.weaker, 1e-3))),
        -math.log(min(1.0, max(face.score, 1e-3))),
    )


def expected_error(face: Face, doubt: Sequence[float]) -> float:
    """Mean error to expect, in % of IOD: the evidence with weights calibrated on held-out people (`deploy/ship_model.py`), exponentiated."""
    weighed = math.fsum(weight * part for weight, part in zip(doubt, evidence(face), strict=True))
    return math.exp(max(-3.0, min(5.0, weighed)))


def at_edge(eyes: EyePair, size: tuple[int, int]) -> bool:
    """Whether an eye is so near to the photo's edge that the face must be cut by it."""
    reach = 0.5 * eyes.iod
    return any(not (reach < p.x < size[0] - reach and reach < p.y < size[1] - reach) for p in eyes)
