"""What making a film would cost and why; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from photodiary.diary.reel import ReelPlan, Segment

NEW_PHOTOS: Final = "it has new photos or new frames"
NEIGHBOURS: Final = "photos beside it came or went"
LOST: Final = "what had been encoded is gone from the disk"
OTHERWISE: Final = "the film looks otherwise than before"
FIRST: Final = "there is no film yet"


@dataclass(frozen=True)
class ToEncode:
    """Segments that would be encoded for one reason.  first, last: frames of the earliest and the latest photo in them."""

    why: str
    segments: int
    photos: int
    first: str
    last: str


def to_encode(plan: ReelPlan, known: Collection[str], frames: Collection[str], segments: Collection[str]) -> list[ToEncode]:
    """What a film needs that is not there, the most first.

    known: fingerprints of the segments on the disk; frames, segments: of the film that is there, none without one.
    """
    missing = [segment for segment in plan.segments if segment.fingerprint not in known]
    shared = any(segment.fingerprint in segments for segment in plan.segments)

    def why(segment: Segment) -> str:
        if not frames:
            return FIRST
        if segment.fingerprint in segments:
            return LOST
        if any(cell.frame not in frames for cell in segment.cells):
            return NEW_PHOTOS
        return NEIGHBOURS if shared else OTHERWISE

    reasons = [(why(segment), segment) for segment in missing]
    answer = []
    for reason, count in Counter(reason for reason, _ in reasons).most_common():
        mine = [segment for told, segment in reasons if told == reason]
        answer.append(ToEncode(reason, count, sum(len(segment.cells) for segment in mine), mine[0].cells[0].frame, mine[-1].cells[-1].frame))
    return answer
