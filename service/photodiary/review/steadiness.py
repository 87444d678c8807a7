"""The report on the film for its page: sentences, and where it is worst."""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.diary.quality import Quality, pixels, sentences
from photodiary.ledger import reels, transitions
from photodiary.ledger.store import Ledger
from photodiary.ledger.transitions import Shown


@dataclass(frozen=True)
class Place:
    """Two photos in a row that are still in the diary; words: how far the eyes move, where that is known."""

    before: Shown
    after: Shown
    words: str


@dataclass(frozen=True)
class Steadiness:
    """leaps: where the eyes move most; unlike: pairs that could not be compared."""

    sentences: list[str]
    leaps: list[Place]
    unlike: list[Place]


def of_newest(ledger: Ledger) -> Steadiness | None:
    """Of the newest film; None while it is not measured, or shows one photo only."""
    quality, canvas = transitions.newest(ledger), reels.current_canvas(ledger)
    if quality is None or canvas is None:
        return None
    said = sentences(quality, canvas.canvas.iod)
    if not said:
        return None
    shown = transitions.shown_at(ledger, _places(quality))
    leaps = [(leap.photo, f"by {pixels(leap.jitter, canvas.canvas.iod)} ({leap.jitter:.1f} %)") for leap in quality.worst]
    return Steadiness(said, _pairs(leaps, shown), _pairs([(place, "") for place in quality.unlike], shown))


def _places(quality: Quality) -> list[int]:
    return [place + beside for place in (*(leap.photo for leap in quality.worst), *quality.unlike) for beside in (0, 1)]


def _pairs(told: list[tuple[int, str]], shown: dict[int, Shown]) -> list[Place]:
    return [Place(shown[place], shown[place + 1], words) for place, words in told if place in shown and place + 1 in shown]
