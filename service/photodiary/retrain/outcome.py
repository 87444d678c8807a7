"""What came out of a retraining, as `outcome.json` keeps it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from photodiary.diary.eyes import EyePair
from photodiary.retrain import judging
from photodiary.retrain.evaluate import NOT_FOUND as NOBODY
from photodiary.retrain.judging import Judged
from photodiary.retrain.retraining import Learnt, Seen


def outcome(learnt: Learnt, photos: Sequence[Seen], current: str, seconds: float, name: str | None, in_question: int) -> dict[str, Any]:
    """The run as `outcome.json` has it.  name: of the model that was promoted, None when none was; in_question: labels that wait for a second word."""
    placed = sum(one.placed and one.label is not None for one in photos)
    confirmed = sum(not one.placed and one.label is not None for one in photos)
    judged = learnt.judged
    labels = {one.sha256: one.label for one in photos}

    def numbers(eyes: EyePair | None) -> list[float] | None:
        return None if eyes is None else [round(value, 2) for point in eyes for value in point]

    return {
        "finished_at": time.time(), "seconds": round(seconds, 1), "placed": placed, "confirmed": confirmed,
        "needed": max(0, judging.ENOUGH - placed), "promoted": name is not None, "model": name, "current_before": current,
        "reason": _reason(learnt, placed, name, in_question), "in_question": in_question, "better": round(judging.better(judged), 4) if judged else None,
        "before": judging.summary([one.before for one in judged]) if judged else None,
        "after": judging.summary([one.after for one in judged]) if judged else None,
        "diaries": {diary: _of_diary([one for one in judged if one.diary == diary]) for diary in sorted({one.diary for one in judged})},
        "gates": [{"name": gate.name, "passed": gate.passed, "words": gate.words} for gate in learnt.gates],
        "photos": [
            {
                "diary": one.diary, "sha256": one.name, "day": one.day,
                "before": _error(one.before, learnt.eyes_before[one.name]), "after": _error(one.after, learnt.eyes_after[one.name]),
                "eyes": numbers(labels[one.name]), "eyes_before": numbers(learnt.eyes_before[one.name]), "eyes_after": numbers(learnt.eyes_after[one.name]),
            }
            for one in judged
        ],
        "curve": learnt.curve, "unread": learnt.unread,
    }  # fmt: skip


def _of_diary(mine: Sequence[Judged]) -> dict[str, Any]:
    return {
        "placed": len(mine), "before": judging.summary([one.before for one in mine]), "after": judging.summary([one.after for one in mine]),
        "better": round(judging.better(mine), 4),
    }  # fmt: skip


def _error(value: float, eyes: EyePair | None) -> float:
    return NOBODY if eyes is None else round(value, 3)


def _reason(learnt: Learnt, placed: int, name: str | None, in_question: int) -> str:
    if placed < judging.ENOUGH:
        more = judging.ENOUGH - placed
        asked = f"; {in_question} others lie far from where the model is sure and wait for your second word" if in_question else ""
        return f"{more} more placed label{'s are' if more != 1 else ' is'} needed before anything can be judged ({placed} of {judging.ENOUGH}){asked}"
    against = [gate.words for gate in learnt.gates if not gate.passed]
    if against:
        return "; ".join(against)
    if learnt.net is None:
        return "too few of the labelled photos could be read"
    if name is None:
        return "it has proved better, but another model was put in force meanwhile, which it was not compared with"
    return next(gate.words for gate in learnt.gates if gate.name == "better")
