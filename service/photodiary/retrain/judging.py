"""Whether a candidate has proved better: folds by day, a paired bootstrap on the logarithm of the error, and the gates that it must pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENOUGH = 8  # placed labels below which nothing can be judged
FOLDS = 5
SURE = 0.9  # of being better, from which on a candidate is promoted
DRAWS = 4000
FLOOR = 0.1  # % of IOD: below it, who is nearer is chance
WORSE = 0.9  # of being worse, at which a diary says no
MUCH_WORSE = 1.25  # times as large errors of a diary with fewer labels than ENOUGH
GONE_WILD = 8.0  # % of IOD: an error beyond it that was not there before
FORGOTTEN = (0.30, 1.00)  # % of IOD: median and p95 by which answers about others may move
CONSISTENT = 3.0  # % of IOD: labels that scatter more than this around where a sure model sees eyes contradict each other
ASTRAY = 0.1  # of the labels that may be slips: more look like a mistake with all of them
HABIT = 4.0  # % of IOD: labels that all lie further off than this on one side are of something else than pupils


@dataclass(frozen=True)
class Judged:
    """One placed label: errors in % of IOD of the model in force and of a candidate, neither of which saw it in training.

    day: ISO, None when undated; group: what labels of one day have in common.
    """

    diary: str
    name: str
    day: str | None
    group: str
    before: float
    after: float


@dataclass(frozen=True)
class Gate:
    """One condition of promotion, and what was found in words for people."""

    name: str
    passed: bool
    words: str


def folds(days: Sequence[str], count: int = FOLDS) -> NDArray[np.int_]:
    """Which fold each label belongs to: labels of one day stay together, folds are about equally large.  Depends on the labels alone, not on their order."""
    sizes: dict[str, int] = {}
    for day in days:
        sizes[day] = sizes.get(day, 0) + 1
    filled = [0] * min(count, len(sizes))
    fold: dict[str, int] = {}
    for day in sorted(sizes, key=lambda day: (-sizes[day], day)):
        fold[day] = min(range(len(filled)), key=lambda n: (filled[n], n))
        filled[fold[day]] += sizes[day]
    return np.array([fold[day] for day in days], int)


def better(judged: Sequence[Judged]) -> float:
    """P(the candidate's errors are smaller): bootstrap over days of the mean logarithm of the ratio (Efron and Tibshirani 1993).  Deterministic."""
    days = sorted({one.group for one in judged})
    index = {day: n for n, day in enumerate(days)}
    sums, counts = np.zeros(len(days)), np.zeros(len(days))
    for one in judged:
        sums[index[one.group]] += math.log(max(one.after, FLOOR) / max(one.before, FLOOR))
        counts[index[one.group]] += 1
    dice = np.random.default_rng(0)
    drawn = dice.integers(0, len(days), (DRAWS, len(days)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    return float((means < 0).mean() + 0.5 * (means == 0).mean())


def summary(errors: Sequence[float]) -> dict[str, float]:
    """median, p90 and max, in % of IOD."""
    median, p90 = np.percentile(np.array(errors), [50, 90])
    return {"median": round(float(median), 3), "p90": round(float(p90), 3), "max": round(float(max(errors)), 3)}


def labels_in_place(astray: int, placed: int) -> list[Gate]:
    """Whether nearly all labels are of the face that is there.  astray: labels elsewhere, where a model is sure of the only face, of all `placed` ones."""
    if not astray:
        return []
    words = f"{astray} of {placed} labels lie where no eyes are, but the model is sure of a face elsewhere: look at them once more"
    return [Gate("labels in place", astray <= ASTRAY * placed, words)]


def labels_agree(offsets: Mapping[str, NDArray[np.float64]]) -> list[Gate]:
    """Whether each diary's labels are of pupils at all.

    offsets: by diary (N, 2, 2), labels less what a sure model sees, in % of IOD in the eyes' frame.
    """
    gates = []
    for diary, many in offsets.items():
        if len(many) < ENOUGH:
            continue
        middle = np.median(many, axis=0)
        away = float(np.linalg.norm(middle, axis=1).max())
        scatter = float(np.median(np.linalg.norm(many - middle, axis=2).max(1)))
        if scatter > CONSISTENT:
            words = f"the labels of {diary} contradict each other: they scatter by {scatter:.1f} % around where the model is sure"
        elif away > HABIT:
            words = f"the labels of {diary} all lie {away:.1f} % beside where the model is sure: are they of the pupils?"
        else:
            words = f"the labels of {diary} agree with each other (scatter {scatter:.1f} %)"
        gates.append(Gate(f"labels of {diary}", scatter <= CONSISTENT and away <= HABIT, words))
    return gates


def gates(judged: Sequence[Judged], moved: Sequence[float]) -> list[Gate]:
    """What a candidate must show.  moved: by how much its answers about faces that are not the diary's have moved, in % of IOD."""
    found = [_better(judged), _forgotten(moved), _wild(judged)]
    for diary in sorted({one.diary for one in judged}):
        found.append(_no_worse(diary, [one for one in judged if one.diary == diary]))
    return found


def _better(judged: Sequence[Judged]) -> Gate:
    p = better(judged)
    return Gate("better", p >= SURE, f"better with a probability of {p:.0%}" + ("" if p >= SURE else f", {SURE:.0%} are asked"))


def _forgotten(moved: Sequence[float]) -> Gate:
    median, p95 = np.percentile(np.array(moved), [50, 95])
    passed = bool(median <= FORGOTTEN[0] and p95 <= FORGOTTEN[1])
    words = f"what it says of other faces moved by {median:.2f} % in the median, {p95:.2f} % at most for 19 of 20"
    return Gate("nothing forgotten", passed, words + ("" if passed else f"; allowed are {FORGOTTEN[0]:g} and {FORGOTTEN[1]:g} %"))


def _wild(judged: Sequence[Judged]) -> Gate:
    wild = [one for one in judged if one.after > GONE_WILD and one.before <= GONE_WILD]
    words = f"{len(wild)} photos that were right are more than {GONE_WILD:g} % off" if wild else f"no photo that was right is more than {GONE_WILD:g} % off"
    return Gate("nothing gone wild", not wild, words)


def _no_worse(diary: str, mine: Sequence[Judged]) -> Gate:
    """With few labels nothing is sure: there, only what is clearly further off speaks against a candidate."""
    if len(mine) < ENOUGH:
        ratio = math.exp(math.fsum(math.log(max(one.after, FLOOR) / max(one.before, FLOOR)) for one in mine) / len(mine))
        return Gate(f"diary {diary}", ratio <= MUCH_WORSE, f"{diary}: errors {ratio:.2f} times as large on {len(mine)} label{'s' if len(mine) != 1 else ''}")
    worse = 1 - better(mine)
    return Gate(f"diary {diary}", worse < WORSE, f"{diary}: worse with a probability of {worse:.0%}")
