"""How long things took, counted into a few classes: what a histogram is made of."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass


@dataclass(frozen=True)
class Counted:
    """bounds: the classes' upper limits in seconds, ascending; counts: how many were of each class, the last one over all bounds; total: all their seconds."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


class Tally:
    """Counts durations.  One thread adds; any may ask."""

    def __init__(self, *bounds: float) -> None:
        """bounds: upper limits in seconds, each of which belongs to its class."""
        self._bounds = tuple(sorted(bounds))
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """So many things that took `seconds` each; what a clock that was set back makes negative counts as nothing."""
        seconds = max(0.0, seconds)
        self._counts[bisect_left(self._bounds, seconds)] += times
        self._total += seconds * times

    def so_far(self) -> Counted:
        return Counted(self._bounds, tuple(self._counts), self._total)
