"""What making a film would cost is told before, with the reason, and it is what it costs then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from photodiary.diary.reel import ReelPlan
from photodiary.render.forecast import FIRST, LOST, NEIGHBOURS, NEW_PHOTOS, OTHERWISE, ToEncode, to_encode

from .films import SMALL, frame, plan_of

PHOTOS = list(range(60))
OLD = plan_of(PHOTOS)
KNOWN = {segment.fingerprint for segment in OLD.segments}


def told(plan: ReelPlan, known: set[str] = KNOWN, before: ReelPlan | None = OLD) -> list[ToEncode]:
    frames = set() if before is None else set(before.frames)
    return to_encode(plan, known, frames, set() if before is None else {segment.fingerprint for segment in before.segments})


def test_nothing_is_encoded_for_what_is_there() -> None:
    """The same film, also at another pace, costs nothing."""
    assert told(OLD) == [] and told(plan_of(PHOTOS, 24)) == []


@pytest.mark.parametrize(
    ("plan", "known", "before", "why"),
    [
        (OLD, set[str](), None, FIRST),
        (OLD, set[str](), OLD, LOST),
        (plan_of(PHOTOS, coding=replace(SMALL, crf=30)), KNOWN, OLD, OTHERWISE),
    ],
)
def test_a_whole_film_has_one_reason(plan: ReelPlan, known: set[str], before: ReelPlan | None, why: str) -> None:
    """A first film, one whose segments went from the disk, and one in another look are encoded as a whole."""
    assert told(plan, known, before) == [ToEncode(why, len(plan.segments), 60, frame(0), frame(59))]


def test_a_new_photo_and_one_that_left_are_told_apart() -> None:
    """Segments with a new photo, and those whose neighbour went, each with where they are."""
    gone = [number for number in PHOTOS if number != 25]
    (only,) = told(plan_of(gone))
    assert only.why == NEIGHBOURS and frame(0) < only.first < frame(25) < only.last < frame(50)
    both = told(plan_of([*gone, 70]))
    assert {entry.why for entry in both} == {NEW_PHOTOS, NEIGHBOURS}
    (new,) = [entry for entry in both if entry.why == NEW_PHOTOS]
    assert new.last == frame(70)
    assert sum(entry.photos for entry in both) < 60
