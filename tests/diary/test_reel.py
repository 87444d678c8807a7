"""What a film's plan promises: it is checked when made, and its fingerprint stands for all that the film shows."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photodiary.diary import reel
from photodiary.diary.reel import PRESETS, ReelPlan, ReelStyle

PLAN = ReelPlan(("frames/a.jpg", "frames/b.jpg"), 64, 80, ReelStyle())

styles = st.builds(ReelStyle, photos_per_second=st.integers(1, 60), crf=st.integers(0, 40), preset=st.sampled_from(PRESETS))
plans = st.builds(
    ReelPlan,
    frames=st.lists(st.text(max_size=5), min_size=1, max_size=4).map(tuple),
    width=st.integers(8, 20).map(lambda half: 2 * half),
    height=st.integers(8, 20).map(lambda half: 2 * half),
    style=styles,
)


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAN, frames=("frames/b.jpg", "frames/a.jpg")),
        replace(PLAN, frames=("frames/a.jpg",)),
        replace(PLAN, frames=("frames/a.jpgframes/b.jpg",)),
        replace(PLAN, frames=("frames/a.jpg", "frames/c.jpg")),
        replace(PLAN, width=66),
        replace(PLAN, height=82),
        replace(PLAN, width=80, height=64),
        replace(PLAN, style=ReelStyle(photos_per_second=24)),
        replace(PLAN, style=ReelStyle(crf=21)),
        replace(PLAN, style=ReelStyle(preset="medium")),
    ],
)
def test_whatever_changes_the_film_changes_the_fingerprint(changed: ReelPlan) -> None:
    """Another frame, order, size or style is another fingerprint, so that no film is stale without being noticed."""
    assert changed.fingerprint != PLAN.fingerprint


def test_another_encoder_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films made by an older version of our encoding count as stale."""
    before = PLAN.fingerprint
    monkeypatch.setattr(reel, "ENCODER_VERSION", reel.ENCODER_VERSION + 1)
    assert PLAN.fingerprint != before


def test_the_fingerprint_stays_the_same_over_the_years() -> None:
    """An upgrade that changes nothing about films doesn't render them all again: the fingerprint's recipe is fixed."""
    assert PLAN.fingerprint == "d1ae8acae3f5f2ad6936d6f93afc987d977dc26689dc223370b8e1026e602396"


@settings(deadline=None)
@given(plans, plans)
def test_fingerprints_are_equal_exactly_for_equal_plans(one: ReelPlan, other: ReelPlan) -> None:
    """Two plans share a fingerprint exactly when they are the same film."""
    assert (one.fingerprint == other.fingerprint) == (one == other)
    assert replace(one).fingerprint == one.fingerprint


@settings(deadline=None)
@given(plans)
def test_the_length_is_exact(plan: ReelPlan) -> None:
    """Every photo, the last one too, is on screen for exactly its share of a second."""
    assert plan.seconds == Fraction(len(plan.frames), plan.style.photos_per_second)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"photos_per_second": 0}, "photos_per_second"),
        ({"photos_per_second": 61}, "photos_per_second"),
        ({"photos_per_second": 12.5}, "photos_per_second"),
        ({"photos_per_second": True}, "photos_per_second"),
        ({"crf": -1}, "crf"),
        ({"crf": 41}, "crf"),
        ({"preset": "quick"}, "preset"),
    ],
)
def test_a_wrong_style_is_refused_by_name(wrong: dict[str, Any], named: str) -> None:
    """A style outside its limits is refused with a sentence that begins with the setting's name."""
    with pytest.raises(ValueError, match=f"^{named} must be .*$"):
        ReelStyle(**wrong)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"frames": ()}, "A film needs"),
        ({"width": 65}, "width"),
        ({"height": 81}, "height"),
        ({"width": 0}, "width"),
        ({"height": -2}, "height"),
    ],
)
def test_a_plan_that_makes_no_film_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    """No frames, or a size that the video format can't have, is refused when the plan is made."""
    with pytest.raises(ValueError, match=f"^{sentence}"):
        replace(PLAN, **wrong)
