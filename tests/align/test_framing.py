"""When the picture format is chosen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from photodiary.align.framing import ENOUGH, FIRST_QUIET_S, PLENTY, QUIET_S, choice_due, may_align

counts = st.integers(0, 2 * PLENTY)
quiet = st.floats(0, 1e6)


@given(counts, quiet, st.booleans())
def test_a_frozen_format_is_never_chosen_again(photos: int, quiet_s: float, has: bool) -> None:
    """What was chosen for good stays."""
    assert not choice_due(photos, quiet_s, has, True)


@given(quiet, st.booleans())
def test_nothing_is_chosen_from_nothing(quiet_s: float, has: bool) -> None:
    """Without photos there is nothing to choose from."""
    assert not choice_due(0, quiet_s, has, False)


@given(counts, st.floats(0, FIRST_QUIET_S, exclude_max=True), st.booleans())
def test_what_is_arriving_is_waited_for(photos: int, quiet_s: float, has: bool) -> None:
    """While photos keep arriving nothing is chosen, unless there are plenty."""
    assert choice_due(photos, quiet_s, has, False) == (photos >= PLENTY)


@given(counts, st.floats(QUIET_S, 1e6))
def test_after_quiet_there_is_a_format(photos: int, quiet_s: float) -> None:
    """Once nothing has arrived for a while, any photo leads to a format."""
    assert choice_due(photos, quiet_s, False, False) == (photos > 0)


@given(counts, quiet)
def test_a_format_from_a_few_waits_for_enough(photos: int, quiet_s: float) -> None:
    """A format chosen from a few photos is chosen again exactly when there are enough."""
    assert choice_due(photos, quiet_s, True, False) == (photos >= PLENTY or (photos >= ENOUGH and quiet_s >= QUIET_S))


@given(counts, quiet, st.booleans(), st.booleans())
def test_a_choice_stays_due(photos: int, quiet_s: float, has: bool, frozen: bool) -> None:
    """Waiting longer never makes a due choice go away, so an interrupted run ends like an uninterrupted one."""
    assert not choice_due(photos, quiet_s, has, frozen) or choice_due(photos, quiet_s + 1, has, frozen)


@given(counts, st.booleans(), st.booleans())
def test_no_frame_is_made_for_a_format_that_goes(photos: int, has: bool, frozen: bool) -> None:
    """Frames need a format: a frozen one, or one from a few photos while there are only a few."""
    assert may_align(photos, has, frozen) == (has and (frozen or photos < ENOUGH))


def test_the_limits_are_in_order() -> None:
    """A choice for good asks for more quiet than a provisional one, and plenty is more than enough."""
    assert ENOUGH < PLENTY
    assert FIRST_QUIET_S < QUIET_S
