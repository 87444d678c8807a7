"""When the picture format is chosen, and from what."""

from __future__ import annotations

ENOUGH = 24  # photos from which the format is chosen for good
PLENTY = 60  # photos at which a backlog is not waited for any longer: all that wait are decoded once more for their frames
QUIET_S = 5.0  # without anything arriving, before a choice for good
FIRST_QUIET_S = 2.5  # before a choice from fewer photos, to be made again when there are enough: a new diary's first frame is waited for


def choice_due(photos: int, quiet_s: float, has_canvas: bool, frozen: bool) -> bool:
    """Whether the format should be chosen now.

    photos: located ones it could be chosen from; quiet_s: for how long nothing has been arriving.  The choice waits until
    what is arriving has arrived, so that an interrupted run ends with the same format as an uninterrupted one.
    """
    if frozen or photos == 0:
        return False
    if photos >= ENOUGH:
        return quiet_s >= QUIET_S or photos >= PLENTY
    return not has_canvas and quiet_s >= FIRST_QUIET_S


def may_align(photos: int, has_canvas: bool, frozen: bool) -> bool:
    """Frames are not made for a format that is about to be replaced."""
    return has_canvas and (frozen or photos < ENOUGH)
