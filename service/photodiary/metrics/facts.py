"""What the metrics are made of, gathered elsewhere: frozen values without any path, or name of a photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from photodiary.diary.tally import Counted

REASONS = {
    "inbox": "the inbox is missing, cannot be read, or is empty though it held photos",
    "disk": "the disk of the archive is nearly full: nothing more is taken in until there is room",
    "waiting": "the disk of the archive refuses: the diary waits for it, the others go on",
    "model": "the model that should be in force cannot be used: another one finds the eyes",
    "card": "the graphics card failed: the processor finds the eyes",
    "memory": "the graphics card has too little memory: fewer photos are looked at together, or the processor does it",
    "trouble": "a part of the service meets an obstacle and tries again",
    "stalled": "a thread has not moved for minutes: restart the service",
}
"""Why not everything works, by a code that never changes, in words without a path."""


@dataclass(frozen=True)
class Film:
    """The newest main film.  rendered_at: seconds since the epoch."""

    rendered_at: float
    frames: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class DiaryFacts:
    """One diary.  pending_since: when the oldest photo without a frame came in, of those that arrived live and of a backlog; last_scan too is in seconds
    since the epoch; disk: bytes by kind; free: bytes free on the archive's disk, None where it is
    not there; located, framed: seconds a photo; troubles: codes of REASONS.  What a diary that waits for its disk cannot tell is None.
    """

    name: str
    stages: Mapping[str, int] | None = None
    pending_since: Mapping[str, float | None] | None = None
    arriving: int | None = None
    last_scan: float | None = None
    film: Film | None = None
    to_check: int | None = None
    labels: Mapping[str, int] | None = None
    disk: Mapping[str, int] | None = None
    free: int | None = None
    located: Counted | None = None
    framed: Counted | None = None
    troubles: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Model:
    name: str
    sha256: str
    device: str


@dataclass(frozen=True)
class Facts:
    """at: when, seconds since the epoch; loops: seconds since each last began a turn, by name; workers: processes that read photos started so far."""

    at: float
    version: str
    model: Model
    diaries: tuple[DiaryFacts, ...]
    loops: Mapping[str, float] = field(default_factory=dict)
    workers: int = 0

    @property
    def troubles(self) -> dict[str, list[str]]:
        """Codes of REASONS by diary, of those that have any."""
        return {diary.name: sorted(diary.troubles) for diary in self.diaries if diary.troubles}
