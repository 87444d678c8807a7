"""A photo whose row the disk refused after its copy was made is not lost when the phone replaces it, with and without a restart."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.support.daemon import Diary
from tests.support.dots import DotLocator, drop, photo

from photodiary.diary.photo import digest_of
from photodiary.errors import StorageTrouble
from photodiary.ledger import photos
from photodiary.run.engine import Engine
from photodiary.settings import load


def worked(engine: Engine, seconds: float = 20) -> None:
    """The intake loop's steps, until everything is taken in; it does not run ahead of who looks at the photos."""
    end = time.monotonic() + seconds
    while engine.turns.intake() or engine.turns.locate() or not engine.houses[0].inbox.all_known(time.time(), time.monotonic()):
        assert time.monotonic() < end, "the inbox does not come to rest"
        time.sleep(0.02)


def sent(engine: Engine) -> list[str]:
    return sorted(row.sha256 for row, _ in photos.everything(engine.houses[0].ledger))


@pytest.mark.parametrize("restarted", [False, True])
def test_a_photo_replaced_between_its_copy_and_its_row_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool) -> None:
    """Both photos are in the diary: the one that lies in the inbox now, and the one of which only the archive has a copy."""
    diary = Diary(tmp_path / "me")
    drop(diary.inbox, "today.jpg", photo(1))
    engine = Engine(load(diary.config), lambda settings: DotLocator())
    try:
        worked(engine)
        assert not engine.houses[0].strays.waiting, "nothing was left before"

        def refuse(*arguments: object) -> bool:
            raise StorageTrouble("the disk is full")

        drop(diary.inbox, "today.jpg", photo(2))
        with monkeypatch.context() as full:
            full.setattr(photos, "insert_or_name", refuse)
            engine.turns.scan_wanted.set()
            with pytest.raises(StorageTrouble, match="the disk is full"):
                worked(engine)
        assert len(list(engine.houses[0].archive.originals())) == 2 and sent(engine) == [digest_of(photo(1))]
        drop(diary.inbox, "today.jpg", photo(3))
        if restarted:
            engine.close()
            engine = Engine(load(diary.config), lambda settings: DotLocator())
        engine.turns.scan_wanted.set()
        worked(engine)
        assert sent(engine) == sorted(digest_of(photo(number)) for number in (1, 2, 3))
        assert not engine.houses[0].strays.waiting
    finally:
        engine.close()


def test_where_the_inbox_is_not_looked_at_nothing_is_taken_from_the_archive(tmp_path: Path) -> None:
    """While the inbox is away, its photos' names and dates are not known: what lies in the archive waits, and keeps nobody else waiting."""
    diary = Diary(tmp_path / "me")
    engine = Engine(load(diary.config), lambda settings: DotLocator())
    try:
        engine.houses[0].archive.publish(f"originals/2024/2024-03-02_08-30-00_{digest_of(photo(1))[:16]}.jpg", photo(1))
        diary.inbox.rmdir()
        assert not engine.turns.intake() and not engine.turns.locate() and engine.houses[0].inbox.problem is not None
        assert sent(engine) == [] and engine.houses[0].strays.waiting and engine.quiet()
        diary.inbox.mkdir()
        engine.turns.scan_wanted.set()
        worked(engine)
        assert sent(engine) == [digest_of(photo(1))]
    finally:
        engine.close()
