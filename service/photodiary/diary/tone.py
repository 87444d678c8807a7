"""Light and colours of the face evened out from photo to photo, gently: how much each photo is to be changed.

A photo is pulled towards what is usual among its neighbours in the film: the mean of the middle half of them, which a few photos in other light (a night, a
coloured lamp) do not move, and which does not jump where day and night take turns, as a median does.  Each is changed within limits only, so that a photo
taken at night stays darker, and one in green light stays green.

The tone curve is y' = k y / sqrt(1 + (k^2 - 1) y^2) for luma y between 0 and 1: in the dark k times as bright, black stays black and white white.  In terms of
log(y^2 / (1 - y^2)), which is how light is measured here, it is a shift by 2 log k, whatever y is.  Where a photo is made darker, the fourth root of k is taken
from all luma alike, white included, and the curve does the rest: the shine on a bright face would become hard otherwise.  A shift of colour is in proportion
to luma, as that of another lamp is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

Tone = tuple[float, ...]
"""(light, blue, red) of a face, as `darkroom/tone.py` measures it: log(y^2 / (1 - y^2)) of its mean luma y, and Cb / y and Cr / y of its skin (BT.709, y
between 0 and 1, Cb and Cr between -0.5 and 0.5)."""

Grade = tuple[float, ...]
"""(k, blue, red): the tone curve's k, and what is added to Cb / y and Cr / y; empty: the photo is left as it is."""

REACH: Final = 6
"""Neighbours on either side that a grade depends on."""

COLOUR_PULL: Final = 0.6
"""How much of the way from its own colours to the usual ones a photo goes, within limits: all the way would tint what another lamp lights beside the face."""

DARKEST: Final = 0.78
BRIGHTEST: Final = 1.4
"""Limits of k, 0.8 of a stop down and one stop up (2 ** (1 / 2.2) = 1.37): a dark photo bears more than a bright one, whose shine would become hard."""

MOST_SHIFT: Final = 0.035
"""The longest shift of (blue, red): 6 levels of 255 on skin."""

GAIN_STEP: Final = 0.01
SHIFT_STEP: Final = 0.004
"""What grades are rounded to, less than one level of 255 on skin: a neighbour more or less leaves most of them as they are."""


def grades(tones: Sequence[Tone | None]) -> list[Grade]:
    """How each photo is to be changed; `tones` of the photos in the film's order, None where a photo has none, which is then left alone.

    Depends on at most `REACH` photos on either side and on nothing else, and not on the direction.
    """
    known = [tone if tone and len(tone) == 3 and all(map(math.isfinite, tone)) else None for tone in tones]
    return [
        () if tone is None else _grade(tone, [other for other in known[max(0, place - REACH) : place + REACH + 1] if other]) for place, tone in enumerate(known)
    ]


def _grade(tone: Tone, around: Sequence[Tone]) -> Grade:
    light, blue, red = (_usual([other[part] for other in around]) - tone[part] for part in range(3))
    gain = min(BRIGHTEST, max(DARKEST, math.exp(min(1.0, light / 2))))
    blue, red = COLOUR_PULL * blue, COLOUR_PULL * red
    far = math.hypot(blue, red)
    less = min(1.0, MOST_SHIFT / far) if far else 1.0
    grade = (_rounded(gain, GAIN_STEP), _rounded(blue * less, SHIFT_STEP), _rounded(red * less, SHIFT_STEP))
    return () if grade == (1.0, 0.0, 0.0) else grade


def _usual(values: list[float]) -> float:
    """The mean of the middle half."""
    values.sort()
    aside = len(values) // 4
    middle = values[aside : len(values) - aside]
    return math.fsum(middle) / len(middle)


def _rounded(value: float, step: float) -> float:
    return round(round(value / step) * step, 3) + 0.0  # no -0.0, which would be another text for the same
