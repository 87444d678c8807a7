"""What is known of a diary at one moment, as far as a message may be about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from photodiary.ledger.news import Asked, Latest
from photodiary.ledger.reels import ReelRow


@dataclass(frozen=True)
class Learnt:
    """A model that was promoted.  before and after: the median error in % of IOD over `placed` labels, None where it was not measured."""

    finished_at: float
    placed: int
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Facts:
    """One diary, or with an empty name what belongs to none.

    doubts: the newest photo first; troubles: named reasons why not everything works; watched: its inbox was looked at not long ago by a service that
    is running and well; busy: photos are being worked on; behind: there are pictures that the film does not show yet; arriving: files that are still
    on their way; link: where its page is, empty without one; several: whether there are more diaries.
    """

    diary: str
    zone: tzinfo
    several: bool = False
    doubts: tuple[Asked, ...] = ()
    film: ReelRow | None = None
    learnt: Learnt | None = None
    troubles: tuple[str, ...] = ()
    watched: bool = False
    busy: bool = False
    behind: bool = False
    latest: Latest = field(default_factory=Latest)
    arriving: int = 0
    link: str = ""


@dataclass(frozen=True)
class Message:
    """What a person is told.  what: names of the things it is about, by which it is known later whether they were told; data: for programs."""

    kind: str
    diary: str
    title: str
    text: str
    link: str
    what: tuple[str, ...]
    data: Mapping[str, Any] = field(default_factory=dict)
