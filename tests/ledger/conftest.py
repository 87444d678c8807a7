"""A real diary database in a real folder, and photos for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from photodiary.diary.calendar import Taken
from photodiary.diary.photo import Stage, digest_of
from photodiary.ledger import photos
from photodiary.ledger.photos import NewPhoto, PhotoRow
from photodiary.ledger.store import Ledger

NOON = datetime(2024, 5, 15, 12)


class TakeIn(Protocol):
    """Adds photo number `number` to the ledger and returns its row."""

    def __call__(self, number: int, stage: Stage = ..., *, wall: datetime | None = ..., utc: float = ..., offset: timedelta | None = ...) -> PhotoRow: ...


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path)
    yield made
    made.close()


@pytest.fixture
def take_in(ledger: Ledger) -> TakeIn:
    def take_in(number: int, stage: Stage = Stage.RECEIVED, *, wall: datetime | None = NOON, utc: float = 0.0, offset: timedelta | None = None) -> PhotoRow:
        digest = digest_of(b"%d" % number)
        taken = None if wall is None else Taken(wall, offset, "exif")
        new = NewPhoto(digest, 1000 + number, "jpeg", 3000, 4000, taken, None if wall is None else utc, f"originals/{number}.jpg", stage)
        assert photos.insert_or_name(ledger, new, b"IMG_%d.jpg" % number, now=float(number))
        row = photos.find(ledger, digest)
        assert row is not None
        return row

    return take_in
