"""A decision that sends a photo back to be looked at wakes whoever looks, who may have found nothing to do a moment before."""

from __future__ import annotations

from pathlib import Path

from tests.support.daemon import Diary
from tests.support.dots import DotLocator, photo

from photodiary.diary.photo import Stage, digest_of
from photodiary.ledger import facings, photos
from photodiary.run.engine import Engine
from photodiary.settings import load


def test_a_photo_sent_back_is_looked_at_without_waiting(tmp_path: Path) -> None:
    """Beside the service a photo that was found the wrong way up is looked at again at once, not when the looking loop next wakes by itself."""
    diary = Diary(tmp_path / "me")
    (diary.inbox / "1.jpg").write_bytes(photo(1))
    assert diary.call("scan", "--once").returncode == 0
    engine = Engine(load(diary.config), lambda settings: DotLocator())
    try:
        (house,) = engine.houses
        row = photos.find(house.ledger, digest_of(photo(1)))
        assert row is not None and row.stage is Stage.ALIGNED
        facings.turn(house.ledger, [row], 180, facings.BY, 1.0)
        locate = next(loop for loop in engine.loops if loop.name == "locate")
        locate._nudged.clear()
        assert engine.turns.align()
        row = photos.find(house.ledger, row.sha256)
        assert row is not None and row.stage is Stage.RECEIVED
        assert locate._nudged.is_set()
    finally:
        engine.close()
