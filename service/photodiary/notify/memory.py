"""What was told, so that nothing is told twice; as text for a file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from photodiary.notify.config import KINDS

VERSION = 1
WAITS = (60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0)  # seconds before a delivery that failed is tried again


@dataclass(frozen=True)
class Told:
    """The last message of a kind.

    at: seconds since the epoch; day: the diary's day then; what: what it was about; left: targets that do not have it yet; tries: how often they
    were tried; next_try: seconds since the epoch.
    """

    at: float
    day: str
    what: tuple[str, ...]
    left: tuple[str, ...] = ()
    tries: int = 0
    next_try: float = 0.0


@dataclass(frozen=True)
class Memory:
    """Of one diary.  told: by kind; since: since when, seconds since the epoch, each trouble has been seen without a break."""

    told: Mapping[str, Told] = field(default_factory=dict)
    since: Mapping[str, float] = field(default_factory=dict)

    def begun(self, kind: str, what: tuple[str, ...], targets: tuple[str, ...], day: str, now: float) -> Memory:
        """A delivery to `targets` begins.  Its next try is pushed forward before it is tried, so that who dies of it does not do so again at once."""
        before = self.told.get(kind)
        again = before is not None and bool(before.left)
        tries = (before.tries if before is not None and again else 0) + 1
        wait = WAITS[min(tries, len(WAITS)) - 1]
        kept = before.what if before is not None and again else what
        return self._with(kind, Told(now, day, kept, targets, tries, now + wait))

    def delivered(self, kind: str, target: str) -> Memory:
        """One target has it."""
        told = self.told[kind]
        return self._with(kind, replace(told, left=tuple(one for one in told.left if one != target)))

    def passed_over(self, kind: str, what: tuple[str, ...]) -> Memory:
        """Counts as told, without a message."""
        return self._with(kind, replace(self.told[kind], what=what))

    def given_up(self, kind: str) -> Memory:
        """Who does not have it yet will not get it."""
        return self._with(kind, replace(self.told[kind], left=()))

    def _with(self, kind: str, told: Told) -> Memory:
        return replace(self, told={**self.told, kind: told})


def to_text(memories: Mapping[str, Memory]) -> str:
    """By diary, as JSON."""
    diaries = {name: {"told": {kind: asdict(told) for kind, told in one.told.items()}, "since": dict(one.since)} for name, one in memories.items()}
    return json.dumps({"version": VERSION, "diaries": diaries}, indent=1, allow_nan=False) + "\n"


def from_text(text: str) -> dict[str, Memory]:
    """Raises ValueError for what `to_text` did not write."""
    try:
        said = json.loads(text)
        if said["version"] != VERSION:
            raise ValueError(f"version {said['version']!r}, this program knows {VERSION}")
        return {str(name): _memory(one) for name, one in said["diaries"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not what was told before ({error!r})") from error


def _memory(said: Mapping[str, Any]) -> Memory:
    told = {kind: _told(one) for kind, one in said["told"].items() if kind in KINDS}
    return Memory(told, {str(key): _number(at) for key, at in said["since"].items()})


def _told(said: Mapping[str, Any]) -> Told:
    what, left = (tuple(str(one) for one in said[key]) for key in ("what", "left"))
    return Told(_number(said["at"]), str(said["day"]), what, left, int(said["tries"]), _number(said["next_try"]))


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a number that is none")
    return number
