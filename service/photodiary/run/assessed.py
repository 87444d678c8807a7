"""The report on a film, as `status` tells it."""

from __future__ import annotations

from typing import Any

from photodiary.diary.canvas import Canvas
from photodiary.diary.quality import Quality, sentences
from photodiary.ledger import transitions
from photodiary.ledger.store import Ledger
from photodiary.ledger.transitions import Shown


def told(ledger: Ledger, path: str, canvas: Canvas | None) -> dict[str, Any] | None:
    """`reel.quality` of `status --json`, with its `words` besides; None while the film is not measured."""
    quality = transitions.newest(ledger, path)
    if quality is None:
        return None
    places = [leap.photo for leap in quality.worst] + list(quality.unlike)
    shown = transitions.shown_at(ledger, [place + beside for place in places for beside in (0, 1)], path)
    return {
        "jitter": None if quality.jitter is None else vars(quality.jitter), "flicker": None if quality.flicker is None else vars(quality.flicker),
        "worst": [{**_pair(shown, leap.photo), "jitter": leap.jitter} for leap in quality.worst], "unlike": [_pair(shown, place) for place in quality.unlike],
        "words": _words(quality, canvas),
    }  # fmt: skip


def _words(quality: Quality, canvas: Canvas | None) -> list[str]:
    return [] if canvas is None else sentences(quality, canvas.iod)


def _pair(shown: dict[int, Shown], place: int) -> dict[str, Any]:
    """Both photos; None for one that is not in the diary any more."""
    return {key: None if (photo := shown.get(at)) is None else photo.sha256 for key, at in (("before", place), ("after", place + 1))}
