"""Whose face it is that is not this diary's person: the other diary with the trusted frames that it is most like."""

from __future__ import annotations

import json
from contextlib import closing, suppress

from photodiary.errors import PhotodiaryError
from photodiary.ledger.photos import PhotoRow
from photodiary.settings import Settings

LIKELY = 0.0  # log odds above which it is rather that person than not


def looks_like(settings: Settings, name: str, photo: PhotoRow) -> str | None:
    """The name of that diary, None where it is like none, or nobody can tell.  Nothing is predicted: what a model saw when it looked is compared.

    name: the diary that the photo is in.
    """
    from photodiary.eyenet import header, registry
    from photodiary.eyenet.likeness import MOST, Gallery
    from photodiary.ledger import gallery
    from photodiary.ledger.store import FILE, Ledger

    best, likeliest = None, LIKELY
    with suppress(PhotodiaryError, KeyError, ValueError):  # a suggestion is not worth any trouble
        with closing(Ledger(settings.diary[name].archive, writable=False)) as ledger:
            look = gallery.look_of(ledger, photo)
        said = header.of_file(registry.current().path)
        if look is None or look.kin != said.kin:
            return None
        import numpy as np

        face = np.frombuffer(look.vector, np.float16).astype(np.float32)
        face /= max(float(np.linalg.norm(face)), 1e-6)
        for other, diary in settings.diary.items():
            if other == name or not (diary.archive / FILE).exists():
                continue
            with closing(Ledger(diary.archive, writable=False)) as there:
                known = Gallery.of(gallery.near(there, look.kin, photo, MOST))
            odds = None if known is None else known.log_odds([face], json.loads(said.metadata["config"])["odds"])[0]
            if odds is not None and odds > likeliest:
                best, likeliest = other, odds
    return best
