"""What a model has learnt of single people: where they, by their own labels, have their eyes beside where the network sees them.

A constant difference belongs to a person and to how they label, not to everybody: it is kept apart from the network's weights, beside what the person
looks like, and counts as far as a face is theirs.  So other faces are answered as before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet.likeness import Gallery

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

FEWEST = 6  # faces that must be known of a person before anything can be told to be theirs
Offset = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Person:
    """looks: (n, d) what the person looks like on n photos, each of length 1; offset: of the left and the right eye, along the line of the eyes and
    below it, as parts of the distance between them."""

    looks: NDArray[np.float32]
    offset: Offset


def corrected(eyes: EyePair, embedding: Vector | None, people: Sequence[Person], odds: Sequence[float]) -> EyePair:
    """The eyes as the person whose face it most probably is would label them; of a stranger's face, the eyes as they are.

    odds: weights as `EyeNetConfig.odds`.
    """
    known = [person for person in people if len(person.looks) >= FEWEST]
    if embedding is None or not known:
        return eyes
    likely = [Gallery(person.looks).log_odds([embedding], odds)[0] for person in known]
    best = max(range(len(known)), key=lambda n: likely[n])
    share = 1 / (1 + math.exp(-max(-30.0, min(30.0, likely[best]))))
    return moved(eyes, known[best].offset, share)


def moved(eyes: EyePair, offset: Offset, share: float = 1.0) -> EyePair:
    """Eyes moved by a share of an offset in their own frame."""
    across = eyes.right.x - eyes.left.x, eyes.right.y - eyes.left.y
    return EyePair(
        *(
            Point(eye.x + share * (along * across[0] - below * across[1]), eye.y + share * (along * across[1] + below * across[0]))
            for eye, (along, below) in zip(eyes, offset, strict=True)
        )
    )
